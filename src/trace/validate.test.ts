/** Small recordings, written by hand, each with the one thing that it is about. */
import { Result } from 'effect'
import t from 'tap'
import { makeScenario, parseRecording, renderSummary, renderVerdict, type Scenario, validateScenario } from './index.ts'

/** A recording in shorthand: `> command` with a success, `> command !text` with an error, `? status` a poll, else an event. */
const scenarioOf = (parties: Readonly<Record<string, readonly string[]>>, profile: '2.11' | '7.2' = '2.11'): Scenario =>
  makeScenario(
    'a',
    Object.entries(parties).map(([party, script]) => {
      const qemu = profile === '2.11' ? { major: 2, minor: 11, micro: 0 } : { major: 7, minor: 2, micro: 22 }
      const lines: unknown[] = [{ t: 0, dir: '<-', msg: { QMP: { version: { qemu }, capabilities: [] } } }]
      for (const [index, step] of script.entries()) {
        const word = step.slice(2)
        if (step.startsWith('> ')) lines.push({ t: index, dir: '->', msg: requestOf(word) })
        else if (step.startsWith('? '))
          lines.push(
            { t: index, dir: '->', msg: { execute: 'query-migrate' } },
            { t: index, dir: '<-', msg: { return: word === 'nothing' ? {} : { status: word } } },
          )
        else if (step === 'ok') lines.push({ t: index, dir: '<-', msg: { return: {} } })
        else if (step.startsWith('! '))
          lines.push({ t: index, dir: '<-', msg: { error: { class: 'GenericError', desc: word } } })
        else if (step === 'STOP' || step === 'RESUME') lines.push({ t: index, dir: '<-', msg: { event: step } })
        else lines.push({ t: index, dir: '<-', msg: { event: 'MIGRATION', data: { status: step } } })
      }
      const text = lines.map((line) => JSON.stringify(line)).join('\n')
      return [party, Result.getOrThrow(parseRecording(`a.${party}.jsonl`, text))] as const
    }),
  )

const requestOf = (word: string): unknown => {
  const [execute = '', ...rest] = word.split(' ')
  if (execute === 'migrate-set-capabilities')
    return { execute, arguments: { capabilities: rest.map((capability) => ({ capability, state: true })) } }
  if (execute === 'migrate' || execute === 'migrate-incoming') return { execute, arguments: { uri: 'tcp:a:1' } }
  if (execute === 'migrate-continue') return { execute, arguments: { state: 'pre-switchover' } }
  return { execute }
}

const events = ['> migrate-set-capabilities events', 'ok']
const started = [...events, '> migrate', 'setup', 'ok', 'active']
const judge = (source: readonly string[], profile?: '2.11' | '7.2') =>
  validateScenario(scenarioOf({ src: source }, profile))

t.test('a precopy conforms', async (t) => {
  t.equal(judge([...started, 'STOP', 'completed', '? completed']).verdict, 'conforms')
  t.equal(judge(['> migrate', 'ok', '? active', 'STOP', '? completed']).verdict, 'conforms')
})

t.test('without the capability no event is due, and none may come', async (t) => {
  t.equal(judge(['> migrate', 'setup', 'ok']).verdict, 'rejected')
})

t.test('a rejection names the line, the prefix and what was allowed', async (t) => {
  const verdict = judge([...started, 'completed'])
  t.match(verdict, {
    verdict: 'rejected',
    rejection: {
      file: 'a.src.jsonl',
      line: 8,
      observed: 'MIGRATION completed',
      acceptedThrough: 7,
      allowed: ['MIGRATION failed', 'STOP'],
    },
  })
  t.equal(
    renderVerdict(verdict),
    [
      'a (2.11): rejected',
      '  a.src.jsonl:8: MIGRATION completed',
      '  accepted through line 7',
      '  allowed next: MIGRATION failed; STOP',
      '',
    ].join('\n'),
  )
})

t.test('the event precedes the answer to a command that acts at once', async (t) => {
  t.equal(judge([...events, '> migrate', 'ok', 'setup']).verdict, 'rejected')
  t.equal(judge(['> stop', 'ok', 'STOP']).verdict, 'rejected')
  t.equal(judge(['> stop', 'STOP', 'ok']).verdict, 'conforms')
})

t.test('a migrate-continue may wake the source after its answer', async (t) => {
  const paused = [
    '> migrate-set-capabilities events pause-before-switchover',
    ...started.slice(1),
    'STOP',
    'pre-switchover',
  ]
  t.equal(judge([...paused, '> migrate-continue', 'ok', '? pre-switchover', 'device', 'completed']).verdict, 'conforms')
  t.match(judge([...paused, 'device']), { verdict: 'rejected', rejection: { observed: 'MIGRATION device' } })
})

