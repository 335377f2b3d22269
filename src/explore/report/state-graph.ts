/**
 * All states that were visited and the steps between them, as JSON data that `switchover view` opens: there they are searched,
 * and walked from one to the next. Variables that are the same in every state are left out.
 */
import type { StateGraph } from '../search/explorer.ts'
import { namedValues } from './itf.ts'

/** Most states that are written down: what is larger is not for looking at, and a page could not hold it. */
export const graphStatesMax = 50_000

/** A state graph as JSON data. Names and values are told once, and then by their number. */
export interface StateGraphFile {
  readonly variables: readonly string[]
  readonly values: readonly unknown[]
  /** For each state the values of its variables. */
  readonly states: readonly (readonly number[])[]
  readonly events: readonly string[]
  readonly edges: readonly (readonly [from: number, to: number, event: number])[]
  readonly initial: readonly number[]
}

/** Numbers things in the order in which they are first named. */
class Numbered<Thing> {
  readonly list: Thing[] = []
  private readonly numbers = new Map<Thing, number>()

  of(thing: Thing): number {
    let number = this.numbers.get(thing)
    if (number === undefined) {
      number = this.list.push(thing) - 1
      this.numbers.set(thing, number)
    }
    return number
  }
}

/** The graph, for which the edges have to be kept; the first {@link graphStatesMax} states of it. */
export const stateGraphFile = (graph: StateGraph): StateGraphFile => {
  const { world } = graph
  const size = Math.min(graph.size, graphStatesMax)
  const named = Array.from({ length: size }, (_, number) => namedValues(world, graph.state(number)))
  const [first = {}] = named
  const variables = Object.keys(first).filter((name) => named.some((each) => each[name] !== first[name]))
  const values = new Numbered<unknown>()
  const events = new Numbered<string>()
  const { start, to, rule } = graph.edges
  const edges: [number, number, number][] = []
  for (let from = 0; from < size; from++)
    for (let edge = start[from]!; edge < start[from + 1]!; edge++)
      if (to[edge]! < size) edges.push([from, to[edge]!, events.of(world.model.rules[rule[edge]!]!.name)])
  return {
    variables,
    states: named.map((each) => variables.map((name) => values.of(each[name] ?? null))),
    values: values.list,
    edges,
    events: events.list,
    initial: [0],
  }
}
