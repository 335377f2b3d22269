/** Every property has to fail somewhere: which seeded bug of the runtime is killed by which property. */
import t from 'tap'
import { breaches, catalogue, type Breach } from './catalogue.ts'
import {
  bandwidthLimit,
  faultsAnswered,
  failoverCompletes,
  neverOvertaken,
  sharedCopies,
  survivorServes,
  wholeCheckpoint,
} from './invariants/index.ts'
import { runtimeMutant, runtimeMutants } from './mutants/runtime-mutants.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { describeCounterexample } from './suites/result.ts'
import { runtimeScripts } from './suites/runtime-scripts.ts'
import { observeRuntime, runRuntimeSuite } from './suites/runtime-suite.ts'
import type { RuntimeSystem } from './worlds/runtime-world.ts'

/** What a pair in COLO keeps, and the ways of pages; mutants of the core and of those ways show that they bite. */
const shownElsewhere: ReadonlySet<string> = new Set(
  [
    wholeCheckpoint,
    failoverCompletes,
    survivorServes,
    sharedCopies,
    neverOvertaken,
    bandwidthLimit,
    faultsAnswered,
  ].map(({ id }) => id),
)

const scripts = async function* (system: RuntimeSystem): AsyncGenerator<readonly Breach[]> {
  for (const { plan, actions } of runtimeScripts) yield breaches(await observeRuntime(system, plan, actions))
}

t.test('every mutant is killed by the properties that name it, and every property kills one', async (t) => {
  const rows = await killMatrix(runtimeMutants, scripts)
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
  const killers = new Set(rows.flatMap(({ kills }) => kills))
  for (const { id, title } of catalogue)
    if (!shownElsewhere.has(id)) t.ok(killers.has(id), `${id} ${title} kills something`)
})

/** The longest sequence that a person should have to read. */
const COMMANDS_MAX = 6

for (const [id, property] of [
  ['m1', 'I16'],
  ['m2', 'I1'],
  ['m3', 'I7'],
] as const)
  t.test(`random sequences find ${id} by ${property} alone, in at most ${COMMANDS_MAX} commands`, async (t) => {
    const mutant = runtimeMutant(id)!
    const { counterexample } = await runRuntimeSuite({
      system: mutant.system,
      runs: 300,
      seed: 20171213,
      onlyProperty: property,
    })
    t.ok(counterexample, mutant.title)
    t.comment(`\n${mutant.title}\n${counterexample === undefined ? '' : describeCounterexample(counterexample)}`)
    t.same(
      counterexample?.breaches.map((breach) => breach.property.id),
      [property],
    )
    t.ok((counterexample?.commands.length ?? Infinity) <= COMMANDS_MAX, `${counterexample?.commands.length} commands`)
  })
