/** Counterexamples of processes as traces, as {@link CounterexampleTrace} has them: a script as short as it can be made. */
import { actionText } from '../arbitraries/runtime-commands.ts'
import { breaches, catalogue } from '../catalogue.ts'
import type { Mutant } from '../mutants/mutant.ts'
import type { Observation } from '../observation.ts'
import type { RuntimeSystem } from '../worlds/runtime-world.ts'
import type { CounterexampleTrace } from './counterexample-trace.ts'
import type { RuntimeScript } from './runtime-scripts.ts'
import { observeRuntime } from './runtime-suite.ts'

type Shown = readonly [observation: Observation, violation: string]

const shows = async (
  system: RuntimeSystem,
  { plan, actions }: RuntimeScript,
  id: string,
): Promise<Shown | undefined> => {
  const observation = await observeRuntime(system, plan, actions)
  const [first] = breaches(
    observation,
    catalogue.filter((property) => property.id === id),
  )
  return first === undefined ? undefined : [observation, first.violations[0]!]
}

/** Takes actions away, one after the other, as long as the property stays broken. */
const shortened = async (system: RuntimeSystem, script: RuntimeScript, id: string): Promise<RuntimeScript> => {
  for (const index of script.actions.keys()) {
    const shorter = { ...script, actions: script.actions.toSpliced(index, 1) }
    if ((await shows(system, shorter, id)) !== undefined) return shortened(system, shorter, id)
  }
  return script
}

/** The first script that shows a mutant to the first property that has to notice it, shortened; undefined if none does. */
export const runtimeCounterexampleOf = async (
  { system, killedBy }: Mutant<RuntimeSystem>,
  scripts: readonly RuntimeScript[],
): Promise<CounterexampleTrace | undefined> => {
  const [property = ''] = killedBy
  for (const script of scripts) {
    if ((await shows(system, script, property)) === undefined) continue
    const found = await shortened(system, script, property)
    const [observation, violation] = (await shows(system, found, property))!
    const profile = found.plan.colo?.profile ?? '2.11'
    return { lines: found.actions.map(actionText), profile, observation, property, violation }
  }
  return undefined
}
