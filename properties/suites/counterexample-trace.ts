/**
 * A counterexample as a trace: the script that shows a seeded bug, as short as it can be made, and what the managers of the
 * parties saw of it, as recordings that `switchover replay` and the chart page open.
 */
import { breaches, catalogue } from '../catalogue.ts'
import { quirks } from '../../machines/index.ts'
import type { CoreOutput } from '../../src/core/index.ts'
import type { Mutant } from '../mutants/mutant.ts'
import { linesOf, type Observation, type Party } from '../observation.ts'
import { performOnCore } from '../arbitraries/core-actions.ts'
import { coloMode } from '../state-view.ts'
import { CoreWorld, type CoreSystem } from '../worlds/core-world.ts'
import type { CoreScript } from './core-scripts.ts'
import { observeCore } from './core-suite.ts'

/** See the head of this file. */
export interface CounterexampleTrace {
  readonly script: CoreScript
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
  return { script: found, observation: withQuestions(system, found), property, violation }
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

const greeting = (profile: '2.11' | '7.2') => {
  const [major, minor] = profile.split('.').map(Number)
  return { QMP: { version: { qemu: { micro: 0, minor, major }, package: '' }, capabilities: [] } }
}

const messageOf = (output: CoreOutput, atMillis: number): unknown => {
  const timestamp = { seconds: Math.floor(atMillis / 1000), microseconds: (atMillis % 1000) * 1000 }
  if (output.type === 'event') return { timestamp, ...output.event }
  if (output.type === 'reply') return { return: output.value }
  return output.type === 'refusal' ? { error: { class: output.class, desc: output.desc } } : undefined
}

const nameOf = (party: Party): string => {
  if (party === 'source') return 'src'
  const number = Number(party.split('-')[1])
  return number === 1 ? 'dst' : `dst${number}`
}

/** What each party's manager said and was told, a line a message, by the name of the party's recording. */
export const recordingsOf = ({ script, observation }: CounterexampleTrace): ReadonlyMap<string, string> => {
  const recordings = new Map<string, string>()
  for (const { party } of observation.end.parties) {
    const lines = [{ t: 0, dir: '<-', msg: greeting(script.plan.profile) as unknown }]
    for (const { party: who, atMillis, input, outputs = [] } of linesOf(observation, 'state')) {
      if (who !== party || input === undefined) continue
      const t = atMillis / 1000
      if (input.type === 'command') {
        const { name, arguments: given } = input
        lines.push({ t, dir: '->', msg: { execute: name, ...(given === undefined ? {} : { arguments: given }) } })
      }
      for (const output of outputs) {
        const msg = messageOf(output, atMillis)
        if (msg !== undefined) lines.push({ t, dir: '<-', msg })
      }
    }
    recordings.set(nameOf(party), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
  return recordings
}

/** How the parties were started. */
export const metaOf = ({ observation }: CounterexampleTrace): object => ({
  sides: Object.fromEntries(
    observation.end.parties.map(({ party }) => [
      nameOf(party),
      { args: party === 'source' ? [] : ['-incoming', 'defer'] },
    ]),
  ),
})
