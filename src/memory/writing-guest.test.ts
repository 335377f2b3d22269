import * as fc from 'fast-check'
import t from 'tap'
import { differingPages } from './difference.ts'
import { sha256 } from './digest.ts'
import { GuestMemory } from './guest-memory.ts'
import { guestCounter, WritingGuest } from './writing-guest.ts'

const GIB = 2 ** 30

function newMemory(): GuestMemory {
  return GuestMemory.allocate([
    { name: 'ram', usedLength: 24 * 4096 },
    { name: 'more', usedLength: 40 * 4096 },
  ])
}

function newGuest(options: { seed?: number; memory?: GuestMemory; workingSetBytes?: number; rate?: number } = {}) {
  const { seed = 1, memory = newMemory(), workingSetBytes = 48 * 4096, rate = 1000 } = options
  return new WritingGuest({ seed, memory, workingSetBytes, pagesPerSecond: rate })
}

t.test('memory after n operations depends on seed and n, not on how they were batched', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(fc.nat(40), { maxLength: 20 }), (seed, batches) => {
      const [batched, atOnce] = [newGuest({ seed }), newGuest({ seed })]
      for (const batch of batches) batched.advance(batch)
      const total = batches.reduce((sum, batch) => sum + batch, 0)
      atOnce.advance(total)
      return (
        batched.counter === total &&
        guestCounter(batched.memory) === total &&
        differingPages(batched.memory, atOnce.memory).count === 0
      )
    }),
  )
  t.pass()
})

t.test('another seed or one operation more is other memory', async (t) => {
  const [guest, seed, more] = [newGuest(), newGuest({ seed: 2 }), newGuest()]
  guest.advance(100)
  seed.advance(100)
  more.advance(101)
  t.ok(differingPages(guest.memory, seed.memory).count > 20)
  t.ok(differingPages(guest.memory, more.memory).count > 0)
})

t.test('the contents are pinned: a guest of another version must replay to the same memory', async (t) => {
  const guest = newGuest()
  guest.advance(1000)
  t.equal(sha256(guest.memory), '44d25f6d99ea0ac14b08210e05050dcce29e7d0fd5a10bca8f4880877392a857')
})

t.test('an operation writes a record of 32 bytes that starts with its number, and the counter', async (t) => {
  const guest = newGuest()
  const { memory } = guest
  memory.startLog()
  for (let operation = 1; operation <= 150; operation++) {
    const before = memory.blocks.map((block) => Uint8Array.from(block.bytes))
    for (const log of memory.log) log.clearAll()
    guest.advance(1)
    const changed: number[] = []
    let position = 0
    for (const [index, block] of memory.blocks.entries()) {
      for (let at = 0; at < block.usedLength; at++) {
        if (block.bytes[at] === before[index]![at]) continue
        if (!memory.log[index]!.test(Math.floor(at / 4096))) t.fail(`change at ${at} is not in the log`)
        if (index !== 0 || at >= 8) changed.push(position + at)
      }
      position += block.usedLength
    }
    const first = changed[0] ?? 0
    const start = first - (first % 32)
    if (changed.some((at) => at >= start + 32)) t.fail(`operation ${operation} wrote outside one record`)
    if (start >= 48 * 4096) t.fail(`operation ${operation} wrote outside the working set`)
    const [block, offset] = start < 24 * 4096 ? [0, start] : [1, start - 24 * 4096]
    if (start !== 0 && memory.readUint64(block, offset) !== operation) t.fail(`no number in record ${operation}`)
    if (guestCounter(memory) !== operation) t.fail(`guest counter is not ${operation}`)
    const pages = memory.log[0]!.count() + memory.log[1]!.count()
    if (pages < 1 || pages > 2 || !memory.log[0]!.test(0)) t.fail(`operation ${operation} marked ${pages} pages`)
  }
  t.equal(guest.counter, 150)
})

t.test('the whole working set is written to, and evenly', async (t) => {
  const guest = newGuest()
  guest.memory.startLog()
  const hits = Array.from({ length: 48 }, () => 0)
  for (let operation = 0; operation < 4800; operation++) {
    guest.memory.log[0]!.clearAll()
    guest.memory.log[1]!.clearAll()
    guest.advance(1)
    const page = guest.memory.log[0]!.next(1)
    const more = guest.memory.log[1]!.next(0)
    hits[page < 24 ? page : more < 40 ? 24 + more : 0]!++
  }
  t.equal(guest.memory.log[1]!.next(24), 40, 'nothing beyond the working set')
  t.ok(Math.min(...hits) > 50 && Math.max(...hits) < 150, `100 expected, ${Math.min(...hits)} .. ${Math.max(...hits)}`)
})

t.test('a record on the page of the counter never hides the counter', async (t) => {
  const guest = newGuest({ workingSetBytes: 4096 })
  let hidden = 0
  for (let operation = 1; operation <= 2000; operation++) {
    guest.advance(1)
    if (guestCounter(guest.memory) !== operation) hidden++
  }
  t.equal(hidden, 0)
})

