/**
 * A chart as data: what the compiler makes of an XState machine. Each region is an automaton of its own over its innermost
 * states; the regions meet in the events that they raise, in the context they share and in guards that ask where another
 * region is. How they are composed to steps of the whole is not in here: `DenseTable` does it, and the exports leave it to
 * the checkers.
 */
import type { Decision, Member } from './decision.ts'

/** An event with all its members; what is not a scalar is not compared. */
export interface CompiledEvent {
  readonly type: string
  readonly [member: string]: unknown
}

/** What a step gives out: the name of an action that the chart leaves to others, and its parameters. */
export interface CompiledOutput {
  readonly type: string
  readonly params?: unknown
}

/** Whether a transition may be taken. */
export type Condition =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'context'; readonly decision: Decision<boolean> }
  /** Another region (or this one) is in one of these innermost states. */
  | { readonly kind: 'in'; readonly region: number; readonly states: readonly number[] }
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'not'; readonly condition: Condition }

/** Something that is done when a transition is taken; what is chosen by the context is chosen when its turn comes. */
export type Operation =
  | { readonly kind: 'output'; readonly output: Decision<number> }
  /** An event for all regions, behind those that were raised before. */
  | { readonly kind: 'raise'; readonly event: Decision<number> }
  /** New values, all chosen before any is set; -1 leaves a member as it is. */
  | {
      readonly kind: 'assign'
      readonly updates: readonly { readonly member: number; readonly value: Decision<number> }[]
    }

/** A transition out of one innermost state on one event. */
export interface CompiledTransition {
  readonly condition: Condition
  /** The innermost state that it leads to; its own source where it leaves none. */
  readonly to: number
  /** False where it has neither a target nor an action: it only keeps an outer one from being taken. */
  readonly takes: boolean
  /** In the order of a microstep: all regions leave, then act, then enter. */
  readonly exits: readonly Operation[]
  readonly actions: readonly Operation[]
  readonly entries: readonly Operation[]
}

/** The transitions of a region on one event, by innermost state, in the order in which they are tried. */
export type Handlers = readonly (readonly CompiledTransition[])[]

/** One region. */
export interface CompiledRegion {
  /** Empty for a machine that is not parallel. */
  readonly name: string
  /** Innermost states, as dotted paths below the region, in the order of the document. */
  readonly states: readonly string[]
  readonly initial: number
  /** By event; undefined where no state of the region handles it. */
  readonly handlers: readonly (Handlers | undefined)[]
  /** Eventless transitions by event, as their guards may ask for it; absent where the region has none. */
  readonly always?: readonly Handlers[]
}

/** See the head of this file. */
export interface Automaton {
  readonly id: string
  readonly regions: readonly CompiledRegion[]
  /** The context. A value is known by its place in the member's domain. */
  readonly members: readonly Member[]
  readonly initialValues: readonly number[]
  /** The first is that of the start; those of the alphabet follow, then those that are raised only. */
  readonly events: readonly CompiledEvent[]
  /** How many of the events can come from outside: 1 to this, inclusive. */
  readonly alphabet: number
  readonly outputs: readonly CompiledOutput[]
  /** What is done at the start, all regions in turn. */
  readonly entries: readonly Operation[]
  /** Transitions of a parallel root, taken where no region takes one; by event. */
  readonly root: readonly (readonly CompiledTransition[] | undefined)[]
}

/** Whether a path names a state or one that contains it. */
export const isWithin = (state: string, path: string): boolean => state === path || state.startsWith(`${path}.`)

/** The region of a name. */
export const regionOf = (automaton: Automaton, name: string): number => {
  const found = automaton.regions.findIndex((region) => region.name === name)
  if (found < 0)
    throw new Error(
      `${automaton.id}: expected one of the regions ${automaton.regions.map((region) => region.name).join(', ')}, found ${name}`,
    )
  return found
}

/** The innermost states of a region that are the state of a path, or below it. */
export const statesWithin = (automaton: Automaton, region: number, path: string): readonly number[] => {
  const { states, name } = automaton.regions[region]!
  const found = states.flatMap((state, index) => (isWithin(state, path) ? [index] : []))
  if (found.length === 0) throw new Error(`${automaton.id}: region ${name} has no state ${path}`)
  return found
}

/** An event as text that no other event has. */
export const eventKey = (event: object): string =>
  JSON.stringify(Object.fromEntries(Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1))))

/** The number of an event. */
export const eventOf = (automaton: Automaton, event: object): number => {
  const key = eventKey(event)
  const found = automaton.events.findIndex((each) => eventKey(each) === key)
  if (found < 0) throw new Error(`${automaton.id}: no event ${key} in the alphabet it was compiled for`)
  return found
}
