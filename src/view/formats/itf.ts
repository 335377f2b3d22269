/**
 * Traces in the Informal Trace Format (https://apalache-mc.org/docs/adr/015adr-trace.html): a list of states with the same
 * variables in each, as explorers and model checkers write their counterexamples.
 */
import { isFields, type Fields } from './json-lines.ts'

/** A behaviour as its variables tell it. */
export interface VariableTrace {
  readonly variables: readonly string[]
  /** For each state the variables in words, in the order of {@link variables}. */
  readonly states: readonly (readonly string[])[]
  /** What led to each state, where the trace says so; empty for the first. */
  readonly actions: readonly string[]
  /** The index of the state that follows the last one, where the behaviour goes on for ever. */
  readonly loop: number | undefined
  /** What the trace is an example of, as its writer put it. */
  readonly description: string
}

/** A value in words: numbers, sets, maps, tuples and records as people write them. */
export const valueInWords = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return `[${value.map(valueInWords).join(', ')}]`
  if (!isFields(value)) return String(value)
  const { '#bigint': big, '#set': set, '#tup': tuple, '#map': map } = value
  if (typeof big === 'string') return big
  if (Array.isArray(set)) return `{${set.map(valueInWords).join(', ')}}`
  if (Array.isArray(tuple)) return `(${tuple.map(valueInWords).join(', ')})`
  if (Array.isArray(map))
    return map.map((pair) => (Array.isArray(pair) ? pair.map(valueInWords).join(' → ') : '')).join(', ') || '(empty)'
  return Object.entries(value)
    .map(([name, member]) => `${name} ${valueInWords(member)}`)
    .join(', ')
}

/** Whether a JSON document is such a trace. */
export const isItf = (value: unknown): value is Fields =>
  isFields(value) && Array.isArray(value['vars']) && Array.isArray(value['states'])

/** The variables that say what a step was, by the names that explorers give them. */
const actionNames: ReadonlySet<string> = new Set([
  'action',
  '_action',
  'step',
  'event',
  'mbt::actionTaken',
  'action_taken',
])

/** Reads a trace; a state without one of the variables shows it empty. */
export const readItf = (document: Fields): VariableTrace => {
  const names = (Array.isArray(document['vars']) ? document['vars'] : []).map(String)
  const states = (Array.isArray(document['states']) ? document['states'] : []).filter(isFields)
  const action = names.find((name) => actionNames.has(name))
  const variables = names.filter((name) => name !== action)
  const meta = isFields(document['#meta']) ? document['#meta'] : {}
  const fromMeta = (state: Fields): string => {
    const own = isFields(state['#meta']) ? state['#meta'] : {}
    return typeof own['action'] === 'string' ? own['action'] : ''
  }
  const loop = document['loop']
  return {
    variables,
    states: states.map((state) => variables.map((name) => (name in state ? valueInWords(state[name]) : ''))),
    actions: states.map((state, index) =>
      action === undefined ? fromMeta(state) : index === 0 && state[action] === '' ? '' : valueInWords(state[action]),
    ),
    loop: typeof loop === 'number' && loop < states.length ? loop : undefined,
    description: ['description', 'property', 'invariant', 'violates']
      .map((name) => meta[name])
      .filter((text) => typeof text === 'string')
      .join('; '),
  }
}
