/**
 * Whole pages of a RAM block, copied out of it and into it. On Node that is `Buffer.copy`, which takes half the time of
 * `set` with a `subarray` a page and makes no object; it counts offsets modulo 2^32 without a word (Node 24), so that a
 * page from above 4 GiB would be put below it. Hence a block is looked at through windows of 1 GiB.
 */
import { PAGE_BYTES, type RamBlock } from './ram-block.ts'

const WINDOW_BYTES = 2 ** 30

/** Copies `source[from .. to)` to `target[at ..]`; all offsets below 2^32. */
type Copy = (source: Uint8Array, target: Uint8Array, at: number, from: number, to: number) => void

const nodeCopy = typeof Buffer === 'undefined' ? undefined : Buffer.prototype.copy

/** What there is without Node. */
export const copyBySubarray: Copy = (source, target, at, from, to) => target.set(source.subarray(from, to), at)

const copyBytes: Copy =
  nodeCopy === undefined
    ? copyBySubarray
    : (source, target, at, from, to) => void nodeCopy.call(source, target, at, from, to)

/** See the head of this file. Offsets are bytes in the block, multiples of 4096; that the page lies in it is the caller's to check. */
export class PageCopier {
  readonly #windows: readonly Uint8Array[]

  constructor({ bytes, usedLength }: RamBlock) {
    this.#windows = Array.from({ length: Math.ceil(usedLength / WINDOW_BYTES) }, (_unused, index) =>
      bytes.subarray(index * WINDOW_BYTES, (index + 1) * WINDOW_BYTES),
    )
  }

  /** Copies the page at `offset` to `target[at .. at + 4096)`. */
  read(offset: number, target: Uint8Array, at: number): void {
    const window = Math.floor(offset / WINDOW_BYTES)
    const from = offset - window * WINDOW_BYTES
    copyBytes(this.#windows[window]!, target, at, from, from + PAGE_BYTES)
  }

  /** Copies `source[at .. at + 4096)` to the page at `offset`. */
  write(offset: number, source: Uint8Array, at: number): void {
    const window = Math.floor(offset / WINDOW_BYTES)
    copyBytes(source, this.#windows[window]!, offset - window * WINDOW_BYTES, at, at + PAGE_BYTES)
  }
}
