/**
 * The quirks that the core reproduces, each next to what it does without: what a manager would meet in the field, and what
 * the safe core does instead. Those of the charts alone are tested there and in the table of commands.
 */
import t from 'tap'
import { quirks as quirkTable, type Profile, type Quirk, type QuirkId } from '../../machines/index.ts'
import type { MigrationStats } from '../qapi/index.ts'
import { isOn, outgoingStatus, serialise, type CoreOptions } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { quirkWays } from './quirk-ways.ts'
import { reach, ScenarioCore, scenarios } from './scenarios.ts'

const brief = (outputs: readonly CoreOutput[]): readonly string[] =>
  outputs.map((output) => {
    if (output.type === 'event')
      return 'data' in output.event
        ? `${output.event.event} ${Object.values(output.event.data).join()}`
        : output.event.event
    if (output.type === 'intent') return output.intent.type
    return output.type === 'refusal' ? `refused: ${output.desc}` : output.type
  })

const at = (name: string, quirks: readonly QuirkId[], profile: Profile = '2.11', side = 'outgoing'): ScenarioCore => {
  const scenario = scenarios(profile).find((one) => one.side === side && one.name === name)
  if (scenario === undefined) throw new Error(`expected a scenario ${name}`)
  return reach(scenario, { profile, quirks, capabilities: ['events'] })
}

const query = (core: ScenarioCore): unknown => {
  const [, outputs] = core.try('query-migrate')
  const [reply] = outputs
  return reply?.type === 'reply' ? reply.value : undefined
}

const switches = (...names: readonly string[]) => ({
  capabilities: names.map((capability) => ({ capability, state: true })),
})

t.test('each shows on its way, and only with the quirk', async (t) => {
  for (const { quirk, profile, scenario, capabilities, options, inputs, beside } of quirkWays) {
    const shown = (quirks: readonly QuirkId[]) => {
      const all = ['events', ...capabilities].filter((one) => !scenario.capabilities?.includes(one))
      const core = reach(scenario, { profile, quirks, capabilities: all, options })
      const outputs = inputs.map((input) => core.take(input))
      return (
        serialise({ ...core.state, quirks: [] }) +
        JSON.stringify(outputs, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one))
      )
    }
    t.ok(shown(beside) === shown(beside), `${quirk}: the same way, the same end`)
    t.ok(shown([...beside, quirk]) !== shown(beside), quirk)
  }
})

/** Shown by the runtime, and tested there. */
const ofTheRuntime: readonly QuirkId[] = ['h10']

t.test('every quirk that a process can be started with has such a way', async (t) => {
  const ways = new Set<QuirkId>([...quirkWays.map(({ quirk }) => quirk), ...ofTheRuntime])
  const offered = (quirkTable as readonly Quirk[]).filter(({ recordingsOnly }) => recordingsOnly !== true)
  t.strictSame(
    offered.map(({ id }) => id).filter((id) => !ways.has(id as QuirkId)),
    [],
  )
  t.equal(ways.size, offered.length)
})

t.test('q1: a refused set of capabilities sticks, and every later one is refused until it is taken back', async (t) => {
  const both = switches('postcopy-ram', 'compress')
  const safe = at('none', [])
  const before = serialise(safe.state)
  safe.take(['command', 'migrate-set-capabilities', both])
  t.equal(serialise(safe.state), before)

  const core = at('none', ['q1'])
  core.take(['command', 'migrate-set-capabilities', both])
  t.ok(isOn(core.state, 'compress') && isOn(core.state, 'postcopy-ram'))
  t.match(brief(core.take(['command', 'migrate-set-capabilities', switches('xbzrle')])), [/not currently compatible/])
  const off = { capabilities: [{ capability: 'compress', state: false }] }
  t.strictSame(brief(core.take(['command', 'migrate-set-capabilities', off])), ['reply'])
})

