/**
 * Two processes in COLO against every property: each moment of a checkpoint with what can end the pair at it, and random
 * schedules of checkpoints, output, heartbeats on either or both sides, cuts, crashes and loads that fail.
 */
import t from 'tap'
import { breaches } from './catalogue.ts'
import { coloRuntimeMutants } from './mutants/colo-runtime-mutants.ts'
import { linesOf } from './observation.ts'
import { coloRuntimeScripts } from './suites/colo-runtime-scripts.ts'
import { Coverage } from './suites/coverage.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { describeCounterexample } from './suites/result.ts'
import { observeRuntime, runRuntimeSuite } from './suites/runtime-suite.ts'
import { isColoBroken, outgoingStatus, runState } from './state-view.ts'
import { ourRuntime, type RuntimeSystem } from './worlds/runtime-world.ts'

const observed = async (name: string) => {
  const { plan, actions } = coloRuntimeScripts.find((script) => script.name === name)!
  return observeRuntime(ourRuntime, plan, actions)
}

t.test('every script keeps every property', async (t) => {
  const coverage = new Coverage()
  for (const { name, plan, actions } of coloRuntimeScripts) {
    const observation = await observeRuntime(ourRuntime, plan, actions)
    coverage.add(observation)
    const broken = breaches(observation).map(({ property, violations }) => [property.id, ...violations])
    t.same(broken, [], name)
  }
  t.comment(JSON.stringify(coverage.counts))
  for (const met of [
    'checkpoint loaded',
    'output agreed, told',
    'output checkpoint, told',
    'a torn secondary',
    'failover completed of a primary',
    'failover completed of a secondary',
    'two runs or more',
    'made two of one guest by an operator',
  ])
    t.ok((coverage.counts[met] ?? 0) > 0, met)
})

t.test('a change of the checkpoint delay takes effect at once', async (t) => {
  const observation = await observed('another delay at once')
  const changed = linesOf(observation, 'command').filter(({ name }) => name === 'migrate-set-parameters')
  const loads = linesOf(observation, 'load').map(({ atMillis }) => atMillis)
  const [, , shorter, longer] = changed.map(({ atMillis }) => atMillis)
  t.same(
    loads.filter((at) => at < shorter!),
    [],
    'with a minute between checkpoints there is none',
  )
  t.ok(
    loads.some((at) => at - shorter! < 30),
    'the first comes with the change',
  )
  t.ok(loads.filter((at) => at >= shorter! && at < longer!).length >= 3, 'and more follow')
  t.ok(loads.filter((at) => at > longer! + 30).length <= 1)
})

t.test('a guest that shuts down is shut down on both sides, and the pair is whole', async (t) => {
  for (const name of ['the guest shuts down, 2.11', 'the guest shuts down, 7.2']) {
    const { end } = await observed(name)
    for (const { party, state } of end.parties) {
      t.equal(isColoBroken(state), false, `${name}: ${party}`)
      t.ok(['shutdown', 'colo', 'inmigrate'].includes(runState(state)), `${name}: ${party} is ${runState(state)}`)
    }
  }
})

t.test('a cancel does not end lock-step, and is refused', async (t) => {
  const observation = await observed('a cancel in lock-step')
  const cancel = linesOf(observation, 'command').find(({ name }) => name === 'migrate_cancel')
  t.equal(cancel?.answer.type, 'refusal')
  t.equal(outgoingStatus(observation.end.parties[0]!.state), 'colo')
})

t.test('random schedules', async (t) => {
  const result = await runRuntimeSuite({ world: 'lock-step', runs: 60, seed: 20171213 })
  t.comment(`${result.runs} sequences: ${JSON.stringify(result.coverage)}`)
  t.equal(result.counterexample === undefined ? '' : describeCounterexample(result.counterexample), '')
  for (const met of [
    'a primary came apart',
    'a secondary came apart',
    'failover completed of a primary',
    'failover completed of a secondary',
    'output checkpoint, told',
  ])
    t.ok((result.coverage[met] ?? 0) > 0, met)
})

t.test('every seeded bug is killed by the property that names it', async (t) => {
  const rows = await killMatrix(coloRuntimeMutants, async function* (system: RuntimeSystem) {
    for (const { plan, actions } of coloRuntimeScripts) yield breaches(await observeRuntime(system, plan, actions))
  })
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
})
