/** A counterexample as a trace: the script that shows a seeded bug, as short as it can be made, and what was seen of it. */
import { breaches, catalogue } from '../catalogue.ts'
import { quirks, type Profile } from '../../machines/index.ts'
import type { Mutant } from '../mutants/mutant.ts'
import type { Observation } from '../observation.ts'
import { coreActionText, performOnCore } from '../arbitraries/core-actions.ts'
import { coloMode } from '../state-view.ts'
import { CoreWorld, type CoreSystem } from '../worlds/core-world.ts'
import type { CoreScript } from './core-scripts.ts'
import { observeCore } from './core-suite.ts'

/** See the head of this file. */
export interface CounterexampleTrace {
  /** What was done, a line an action. */
  readonly lines: readonly string[]
  readonly profile: Profile
  readonly observation: Observation
  /** The property that is broken, and how. */
  readonly property: string
  readonly violation: string
}

const shows = (
  system: CoreSystem,
  { plan, actions }: CoreScript,
  id: string,
): readonly [Observation, string] | undefined => {
  const observation = observeCore(system, plan, actions)
  const [first] = breaches(
    observation,
    catalogue.filter((property) => property.id === id),
  )
  return first === undefined ? undefined : [observation, first.violations[0]!]
}

/** Takes actions away, one after the other, as long as the property stays broken. */
const shortened = (system: CoreSystem, script: CoreScript, id: string): CoreScript => {
  for (const index of script.actions.keys()) {
    const shorter = { ...script, actions: script.actions.toSpliced(index, 1) }
    if (shows(system, shorter, id) !== undefined) return shortened(system, shorter, id)
  }
  return script
}

/** The shortest script that shows a mutant to the first property that has to notice it; undefined if none does. */
export const counterexampleOf = (
  { system, killedBy, quirk }: Mutant<CoreSystem>,
  scripts: readonly CoreScript[],
): CounterexampleTrace | undefined => {
  const [property = ''] = killedBy
  const profiles: readonly string[] = quirks.find(({ id }) => id === quirk)?.profiles ?? ['2.11', '7.2']
  const found = scripts
    .filter(({ plan }) => profiles.includes(plan.profile))
    .filter((script) => shows(system, script, property) !== undefined)
    .map((script) => shortened(system, script, property))
    .sort((a, b) => a.actions.length - b.actions.length)[0]
  if (found === undefined) return undefined
  const [, violation] = shows(system, found, property)!
  return {
    lines: found.actions.map(coreActionText),
    profile: found.plan.profile,
    observation: withQuestions(system, found),
    property,
    violation,
  }
}

const questions = ['query-migrate', 'query-status', 'x-colo-lost-heartbeat'] as const

/** The same once more, and at the end the questions of a manager who wonders what became of it. */
const withQuestions = (system: CoreSystem, { plan, actions }: CoreScript): Observation => {
  const world = new CoreWorld(system, plan)
  for (const action of actions) performOnCore(world, action)
  const { end } = world.finish()
  for (const { party, state } of end.parties)
    for (const name of questions)
      if (name !== 'x-colo-lost-heartbeat' || coloMode(state) !== 'unknown') world.command(party, name)
  return world.stop()
}
