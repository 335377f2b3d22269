/** The ways a page can go: every script keeps every property, and every seeded bug of them is noticed. */
import t from 'tap'
import { breaches, type Breach } from './catalogue.ts'
import { pageMutants } from './mutants/page-mutants.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { pageScripts } from './suites/page-scripts.ts'
import { observeRuntime } from './suites/runtime-suite.ts'
import { ourRuntime, type RuntimeSystem } from './worlds/runtime-world.ts'

const scripts = async function* (system: RuntimeSystem): AsyncGenerator<readonly Breach[]> {
  for (const { plan, actions } of pageScripts) yield breaches(await observeRuntime(system, plan, actions))
}

t.test('every script keeps every property, and ends with a guest that has moved', async (t) => {
  for (const { name, plan, actions } of pageScripts) {
    const observation = await observeRuntime(ourRuntime, plan, actions)
    const broken = breaches(observation).map(({ property, violations }) => [property.id, ...violations])
    t.same(broken, [], name)
    const last = observation.streams.at(-1)
    t.ok(last?.complete, `${name}: a whole stream`)
    const { normalPages, zeroPages, deltaPages, compressedPages } = last ?? {}
    t.comment(
      `${name}: ${normalPages} whole, ${zeroPages} zero, ${deltaPages} differences, ${compressedPages} compressed`,
    )
  }
})

t.test('every mutant is killed by the properties that name it', async (t) => {
  const rows = await killMatrix(pageMutants, scripts)
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
})
