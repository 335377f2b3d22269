/**
 * What became of guest memory in each pass of a migration, coarse enough for a picture: every RAM block is cut into cells of
 * the same number of pages, and for each pass a cell counts its pages by what happened to them. `NAME.memory.json` beside
 * a scenario's recordings.
 */

/** What can happen to a page in a pass. `dirty`: it was to be sent when the pass began. */
export const pageFates = ['dirty', 'sent', 'zero', 'requested'] as const

/** A fate of a page. */
export type PageFate = (typeof pageFates)[number]

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
