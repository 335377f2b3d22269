/**
 * Whole pages, copied out of guest memory and into it. Measured on Node 24, pages in DRAM, buffer in the cache: out of shared
 * memory `Buffer.copy` takes 260 ns a page and `set` with a `subarray` 310; into it `set` takes 255 and `Buffer.copy` 300.
 */
import { PAGE_BYTES } from './ram-block.ts'

const copyRange = typeof Buffer === 'undefined' ? undefined : Buffer.prototype.copy

/** Node's `Buffer.copy` counts offsets modulo 2^32 without a word (Node 24): a page from above would come from below. */
const COPY_BYTES_MAX = 2 ** 32

/**
 * Copies the page at `offset` (bytes) of `memory`, which has it, to `target[at .. at + 4096)`, which is there. What a guest
 * writes meanwhile may be in it in part.
 */
export function copyPageFrom(memory: Uint8Array, offset: number, target: Uint8Array, at: number): void {
  if (copyRange !== undefined && offset + PAGE_BYTES <= COPY_BYTES_MAX)
    copyRange.call(memory, target, at, offset, offset + PAGE_BYTES)
  else target.set(memory.subarray(offset, offset + PAGE_BYTES), at)
}

/** Copies `source[at .. at + 4096)` to the page at `offset` (bytes) of `memory`, which has it. */
export function copyPageInto(memory: Uint8Array, offset: number, source: Uint8Array, at: number): void {
  memory.set(source.subarray(at, at + PAGE_BYTES), offset)
}
