/** Compares guest memory with a file that holds all blocks end to end, page by page, without holding the file. */
import { closeSync, openSync, readSync } from 'node:fs'
import { PAGE_BYTES, pagesEqual, type GuestMemory } from '../memory/index.ts'

/** What was found. */
export interface Comparison {
  readonly compared: number
  readonly differing: number
}

const CHUNK_BYTES = 1024 * PAGE_BYTES

/** A file that is too short differs in every page that it lacks. */
export const compareWithFile = (memory: GuestMemory, path: string): Comparison => {
  const file = openSync(path, 'r')
  const chunk = new Uint8Array(CHUNK_BYTES)
  let compared = 0
  let differing = 0
  try {
    for (const { bytes } of memory.blocks)
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const wanted = Math.min(CHUNK_BYTES, bytes.length - at)
        let held = 0
        for (let count = -1; held < wanted && count !== 0; held += count)
          count = readSync(file, chunk, held, wanted - held, null)
        for (let page = 0; page < wanted; page += PAGE_BYTES) {
          compared++
          if (page + PAGE_BYTES > held || !pagesEqual(bytes, at + page, chunk, page)) differing++
        }
      }
  } finally {
    closeSync(file)
  }
  return { compared, differing }
}
