/** The runtime against every property: scripts, random sequences, every state, every message. */
import t from 'tap'
import { breaches } from './catalogue.ts'
import { describeCounterexample } from './suites/result.ts'
import { runRuntimeSuite, observeRuntime } from './suites/runtime-suite.ts'
import { commandAtEveryState, cutAtEveryMessage, type Instant } from './suites/instants.ts'
import { END_MARK_MESSAGE, runtimeScripts, stillPlan, TAKEN_OVER_MESSAGE } from './suites/runtime-scripts.ts'
import { defaultPlan, ourRuntime, RuntimeWorld } from './worlds/runtime-world.ts'
import { linesOf } from './observation.ts'
import { outgoingStatus } from './state-view.ts'

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

t.test('random sequences of commands, time and faults', async (t) => {
  const result = await runRuntimeSuite({ runs: 250, seed: 20171213 })
  t.comment(`${result.runs} sequences: ${JSON.stringify(result.coverage)}`)
  t.equal(result.counterexample === undefined ? '' : describeCounterexample(result.counterexample), '')
  for (const met of ['two runs or more', 'ended completed', 'ended cancelled', 'ended failed', 'met pre-switchover'])
    t.ok((result.coverage[met] ?? 0) > 0, met)
})

const keeps = (t: Tap.Test, instants: readonly Instant[], atLeast: number): void => {
  t.ok(instants.length >= atLeast, `${instants.length} instants`)
  for (const { what, breaches } of instants)
    t.same(
      breaches.map(({ property, violations }) => [property.id, ...violations]),
      [],
      what,
    )
}
