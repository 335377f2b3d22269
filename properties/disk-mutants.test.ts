/** Disks that move: every script keeps every property, and every seeded bug is noticed by the properties that name it. */
import t from 'tap'
import { breaches, type Breach } from './catalogue.ts'
import { diskMutants } from './mutants/disk-mutants.ts'
import { outgoingStatus } from './state-view.ts'
import { diskScripts } from './suites/disk-scripts.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { observeRuntime } from './suites/runtime-suite.ts'
import { ourRuntime, type RuntimeSystem } from './worlds/runtime-world.ts'

const scripts = async function* (system: RuntimeSystem): AsyncGenerator<readonly Breach[]> {
  for (const { plan, actions } of diskScripts) yield breaches(await observeRuntime(system, plan, actions))
}

t.test('every script keeps every property, and ends with a guest that has moved', async (t) => {
  for (const { name, plan, actions } of diskScripts) {
    const observation = await observeRuntime(ourRuntime, plan, actions)
    const broken = breaches(observation).map(({ property, violations }) => [property.id, ...violations])
    t.same(broken, [], name)
    const last = observation.streams.at(-1)
    t.same([last?.complete, last?.distinctChunks], [true, plan.diskChunks], `${name}: all of the disk`)
    t.equal(outgoingStatus(observation.end.parties[0]!.state), 'completed', name)
    t.comment(`${name}: ${last?.bytes.length} bytes`)
  }
})

t.test('every mutant is killed by the properties that name it', async (t) => {
  const rows = await killMatrix(diskMutants, scripts)
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
})
