/**
 * What became of guest memory in each pass of a migration, for a picture of it: every RAM block is cut into cells of the same
 * number of pages, and for each pass a cell counts its pages by what happened to them. Kept in shared memory, so the engine
 * that moves the pages counts in its own thread and whoever draws reads in another; bounded, whatever the size of the guest.
 */
import type { DirtyBitmap } from './dirty-bitmap.ts'
import { MemoryRangeError } from './memory-error.ts'

/** What can happen to a page in a pass. `dirty`: it was to be sent when the pass began. */
export const pageFates = ['dirty', 'sent', 'zero', 'requested'] as const

/** A fate of a page. */
export type PageFate = (typeof pageFates)[number]

/** Most cells that all blocks together are cut into, but for one more a block. */
export const CELLS_MAX = 1024
/** Passes that are told apart; what follows is counted to the last of them. */
export const PASSES_MAX = 128

/** The counts as `postMessage` carries them. */
export interface SharedPageFates {
  readonly pages: readonly number[]
  readonly buffer: SharedArrayBuffer
}

const FATES = pageFates.length

export class PageFates {
  /** Pages of each block. */
  readonly pages: readonly number[]
  /** Pages that a cell stands for; the last cell of a block may have fewer. */
  readonly pagesPerCell: number
  /** Cells of each block. */
  readonly cells: readonly number[]
  readonly #starts: readonly number[]
  readonly #total: number
  /** The number of passes, then for each pass and each fate the counts of all cells. */
  readonly #counts: Uint32Array<SharedArrayBuffer>

  /** No pass yet, or a view of counts that exist. */
  constructor(pages: readonly number[], buffer?: SharedArrayBuffer) {
    this.pages = pages
    this.pagesPerCell = Math.max(1, Math.ceil(pages.reduce((sum, each) => sum + each, 0) / CELLS_MAX))
    this.cells = pages.map((each) => Math.ceil(each / this.pagesPerCell))
    let total = 0
    this.#starts = this.cells.map((each) => {
      total += each
      return total - each
    })
    this.#total = total
    this.#counts = new Uint32Array(buffer ?? new SharedArrayBuffer(4 * (1 + PASSES_MAX * FATES * total)))
  }

  /** Passes that have begun, at most {@link PASSES_MAX}. */
  get passes(): number {
    return this.#counts[0]!
  }

  /** A pass begins with these pages to be sent, a bitmap a block. */
  beginPass(dirty: readonly DirtyBitmap[]): void {
    const pass = Math.min(this.passes, PASSES_MAX - 1)
    const counts = this.#row(pass, 'dirty')
    counts.fill(0)
    for (const [block, bitmap] of dirty.entries())
      for (let page = bitmap.next(0); page < bitmap.pageCount;) {
        const end = Math.min(bitmap.nextClear(page), bitmap.pageCount)
        this.#addRange(counts, block, page, end)
        page = bitmap.next(end)
      }
    this.#counts[0] = pass + 1
  }

  /** Something happened to a page in the present pass. Never before the first pass. */
  add(block: number, page: number, fate: PageFate): void {
    const cell = this.#starts[block]! + Math.floor(page / this.pagesPerCell)
    this.#counts[this.#offset(this.passes - 1, fate) + cell]!++
  }

  /** The counts of one fate in a pass (from 0), a cell each, blocks one after the other: a view. @throws MemoryRangeError */
  counts(pass: number, fate: PageFate): Uint32Array<SharedArrayBuffer> {
    if (!(pass >= 0 && pass < this.passes))
      throw new MemoryRangeError('pass', `an integer in 0 .. ${this.passes - 1}`, `${pass}`)
    return this.#row(pass, fate)
  }

  toShared(): SharedPageFates {
    return { pages: this.pages, buffer: this.#counts.buffer }
  }

  static fromShared({ pages, buffer }: SharedPageFates): PageFates {
    return new PageFates(pages, buffer)
  }

  #offset(pass: number, fate: PageFate): number {
    return 1 + (pass * FATES + pageFates.indexOf(fate)) * this.#total
  }

  #row(pass: number, fate: PageFate): Uint32Array<SharedArrayBuffer> {
    const offset = this.#offset(pass, fate)
    return this.#counts.subarray(offset, offset + this.#total)
  }

  #addRange(counts: Uint32Array, block: number, from: number, to: number): void {
    const start = this.#starts[block]!
    for (let page = from; page < to;) {
      const cell = Math.floor(page / this.pagesPerCell)
      const end = Math.min(to, (cell + 1) * this.pagesPerCell)
      counts[start + cell]! += end - page
      page = end
    }
  }
}
