/**
 * A trail in the Informal Trace Format (Apalache, ADR 015), for the viewers that read it: every variable in every state,
 * `loop` where a circle begins.
 */
import { initialState, type WorldState } from '../model/interpreter.ts'
import type { World } from '../model/world.ts'
import type { Trail } from './trail.ts'

/** A trace as JSON data. */
export interface ItfTrace {
  readonly '#meta': Readonly<Record<string, unknown>>
  readonly vars: readonly string[]
  readonly states: readonly Readonly<Record<string, unknown>>[]
  readonly loop?: number
}

/** Where everything is in a state, by name: the charts of each party, what they remember, the variables of the world. */
export const namedValues = (world: World, state: WorldState): Readonly<Record<string, unknown>> => {
  const parties = world.parties.flatMap(({ party, table }, place): readonly (readonly [string, unknown])[] => {
    const at = state.parties[place]!
    return [
      ...party.automaton.regions.map(({ name, states }, region): [string, unknown] => [
        `${party.name}.${name === '' ? party.automaton.id : name}`,
        states[table.stateOf(at, region)],
      ]),
      ...party.automaton.members.map(({ name, values }, member): [string, unknown] => [
        `${party.name}.${name}`,
        values[table.valueOf(at, member)] ?? null,
      ]),
    ]
  })
  const variables = world.variables.map(({ name, values }, place) => [name, values[state.values[place]!]])
  return Object.fromEntries([...parties, ...variables])
}

const stateOf = (world: World, state: WorldState, index: number, action: string): Record<string, unknown> => ({
  '#meta': { index, action },
  ...namedValues(world, state),
})

/** The trace. The action that led to a state stands in its `#meta`. */
export const itf = ({ world, steps, loop, property }: Trail): ItfTrace => {
  const states = [
    stateOf(world, initialState(world), 0, 'start'),
    ...steps.map(({ step, number }) => stateOf(world, step.after, number, step.rule.name)),
  ]
  const [first] = states
  return {
    '#meta': {
      format: 'ITF',
      'format-description': 'https://apalache-mc.org/docs/adr/015adr-trace.html',
      source: world.model.name,
      description: [
        ...world.model.about,
        ...(property === undefined ? [] : [`breaks ${property.id}: ${property.text}`]),
      ].join('; '),
    },
    vars: Object.keys(first!).filter((name) => name !== '#meta'),
    states,
    ...(loop === undefined ? {} : { loop }),
  }
}
