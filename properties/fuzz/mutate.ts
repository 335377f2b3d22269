/**
 * Damage to a stream: what a broken or hostile peer could send instead of it. Most of it goes to where the structure is
 * (headers, names, lengths), as damage to the content of a page changes nothing that a decoder looks at.
 */
import type { Random } from '../random.ts'

export const MUTATIONS = ['flip', 'byte', 'truncate', 'cut', 'insert', 'splice', 'length'] as const

export type MutationKind = (typeof MUTATIONS)[number]

/** Places of the structure in a stream, in ascending order. */
export type Structure = Uint32Array

/** Share of the damage that goes to the structure. */
const STRUCTURE_SHARE = 0.8
const RANGE_BYTES_MAX = 4096
/** Damages to one stream. */
const DAMAGES_MAX = 3

const INTERESTING_BYTES = [0x00, 0x01, 0x02, 0x7e, 0x7f, 0x80, 0xfe, 0xff]

/** Values of length fields that overflow something, somewhere: by the number of bytes of the field. */
const INTERESTING_LENGTHS: Readonly<Record<1 | 2 | 4 | 8, readonly bigint[]>> = {
  1: [0n, 1n, 0x7fn, 0x80n, 0xffn],
  2: [0n, 1n, 0x7fffn, 0x8000n, 0xffffn],
  4: [0n, 1n, 0xfffn, 0x1000n, 0xffff_ffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn],
  8: [
    0n,
    1n,
    0x1000n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 4096n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 4096n,
    2n ** 64n - 1n,
  ],
}

const placeIn = (random: Random, length: number, structure: Structure): number => {
  if (length === 0) return 0
  if (structure.length > 0 && random.fraction() < STRUCTURE_SHARE) {
    return Math.min(structure[random.integer(0, structure.length - 1)]!, length - 1)
  }
  return random.integer(0, length - 1)
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const writeLength = (bytes: Uint8Array, at: number, random: Random): void => {
  const size = random.pick([1, 2, 4, 8] as const)
  // A field that is one off is as likely to be let through as one that is far off.
  const near = BigInt(bytes.length - at + random.integer(-2, 2))
  let value = BigInt.asUintN(size * 8, random.fraction() < 0.2 ? near : random.pick(INTERESTING_LENGTHS[size]))
  for (let index = Math.min(at + size, bytes.length) - 1; index >= at; index--) {
    bytes[index] = Number(value & 0xffn)
    value >>= 8n
  }
}

/** `bytes` with one damage; `bytes` itself is changed where its length does not. */
const damage = (bytes: Uint8Array, structure: Structure, kind: MutationKind, random: Random): Uint8Array => {
  const at = placeIn(random, bytes.length, structure)
  const range = random.integer(1, random.pick([1, 4, 16, RANGE_BYTES_MAX]))
  switch (kind) {
    case 'flip':
      for (let count = random.integer(1, 4); count > 0; count--) {
        const place = placeIn(random, bytes.length, structure)
        if (place < bytes.length) bytes[place]! ^= 1 << random.integer(0, 7)
      }
      return bytes
    case 'byte':
      if (at < bytes.length)
        bytes[at] = random.fraction() < 0.5 ? random.integer(0, 255) : random.pick(INTERESTING_BYTES)
      return bytes
    case 'truncate':
      return bytes.slice(0, at)
    case 'cut':
      return joined(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + range)))
    case 'insert':
      return joined(bytes.subarray(0, at), random.bytes(Math.min(range, 64)), bytes.subarray(at))
    case 'splice': {
      const from = placeIn(random, bytes.length, structure)
      const piece = bytes.slice(from, from + range)
      if (random.fraction() < 0.5) return joined(bytes.subarray(0, at), piece, bytes.subarray(at))
      bytes.set(piece.subarray(0, bytes.length - at), at)
      return bytes
    }
    case 'length':
      writeLength(bytes, at, random)
      return bytes
  }
}

/** A copy of `bytes` with one to three damages, and which kinds they are. */
export const mutate = (
  bytes: Uint8Array,
  structure: Structure,
  random: Random,
): { readonly bytes: Uint8Array; readonly kinds: readonly MutationKind[] } => {
  let damaged: Uint8Array = bytes.slice()
  const kinds: MutationKind[] = []
  for (let count = random.integer(1, DAMAGES_MAX); count > 0; count--) {
    const kind = random.pick(MUTATIONS)
    kinds.push(kind)
    damaged = damage(damaged, structure, kind, random)
  }
  return { bytes: damaged, kinds }
}
