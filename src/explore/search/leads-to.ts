/**
 * Liveness: whatever happens after the first, the second follows, provided that the world is fair: a rule of kind `progress`
 * that stays possible is taken sometime (weak fairness, for each such rule by its name). What breaks such a claim is a way
 * into a circle that a fair world can go round for ever without the second, or into a state in which nothing happens by
 * itself any more.
 */
import { stepOf, type Step } from '../model/interpreter.ts'
import type { ModelProperty } from '../model/language.ts'
import { follow, type StateGraph } from './explorer.ts'

/** A way, and a circle at its end; an empty circle means that nothing happens any more. */
export interface Lasso {
  readonly property: ModelProperty
  readonly stem: readonly Step[]
  readonly cycle: readonly Step[]
}

/** An edge: from, to, by which rule. */
type Hop = readonly [from: number, to: number, rule: number]

/** Looks for what breaks a claim, in a graph that is complete and has its edges. */
export const leadsTo = (graph: StateGraph, place: number): Lasso | undefined => {
  const property = graph.world.properties[place]
  if (property?.kind !== 'leads-to') throw new Error(`expected a claim of kind leads-to, found ${property?.kind}`)
  const search = new LeadsTo(graph, place)
  const waits = search.fairWaits()
  const [nearest] = waits.toSorted((one, other) => one.at(-1)! - other.at(-1)!)
  return nearest === undefined ? undefined : search.lasso(property, nearest)
}

class LeadsTo {
  readonly #graph: StateGraph
  readonly #edges: StateGraph['edges']
  readonly #starts: number[] = []
  /** 1: reached from a start without the second. */
  readonly #waiting: Uint8Array
  readonly #isProgress: readonly boolean[]

