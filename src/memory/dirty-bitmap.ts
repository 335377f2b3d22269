/**
 * One bit a page in shared memory: a guest's dirty log, or the migration's own bitmap of pages still to be sent. Every
 * change is one atomic read-modify-write of a 32-bit word, so a guest thread may mark while another thread drains, and
 * each mark is seen exactly once. Scans that only look for words worth touching use plain reads, 1.3 ns a word against 10 ns for
 * `Atomics.load` on Node 24: a plain read that is late sees a mark at the next scan, and sees every mark once the marking thread
 * is known to have stopped. Page numbers stay below 2^32 (a block is at most 16 TiB), so words and bits are found with
 * unsigned 32-bit operators.
 */
import { MemoryRangeError, MemoryShapeError } from './memory-error.ts'
import { BLOCK_BYTES_MAX, PAGE_BYTES } from './ram-block.ts'

const WORD_BITS = 32
const PAGES_MAX = BLOCK_BYTES_MAX / PAGE_BYTES

/** A bitmap as `postMessage` and `workerData` carry it; the words are shared, not copied. */
export interface SharedDirtyBitmap {
  readonly pageCount: number
  readonly buffer: SharedArrayBuffer
}

/** What a drain moved: bits found in the log, and those of them that the target did not have yet. */
export interface Drained {
  readonly reported: number
  readonly added: number
}

export class DirtyBitmap {
  /** Pages covered; bits of the last word beyond it are always 0. */
  readonly pageCount: number
  /** The words, bit `page & 31` of word `page >>> 5`. */
  readonly words: Int32Array<SharedArrayBuffer>

  /**
   * A bitmap with no page set, or a view of words that already exist.
   * @throws MemoryShapeError unless `pageCount` is an integer in 1 .. 2^32 and the buffer holds exactly its words.
   */
  constructor(pageCount: number, buffer?: SharedArrayBuffer) {
    if (!Number.isInteger(pageCount) || pageCount < 1 || pageCount > PAGES_MAX)
      throw new MemoryShapeError('pages of a dirty bitmap', `an integer in 1 .. ${PAGES_MAX}`, `${pageCount}`)
    const bytes = Math.ceil(pageCount / WORD_BITS) * 4
    if (buffer !== undefined && buffer.byteLength !== bytes)
      throw new MemoryShapeError(
        `words of a bitmap of ${pageCount} pages`,
        `${bytes} bytes`,
        `${buffer.byteLength} bytes`,
      )
    this.pageCount = pageCount
    this.words = new Int32Array(buffer ?? new SharedArrayBuffer(bytes))
  }

  /**
   * Marks one page. Always an atomic OR, even where the bit is already there: the OR is also the fence that makes the memory
   * written before it visible to whoever takes the bit. A plain "already set" check would let a drain take the old bit and read
   * the page before the new bytes arrive in it.
   * @throws MemoryRangeError
   */
  set(page: number): void {
    this.#check(page)
    Atomics.or(this.words, page >>> 5, 1 << (page & 31))
  }

  /** @throws MemoryRangeError */
  test(page: number): boolean {
    this.#check(page)
    return ((Atomics.load(this.words, page >>> 5) >>> (page & 31)) & 1) === 1
  }

  /**
   * Clears one page; tells whether it was set, so of two threads that clear the same page exactly one is told yes.
   * @throws MemoryRangeError
   */
  clear(page: number): boolean {
    this.#check(page)
    const bit = 1 << (page & 31)
    return (Atomics.and(this.words, page >>> 5, ~bit) & bit) !== 0
  }

  /**
   * Marks the pages `from` up to but not including `to`, a word at a time.
   * @throws MemoryRangeError unless 0 <= from <= to <= pageCount.
   */
  setRange(from: number, to: number): void {
    this.#checkRange(from, to)
    for (let page = from; page < to; page = wordEnd(page)) Atomics.or(this.words, page >>> 5, mask(page, to))
  }

