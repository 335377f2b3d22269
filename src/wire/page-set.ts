/**
 * A set of page numbers that costs what is in it: one bit a page in pieces of 512 pages, of which only those exist that
 * hold any. What a stream claims a block to be long costs nothing.
 */

const PIECE_PAGES = 512
/** Pieces beyond which pages are no longer told apart: enough for 2 TiB of guest memory, a piece for every 2 MiB of it. */
const PIECES_MAX = 2 ** 20

export class PageSet {
  readonly #pieces = new Map<number, Uint8Array>()

  /** Add a page (a number, not an offset). Returns whether it was there; false for all if the set is full. */
  add(page: number): boolean {
    const number = Math.floor(page / PIECE_PAGES)
    let piece = this.#pieces.get(number)
    if (piece === undefined) {
      if (this.#pieces.size >= PIECES_MAX) return false
      piece = new Uint8Array(PIECE_PAGES / 8)
      this.#pieces.set(number, piece)
    }
    const place = page % PIECE_PAGES
    const bit = 1 << (place & 7)
    const held = piece[place >> 3]!
    piece[place >> 3] = held | bit
    return (held & bit) !== 0
  }

  delete(page: number): void {
    const piece = this.#pieces.get(Math.floor(page / PIECE_PAGES))
    const place = page % PIECE_PAGES
    if (piece !== undefined) piece[place >> 3]! &= ~(1 << (place & 7))
  }

  /** Bit i of the result is page i, for the first `pages` of them; whole 8-byte words, as the return path has bitmaps. */
  bitmap(pages: number): Uint8Array {
    const bitmap = new Uint8Array(Math.ceil(pages / 64) * 8)
    for (const [number, piece] of this.#pieces) {
      const at = number * (PIECE_PAGES / 8)
      if (at < bitmap.length) bitmap.set(piece.subarray(0, bitmap.length - at), at)
    }
    return bitmap
  }

  has(page: number): boolean {
    const piece = this.#pieces.get(Math.floor(page / PIECE_PAGES))
    const place = page % PIECE_PAGES
    return piece !== undefined && (piece[place >> 3]! & (1 << (place & 7))) !== 0
  }
}
