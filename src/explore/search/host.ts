/**
 * What the generated explorer of a model and its caller have in common: the arrays that both use, and how a packed state is
 * mixed to a hash.
 */

/** What the generated code leaves to its caller, and what it keeps there. */
export interface Host {
  /**
   * Packed states, in an open table by their hash: `stride` words a slot, all 0 where it is free. Where edges are kept the
   * last of the words is the state's number.
   */
  table: Int32Array
  readonly stride: number
  /** By number of a state, in the order in which they were found: its slot, the state it was found from, and the rule. */
  order: Int32Array
  parents: Int32Array
  via: Uint16Array
  /** For each property: the first state that breaks it, plus 1; and how many are broken. */
  readonly brokenAt: Int32Array
  broken: number
  /** For each property: the first state in which something that should be possible was seen, plus 1. */
  readonly seen: Int32Array
  /** Called when the next state might not fit; the arrays are larger afterwards. */
  readonly grow: (count: number) => void
  /** Works out a cell of a party's table; gives the next state. */
  readonly work: (party: number, state: number, event: number) => number
  /** The tables of the parties, as they are now. */
  readonly tables: readonly HostTable[]
  /** Where edges are kept: by state the place of the first, and for each where it leads and by which rule. */
  edges?: { start: Int32Array; to: Int32Array; rule: Uint16Array; count: number }
  readonly growEdges: () => void
}

/** What the generated code gives back. */
export interface Made {
  /** Lets a packed state in; the rule and the number of the state it was found from stand behind its words. */
  readonly add: (...wordsRuleParent: readonly number[]) => void
  /** Lets in what is still waiting to be. */
  readonly flush: () => void
  /** Finds what follows from the states of a range. */
  readonly expand: (from: number, to: number, stops: boolean) => void
  readonly holds: (property: number, second: boolean, number: number) => boolean
  readonly count: () => number
  /** Steps that lead to another state. */
  readonly transitions: () => number
}

/** How a packed state is mixed to a hash, as code. */
export const hashCode = (words: readonly string[]): string =>
  `let hash = ${words.map((word, place) => `Math.imul(${word}, ${factors[place % factors.length]! | 1})`).join(' ^ ')}
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  hash ^= hash >>> 15`

const factors = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1, 0xd3a2646d, 0xfd7046c5, 0xb55a4f09]

/** A party's table, as the generated code reads it. */
export interface HostTable {
  next: Int32Array
  given: Int32Array
  /** By number of a list: the outputs in it that the world does something with. */
  readonly lists: number[][]
  /** Answers to what is asked about each state, a word a group. */
  readonly answers: readonly Int32Array[]
}
