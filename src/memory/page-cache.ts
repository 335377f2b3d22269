/**
 * The cache of XBZRLE: for pages that were sent, the bytes as they were sent (QEMU's migration/page_cache.c). Direct mapped: a
 * page has one place it can be in, which it shares with others, and gives it up only when it has not been used for a while.
 * Time counts in generations, which are passes.
 *
 * What it holds is bounded by its size, and by the guest's: more places than the guest has pages would stay empty. Its memory
 * comes a piece at a time, when a place in it is first used.
 */
import { copyPageFrom, copyPageInto } from './page-copy.ts'
import { PAGE_BYTES } from './ram-block.ts'

/** Places of one piece: 1 MiB. */
const PIECE_PLACES = 256

/** Generations for which a page that was used is not pushed out by another (QEMU's CACHED_PAGE_LIFETIME). */
export const CACHED_PAGE_LIFETIME = 2

const EMPTY = -1

export class PageCache {
  readonly #totalPages: number
  #places: number
  /** The page in each place, by its number in all of the guest's memory. */
  #pages: Float64Array
  /** The generation in which it was last used. */
  #ages: Float64Array
  #pieces: (Uint8Array<ArrayBuffer> | undefined)[]

  /**
   * An empty cache.
   * @param sizeBytes A power of two, at least one page.
   * @param totalPages Pages of the guest.
   */
  constructor(sizeBytes: number, totalPages: number) {
    this.#totalPages = totalPages
    this.#places = this.#placesFor(sizeBytes)
    this.#pages = new Float64Array(this.#places).fill(EMPTY)
    this.#ages = new Float64Array(this.#places)
    this.#pieces = []
  }

  /** Pages that it can hold. */
  get places(): number {
    return this.#places
  }

  /** Pages that it holds. */
  get count(): number {
    return this.#pages.reduce((sum, page) => (page === EMPTY ? sum : sum + 1), 0)
  }

  /** Bytes of memory that pages take. */
  get bytes(): number {
    return this.#pieces.reduce((sum, piece) => sum + (piece?.length ?? 0), 0)
  }

  #placesFor(sizeBytes: number): number {
    const useful = 2 ** Math.ceil(Math.log2(this.#totalPages))
    return Math.max(1, Math.min(Math.floor(sizeBytes / PAGE_BYTES), useful))
  }

  /** The place of a page that is here; -1 where it is not. */
  placeOf(page: number): number {
    const place = page % this.#places
    return this.#pages[place] === page ? place : -1
  }

  /** The same, which counts as a use. */
  find(page: number, generation: number): number {
    const place = this.placeOf(page)
    if (place >= 0) this.#ages[place] = generation
    return place
  }

  /** A place for a page, whose bytes are then to be put there; -1 where another page was used too lately to go. */
  claim(page: number, generation: number): number {
    const place = page % this.#places
    const resident = this.#pages[place]!
    const isOther = resident !== EMPTY && resident !== page
    if (isOther && this.#ages[place]! + CACHED_PAGE_LIFETIME > generation) return -1
    this.#pages[place] = page
    this.#ages[place] = generation
    return place
  }

  /** Where the bytes of a place are, up to the next call that changes the cache: from {@link offsetOf} on. */
  bytesOf(place: number): Uint8Array<ArrayBuffer> {
    const index = Math.floor(place / PIECE_PLACES)
    const known = this.#pieces[index]
    if (known !== undefined) return known
    const piece = new Uint8Array(Math.min(PIECE_PLACES, this.#places) * PAGE_BYTES)
    this.#pieces[index] = piece
    return piece
  }

  offsetOf(place: number): number {
    return (place % PIECE_PLACES) * PAGE_BYTES
  }

  /**
   * Another size, at once. A page that has a place in the new size stays; of several that would share one the latest used
   * does. Pages move within what there is: nothing is held twice.
   */
  resize(sizeBytes: number): void {
    const places = this.#placesFor(sizeBytes)
    if (places > this.#places) this.#grow(places)
    else if (places < this.#places) this.#shrink(places)
  }

  #grow(places: number): void {
    const before = this.#places
    const pages = new Float64Array(places).fill(EMPTY)
    const ages = new Float64Array(places)
    pages.set(this.#pages)
    ages.set(this.#ages)
    this.#setTables(places, pages, ages)
    this.#lengthenFirst(before)
    // A page stays or goes to where nothing was: its new place is its old one plus a multiple of the old size.
    for (let place = 0; place < before; place++) {
      const target = pages[place] === EMPTY ? place : pages[place]! % places
      if (target !== place) this.#move(place, target)
    }
  }

  /** A cache smaller than a piece has a piece that is shorter than others. */
  #lengthenFirst(before: number): void {
    const [first] = this.#pieces
    if (first === undefined || before >= PIECE_PLACES) return
    this.#pieces[0] = undefined
    this.bytesOf(0).set(first)
  }

  #shrink(places: number): void {
    for (let place = places; place < this.#places; place++) {
      if (this.#pages[place] === EMPTY) continue
      const target = place % places
      const isFree = this.#pages[target] === EMPTY
      if (isFree || this.#ages[place]! > this.#ages[target]!) this.#move(place, target)
    }
    this.#pieces.length = Math.min(this.#pieces.length, Math.ceil(places / PIECE_PLACES))
    const [first] = this.#pieces
    if (first !== undefined && places < PIECE_PLACES) this.#pieces[0] = first.slice(0, places * PAGE_BYTES)
    this.#setTables(places, this.#pages.slice(0, places), this.#ages.slice(0, places))
  }

  #setTables(places: number, pages: Float64Array, ages: Float64Array): void {
    this.#places = places
    this.#pages = pages
    this.#ages = ages
  }

  #move(from: number, to: number): void {
    copyPageInto(this.bytesOf(to), this.offsetOf(to), this.bytesOf(from), this.offsetOf(from))
    this.#pages[to] = this.#pages[from]!
    this.#ages[to] = this.#ages[from]!
    this.#pages[from] = EMPTY
  }

  /** Puts the page at `offset` (bytes) of `memory` into a place. */
  put(place: number, memory: Uint8Array, offset: number): void {
    copyPageFrom(memory, offset, this.bytesOf(place), this.offsetOf(place))
  }

  /** Makes the page in a place all zero. */
  zero(place: number): void {
    const offset = this.offsetOf(place)
    this.bytesOf(place).fill(0, offset, offset + PAGE_BYTES)
  }
}
