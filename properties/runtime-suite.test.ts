/** The runtime against every property: scripts, random sequences, every state of the source, every message on the wire. */
import { Effect, Stream } from 'effect'
import t, { type Test } from 'tap'
import { breaches } from './catalogue.ts'
import { linesOf } from './observation.ts'
import { runtimeMutant } from './mutants/runtime-mutants.ts'
import { outgoingStatus, pathOf } from './state-view.ts'
import {
  atEveryState,
  commandAct,
  crashAct,
  cutAct,
  cutAtEveryMessage,
  partitionAct,
  type Instant,
} from './suites/instants.ts'
import { parseReplayToken } from './suites/replay-token.ts'
import { describeCounterexample } from './suites/result.ts'
import { END_MARK_MESSAGE, runtimeScripts, stillPlan, TAKEN_OVER_MESSAGE } from './suites/runtime-scripts.ts'
import { observeRuntime, runRuntimeSuite } from './suites/runtime-suite.ts'
import { defaultPlan, ourRuntime, RuntimeWorld } from './worlds/runtime-world.ts'

t.test('every script keeps every property', async (t) => {
  for (const { name, plan, actions } of runtimeScripts) {
    const broken = breaches(await observeRuntime(ourRuntime, plan, actions))
    t.same(
      broken.map(({ property, violations }) => [property.id, ...violations]),
      [],
      name,
    )
  }
})

t.test('a script is a function of its lines: twice the same is the same twice', async (t) => {
  const script = runtimeScripts[2]!
  const told = async () => {
    const { timeline, streams } = await observeRuntime(ourRuntime, script.plan, script.actions)
    const events = timeline.map((line) => [line.kind, line.atMillis, line.kind === 'event' ? line.event : ''])
    return { events, bytes: streams.map(({ bytes }) => Buffer.from(bytes).toString('base64')) }
  }
  t.same(await told(), await told())
})

t.test('random sequences of commands, time and faults', async (t) => {
  const result = await runRuntimeSuite({ runs: 120, seed: 20171213 })
  t.comment(`${result.runs} sequences: ${JSON.stringify(result.coverage)}`)
  t.equal(result.counterexample === undefined ? '' : describeCounterexample(result.counterexample), '')
  for (const met of ['two runs or more', 'ended completed', 'ended cancelled', 'ended failed', 'met pre-switchover'])
    t.ok((result.coverage[met] ?? 0) > 0, met)
})

const keeps = (t: Test, instants: readonly Instant[], atLeast: number): void => {
  t.ok(instants.length >= atLeast, `${instants.length} instants`)
  for (const { what, breaches } of instants)
    t.same(
      breaches.map(({ property, violations }) => [property.id, ...violations]),
      [],
      what,
    )
}

for (const pause of [false, true])
  t.test(`a cancel at every state ${pause ? 'of a run with a pause' : ''}, then a second run`, async (t) => {
    const instants = await atEveryState({ plan: { ...defaultPlan, pause } }, commandAct({ name: 'migrate_cancel' }))
    keeps(t, instants, 8)
    const met = new Set(
      instants.flatMap(({ observation }) => linesOf(observation, 'state').map(({ after }) => outgoingStatus(after))),
    )
    for (const status of ['setup', 'active', 'cancelling', 'cancelled', 'completed']) t.ok(met.has(status), status)
    t.equal(met.has('pre-switchover') && met.has('device'), pause)
  })

for (const act of [
  commandAct({ name: 'stop' }),
  commandAct({ name: 'cont' }),
  commandAct({ name: 'migrate', arguments: { uri: 'tcp:nowhere:1' } }),
  crashAct,
  cutAct('dropped'),
  partitionAct,
])
  t.test(`${act.name} at every state`, async (t) => keeps(t, await atEveryState({ plan: defaultPlan }, act), 8))

t.test('with a fence a destination that dies at the worst moment leaves the guest on the source', async (t) => {
  for (const { what, observation } of await atEveryState({ plan: { ...defaultPlan, fence: true } }, crashAct)) {
    const source = observation.end.parties[0]!
    const had = ['completed.ending', 'completed.settled'].includes(what.replace('crash at ', ''))
    t.equal(source.running, !had, what)
  }
})

for (const plan of [defaultPlan, { ...defaultPlan, pause: true, latencyMillis: 5 }])
  t.test(`a cut at every message, with a latency of ${plan.latencyMillis} ms`, async (t) => {
    const instants = await cutAtEveryMessage({ plan })
    keeps(t, instants, 40)
    for (const { what, observation } of instants) {
      const committed = linesOf(observation, 'state').some(({ after }) =>
        ['committing', 'inquiring'].includes(pathOf(after, 'outgoing')[1] ?? ''),
      )
      const source = observation.end.parties[0]!
      if (!committed) t.ok(source.running && source.wrongPages?.length === 0, `${what}: the source goes on as it was`)
    }
  })

t.test('the messages that the scripts name are the ones they say', async (t) => {
  for (const [direction, message] of [
    ['forward', END_MARK_MESSAGE],
    ['back', TAKEN_OVER_MESSAGE],
  ] as const) {
    const instants = await cutAtEveryMessage({ plan: stillPlan })
    const found = instants.filter(({ what }) => what.includes(direction))
    t.equal(found.length, message * 2)
    const last = found.at(-1)!
    const states = linesOf(last.observation, 'state').map(({ after }) => pathOf(after, 'outgoing')[1])
    t.ok(states.includes('inquiring'), `${last.what}: the source has to ask`)
  }
})

t.test('a failure prints what makes it again', async (t) => {
  const { system } = runtimeMutant('m2')!
  const first = await runRuntimeSuite({ system, runs: 50, seed: 3, onlyProperty: 'I1' })
  const token = parseReplayToken(first.counterexample?.token ?? '')
  t.ok(token)
  const { seed, path = '', replayPath = '' } = token!
  const again = await runRuntimeSuite({ system, runs: 50, seed, path, replayPath, onlyProperty: 'I1' })
  t.same(again.counterexample?.commands, first.counterexample?.commands)
  t.same(again.counterexample?.breaches, first.counterexample?.breaches)
})

t.test('who looks at the states of a process misses none, however long the first takes him', async (t) => {
  const world = await RuntimeWorld.make(ourRuntime, defaultPlan)
  const seen: string[] = []
  await world.run(
    world.source.process.states.pipe(
      Stream.take(2),
      Stream.runForEach((state) => {
        seen.push(String(state.parameters['max-bandwidth']))
        if (seen.length > 1) return Effect.void
        return Effect.ignore(world.source.process.execute('migrate-set-parameters', { 'max-bandwidth': 7 }))
      }),
      Effect.forkScoped,
    ),
  )
  await world.advance(10)
  t.same(seen, [String(defaultPlan.maxBandwidth), '7'])
  await world.finish()
})
