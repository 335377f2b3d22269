/**
 * The XBZRLE encoder as AssemblyScript, for WebAssembly SIMD: byte for byte what `encodeXbzrle` in `src/wire/xbzrle.ts`
 * writes out plainly. `npm run kernels` makes `../xbzrle-binary.ts` of it. Addresses are bytes in the module's memory.
 */

const PAGE_BYTES: usize = 4096
const STRIDE: usize = 64
/** Up to here a run is copied 16 bytes at a time, and may write 15 bytes too many; a call for a copy costs more. */
const SHORT_RUN_BYTES: usize = 128

/** One bit for each of 64 bytes: set where they differ. */
function differing(a: usize, b: usize): u64 {
  const first = u64(i8x16.bitmask(i8x16.ne(v128.load(a), v128.load(b))))
  const second = u64(i8x16.bitmask(i8x16.ne(v128.load(a, 16), v128.load(b, 16))))
  const third = u64(i8x16.bitmask(i8x16.ne(v128.load(a, 32), v128.load(b, 32))))
  const fourth = u64(i8x16.bitmask(i8x16.ne(v128.load(a, 48), v128.load(b, 48))))
  return first | (second << 16) | (third << 32) | (fourth << 48)
}

/** The length of a run as ULEB128, at most 4096; returns the address behind it. */
function writeRun(at: usize, run: usize): usize {
  if (run < 0x80) {
    store<u8>(at, u8(run))
    return at + 1
  }
  store<u16>(at, u16((run & 0x7f) | 0x80 | ((run >>> 7) << 8)))
  return at + 2
}

function copyRun(from: usize, to: usize, length: usize): void {
  if (length > SHORT_RUN_BYTES) memory.copy(to, from, length)
  else for (let done: usize = 0; done < length; done += 16) v128.store(to + done, v128.load(from + done))
}

/**
 * Encodes what changed from the page `before` to the page `after`, both with 16 readable bytes behind them, to `out`, which
 * has room for `limit` + 16. Returns the bytes written: 0 if the pages are equal, -1 if they would be more than `limit`.
 */
export function encode(before: usize, after: usize, out: usize, limit: usize): i32 {
  const bound = out + limit
  let next = out
  let position: usize = 0
  // The 64 bytes that `position` is in, and where they differ.
  let base: usize = 0
  let mask = differing(before, after)
  while (position < PAGE_BYTES) {
    if (next + 2 > bound) return -1
    let from = position
    let bits = mask >> u64(position - base)
    while (bits == 0) {
      base += STRIDE
      if (base == PAGE_BYTES) return i32(next - out)
      mask = differing(before + base, after + base)
      bits = mask
      position = base
    }
    position += usize(ctz(bits))
    next = writeRun(next, position - from)
    if (next + 2 > bound) return -1

    from = position
    bits = ~mask >> u64(position - base)
    while (bits == 0) {
      base += STRIDE
      position = base
      if (base == PAGE_BYTES) break
      mask = differing(before + base, after + base)
      bits = ~mask
    }
    if (base < PAGE_BYTES) position += usize(ctz(bits))
    const length = position - from
    next = writeRun(next, length)
    if (next + length > bound) return -1
    copyRun(after + from, next, length)
    next += length
  }
  return i32(next - out)
}
