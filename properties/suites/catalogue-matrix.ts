/**
 * The seeded bugs of the catalogue before all properties, each with the shortest list of actions that shows it: a script in
 * which the first property that has to notice does, with every action dropped that can be.
 */
import { breaches, type Breach } from '../catalogue.ts'
import type { Observation } from '../observation.ts'
import { coloRuntimeMutants } from '../mutants/colo-runtime-mutants.ts'
import { coreMutants } from '../mutants/core-mutants.ts'
import { diskMutants } from '../mutants/disk-mutants.ts'
import { lockStepMutants } from '../mutants/lock-step-mutants.ts'
import type { Mutant } from '../mutants/mutant.ts'
import { pageMutants } from '../mutants/page-mutants.ts'
import { raceMutants, type RaceMutant } from '../mutants/race-mutants.ts'
import { runtimeMutants } from '../mutants/runtime-mutants.ts'
import { searchRace } from '../schedules/race.ts'
import { races } from '../schedules/races.ts'
import type { CoreSystem } from '../worlds/core-world.ts'
import type { RuntimeSystem } from '../worlds/runtime-world.ts'
import { coloRuntimeScripts } from './colo-runtime-scripts.ts'
import { coreScripts } from './core-scripts.ts'
import { observeCore } from './core-suite.ts'
import { coreTrials } from './core-trials.ts'
import { diskScripts } from './disk-scripts.ts'
import { killMatrix, type KillRow } from './kill-matrix.ts'
import { lockStepScripts } from './lock-step-scripts.ts'
import { pageScripts } from './page-scripts.ts'
import { runtimeScripts } from './runtime-scripts.ts'
import { observeRuntime } from './runtime-suite.ts'

/** A row, with the length of the shortest list of actions; absent where only a random sequence shows it. */
export interface CatalogueRow extends KillRow {
  readonly layer: 'core' | 'runtime'
  readonly shortest?: number
}

interface Script<Plan, Action> {
  readonly plan: Plan
  readonly actions: readonly Action[]
}

/** A layer: its mutants, and how a list of actions is carried out on one. */
interface Layer<System, Plan, Action> {
  readonly layer: CatalogueRow['layer']
  readonly mutants: readonly Mutant<System>[]
  readonly scripts: readonly Script<Plan, Action>[]
  readonly observe: (system: System, plan: Plan, actions: readonly Action[]) => Promise<Observation>
  /** What is tried behind the scripts. */
  readonly trials?: (system: System) => AsyncIterable<readonly Breach[]>
}

const core = {
  layer: 'core',
  mutants: [...coreMutants, ...lockStepMutants],
  scripts: [...coreScripts, ...lockStepScripts],
  observe: async (system, plan, actions) => observeCore(system, plan, actions),
  trials: (system) => coreTrials(system, { runs: 200, seed: 3 }),
} as const satisfies Layer<
  CoreSystem,
  (typeof coreScripts)[number]['plan'],
  (typeof coreScripts)[number]['actions'][number]
>

type RuntimeScript = (typeof runtimeScripts)[number]
const onRuntime = (
  mutants: readonly Mutant<RuntimeSystem>[],
  scripts: readonly RuntimeScript[],
): Layer<RuntimeSystem, RuntimeScript['plan'], RuntimeScript['actions'][number]> => ({
  layer: 'runtime',
  mutants,
  scripts,
  observe: observeRuntime,
})

/** The fewest actions that still do; one after the other is left out, until none can be. */
const shortened = async <Action>(
  actions: readonly Action[],
  still: (fewer: readonly Action[]) => Promise<boolean>,
): Promise<readonly Action[]> => {
  for (let place = actions.length - 1; place >= 0; place--) {
    const fewer = actions.filter((_, at) => at !== place)
    if (await still(fewer)) return shortened(fewer, still)
  }
  return actions
}

const rowsOf = async <System, Plan, Action>(
  { layer, mutants, scripts, observe, trials }: Layer<System, Plan, Action>,
  wanted: (mutant: string) => boolean,
  onRow: (row: CatalogueRow) => void,
): Promise<void> => {
  const scripted = async function* (system: System): AsyncGenerator<readonly Breach[]> {
    for (const { plan, actions } of scripts) yield breaches(await observe(system, plan, actions))
  }
  for (const mutant of mutants.filter(({ id }) => wanted(id))) {
    const [row] = await killMatrix([mutant], trials ?? scripted)
    const breaks = async (plan: Plan, actions: readonly Action[]): Promise<boolean> =>
      breaches(await observe(mutant.system, plan, actions)).some(({ property }) => property.id === mutant.killedBy[0])
    let shortest: number | undefined
    for (const { plan, actions } of scripts) {
      if (!(await breaks(plan, actions))) continue
      const fewest = await shortened(actions, (fewer) => breaks(plan, fewer))
      shortest = fewest.length
      break
    }
    onRow({ ...row!, layer, ...(shortest === undefined ? {} : { shortest }) })
  }
}

/** Schedules of a race after which a bug counts as not found in it. */
const SCHEDULES_MAX = 500

/** A bug of the order of fibers: looked for in its races, schedule by schedule; its length is that of the list of choices. */
const raceRow = async ({ id, title, system, killedBy, races: wanted }: RaceMutant): Promise<CatalogueRow> => {
  const head = { mutant: `${id} race`, title, layer: 'runtime' } as const
  for (const race of races.filter((each) => wanted.includes(each.id))) {
    const { found } = await searchRace(race, system, { schedulesMax: SCHEDULES_MAX })
    if (found === undefined) continue
    const kills = found.breaches.map(({ property }) => property.id)
    return {
      ...head,
      kills,
      missed: killedBy.filter((each) => !kills.includes(each as never)),
      shortest: found.choices.length,
    }
  }
  return { ...head, kills: [], missed: killedBy }
}

/** All seeded bugs whose identifier is wanted, told one by one. */
export const catalogueMatrix = async (
  onRow: (row: CatalogueRow) => void,
  wanted: (mutant: string) => boolean = () => true,
): Promise<void> => {
  await rowsOf(core, wanted, onRow)
  await rowsOf(onRuntime(runtimeMutants, runtimeScripts), wanted, onRow)
  await rowsOf(onRuntime(pageMutants, pageScripts), wanted, onRow)
  await rowsOf(onRuntime(diskMutants, diskScripts), wanted, onRow)
  await rowsOf(onRuntime(coloRuntimeMutants, coloRuntimeScripts), wanted, onRow)
  for (const mutant of raceMutants.filter(({ id }) => wanted(id))) onRow(await raceRow(mutant))
}
