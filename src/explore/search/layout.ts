/** How a state of a model is packed: each party and each variable is a field of one of a few 32-bit words. */
import type { World } from '../model/world.ts'

/** Bits for the number of a party's state. A table that outgrows them is an error with a name. */
export const PARTY_BITS = 16

/** A field of a word. */
export interface Field {
  readonly word: number
  readonly shift: number
  readonly bits: number
}

/** See the head of this file. */
export interface Layout {
  readonly words: number
  readonly parties: readonly Field[]
  readonly variables: readonly Field[]
  /** One bit that every state has set: a word that is 0 is no state. */
  readonly mark: Field
}

const bitsFor = (values: number): number => Math.max(1, Math.ceil(Math.log2(values)))

/** Places fields one behind the other; none spans two words. */
export const layoutOf = (world: World): Layout => {
  const room: number[] = []
  const place = (bits: number): Field => {
    let word = room.findIndex((used) => used + bits <= 32)
    if (word < 0) word = room.push(0) - 1
    const shift = room[word]!
    room[word] = shift + bits
    return { word, shift, bits }
  }
  const parties = world.parties.map(() => place(PARTY_BITS))
  const variables = world.variables.map(({ values }) => place(bitsFor(values.length)))
  const mark = place(1)
  return { words: room.length, parties, variables, mark }
}

/** The value of a field in a packed state. */
export const unpack = (words: ArrayLike<number>, at: number, { word, shift, bits }: Field): number =>
  bits === 32 ? words[at + word]! : (words[at + word]! >>> shift) & ((1 << bits) - 1)
