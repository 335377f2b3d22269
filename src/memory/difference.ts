/** Where two memories of the same shape differ: what a test or a verify step shows when a migration lost a write. */
import type { GuestMemory } from './guest-memory.ts'
import { MemoryShapeError } from './memory-error.ts'
import { pagesEqual, rangesEqual } from './page.ts'
import { PAGE_BYTES } from './ram-block.ts'

/** Bytes compared at once before looking for pages; equal memory is the common case. */
const CHUNK_BYTES = 2 ** 20

export interface DifferingPage {
  /** Index of the RAM block. */
  readonly block: number
  /** Page number inside the block. */
  readonly page: number
}

export interface Difference {
  /** Pages that differ, all of them. */
  readonly count: number
  /** The first of them in order of block and page, at most as many as were asked for. */
  readonly pages: readonly DifferingPage[]
}

/**
 * Compares two memories page by page, naming the first `limit` pages that differ. Both guests must stand still.
 * @throws MemoryShapeError unless the blocks agree in number, name and length.
 */
export function differingPages(a: GuestMemory, b: GuestMemory, limit = 16): Difference {
  if (shape(a) !== shape(b)) throw new MemoryShapeError('memory to compare', shape(a), shape(b))
  let count = 0
  const pages: DifferingPage[] = []
  for (const [block, { bytes, usedLength }] of a.blocks.entries()) {
    const others = b.blocks[block]!.bytes
    for (let start = 0; start < usedLength; start += CHUNK_BYTES) {
      const end = Math.min(start + CHUNK_BYTES, usedLength)
      if (rangesEqual(bytes, start, others, start, end - start)) continue
      for (let offset = start; offset < end; offset += PAGE_BYTES) {
        if (pagesEqual(bytes, offset, others, offset)) continue
        count++
        if (pages.length < limit) pages.push({ block, page: offset / PAGE_BYTES })
      }
    }
  }
  return { count, pages }
}

function shape(memory: GuestMemory): string {
  return memory.blocks.map((block) => `${block.name}=${block.usedLength}`).join(' ')
}
