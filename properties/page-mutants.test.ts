/** The ways a page can go: every script keeps every property, and every seeded bug of them is noticed. */
import t from 'tap'
import { breaches, type Breach } from './catalogue.ts'
import { pageMutants } from './mutants/page-mutants.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import type { RuntimeScript } from './suites/runtime-scripts.ts'
import { pageScripts } from './suites/page-scripts.ts'
import { observeRuntime } from './suites/runtime-suite.ts'
import { ourRuntime, type RuntimeSystem } from './worlds/runtime-world.ts'

/** Those first that are about what the bug is in: channels, threads, or the cache. */
const methodOf = ({ name }: RuntimeSystem): string => {
  if (name.startsWith('b')) return 'x-multifd'
  return ['d7', 'd8', 'd9', 's7'].includes(name) ? 'compress' : 'xbzrle'
}

const scripts = async function* (system: RuntimeSystem): AsyncGenerator<readonly Breach[]> {
  const isAbout = ({ plan }: RuntimeScript): number => (plan.capabilities.includes(methodOf(system)) ? 0 : 1)
  const ordered = pageScripts.toSorted((a, b) => isAbout(a) - isAbout(b))
  for (const { plan, actions } of ordered) yield breaches(await observeRuntime(system, plan, actions))
}

t.test('every script keeps every property, and ends with a guest that has moved', async (t) => {
  for (const { name, plan, actions } of pageScripts) {
    const observation = await observeRuntime(ourRuntime, plan, actions)
    const broken = breaches(observation).map(({ property, violations }) => [property.id, ...violations])
    t.same(broken, [], name)
    const last = observation.streams.at(-1)
    const moves = Object.keys(plan.destinationParameters).length === 0
    t.equal(last?.complete, moves, `${name}: a whole stream`)
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
