/**
 * XBZRLE bodies: a page as runs of bytes to skip and bytes to copy, relative to what the receiver holds (QEMU's
 * docs/xbzrle.txt and migration/xbzrle.c). A run length is a ULEB128 of one or two bytes; changed bytes travel as
 * they are, not as an exclusive-or; a run of unchanged bytes at the page's end is left out.
 */
import { makeXbzrleEncoder, type XbzrleEncoder } from '../memory/xbzrle-kernel.ts'
import { PAGE_BYTES } from './constants.ts'

/** Why a body was refused, for the caller to put into its own error. */
export type XbzrleFault =
  | 'run length cut off'
  | 'run length too long'
  | 'empty run'
  | 'run past the end of the page'
  | 'run past the end of the body'

function faultOf(body: Uint8Array, at: number, length: number): XbzrleFault | undefined {
  const end = at + length
  let next = at
  let position = 0
  let copying = false
  while (next < end) {
    // The reference reader wants two bytes at every run header. No valid body comes short of that: the last run copies
    // at least one byte, so that its header has one behind it.
    if (end - next < 2) return 'run length cut off'
    let run = body[next]!
    next++
    if (run >= 0x80) {
      const second = body[next]!
      next++
      if (second >= 0x80) return 'run length too long'
      run = (run & 0x7f) | (second << 7)
    }
    if (run === 0 && (copying || position > 0)) return 'empty run'
    if (position + run > PAGE_BYTES) return 'run past the end of the page'
    position += run
    if (copying) {
      if (next + run > end) return 'run past the end of the body'
      next += run
    }
    copying = !copying
  }
  return copying ? 'run length cut off' : undefined
}

/**
 * Apply the body `body[at .. at + length)` to the page at `page[pageAt .. pageAt + 4096)`. The body is checked whole
 * before the first byte is written: a fault returned means that the page is untouched; undefined means done.
 */
export function decodeXbzrle(
  body: Uint8Array,
  at: number,
  length: number,
  page: Uint8Array,
  pageAt: number,
): XbzrleFault | undefined {
  const fault = faultOf(body, at, length)
  if (fault !== undefined) return fault
  const end = at + length
  let next = at
  let target = pageAt
  let copying = false
  while (next < end) {
    let run = body[next]!
    next++
    if (run >= 0x80) {
      run = (run & 0x7f) | (body[next]! << 7)
      next++
    }
    if (copying) {
      if (run < 32) {
        for (let index = 0; index < run; index++) page[target + index] = body[next + index]!
      } else {
        page.set(body.subarray(next, next + run), target)
      }
      next += run
    }
    target += run
    copying = !copying
  }
  return undefined
}

function writeRun(out: Uint8Array, at: number, run: number): number {
  if (run < 0x80) {
    out[at] = run
    return at + 1
  }
  out[at] = (run & 0x7f) | 0x80
  out[at + 1] = run >>> 7
  return at + 2
}

/** The page as 32-bit words, where it is aligned for that; RAM blocks and page buffers are. */
function pageWords(bytes: Uint8Array, at: number): Int32Array | undefined {
  const start = bytes.byteOffset + at
  return start % 4 === 0 ? new Int32Array(bytes.buffer, start, PAGE_BYTES / 4) : undefined
}

/** First place from `position` on where the pages differ, or 4096. Most of a page is equal: words make it worth it. */
function firstDifference(
  before: Uint8Array,
  beforeAt: number,
  after: Uint8Array,
  afterAt: number,
  beforeWords: Int32Array | undefined,
  afterWords: Int32Array | undefined,
  position: number,
): number {
  let next = position
  if (beforeWords !== undefined && afterWords !== undefined) {
    while (next % 4 !== 0 && before[beforeAt + next] === after[afterAt + next]) next++
    if (next % 4 !== 0) return next
    let word = next / 4
    while (word < PAGE_BYTES / 4 && beforeWords[word] === afterWords[word]) word++
    next = word * 4
  }
  while (next < PAGE_BYTES && before[beforeAt + next] === after[afterAt + next]) next++
  return next
}

/**
 * Encode what changed from `before` to `after`, a page each, into `out` from `outAt`. Returns the bytes written: 0 if
 * the pages are equal, -1 if the body would exceed `limit` (at most 4096), in which case the page goes out plain.
 * Bodies are byte for byte those of QEMU's own encoder. Throws RangeError if a page does not lie inside its bytes.
 */
export function encodeXbzrle(
  before: Uint8Array,
  beforeAt: number,
  after: Uint8Array,
  afterAt: number,
  out: Uint8Array,
  outAt: number,
  limit: number = PAGE_BYTES,
): number {
  requirePage(before, beforeAt)
  requirePage(after, afterAt)
  encoder ??= makeXbzrleEncoder() ?? encodeXbzrleByLoop
  return encoder(before, beforeAt, after, afterAt, out, outAt, limit)
}

let encoder: XbzrleEncoder | undefined

function requirePage(bytes: Uint8Array, at: number): void {
  if (!(at >= 0 && at + PAGE_BYTES <= bytes.length)) {
    throw new RangeError(`No page of ${PAGE_BYTES} bytes at ${at} of ${bytes.length} bytes`)
  }
}

/** `encodeXbzrle` written out: what a host without WebAssembly SIMD uses, and what the kernel is compared with. */
export const encodeXbzrleByLoop: XbzrleEncoder = (before, beforeAt, after, afterAt, out, outAt, limit) => {
  const beforeWords = pageWords(before, beforeAt)
  const afterWords = pageWords(after, afterAt)
  const bound = outAt + Math.min(limit, PAGE_BYTES)
  let next = outAt
  let position = 0
  while (position < PAGE_BYTES) {
    if (next + 2 > bound) return -1
    const skipFrom = position
    position = firstDifference(before, beforeAt, after, afterAt, beforeWords, afterWords, position)
    if (position === PAGE_BYTES) break
    next = writeRun(out, next, position - skipFrom)
    if (next + 2 > bound) return -1
    const copyFrom = position
    while (position < PAGE_BYTES && before[beforeAt + position] !== after[afterAt + position]) position++
    const run = position - copyFrom
    next = writeRun(out, next, run)
    if (next + run > bound) return -1
    out.set(after.subarray(afterAt + copyFrom, afterAt + position), next)
    next += run
  }
  return next - outAt
}
