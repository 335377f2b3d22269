/**
 * Walks the whole state space of a model, breadth first, so that what breaks a property is found by a shortest way. States
 * are packed integers in typed arrays; what is kept of each is where it came from and by which rule.
 */
import type { Model, ModelProperty, Rule } from '../model/language.ts'
import { initialState, stepOf, type Step, type WorldState } from '../model/interpreter.ts'
import { World } from '../model/world.ts'
import { answersOf, generate, PARTY_STATES_MAX, type Generated } from './generate.ts'
import { hashCode, type Host, type HostTable, type Made } from './host.ts'
import { unpack, type Layout } from './layout.ts'

/** How a model is explored. */
export interface ExploreOptions {
  /** Identifiers of the properties to look at. Default: all of the model. */
  readonly only?: readonly string[]
  /** Most states. Default 40 million. */
  readonly statesMax?: number
  /** Goes on behind the first broken property, to count all states. Default false. */
  readonly goesOn?: boolean
  /** Keeps all edges, for what needs them. Default false. */
  readonly keepsEdges?: boolean
}

/** What was found. */
export interface Exploration {
  readonly world: World
  readonly states: number
  /** Steps that lead from one state to another. */
  readonly transitions: number
  /** Longest of the shortest ways to a state. */
  readonly depth: number
  readonly millis: number
  /** Bytes of the arrays that hold the states. */
  readonly bytes: number
  /** False where `statesMax` was reached or a property was broken: then there may be more states. */
  readonly complete: boolean
  /** What is broken, each with a shortest way, the shortest first; where nothing goes on behind a breach, one depth of it. */
  readonly violations: readonly Violation[]
  /** Properties of kind `sometimes` that no state has. */
  readonly unseen: readonly ModelProperty[]
  readonly graph: StateGraph
}

/** A broken property and a shortest way that breaks it. */
export interface Violation {
  readonly property: ModelProperty
  readonly steps: readonly Step[]
}

/** Default of {@link ExploreOptions.statesMax}. */
export const STATES_MAX = 40_000_000

const FIRST_STATES = 1 << 14

/** Slots of the table for each state that it has room for. */
const SLOTS_A_STATE = 2

/** The states of an exploration, by number; 0 is the first. */
export class StateGraph {
  readonly world: World
  readonly #host: Host
  readonly #layout: Layout
  readonly #made: Made

  constructor(world: World, host: Host, layout: Layout, made: Made) {
    this.world = world
    this.#host = host
    this.#layout = layout
    this.#made = made
  }

  get size(): number {
    return this.#made.count()
  }

  state(number: number): WorldState {
    const { table, order, stride } = this.#host
    const at = order[number]! * stride
    return {
      parties: this.#layout.parties.map((field) => unpack(table, at, field)),
      values: this.#layout.variables.map((field) => unpack(table, at, field)),
    }
  }