t.test('q2: a second migrate-incoming answers an error and listens all the same', async (t) => {
  const again = { uri: 'tcp:0:4445' }
  const refusal = 'refused: The incoming migration has already been started'
  const safe = at('none (listening)', [], '2.11', 'incoming')
  t.strictSame(brief(safe.take(['command', 'migrate-incoming', again])), [refusal])
  const core = at('none (listening)', ['q2'], '2.11', 'incoming')
  t.strictSame(brief(core.take(['command', 'migrate-incoming', again])), ['MIGRATION setup', 'listen', refusal])
  t.strictSame(brief(core.take(['command', 'migrate-incoming', { uri: 'bogus' }])), ['MIGRATION setup', refusal])
})

t.test(
  'q6: a URI that cannot be used publishes setup and failed; only an address that is wrong leaves a reason',
  async (t) => {
    const problem = "refused: Parameter 'uri' expects a valid migration protocol"
    t.strictSame(brief(at('none', []).take(['command', 'migrate', { uri: 'bogus:1' }])), [problem])
    const core = at('none', ['q6'])
    const events = ['MIGRATION setup', 'MIGRATION failed']
    t.strictSame(brief(core.take(['command', 'migrate', { uri: 'bogus:1' }])), [...events, problem])
    t.strictSame(query(core), { status: 'failed' })
    core.take(['command', 'migrate', { uri: 'tcp:host' }])
    t.strictSame(query(core), { status: 'failed', 'error-desc': "error parsing address 'host'" })
    t.strictSame(
      brief(core.take(['command', 'migrate', { uri: 'tcp:host:1' }])).at(-1),
      'reply',
      'and can be tried again',
    )
  },
)

t.test('q6: 2.11 gives no reason for what fails once the channel stands; 7.2 does', async (t) => {
  t.strictSame(query(at('failed', ['q6'])), { status: 'failed' })
  t.strictSame(query(at('failed', ['q6'], '7.2')), { status: 'failed', 'error-desc': 'gone (channel)' })
})

t.test('q13: completed is readable before its times are set', async (t) => {
  for (const [profile, total] of [
    ['2.11', 1000],
    ['7.2', 0],
  ] as const) {
    const core = at('completed (ending)', ['q13'], profile)
    t.match(query(core), { status: 'completed', 'total-time': total, downtime: 0 })
    core.take(['fact', { type: 'outgoing.ended' }])
    t.match(query(core), { status: 'completed', 'total-time': 1 })
    t.match(query(at('completed (ending)', [], profile)), { 'total-time': 1 })
  }
})

t.test('q14: a guest that has left can be sent again', async (t) => {
  t.match(brief(at('completed', []).take(['command', 'migrate', { uri: 'tcp:h:1' }])), [/paused due to previous/])
  const core = at('completed', ['q14'])
  t.strictSame(brief(core.take(['command', 'migrate', { uri: 'tcp:h:1' }])), [
    'MIGRATION setup',
    'open-channel',
    'reply',
  ])
})

t.test('q15: cont runs the guest that the migration has stopped', async (t) => {
  t.match(brief(at('pre-switchover', []).take(['command', 'cont'])), [/not finalized/])
  t.match(brief(at('pre-switchover', ['q15']).take(['command', 'cont'])), ['start-guest', 'RESUME', 'reply'])
})

t.test('h7: each repeated cancel says cancelling again', async (t) => {
  t.strictSame(brief(at('cancelling', [], '7.2').take(['command', 'migrate_cancel'])), ['reply'])
  const again = brief(at('cancelling', ['h7'], '7.2').take(['command', 'migrate_cancel']))
  t.strictSame(again, ['MIGRATION cancelling', 'reply'])
})

t.test('s1: migrate-set-cache-size refuses what the schema says it rounds down', async (t) => {
  const size = { value: 100_000_000 }
  t.strictSame(brief(at('none', []).take(['command', 'migrate-set-cache-size', size])), ['reply'])
  t.match(brief(at('none', ['s1']).take(['command', 'migrate-set-cache-size', size])), [/power of two/])
})

