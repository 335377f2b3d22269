import { NodeServices } from '@effect/platform-node'
import { Effect } from 'effect'
import t from 'tap'
import { makeScenario, onePathAScenario, parseMeta, parseRecording, readScenario, scenarioNameOf } from './index.ts'
import { Result } from 'effect'

const traces = new URL('../../traces/', import.meta.url).pathname
const run = <A, E>(effect: Effect.Effect<A, E, NodeServices.NodeServices>) =>
  Effect.runPromise(effect.pipe(Effect.provide(NodeServices.layer), Effect.result))

t.test('any file names its scenario', async (t) => {
  t.equal(scenarioNameOf('a.b.src.jsonl'), 'a.b')
  t.equal(scenarioNameOf('a.dst12.jsonl'), 'a')
  t.equal(scenarioNameOf('a.meta.json'), 'a')
  t.equal(scenarioNameOf('a.jsonl'), 'a')
  t.equal(scenarioNameOf('a.txt'), undefined)
  t.strictSame(onePathAScenario(['x/a.src.jsonl', 'x/a.dst.jsonl', 'y/a.src.jsonl', 'x/b.src.jsonl']), [
    'x/a.src.jsonl',
    'y/a.src.jsonl',
    'x/b.src.jsonl',
  ])
})

t.test('the others are found beside it', async (t) => {
  for (const party of ['src.jsonl', 'dst.jsonl', 'meta.json']) {
    const scenario = Result.getOrThrow(await run(readScenario(`${traces}2.11/precopy_dst_S.${party}`)))
    t.strictSame(
      scenario.parties.map((one) => one.name),
      ['dst', 'src'],
    )
    t.equal(scenario.profile, '2.11')
    t.match(scenario.parties[0]?.start, { incoming: true, autostart: false })
    t.match(scenario.parties[1]?.start, { incoming: false, autostart: true })
  }
})

t.test('the two layouts of meta files', async (t) => {
  const recording = Result.getOrThrow(parseRecording('a', ''))
  const start = (meta: string) => makeScenario('a', [['dst', recording]], parseMeta(meta)).parties[0]?.start
  const expected = { incoming: true, defer: false, autostart: false, incomingUri: 'tcp:0:1' }
  t.strictSame(start('{"sides":{"dst":{"args":["-S","-incoming","tcp:0:1"]}}}'), expected)
  t.strictSame(
    start('{"actions":[{"t":0,"who":"dst","what":"start","detail":"qemu -S  -incoming tcp:0:1"}]}'),
    expected,
  )
  t.equal(parseMeta('no json'), undefined)
})

t.test('what is no scenario is an error that says what would be one', async (t) => {
  t.match(await run(readScenario(`${traces}README.md`)), { failure: { _tag: 'ScenarioFileError', found: 'README.md' } })
  t.match(await run(readScenario(`${traces}2.11/nothing.src.jsonl`)), { failure: { _tag: 'ScenarioFileError' } })
})
