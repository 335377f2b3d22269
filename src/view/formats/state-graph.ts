/**
 * What an explorer has visited: states with their variables, and the steps between them. `switchover explore --graph` tells
 * names and values once and then by their number; a graph that somebody writes by hand may name them in place.
 *
 * ```
 * {"variables": ["outgoing"], "values": ["none", "setup"], "states": [[0], [1]],
 *  "events": ["migrate"], "edges": [[0, 1, 0]], "initial": [0]}
 * {"states": [{"id": "a", "values": {"outgoing": "none"}}, ...],
 *  "edges": [{"from": "a", "to": "b", "event": "migrate"}, ...], "initial": ["a"]}
 * ```
 */
import { valueInWords } from './itf.ts'
import { isFields, type Fields } from './json-lines.ts'

/** A step from one state to another, by their indexes. */
export interface GraphEdge {
  readonly from: number
  readonly to: number
  readonly event: string
}

/** A state graph, indexed for walking. */
export interface StateGraph {
  readonly variables: readonly string[]
  /** For each state its own name and its variables in words. */
  readonly states: readonly { readonly id: string; readonly values: readonly string[] }[]
  readonly edges: readonly GraphEdge[]
  readonly initial: readonly number[]
}

/** Whether a JSON document is a state graph. */
export const isStateGraph = (value: unknown): value is Fields =>
  isFields(value) && Array.isArray(value['states']) && Array.isArray(value['edges'])

const valuesOf = (state: Fields): Fields => {
  const { values, label, id } = state
  if (isFields(values)) return values
  return { state: label ?? id }
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The compact form. */
const readNumbered = (document: Fields): StateGraph => {
  const values = listIn(document['values']).map(valueInWords)
  const events = listIn(document['events']).map(String)
  const states = listIn(document['states']).map((state, index) => ({
    id: String(index),
    values: listIn(state).map((number) => values[Number(number)] ?? ''),
  }))
  return {
    variables: listIn(document['variables']).map(String),
    states,
    edges: listIn(document['edges'])
      .map(listIn)
      .map(([from, to, event]) => ({ from: Number(from), to: Number(to), event: events[Number(event)] ?? '' }))
      .filter(({ from, to }) => states[from] !== undefined && states[to] !== undefined),
    initial: listIn(document['initial']).map(Number),
  }
}

/** Reads a state graph; a step from or to a state that is not listed is left out. */
export const readStateGraph = (document: Fields): StateGraph => {
  if (Array.isArray(document['variables'])) return readNumbered(document)
  const states = (Array.isArray(document['states']) ? document['states'] : []).filter(isFields)
  const variables = [...new Set(states.flatMap((state) => Object.keys(valuesOf(state))))]
  const indexOf = new Map(states.map((state, index) => [String(state['id'] ?? index), index]))
  const edges: GraphEdge[] = []
  for (const edge of Array.isArray(document['edges']) ? document['edges'] : []) {
    const { from, to, event } = isFields(edge) ? edge : { from: edge[0], to: edge[1], event: edge[2] }
    const [start, end] = [indexOf.get(String(from)), indexOf.get(String(to))]
    if (start !== undefined && end !== undefined) edges.push({ from: start, to: end, event: String(event ?? '') })
  }
  const initial = (Array.isArray(document['initial']) ? document['initial'] : [states[0]?.['id'] ?? 0])
    .map((id) => indexOf.get(String(id)))
    .filter((index) => index !== undefined)
  return {
    variables,
    states: states.map((state, index) => {
      const values = valuesOf(state)
      return {
        id: String(state['id'] ?? index),
        values: variables.map((name) => (name in values ? valueInWords(values[name]) : '')),
      }
    }),
    edges,
    initial,
  }
}

/** The steps of a shortest way from an initial state to another; undefined if there is none. */
export const shortestPath = (graph: StateGraph, to: number): readonly GraphEdge[] | undefined => {
  const next = new Map<number, GraphEdge[]>()
  for (const edge of graph.edges) {
    const known = next.get(edge.from)
    if (known === undefined) next.set(edge.from, [edge])
    else known.push(edge)
  }
  const reachedBy = new Map<number, GraphEdge | undefined>(graph.initial.map((index) => [index, undefined]))
  for (const [at] of reachedBy) {
    if (at === to) break
    for (const edge of next.get(at) ?? []) if (!reachedBy.has(edge.to)) reachedBy.set(edge.to, edge)
  }
  if (!reachedBy.has(to)) return undefined
  const path: GraphEdge[] = []
  for (let edge = reachedBy.get(to); edge !== undefined; edge = reachedBy.get(edge.from)) path.push(edge)
  return path.toReversed()
}