  /**
   * Clears the pages `from` up to but not including `to`; tells how many of them were set.
   * @throws MemoryRangeError unless 0 <= from <= to <= pageCount.
   */
  clearRange(from: number, to: number): number {
    this.#checkRange(from, to)
    let cleared = 0
    for (let page = from; page < to; page = wordEnd(page)) {
      const bits = mask(page, to)
      cleared += popcount(Atomics.and(this.words, page >>> 5, ~bits) & bits)
    }
    return cleared
  }

  setAll(): void {
    this.setRange(0, this.pageCount)
  }

  clearAll(): void {
    this.clearRange(0, this.pageCount)
  }

  /** Pages set; a snapshot word by word while others change it. */
  count(): number {
    let count = 0
    for (let index = 0; index < this.words.length; index++) count += popcount(this.words[index]!)
    return count
  }

  /** The first set page at or after `from` (an integer >= 0), or `pageCount` if there is none. */
  next(from: number): number {
    return this.#seek(from, 0)
  }

  /** The first clear page at or after `from` (an integer >= 0), or `pageCount` if there is none. */
  nextClear(from: number): number {
    return this.#seek(from, -1)
  }

  /**
   * Moves every mark into `target`: what a bitmap sync does with the guest's log. Each word is taken with one exchange, so a
   * mark set meanwhile is either moved now or stays for the next drain; none is lost and none is moved twice.
   * @throws MemoryShapeError if the bitmaps differ in size.
   */
  drainInto(target: DirtyBitmap): Drained {
    if (target.pageCount !== this.pageCount)
      throw new MemoryShapeError('target of a drain', `${this.pageCount} pages`, `${target.pageCount} pages`)
    let reported = 0
    let added = 0
    for (let index = 0; index < this.words.length; index++) {
      // The read only skips: exchanging every word of an idle guest's log would take nine times as long.
      if (this.words[index] === 0) continue
      const taken = Atomics.exchange(this.words, index, 0)
      const before = Atomics.or(target.words, index, taken)
      reported += popcount(taken)
      added += popcount(taken & ~before)
    }
    return { reported, added }
  }

  toShared(): SharedDirtyBitmap {
    return { pageCount: this.pageCount, buffer: this.words.buffer }
  }

  static fromShared(data: SharedDirtyBitmap): DirtyBitmap {
    return new DirtyBitmap(data.pageCount, data.buffer)
  }

  /** First page at or after `from` whose bit differs from the bits of `skipped` (0 seeks set pages, -1 clear ones). */
  #seek(from: number, skipped: 0 | -1): number {
    if (!(from >= 0)) throw new MemoryRangeError('page to seek from', 'an integer >= 0', `${from}`)
    if (from >= this.pageCount) return this.pageCount
    const words = this.words
    let index = from >>> 5
    let bits = (Atomics.load(words, index) ^ skipped) & (-1 << (from & 31))
    while (bits === 0) {
      do index++
      while (index < words.length && words[index] === skipped)
      if (index >= words.length) return this.pageCount
      // Another thread may have changed the word since the plain read, so the answer comes from this one.
      bits = Atomics.load(words, index) ^ skipped
    }
    // Never beyond the end: the tail bits are 0, and the first of them is at `pageCount` itself.
    return index * WORD_BITS + 31 - Math.clz32(bits & -bits)
  }

  #check(page: number): void {
    if (!(page >= 0 && page < this.pageCount))
      throw new MemoryRangeError('page of a dirty bitmap', `an integer in 0 .. ${this.pageCount - 1}`, `${page}`)
  }

  #checkRange(from: number, to: number): void {
    if (!(from >= 0 && from <= to && to <= this.pageCount))
      throw new MemoryRangeError('pages of a dirty bitmap', `a range inside 0 .. ${this.pageCount}`, `${from} .. ${to}`)
  }
}

/** First page of the word after the one `page` is in. */
function wordEnd(page: number): number {
  return page - (page & 31) + WORD_BITS
}

/** The bits of `page`'s word that lie in `page` .. `to`; `page` < `to`. */
function mask(page: number, to: number): number {
  const spare = wordEnd(page) - to
  return (-1 << (page & 31)) & (spare > 0 ? -1 >>> spare : -1)
}

/** Bits set in a 32-bit word (Hacker's Delight, figure 5-2). */
function popcount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