  /** The rules of a shortest way from the start. */
  wayTo(number: number): readonly Rule[] {
    const rules: Rule[] = []
    for (let at = number; this.#host.parents[at]! >= 0; at = this.#host.parents[at]!)
      rules.push(this.world.model.rules[this.#host.via[at]!]!)
    return rules.toReversed()
  }

  /** All edges, where they were kept: those of a state are from `start[state]` up to `start[state + 1]`. */
  get edges(): { readonly start: Int32Array; readonly to: Int32Array; readonly rule: Uint16Array } {
    const { edges } = this.#host
    if (edges === undefined) throw new Error('the edges were not kept')
    edges.start[this.size] = edges.count
    return edges
  }

  /** Whether a side of a claim of kind `leads-to` holds in a state; `property` is its place. */
  holds(property: number, side: 'from' | 'to', number: number): boolean {
    return this.#made.holds(property, side === 'to', number)
  }
}

/** Follows rules from the start, and tells what happens in each step. */
export const follow = (world: World, rules: readonly Rule[]): readonly Step[] => {
  const steps: Step[] = []
  let state = initialState(world)
  for (const rule of rules) {
    const step = stepOf(world, state, rule)
    if (step === undefined) throw new Error(`${world.model.name}: ${rule.name} may not happen here`)
    steps.push(step)
    state = step.after
  }
  return steps
}

const makeHost = (
  world: World,
  { layout, asked, relevant }: Generated,
  keepsEdges: boolean,
  statesMax: number,
): Host => {
  const tables = world.parties.map(({ table }, place): HostTable => {
    const groups = answersOf(world, asked[place]!, 0).length
    const held: HostTable = {
      next: table.next,
      given: table.given,
      lists: [],
      answers: Array.from({ length: groups }, () => new Int32Array(PARTY_STATES_MAX)),
    }
    return held
  })
  const known = tables.map(() => 0)
  /** Takes over what a table has worked out since the last time. */
  const refresh = (place: number): void => {
    const { table } = world.parties[place]!
    const held = tables[place]!
    if (table.size > PARTY_STATES_MAX)
      throw new Error(
        `${world.model.name}: expected at most ${PARTY_STATES_MAX} states of ${world.parties[place]!.party.name}, found more`,
      )
    held.next = table.next
    held.given = table.given
    while (held.lists.length < table.lists)
      held.lists.push(table.outputList(held.lists.length).filter((output) => relevant[place]![output]))
    for (; known[place]! < table.size; known[place]!++)
      for (const [group, word] of answersOf(world, asked[place]!, known[place]!).entries())
        held.answers[group]![known[place]!] = word
  }
  const stride = layout.words + (keepsEdges ? 1 : 0)
  const placeAnew = mover(layout, stride)
  const host: Host = {
    table: new Int32Array(FIRST_STATES * SLOTS_A_STATE * stride),
    stride,
    order: new Int32Array(FIRST_STATES),
    parents: new Int32Array(FIRST_STATES),
    via: new Uint16Array(FIRST_STATES),
    broken: 0,
    brokenAt: new Int32Array(world.properties.length),
    seen: new Int32Array(world.properties.length),
    tables,
    work: (place, state, event) => {
      const to = world.parties[place]!.table.step(state, event)
      refresh(place)
      return to
    },
    grow: (count) => {
      if (count >= statesMax) throw new StatesMaxReached()
      const capacity = Math.min(count * 2, Math.max(statesMax, count + 1))
      const order = new Int32Array(capacity)
      const slots = 2 ** Math.ceil(Math.log2(capacity * SLOTS_A_STATE))
      const table = new Int32Array(slots * stride)
      placeAnew(host.table, host.order, table, order, count)
      host.table = table
      host.order = order
      host.parents = copied(host.parents, new Int32Array(capacity))
      host.via = copied(host.via, new Uint16Array(capacity))
      if (host.edges !== undefined) host.edges.start = copied(host.edges.start, new Int32Array(capacity + 1))
    },
    growEdges: () => {
      const { edges } = host
      if (edges === undefined) return
      edges.to = copied(edges.to, new Int32Array(edges.to.length * 2))
      edges.rule = copied(edges.rule, new Uint16Array(edges.rule.length * 2))
    },
    ...(keepsEdges
      ? {
          edges: {
            start: new Int32Array(FIRST_STATES + 1),
            to: new Int32Array(FIRST_STATES * 4),
            rule: new Uint16Array(FIRST_STATES * 4),
            count: 0,
          },
        }
      : {}),
  }
  for (const place of tables.keys()) refresh(place)
  return host
}

class StatesMaxReached extends Error {}

const copied = <A extends Int32Array | Uint16Array>(from: A, to: A): A => {
  to.set(from)
  return to
}

/** States that are moved together, so that the waits for memory run side by side. */
const MOVED_TOGETHER = 64

type Move = (from: Int32Array, oldOrder: Int32Array, to: Int32Array, order: Int32Array, count: number) => number

/** Moves every state to where its hash is in a larger table; mixed as in the generated code. */
const mover = ({ words, mark }: Layout, stride: number): Move => {
  const names = Array.from({ length: words }, (_, word) => `from[at + ${word}]`)
  const source = `'use strict'
const mask = to.length / ${stride} - 1
const hashes = new Int32Array(${MOVED_TOGETHER})
let touched = 0
for (let first = 0; first < count; first += ${MOVED_TOGETHER}) {
  const end = Math.min(count, first + ${MOVED_TOGETHER})
  for (let number = first; number < end; number++) touched ^= from[oldOrder[number] * ${stride}]
  for (let number = first; number < end; number++) {
    const at = oldOrder[number] * ${stride}
    ${hashCode(names)}
    hashes[number - first] = hash
    touched ^= to[(hash & mask) * ${stride}]
  }
  for (let number = first; number < end; number++) {
    const at = oldOrder[number] * ${stride}
    let slot = hashes[number - first] & mask
    while (to[slot * ${stride} + ${mark.word}] !== 0) slot = (slot + 1) & mask
    for (let word = 0; word < ${stride}; word++) to[slot * ${stride} + word] = from[at + word]
    order[number] = slot
  }
}
return touched`
  // Made from the layout alone.
  // oxlint-disable-next-line no-new-func
  return new Function('from', 'oldOrder', 'to', 'order', 'count', source) as Move
}

const pack = (layout: Layout, state: WorldState): Int32Array => {
  const words = new Int32Array(layout.words)
  const put = (value: number, { word, shift }: Layout['parties'][number]): void => {
    words[word]! |= value << shift
  }
  for (const [place, field] of layout.parties.entries()) put(state.parties[place]!, field)
  for (const [place, field] of layout.variables.entries()) put(state.values[place]!, field)
  put(1, layout.mark)
  return words
}

/**
 * Explores a model.
 *
 * @example
 * const { states, violations } = explore(pairModel({ profile: '2.11', quirks: new Set(['h1']) }))
 * violations[0]?.property.id // 'I6'
 */
export const explore = (model: Model, options: ExploreOptions = {}): Exploration => {
  const { statesMax = STATES_MAX, goesOn = false, keepsEdges = false } = options
  const world = new World(model, options.only)
  const generated = generate(world)
  const { layout } = generated
  const host = makeHost(world, generated, keepsEdges, statesMax)
  // Made here, from the model alone; nothing of it comes from outside.
  // oxlint-disable-next-line no-new-func
  const make = new Function('host', generated.source) as (host: Host) => Made
  const made = make(host)
  const started = performance.now()
  made.add(...pack(layout, initialState(world)), 0, -1)
  made.flush()
  let depth = 0
  let complete = true
  try {
    let from = 0
    while (from < made.count()) {
      const to = made.count()
      made.expand(from, to, !goesOn)
      if (made.count() > to) depth++
      if (host.broken !== 0 && !goesOn) break
      from = to
    }
  } catch (error) {
    if (!(error instanceof StatesMaxReached)) throw error
    complete = false
  }
  const millis = performance.now() - started
  const graph = new StateGraph(world, host, layout, made)
  const violations = world.properties
    .flatMap((property, place): readonly Violation[] => {
      const at = host.brokenAt[place]!
      return at === 0 ? [] : [{ property, steps: follow(world, graph.wayTo(at - 1)) }]
    })
    .toSorted((one, other) => one.steps.length - other.steps.length)
  return {
    world,
    states: made.count(),
    transitions: made.transitions(),
    depth,
    millis,
    bytes: host.table.byteLength + host.order.byteLength + host.parents.byteLength + host.via.byteLength,
    complete: complete && (goesOn || violations.length === 0),
    violations,
    unseen: world.properties.filter(({ kind }, place) => kind === 'sometimes' && host.seen[place] === 0),
    graph,
  }
}