  constructor(graph: StateGraph, place: number) {
    this.#graph = graph
    this.#edges = graph.edges
    this.#isProgress = graph.world.model.rules.map(({ kind }) => kind === 'progress')
    this.#waiting = new Uint8Array(graph.size)
    const done = new Uint8Array(graph.size)
    for (let state = 0; state < graph.size; state++) {
      if (graph.holds(place, 'to', state)) done[state] = 1
      else if (graph.holds(place, 'from', state)) this.#starts.push(state)
    }
    const open = [...this.#starts]
    for (const state of open) this.#waiting[state] = 1
    for (let state = open.pop(); state !== undefined; state = open.pop())
      for (let at = this.#edges.start[state]!; at < this.#edges.start[state + 1]!; at++) {
        const to = this.#edges.to[at]!
        if (done[to] === 1 || this.#waiting[to] === 1) continue
        this.#waiting[to] = 1
        open.push(to)
      }
  }

  /**
   * Sets of states in each of which a fair world can stay for ever without the second (strongly connected components, by
   * Tarjan, 1972, without recursion). The last of a set is the one that was found first.
   */
  fairWaits(): readonly (readonly number[])[] {
    const waits: (readonly number[])[] = []
    const { start, to } = this.#edges
    const size = this.#graph.size
    const index = new Int32Array(size).fill(-1)
    const low = new Int32Array(size)
    const onStack = new Uint8Array(size)
    const next = new Int32Array(size)
    const stack: number[] = []
    let count = 0
    for (const root of this.#starts) {
      if (index[root]! >= 0) continue
      const path = [root]
      while (path.length > 0) {
        const state = path.at(-1)!
        if (index[state]! < 0) {
          index[state] = count
          low[state] = count++
          next[state] = start[state]!
          stack.push(state)
          onStack[state] = 1
        }
        let deeper = false
        while (next[state]! < start[state + 1]!) {
          const target = to[next[state]!]!
          next[state]!++
          if (this.#waiting[target] === 0) continue
          if (index[target]! < 0) {
            path.push(target)
            deeper = true
            break
          }
          if (onStack[target] === 1) low[state] = Math.min(low[state]!, index[target]!)
        }
        if (deeper) continue
        path.pop()
        const above = path.at(-1)
        if (above !== undefined) low[above] = Math.min(low[above]!, low[state]!)
        if (low[state] !== index[state]) continue
        const component: number[] = []
        for (;;) {
          const member = stack.pop()!
          onStack[member] = 0
          component.push(member)
          if (member === state) break
        }
        if (this.#isFair(component)) waits.push(component.toSorted((one, other) => other - one))
      }
    }
    return waits
  }

  /** Each progress rule is impossible somewhere in it, or taken within it. */
  #isFair(component: readonly number[]): boolean {
    const members = new Set(component)
    const possible = new Map<number, number>()
    const taken = new Set<number>()
    for (const state of component) {
      const here = new Set<number>()
      for (const [, to, rule] of this.#hops(state)) {
        if (!this.#isProgress[rule]) continue
        here.add(rule)
        if (members.has(to)) taken.add(rule)
      }
      for (const rule of here) possible.set(rule, (possible.get(rule) ?? 0) + 1)
    }
    return [...possible].every(([rule, states]) => states < component.length || taken.has(rule))
  }

  *#hops(state: number): Generator<Hop> {
    const { start, to, rule } = this.#edges
    for (let at = start[state]!; at < start[state + 1]!; at++) yield [state, to[at]!, rule[at]!]
  }

  /** A shortest way between two states that keeps within some. */
  #way(from: number, isGoal: (state: number) => boolean, within: (state: number) => boolean): readonly Hop[] {
    const came = new Map<number, Hop | undefined>([[from, undefined]])
    const back = (goal: number): readonly Hop[] => {
      const hops: Hop[] = []
      for (let hop = came.get(goal); hop !== undefined; hop = came.get(hop[0])) hops.push(hop)
      return hops.toReversed()
    }
    if (isGoal(from)) return []
    for (const state of came.keys())
      for (const hop of this.#hops(state)) {
        const [, to] = hop
        if (came.has(to) || !within(to)) continue
        came.set(to, hop)
        if (isGoal(to)) return back(to)
      }
    throw new Error('there is no way, though there should be one')
  }

  lasso(property: ModelProperty, component: readonly number[]): Lasso {
    const { world } = this.#graph
    const members = new Set(component)
    const isMember = (state: number): boolean => members.has(state)
    const first = this.#nearest(isMember)
    const stem = this.#way(first, isMember, (state) => this.#waiting[state] === 1)
    const entry = stem.at(-1)?.[1] ?? first
    const rules = [...this.#graph.wayTo(first), ...stem.map(([, , rule]) => world.model.rules[rule]!)]
    const steps = follow(world, rules)
    const cycle: Step[] = []
    let state = this.#graph.state(entry)
    for (const [, , rule] of this.#circle(entry, component, isMember)) {
      const step = stepOf(world, state, world.model.rules[rule]!)!
      cycle.push(step)
      state = step.after
    }
    return { property, stem: steps, cycle }
  }

  /** The first start, in the order of the search, from which the component can be reached. */
  #nearest(isMember: (state: number) => boolean): number {
    const came = new Map<number, number>(this.#starts.map((state) => [state, state]))
    for (const [state, from] of came) {
      if (isMember(state)) return from
      for (const [, to] of this.#hops(state)) if (this.#waiting[to] === 1 && !came.has(to)) came.set(to, from)
    }
    throw new Error('there is no way, though there should be one')
  }

  /** Round the component, past everything that makes it fair, and back. */
  #circle(entry: number, component: readonly number[], isMember: (state: number) => boolean): readonly Hop[] {
    const hops: Hop[] = []
    let at = entry
    const go = (isGoal: (state: number) => boolean): void => {
      const way = this.#way(at, isGoal, isMember)
      hops.push(...way)
      at = way.at(-1)?.[1] ?? at
    }
    for (const rule of this.#graph.world.model.rules.keys()) {
      if (!this.#isProgress[rule]) continue
      const leaves = (state: number): boolean => [...this.#hops(state)].some(([, , each]) => each === rule)
      if (component.some((state) => !leaves(state))) go((state) => !leaves(state))
      else {
        const inner = (state: number): Hop | undefined =>
          [...this.#hops(state)].find(([, to, each]) => each === rule && isMember(to))
        go((state) => inner(state) !== undefined)
        const hop = inner(at)!
        hops.push(hop)
        at = hop[1]
      }
    }
    go((state) => state === entry)
    return hops
  }
}
