/**
 * The regions of an automaton composed to steps of the whole, as a table of integers: a state is a number, a step is
 * looked up. A cell is worked out when it is first asked for, by the rules of a macrostep (SCXML, as XState has them), and
 * never again; nothing of XState is touched.
 */
import type { StateValue } from 'xstate'
import { statesWithin, type Automaton, type CompiledTransition, type Condition, type Operation } from './automaton.ts'
import { resultOf, type Scalar } from './decision.ts'

/** Microsteps in one step, and states in a table: more is taken for no end. */
const MICROSTEPS_MAX = 1000
const STATES_MAX = 1 << 24

/** Where a state of the whole stands: one innermost state a region, one value a member. */
interface Place {
  readonly states: Int16Array
  readonly values: Int16Array
}

/** A state as XState has it. */
export interface NamedState {
  readonly value: StateValue
  readonly context: Readonly<Record<string, Scalar>>
}

/** Whether a condition holds in a place. */
export const holds = (condition: Condition, states: ArrayLike<number>, values: ArrayLike<number>): boolean => {
  switch (condition.kind) {
    case 'constant':
      return condition.value
    case 'context':
      return resultOf(condition.decision, values)
    case 'in':
      return condition.states.includes(states[condition.region]!)
    case 'all':
      return condition.conditions.every((each) => holds(each, states, values))
    case 'any':
      return condition.conditions.some((each) => holds(each, states, values))
    case 'not':
      return !holds(condition.condition, states, values)
  }
}

/** A step that is being worked out. */
class Macrostep {
  readonly #automaton: Automaton
  readonly states: Int16Array
  readonly values: Int16Array
  readonly outputs: number[] = []
  readonly #queue: number[] = []
  /** The context or the innermost states may have changed in this microstep. */
  #touched = false

  constructor(automaton: Automaton, from: Place) {
    this.#automaton = automaton
    this.states = from.states.slice()
    this.values = from.values.slice()
  }

  /** Takes an event and all that it raises; tells whether the event itself was taken. */
  take(event: number): boolean {
    const chosen = this.#choose(event)
    this.#microstep(chosen)
    this.settle(event)
    return chosen.some((each) => each?.takes === true)
  }

  /** Takes what is raised, and what needs no event, until nothing is left. */
  settle(event: number): void {
    let last = event
    let asksAlways = true
    for (let steps = 0; ; steps++) {
      if (steps > MICROSTEPS_MAX)
        throw new Error(`${this.#automaton.id}: a step of more than ${MICROSTEPS_MAX} microsteps`)
      const eventless = asksAlways ? this.#chooseAlways(last) : undefined
      if (eventless !== undefined) {
        this.#microstep(eventless)
        asksAlways = this.#touched
        continue
      }
      const raised = this.#queue.shift()
      if (raised === undefined) return
      last = raised
      this.#microstep(this.#choose(raised))
      asksAlways = true
    }
  }

  /** What each region does on an event; behind the regions, what all of them do where none does anything. */
  #choose(event: number): readonly (CompiledTransition | undefined)[] {
    const { regions, root } = this.#automaton
    const chosen = regions.map(({ handlers }, region) => this.#first(handlers[event]?.[this.states[region]!]))
    return chosen.some((each) => each !== undefined) ? chosen : [...chosen, this.#first(root[event])]
  }

  #chooseAlways(event: number): readonly (CompiledTransition | undefined)[] | undefined {
    const chosen = this.#automaton.regions.map(({ always }, region) =>
      this.#first(always?.[event]?.[this.states[region]!]),
    )
    return chosen.some((each) => each !== undefined) ? chosen : undefined
  }

  #first(transitions: readonly CompiledTransition[] | undefined): CompiledTransition | undefined {
    return transitions?.find(({ condition }) => holds(condition, this.states, this.values))
  }

  /** All regions leave (the last first), then act, then enter. */
  #microstep(chosen: readonly (CompiledTransition | undefined)[]): void {
    this.#touched = false
    for (const each of chosen.toReversed()) this.perform(each?.exits ?? [])
    for (const each of chosen) this.perform(each?.actions ?? [])
    for (const [region, each] of chosen.entries()) {
      if (each === undefined || region >= this.states.length) continue
      if (this.states[region] !== each.to) this.#touched = true
      this.states[region] = each.to
    }
    for (const each of chosen) this.perform(each?.entries ?? [])
  }

  perform(operations: readonly Operation[]): void {
    for (const operation of operations)
      if (operation.kind === 'output') this.outputs.push(resultOf(operation.output, this.values))
      else if (operation.kind === 'raise') this.#queue.push(resultOf(operation.event, this.values))
      else {
        this.#touched = true
        const chosen = operation.updates.map(({ value }) => resultOf(value, this.values))
        for (const [place, { member }] of operation.updates.entries())
          if (chosen[place]! >= 0) this.values[member] = chosen[place]!
      }
  }
}

