/**
 * Which pages are still to be sent, and which of them is next: one bitmap a block that only the sending engine touches, and
 * a place in it. The guest marks the log of its memory; a sync moves those marks here, and that is the start of a pass.
 */
import { DirtyBitmap, PAGE_BYTES, type GuestMemory } from '../memory/index.ts'

export class PageScan {
  readonly #memory: GuestMemory
  readonly #dirty: readonly DirtyBitmap[]
  #remaining = 0
  #nextPage = 0
  #isFirstRound = true
  /** The page that was taken last: index of its block, and its first byte in it. */
  block = 0
  offset = 0

  constructor(memory: GuestMemory) {
    this.#memory = memory
    this.#dirty = memory.blocks.map((block) => new DirtyBitmap(block.pageCount))
  }

  /** Pages still to be sent. */
  get remaining(): number {
    return this.#remaining
  }

  get remainingBytes(): number {
    return this.#remaining * PAGE_BYTES
  }

  /** Whether the page that was taken last was taken for the first time, in the first round over all of memory. */
  get isFirstRound(): boolean {
    return this.#isFirstRound
  }

  /** Whether a page is not to be sent, as far as the last sync knew. */
  isClean(block: number, page: number): boolean {
    return !this.#dirty[block]!.test(page)
  }

  /** Every page is to be sent: the start of a run. */
  addAll(): void {
    for (const bitmap of this.#dirty) bitmap.setAll()
    this.#remaining = this.#dirty.reduce((sum, bitmap) => sum + bitmap.pageCount, 0)
  }

  /** Moves the guest's marks here; tells how many there were, with those of pages that were still to be sent anyway. */
  sync(): number {
    let reported = 0
    for (const [index, bitmap] of this.#dirty.entries()) {
      const drained = this.#memory.log[index]!.drainInto(bitmap)
      this.#remaining += drained.added
      reported += drained.reported
    }
    this.#memory.fates?.beginPass(this.#dirty)
    return reported
  }

  /** Calls `visit` for every page that is still to be sent, in the order in which {@link next} will take them. */
  forEach(visit: (block: number, offset: number) => void): void {
    const { length } = this.#dirty
    for (let turn = 0; turn <= length; turn++) {
      const block = (this.block + turn) % length
      const bitmap = this.#dirty[block]!
      const [from, to] = [turn === 0 ? this.#nextPage : 0, turn === length ? this.#nextPage : bitmap.pageCount]
      for (let page = bitmap.next(from); page < to; page = bitmap.next(page + 1)) visit(block, page * PAGE_BYTES)
    }
  }

  /** The pages of a block that are still to be sent, as ranges of bytes. */
  ranges(block: number): readonly { readonly start: number; readonly length: number }[] {
    const bitmap = this.#dirty[block]!
    const ranges = []
    for (let page = bitmap.next(0); page < bitmap.pageCount;) {
      const end = Math.min(bitmap.nextClear(page), bitmap.pageCount)
      ranges.push({ start: page * PAGE_BYTES, length: (end - page) * PAGE_BYTES })
      page = bitmap.next(end)
    }
    return ranges
  }

  /** All pages of a block are to be sent but those that `received` has: a bit a page, the first in the lowest bit. */
  restore(block: number, received: Uint8Array): void {
    const bitmap = this.#dirty[block]!
    for (let page = 0; page < bitmap.pageCount; page++) {
      const isReceived = ((received[page >>> 3]! >>> (page & 7)) & 1) === 1
      if (isReceived || bitmap.test(page)) continue
      bitmap.set(page)
      this.#remaining++
    }
  }

  /** Takes this page out of turn, if it is still to be sent; the pages behind it come next. */
  take(block: number, page: number): boolean {
    if (!this.#dirty[block]!.clear(page)) return false
    this.#remaining--
    this.block = block
    this.offset = page * PAGE_BYTES
    this.#nextPage = page + 1
    return true
  }

  /**
   * Takes the next page, round and round the blocks; false if there is none. Its bit is cleared before its bytes are read: a
   * write in between marks the log again (I16).
   */
  next(): boolean {
    if (this.#remaining === 0) return false
    for (;;) {
      const bitmap = this.#dirty[this.block]!
      const page = bitmap.next(this.#nextPage)
      if (page < bitmap.pageCount) {
        bitmap.clear(page)
        this.#remaining--
        this.#nextPage = page + 1
        this.offset = page * PAGE_BYTES
        return true
      }
      this.block = (this.block + 1) % this.#dirty.length
      this.#nextPage = 0
      if (this.block === 0) this.#isFirstRound = false
    }
  }
}
