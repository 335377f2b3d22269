/**
 * Memory contents that do not compress, as a pure function of seed and position: what a benchmark or a test fills a guest
 * with so that no page is zero, no two pages are alike and no shortcut of a migration applies. A mebibyte of random words
 * is made once for a seed and each mebibyte of memory is that, XORed with a hash of its own position.
 */
import { counterHash, mix32 } from './hash.ts'

/** Bytes that share one XOR word; a multiple of the page size. */
const CHUNK_BYTES = 2 ** 20

/**
 * Fills `length` bytes of `buffer` from `byteOffset` (both multiples of 4). `position` is what the contents depend on beside
 * the seed: the global byte position of `byteOffset`, so a range filled in pieces equals the range filled at once.
 * 2 to 2.7 GB/s into memory that was touched before.
 */
export function fillRandom(
  buffer: SharedArrayBuffer,
  byteOffset: number,
  length: number,
  seed: number,
  position: number,
): void {
  const template = randomChunk(seed)
  let done = 0
  while (done < length) {
    const at = position + done
    const within = at % CHUNK_BYTES
    const size = Math.min(CHUNK_BYTES - within, length - done)
    // A view a chunk keeps the loop's indices small: an index past 2^31 leaves the fast path.
    const words = new Int32Array(buffer, byteOffset + done, size / 4)
    // mix32 is a bijection, so the words of different chunks (below 16 PiB of memory) are different.
    xorInto(words, template, within / 4, mix32(Math.floor(at / CHUNK_BYTES) ^ seed))
    done += size
  }
}

function xorInto(words: Int32Array, template: Int32Array, from: number, key: number): void {
  for (let index = 0; index < words.length; index++) words[index] = template[from + index]! ^ key
}

let cached: { readonly seed: number; readonly chunk: Int32Array } | undefined

function randomChunk(seed: number): Int32Array {
  if (cached?.seed === seed) return cached.chunk
  const chunk = new Int32Array(CHUNK_BYTES / 4)
  for (let index = 0; index < chunk.length; index++) chunk[index] = counterHash(seed, index, 1)
  cached = { seed, chunk }
  return chunk
}
