import t from 'tap'
import { counterHash, mix32 } from './hash.ts'

t.test('mix32 is the finalizer of MurmurHash3', async (t) => {
  // Values of the reference implementation's fmix32.
  t.equal(mix32(0), 0)
  t.equal(mix32(1) >>> 0, 0x514e28b7)
  t.equal(mix32(0xffffffff) >>> 0, 0x81f16f39)
})

t.test('a counter hash is pinned: guests of an older version must replay', async (t) => {
  t.same(
    [0, 1, 2, 2 ** 32, 2 ** 53 - 1].map((counter) => counterHash(1, counter, 2)),
    [-1793126890, -480510787, 50702722, 1523678329, -1392827938],
  )
})

t.test('every part of seed, counter and stream counts', async (t) => {
  const hashes = new Set<number>()
  for (const high of [0, 1, 2])
    for (const low of [0, 1, 2])
      for (const stream of [1, 2])
        for (const seed of [0, 1, 2 ** 32, 2 ** 32 + 1]) hashes.add(counterHash(seed, high * 2 ** 32 + low, stream))
  t.equal(hashes.size, 3 * 3 * 2 * 4)
})