t.test('s2: blk with a URI that names no transport leaves block on, and the next blk is refused', async (t) => {
  const wrong = { uri: 'bogus:1', blk: true }
  const left = (quirks: readonly QuirkId[]) => {
    const core = at('none', quirks)
    core.take(['command', 'migrate', wrong])
    return core
  }
  t.notOk(isOn(left([]).state, 'block'))
  t.notOk(isOn(left(['q6']).state, 'block'))
  const core = left(['q6', 's2'])
  t.ok(isOn(core.state, 'block'))
  t.match(brief(core.take(['command', 'migrate', wrong])), [/Command options are incompatible/])
})

t.test('s3: a refused migrate-incoming publishes setup', async (t) => {
  const wrong = { uri: 'bogus:1' }
  const answers = (quirks: readonly QuirkId[]) =>
    brief(at('none (deferred)', quirks, '2.11', 'incoming').take(['command', 'migrate-incoming', wrong]))
  t.strictSame(answers([]), ['refused: unknown migration protocol: bogus:1'])
  t.strictSame(answers(['s3']), ['MIGRATION setup', 'refused: unknown migration protocol: bogus:1'])
})

t.test('s4: a cache of -2^63 bytes is accepted, and told as it came', async (t) => {
  const size = { value: -(2n ** 63n) }
  t.match(brief(at('none', []).take(['command', 'migrate-set-cache-size', size])), [/power of two/])
  const core = at('none', ['s4'])
  t.strictSame(brief(core.take(['command', 'migrate-set-cache-size', size])), ['reply'])
  t.match(core.try('query-migrate-cache-size')[1], [{ value: -(2n ** 63n) }])
})

const ram: MigrationStats = {
  transferred: 100,
  remaining: 0,
  total: 8192,
  duplicate: 1,
  skipped: 0,
  normal: 2,
  'normal-bytes': 8192,
  'dirty-pages-rate': 0,
  mbps: 0,
  'dirty-sync-count': 2,
  'postcopy-requests': 0,
  'page-size': 4096,
}

t.test('s5: the counters of a run go on from those of the run before', async (t) => {
  const twice = (quirks: readonly QuirkId[]) => {
    const core = at('active', quirks)
    core.take(['fact', { type: 'outgoing.progress', ram, expectedDowntimeMillis: 1 }])
    core.take(['command', 'migrate_cancel'])
    core.take(['fact', { type: 'outgoing.ended' }])
    core.take(['command', 'migrate', { uri: 'tcp:h:1' }])
    core.take(['fact', { type: 'outgoing.connected', returnPath: true }])
    const pass = brief(core.take(['fact', { type: 'outgoing.pass', pass: 1 }]))
    core.take(['fact', { type: 'outgoing.progress', ram, expectedDowntimeMillis: 1 }])
    core.take(['fact', { type: 'outgoing.setup-done', setupMillis: 1 }])
    return { pass, info: query(core) }
  }
  t.match(twice([]), { pass: ['MIGRATION_PASS 1'], info: { ram: { transferred: 100, 'dirty-sync-count': 2 } } })
  t.match(twice(['s5']), { pass: ['MIGRATION_PASS 3'], info: { ram: { transferred: 200, 'dirty-sync-count': 4 } } })
})

t.test('blk and inc last as long as the run', async (t) => {
  const ends = (options: object) => {
    const core = new ScenarioCore()
    core.take(['command', 'migrate', { uri: 'tcp:h:1', ...options }])
    const during = [isOn(core.state, 'block'), core.state.parameters['block-incremental']]
    core.take(['command', 'migrate_cancel'])
    core.take(['fact', { type: 'outgoing.ended' }])
    t.equal(outgoingStatus(core.state), 'cancelled')
    t.strictSame([isOn(core.state, 'block'), core.state.parameters['block-incremental']], [false, false])
    return during
  }
  t.strictSame(ends({ blk: true }), [true, false])
  t.strictSame(ends({ inc: true }), [true, true])
  t.strictSame(ends({ blk: false }), [false, false])
})

