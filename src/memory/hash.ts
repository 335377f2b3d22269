/**
 * Small integer hashes for guests that must be replayable: a value is a pure function of a seed and a counter, so no
 * generator state has to migrate. Built of 32-bit multiplications, because BigInt would dominate a guest's hot path.
 */

/** A bijection on 32-bit integers with full avalanche (the finalizer of MurmurHash3); signed result. */
export function mix32(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/**
 * 32 bits of hash (signed) for a counter under a seed; both are safe integers >= 0, and all their 53 bits count. `stream` is
 * a 32-bit number that gives independent hashes for the same counter.
 */
export function counterHash(seed: number, counter: number, stream: number): number {
  // ToInt32 of a safe integer is its low word; the high word needs the division.
  let hash = mix32((seed | 0) ^ Math.imul(stream, 0x9e3779b9))
  hash = mix32(hash ^ Math.floor(seed / 0x100000000))
  hash = mix32(hash ^ (counter | 0))
  return mix32((hash + 0x7f4a7c15) ^ Math.floor(counter / 0x100000000))
}