t.test('a cancel in pre-switchover may wake the source first', async (t) => {
  const paused = [
    '> migrate-set-capabilities events pause-before-switchover',
    ...started.slice(1),
    'STOP',
    'pre-switchover',
  ]
  const end = ['cancelling', 'ok', 'RESUME', 'cancelled']
  t.equal(judge([...paused, '> migrate_cancel', ...end]).verdict, 'conforms')
  t.equal(judge([...paused, '> migrate_cancel', 'device', ...end]).verdict, 'conforms')
})

t.test('a cancel that overtakes a status: the compare-and-swap of the thread is lost', async (t) => {
  const paused = ['> migrate-set-capabilities events pause-before-switchover', ...started.slice(1), 'STOP']
  t.equal(judge([...paused, '> migrate_cancel', 'cancelling', 'ok', 'RESUME', 'cancelled']).verdict, 'conforms')
})

t.test('a refusal has to fit the state', async (t) => {
  const busy = "! There's a migration process in progress"
  t.equal(judge([...started, '> migrate', busy]).verdict, 'conforms')
  t.equal(judge([...events, '> migrate', busy]).verdict, 'rejected')
  t.equal(judge([...started, '> migrate', 'setup', 'ok']).verdict, 'rejected')
})

t.test('a refused address fails the run before the answer', async (t) => {
  const text = "! Parameter 'uri' expects a valid migration protocol"
  t.equal(judge([...events, '> migrate', 'setup', 'failed', text]).verdict, 'conforms')
  t.equal(judge([...events, '> migrate', 'setup', text, 'failed']).verdict, 'rejected')
})

t.test('the fewest quirks are named, each with the line that needs it', async (t) => {
  const twice = [
    ...started,
    '> migrate_cancel',
    'cancelling',
    'ok',
    '> migrate_cancel',
    'cancelling',
    'ok',
    'cancelled',
  ]
  t.match(judge(twice, '7.2'), {
    verdict: 'conforms-with-quirks',
    quirks: [{ id: 'h7', neededAt: { line: 12, observed: 'MIGRATION cancelling' } }],
  })
  t.equal(judge(twice).verdict, 'rejected', '2.11 does not do that')
  t.equal(validateScenario(scenarioOf({ src: twice }, '7.2'), { quirks: [] }).verdict, 'rejected')
})

t.test('failed without a reason is quirk q6', async (t) => {
  t.match(judge([...started, 'failed', '? failed']), { quirks: [{ id: 'q6' }] })
})

const listening = [...events, '> migrate-incoming', 'setup', 'ok']

t.test('a source that runs on and a destination that took over: split brain', async (t) => {
  const src = [...started, 'STOP', '> migrate_cancel', 'cancelling', 'ok', 'RESUME', 'cancelled']
  const dst = [...listening, 'active', 'RESUME', 'completed']
  t.match(validateScenario(scenarioOf({ src, dst })), { quirks: [{ id: 'h1', neededAt: { file: 'a.dst.jsonl' } }] })
  t.match(validateScenario(scenarioOf({ src, dst }), { quirks: [] }), {
    verdict: 'rejected',
    rejection: { because: /never committed/, against: { file: 'a.src.jsonl' } },
  })
  const early = [...started, '> migrate_cancel', 'cancelling', 'ok', 'cancelled']
  t.equal(validateScenario(scenarioOf({ src: early, dst })).verdict, 'rejected', 'nothing was sent yet')
})

t.test('a source that completes and a destination that refused: nobody runs', async (t) => {
  const src = [...started, 'STOP', 'completed']
  const dst = [...listening, 'active', 'failed']
  t.match(validateScenario(scenarioOf({ src, dst })), { quirks: [{ id: 'h10' }] })
  const answered = ['> migrate-set-capabilities events return-path', ...src.slice(1)]
  t.equal(validateScenario(scenarioOf({ src: answered, dst })).verdict, 'rejected', 'with a way back it is told')
})

t.test('what no chart models is said', async (t) => {
  const verdict = judge(['> human-monitor-command'])
  t.equal(verdict.verdict, 'conforms')
  const text = '{"t":0,"dir":"->","msg":null,"raw":"{"}'
  const garbled = makeScenario('b', [['src', Result.getOrThrow(parseRecording('b.src.jsonl', text))]])
  t.match(validateScenario(garbled), { verdict: 'not-covered', place: { line: 1 } })
  t.equal(
    renderSummary([verdict, validateScenario(garbled)]),
    [
      '2 scenarios',
      '      1 conforms',
      '      1 not-covered',
      'not covered: text was sent that is no JSON: one line can have several replies,',
      'and they cannot be told apart',
      '      b (2.11)',
      '',
    ].join('\n'),
  )
})