t.test('what nobody carries out is refused with the name of what is missing', async (t) => {
  const without: CoreOptions = { supportedCapabilities: ['events'] }
  const refusal = (name: string, given: unknown, options: CoreOptions = without) =>
    new ScenarioCore(options).take(['command', name, given]).at(0)
  t.match(refusal('migrate-set-capabilities', switches('xbzrle')), { type: 'refusal', unsupported: 'xbzrle' })
  t.match(refusal('migrate', { uri: 'tcp:h:1', blk: true }), { unsupported: 'block', desc: /^QEMU compiled without/ })
  const list = refusal('query-migrate-capabilities', undefined)
  t.notMatch(JSON.stringify(list), /"block"/, 'nor is block listed then')

  const core = new ScenarioCore({
    objects: { known: { type: 'tls-creds-x509', endpoint: 'client', verifyPeer: true } },
  })
  core.take(['command', 'migrate-set-capabilities', switches('events')])
  core.take(['command', 'migrate-set-parameters', { 'tls-creds': 'unknown' }])
  t.match(core.try('migrate', { uri: 'tcp:h:1' })[1], [{ desc: "No TLS credentials with id 'unknown'" }])
  core.take(['command', 'migrate-set-parameters', { 'tls-creds': 'known' }])
  t.match(core.try('migrate', { uri: 'tcp:h:1' })[1], [
    {},
    { intent: { type: 'open-channel', tls: { credentials: 'known', hostname: 'h' } } },
    { type: 'reply' },
  ])
})

t.test('migrate-incoming is answered by its listener; a listener that fails has changed nothing', async (t) => {
  const core = at('none (deferred)', [], '2.11', 'incoming')
  const before = core.state
  core.take(['command', 'migrate-incoming', { uri: 'tcp:h:1' }])
  const reason = 'Failed to find an available port: Address already in use'
  t.strictSame(brief(core.take(['fact', { type: 'incoming.listen-failed', reason }])), [`refused: ${reason}`])
  const { tickets, incomingNumbers } = core.state
  t.strictSame({ ...core.state, tickets: before.tickets, incomingNumbers: before.incomingNumbers }, before)
  t.strictSame([tickets, incomingNumbers], [1, 1], 'but no number is given twice')
  core.take(['command', 'migrate-incoming', { uri: 'tcp:h:2' }])
  t.equal(core.state.incomingNumber, 2)
  t.match(brief(core.take(['fact', { type: 'incoming.connected' }])), ['MIGRATION active', 'load', 'reply'])
})

t.test(
  '7.2: COLO_EXIT stands between the status and the guest that runs on; query-colo-status remembers',
  async (t) => {
    const core = at('colo', [], '7.2', 'incoming')
    const status = () => core.try('query-colo-status')[1]
    t.match(status(), [{ value: { mode: 'secondary', 'last-mode': 'none', reason: 'none' } }])
    t.strictSame(brief(core.take(['command', 'x-colo-lost-heartbeat'])), ['interrupt-checkpoint', 'reply'])
    t.match(status(), [{ value: { mode: 'secondary', 'last-mode': 'none', reason: 'processing' } }])
    const outputs = brief(core.take(['fact', { type: 'incoming.interrupted' }]))
    const order = ['STOP', 'MIGRATION completed', 'COLO_EXIT secondary,request', 'RESUME']
    t.strictSame(
      outputs.filter((output) => order.includes(output)),
      order,
    )
    t.match(status(), [{ value: { mode: 'none', 'last-mode': 'secondary', reason: 'request' } }])
    const old = at('colo (failover)', []).take(['fact', { type: 'outgoing.interrupted' }])
    t.notOk(brief(old).some((one) => one.startsWith('COLO_EXIT')))
  },
)

t.test('7.2: what is read back is not always what was given', async (t) => {
  const core = new ScenarioCore({ profile: '7.2', quirks: ['s7'] })
  core.take(['command', 'migrate-set-parameters', { 'max-bandwidth': -1, 'multifd-zlib-level': 90, 'tls-authz': null }])
  t.match(core.try('query-migrate-parameters')[1], [
    { value: { 'max-bandwidth': 2n ** 64n - 1n, 'multifd-zlib-level': 1, 'tls-authz': '' } },
  ])
})
