/** A ring between threads: every byte once and in order, whatever the pieces; its end and its breaking are seen. */
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import t from 'tap'
import { ByteRing, ringMemory } from './byte-ring.ts'
import { ringLink } from './ring-link.ts'

/** Small, so that its end comes soon. */
const RING_BYTES = 4096
const makeRing = (): ByteRing => new ByteRing(ringMemory(RING_BYTES))

t.test('whatever the pieces, what comes out is what went in', async () => {
  const size = fc.oneof(fc.nat(300), fc.integer({ min: RING_BYTES - 300, max: RING_BYTES + 300 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(size, size), { size: 'large' }), (pieces) => {
      const ring = makeRing()
      const buffer = new Uint8Array(2 * RING_BYTES)
      let put = 0
      let taken = 0
      for (const [more, less] of pieces) {
        put += ring.put(Uint8Array.from({ length: more }, (_unused, index) => ((put + index) * 31) >> 3))
        const count = ring.take(buffer, 0, less)
        for (let index = 0; index < count; index++)
          if (buffer[index] !== (((taken + index) * 31) >> 3) % 256) return false
        taken += count
        if (ring.length !== put - taken) return false
      }
      return true
    }),
  )
})

t.test('the counts go round 2^32', async (t) => {
  const ring = makeRing()
  const cells = new Int32Array(ring.shared, 0, 2)
  cells.fill(2 ** 31 - 10)
  t.equal(ring.length, 0)
  t.equal(ring.put(new Uint8Array(100).fill(7)), 100)
  t.equal(ring.length, 100)
  const buffer = new Uint8Array(100)
  t.equal(ring.take(buffer, 0, 100), 100)
  t.ok(buffer.every((byte) => byte === 7))
  cells.fill(-5)
  t.equal(ring.put(new Uint8Array(RING_BYTES + 1)), RING_BYTES, 'full')
  t.equal(ring.put(new Uint8Array(1)), 0)
})

t.test('a link: full, empty, at the end, broken', async (t) => {
  const rings = { in: makeRing(), out: makeRing() }
  const link = ringLink({ in: rings.in.shared, out: rings.out.shared })
  const buffer = new Uint8Array(10)
  t.equal(link.writev([new Uint8Array(RING_BYTES - 1), new Uint8Array(3), new Uint8Array(3)]), RING_BYTES)
  t.equal(link.writev([new Uint8Array(3)]), 0)
  t.equal(link.read(buffer, 0, 10), 0)
  rings.in.put(Uint8Array.of(1, 2))
  rings.in.finish()
  t.equal(link.read(buffer, 4, 10), 2)
  t.same([...buffer.subarray(4, 6)], [1, 2])
  t.equal(link.read(buffer, 0, 10), -1)
  rings.out.break('The TLS connection was non-properly terminated.')
  rings.out.break('something else')
  t.throws(() => link.writev([buffer]), {
    message: 'Unable to write to TLS channel: The TLS connection was non-properly terminated.',
  })
  link.endWrites()
  t.ok(rings.out.isBroken, 'broken stays broken')
})

t.test('who waits is woken: by bytes, by room, by the end, by breaking', async (t) => {
  const ring = makeRing()
  const more = ring.hasMore(0)
  ring.put(Uint8Array.of(1))
  ring.wake()
  await more
  t.equal(ring.hasMore(0), undefined, 'there are already')
  const end = ring.hasMore(1)
  ring.finish()
  await end
  t.ok(ring.isFinished)
  const full = makeRing()
  full.put(new Uint8Array(RING_BYTES))
  const room = full.hasRoom(RING_BYTES)
  full.skip(1)
  await room
  const never = full.hasRoom(1)
  full.break('gone')
  await never
  t.equal(full.reason, 'gone')
  full.break('ä'.repeat(1000))
  t.equal(full.reason, 'gone')
})

/** Takes everything out, as fast as it can, and says what the bytes add up to. */
const READER = `
const { workerData, parentPort } = require('node:worker_threads')
// Waiting for a ring alone does not keep a thread alive.
parentPort.on('message', () => {})
import(workerData.module).then(async ({ ByteRing }) => {
  const ring = new ByteRing(workerData.shared)
  const buffer = new Uint8Array(70_001)
  let sum = 0
  let count = 0
  for (;;) {
    const taken = ring.take(buffer, 0, buffer.length)
    for (let index = 0; index < taken; index++) sum = (sum * 31 + buffer[index]) % 1_000_003
    count += taken
    if (taken === 0 && ring.isFinished && ring.length === 0) break
    if (taken === 0) await ring.hasMore(0)
  }
  parentPort.postMessage({ sum, count })
})`

t.test('between two threads', async (t) => {
  const ring = makeRing()
  const worker = new Worker(READER, {
    eval: true,
    workerData: { module: new URL('byte-ring.ts', import.meta.url).href, shared: ring.shared },
    execArgv: [],
    env: {},
  })
  const result = new Promise<unknown>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const piece = Uint8Array.from({ length: 99_991 }, (_unused, index) => index * 7)
  let sum = 0
  for (let round = 0; round < 60; round++) {
    for (const byte of piece) sum = (sum * 31 + byte) % 1_000_003
    for (let at = 0; at < piece.length;) {
      const put = ring.put(piece.subarray(at))
      at += put
      ring.wake()
      if (put === 0) await ring.hasRoom(RING_BYTES)
    }
  }
  ring.finish()
  t.same(await result, { sum, count: 60 * piece.length })
  await worker.terminate()
})