t.test('operations are due at the rate, and running time and counter convert exactly', async (t) => {
  t.equal(newGuest({ rate: 20_000 }).due(50), 1000)
  t.equal(newGuest({ rate: 3 }).due(333), 0)
  t.equal(newGuest({ rate: 3 }).due(334), 1)
  t.equal(newGuest({ rate: 0 }).due(1e9), 0)
  t.equal(newGuest({ rate: 0 }).elapsedMillis, 0)
  const memory = newMemory()
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.maxSafeNat(), (rate, large) => {
      const counter = large % 2 ** 45
      const guest = newGuest({ rate, memory })
      guest.loadState(stateWith(guest, counter))
      return guest.due(guest.elapsedMillis) === counter
    }),
    { numRuns: 1000 },
  )
})

function stateWith(guest: WritingGuest, counter: number): Uint8Array {
  const state = guest.saveState()
  new DataView(state.buffer).setBigUint64(state.length - 8, BigInt(counter))
  return state
}

t.test('a guest continues from its saved state and its memory', async (t) => {
  const [source, straight] = [newGuest({ seed: 5 }), newGuest({ seed: 5 })]
  source.advance(321)
  const destination = newGuest({ seed: 5, memory: GuestMemory.fromShared(source.memory.toShared()) })
  const state = source.saveState()
  t.ok(state.length <= 4096)
  destination.loadState(state)
  t.equal(destination.counter, 321)
  t.equal(destination.elapsedMillis, source.elapsedMillis)
  destination.advance(100)
  straight.advance(421)
  t.equal(differingPages(destination.memory, straight.memory).count, 0)
})

t.test('the saved state is pinned, byte for byte', async (t) => {
  const guest = newGuest({ seed: 0x0102 })
  guest.advance(3)
  const expected = '53574753 0001 05 7772697465 0000000000000102 0000000000030000 0000000000000003'
  t.equal(Buffer.from(guest.saveState()).toString('hex'), expected.replaceAll(' ', ''))
})

t.test('a state that is not this guest is refused and changes nothing', async (t) => {
  const guest = newGuest()
  guest.advance(7)
  const good = guest.saveState()
  const damaged = (at: number, value: number) => {
    const state = Uint8Array.from(good)
    state[at] = value
    return state
  }
  for (const [what, state, expected] of [
    ['empty', new Uint8Array(0), '36 bytes'],
    ['short', good.subarray(0, 20), '36 bytes'],
    ['long', new Uint8Array([...good, 0]), '36 bytes'],
    ['huge', new Uint8Array(4097), '36 bytes'],
    ['magic', damaged(0, 0), '0x53574753'],
    ['version', damaged(5, 2), '1'],
    ['kind', damaged(7, 0x57), '"write"'],
    ['kind length', damaged(6, 255), '"write"'],
    ['seed', damaged(19, 2), '1'],
    ['working set', damaged(26, 1), '196608 bytes'],
    ['counter', damaged(28, 1), 'at most 9007199254740991'],
  ] as const) {
    t.throws(() => guest.loadState(state), { name: 'GuestStateError', expected }, what)
    t.equal(guest.counter, 7)
  }
  guest.loadState(good)
  t.equal(guest.counter, 7)
})

t.test('options out of range are refused', async (t) => {
  for (const seed of [-1, 1.5, 2 ** 53]) t.throws(() => newGuest({ seed }), { name: 'GuestOptionError' })
  for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => newGuest({ rate }), { name: 'GuestOptionError' })
  for (const workingSetBytes of [0, 4095, 65 * 4096])
    t.throws(() => newGuest({ workingSetBytes }), { name: 'GuestOptionError' })
  const guest = newGuest()
  for (const operations of [-1, 0.5, 2 ** 53]) t.throws(() => guest.advance(operations), { name: 'GuestOptionError' })
  t.equal(guest.counter, 0)
  t.notOk(guest.finished)
})

t.test('a working set past 4 GiB is written in place', async (t) => {
  const memory = GuestMemory.allocate([
    { name: 'low', usedLength: 4096 },
    { name: 'ram', usedLength: 4.5 * GIB },
  ])
  memory.startLog()
  const guest = newGuest({ memory, workingSetBytes: memory.totalBytes })
  guest.advance(500)
  const log = memory.log[1]!
  let high = 0
  for (let page = log.next(0); page < log.pageCount; page = log.next(page + 1)) if (page >= 2 ** 20) high++
  t.ok(high > 20 && high < 110, `${high} of 500 pages past 4 GiB, 55 expected`)
  t.ok(log.count() > 495)
  // Every marked page holds something, so no write went to another page than its mark.
  let empty = 0
  for (let page = log.next(0); page < log.pageCount; page = log.next(page + 1))
    if (memory.read(1, page * 4096, 4096).every((byte) => byte === 0)) empty++
  t.equal(empty, 0)
})
