/**
 * What became of guest memory in each pass of a migration, coarse enough for a picture: every RAM block is cut into cells of
 * the same number of pages, and for each pass a cell counts its pages by what happened to them. `NAME.memory.json` beside
 * a scenario's recordings.
 */

import type { GuestMemory } from '../memory/guest-memory.ts'
import type { PageFate, PageFates } from '../memory/page-fates.ts'

/** One pass. */
export interface MemoryPass {
  /** As in MIGRATION_PASS, counted from 1. */
  readonly pass: number
  /** Seconds since the scenario began. */
  readonly seconds: number
  /**
   * For each fate, the pages of each cell that met it, as base64 of one byte a cell: the share of the cell's pages, 0 to 255;
   * at least 1 where there is any.
   */
  readonly fates: Readonly<Record<PageFate, string>>
}

/** All passes. */
export interface MemoryMap {
  readonly format: 'switchover-memory-1'
  readonly party: string
  readonly blocks: readonly { readonly name: string; readonly pages: number; readonly cells: number }[]
  /** Pages that a cell stands for; the last cell of a block may have fewer. */
  readonly pagesPerCell: number
  readonly passes: readonly MemoryPass[]
}

/** One byte a cell. A block's last cell may have fewer pages than the others. */
const packed = (fates: PageFates, counts: Uint32Array): string => {
  let text = ''
  let at = 0
  for (const [block, cells] of fates.cells.entries())
    for (let cell = 0; cell < cells; cell++) {
      const pages = Math.min(fates.pagesPerCell, fates.pages[block]! - cell * fates.pagesPerCell)
      const share = Math.min(1, counts[at++]! / pages)
      text += String.fromCodePoint(share === 0 ? 0 : Math.max(1, Math.round(share * 255)))
    }
  return btoa(text)
}

/**
 * What was counted of a guest's memory, as a map; undefined if nothing was. `passSeconds` is when each pass began, in seconds
 * since the scenario did; a pass whose time is not known began with the one before it.
 */
export const memoryMapOf = (
  { blocks, fates }: GuestMemory,
  party: string,
  passSeconds: readonly number[],
): MemoryMap | undefined => {
  if (fates === undefined || fates.passes === 0) return undefined
  const row = (pass: number, fate: PageFate) => packed(fates, fates.counts(pass, fate))
  let seconds = 0
  return {
    format: 'switchover-memory-1',
    party,
    blocks: blocks.map(({ name, pageCount }, index) => ({ name, pages: pageCount, cells: fates.cells[index]! })),
    pagesPerCell: fates.pagesPerCell,
    passes: Array.from({ length: fates.passes }, (_, pass) => {
      seconds = passSeconds[pass] ?? seconds
      return {
        pass: pass + 1,
        seconds,
        fates: {
          dirty: row(pass, 'dirty'),
          sent: row(pass, 'sent'),
          zero: row(pass, 'zero'),
          requested: row(pass, 'requested'),
        },
      }
    }),
  }
}

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** Whether a JSON document is a memory map. */
export const isMemoryMap = (value: unknown): value is MemoryMap =>
  isFields(value) &&
  value['format'] === 'switchover-memory-1' &&
  Array.isArray(value['blocks']) &&
  Array.isArray(value['passes']) &&
  typeof value['pagesPerCell'] === 'number'

/** The shares of one fate in a pass, 0 to 255 a cell. */
export const sharesOf = (pass: MemoryPass, fate: PageFate): Uint8Array =>
  Uint8Array.from(atob(pass.fates[fate] ?? ''), (each) => each.codePointAt(0) ?? 0)