/** See the head of this file. */
export class DenseTable {
  readonly automaton: Automaton
  /** Events that a row has a cell for. */
  readonly width: number
  /** By state times width plus event: the next state; -1 while it is not known. */
  next: Int32Array
  /** The same: what the step gives out, as the number of a list. */
  given: Int32Array
  /** The same: whether the event is taken (it has a transition with a target or an action). */
  taken: Uint8Array
  readonly initial: number
  /** What the start gives out. */
  readonly startOutputs: readonly number[]
  readonly #places: Place[] = []
  readonly #numbers = new Map<string, number>()
  readonly #lists: (readonly number[])[] = []
  readonly #listNumbers = new Map<string, number>()

  constructor(automaton: Automaton) {
    this.automaton = automaton
    this.width = automaton.events.length
    const cells = 64 * this.width
    this.next = new Int32Array(cells).fill(-1)
    this.given = new Int32Array(cells)
    this.taken = new Uint8Array(cells)
    this.list([])
    const start = new Macrostep(automaton, {
      states: Int16Array.from(automaton.regions, ({ initial }) => initial),
      values: Int16Array.from(automaton.initialValues),
    })
    start.perform(automaton.entries)
    start.settle(0)
    this.startOutputs = start.outputs
    this.initial = this.#intern(start)
  }

  /** States that were met so far. */
  get size(): number {
    return this.#places.length
  }

  /** Lists of outputs that were met so far. */
  get lists(): number {
    return this.#lists.length
  }

  /** Works a cell out, if it is not yet known. */
  step(state: number, event: number): number {
    const cell = state * this.width + event
    const known = this.next[cell]!
    if (known >= 0) return known
    const place = this.#places[state]!
    if (!this.#concerns(place, event)) {
      this.next[cell] = state
      return state
    }
    const made = new Macrostep(this.automaton, place)
    const taken = made.take(event)
    // The arrays may be replaced by larger ones here.
    const next = this.#intern(made)
    this.next[cell] = next
    this.given[cell] = this.list(made.outputs)
    this.taken[cell] = taken ? 1 : 0
    return next
  }

  /** Whether any transition asks for the event here, or might be taken without one: most cells are of events that none does. */
  #concerns({ states }: Place, event: number): boolean {
    const { regions, root } = this.automaton
    if (root[event] !== undefined) return true
    for (let region = 0; region < regions.length; region++) {
      const { handlers, always } = regions[region]!
      if (always !== undefined || (handlers[event]?.[states[region]!]?.length ?? 0) > 0) return true
    }
    return false
  }

  /** Whether a state takes an event. */
  takes(state: number, event: number): boolean {
    this.step(state, event)
    return this.taken[state * this.width + event] === 1
  }

  /** What a step gives out, as numbers of outputs. */
  outputs(state: number, event: number): readonly number[] {
    this.step(state, event)
    return this.#lists[this.given[state * this.width + event]!]!
  }

  /** The list of a number that `given` holds. */
  outputList(list: number): readonly number[] {
    return this.#lists[list]!
  }

  /** The innermost state in which a state has a region. */
  stateOf(state: number, region: number): number {
    return this.#places[state]!.states[region]!
  }

  /** The number of a member's value in a state. */
  valueOf(state: number, member: number): number {
    return this.#places[state]!.values[member]!
  }

  /** Whether a state has a region in the state of a path, or below it. */
  isIn(state: number, region: number, path: string): boolean {
    return statesWithin(this.automaton, region, path).includes(this.stateOf(state, region))
  }

  /** The number of a state that is given by its parts; new ones are let in. */
  stateFrom(states: ArrayLike<number>, values: ArrayLike<number>): number {
    return this.#intern({ states: Int16Array.from(states), values: Int16Array.from(values) })
  }

  /** A state as XState has it. */
  nameOf(state: number): NamedState {
    const { states, values } = this.#places[state]!
    const { regions, members } = this.automaton
    const context = Object.fromEntries(
      members.map(({ name, values: domain }, member) => [name, domain[values[member]!]]),
    )
    const paths = regions.map((region, place) => nested(region.states[states[place]!]!.split('.')))
    const value =
      regions[0]?.name === '' ? paths[0]! : Object.fromEntries(regions.map(({ name }, place) => [name, paths[place]!]))
    return { value, context }
  }

  list(outputs: readonly number[]): number {
    const key = outputs.join()
    const known = this.#listNumbers.get(key)
    if (known !== undefined) return known
    this.#listNumbers.set(key, this.#lists.length)
    return this.#lists.push([...outputs]) - 1
  }

  #intern({ states, values }: Place): number {
    const key = `${states.join()};${values.join()}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#places.length
    if (number >= STATES_MAX) throw new Error(`${this.automaton.id}: more than ${STATES_MAX} states`)
    this.#places.push({ states, values })
    this.#numbers.set(key, number)
    if ((number + 1) * this.width > this.next.length) this.#grow()
    return number
  }

  #grow(): void {
    const cells = this.next.length * 2
    const next = new Int32Array(cells).fill(-1)
    next.set(this.next)
    const given = new Int32Array(cells)
    given.set(this.given)
    const taken = new Uint8Array(cells)
    taken.set(this.taken)
    this.next = next
    this.given = given
    this.taken = taken
  }
}

const nested = ([first, ...rest]: readonly string[]): StateValue =>
  rest.length === 0 ? (first ?? {}) : { [first!]: nested(rest) }
