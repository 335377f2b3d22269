import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { differingPages } from './difference.ts'
import { DirtyBitmap } from './dirty-bitmap.ts'
import { GuestMemory } from './guest-memory.ts'
import { RamBlock } from './ram-block.ts'

const GIB = 2 ** 30

function twoBlocks(): GuestMemory {
  return GuestMemory.allocate([
    { name: 'ram', usedLength: 16 * 4096 },
    { name: 'vram', usedLength: 40 * 4096 },
  ])
}

function marked(memory: GuestMemory): number[][] {
  return memory.log.map((log) => {
    const pages: number[] = []
    for (let page = log.next(0); page < log.pageCount; page = log.next(page + 1)) pages.push(page)
    return pages
  })
}

t.test('a write changes the bytes and marks exactly the pages it touches', async (t) => {
  const memory = twoBlocks()
  memory.startLog()
  memory.write(0, 4095, Uint8Array.of(1))
  t.same(marked(memory), [[0], []])
  memory.write(1, 2 * 4096 - 1, Uint8Array.of(1, 2))
  t.same(marked(memory), [[0], [1, 2]])
  memory.write(1, 30 * 4096, new Uint8Array(4 * 4096).fill(9))
  t.same(marked(memory), [[0], [1, 2, 30, 31, 32, 33]])
  t.same([...memory.read(1, 2 * 4096 - 2, 4)], [0, 1, 2, 0])
  memory.write(0, 5 * 4096, new Uint8Array(0))
  t.same(marked(memory)[0], [0], 'a write of nothing marks nothing')
})

t.test('words are big-endian and mark as well', async (t) => {
  const memory = twoBlocks()
  memory.startLog()
  memory.writeUint32(0, 4094, 0x01020304)
  t.same([...memory.read(0, 4094, 4)], [1, 2, 3, 4])
  t.same(marked(memory)[0], [0, 1])
  memory.writeUint64(0, 3 * 4096, 2 ** 53 - 1)
  t.same([...memory.read(0, 3 * 4096, 8)], [0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
  t.equal(memory.readUint64(0, 3 * 4096), 2 ** 53 - 1)
  t.equal(memory.readUint32(0, 3 * 4096), 0x1fffff)
  t.same(marked(memory)[0], [0, 1, 3])
  for (const value of [-1, 2 ** 53, 1.5]) t.throws(() => memory.writeUint64(0, 0, value), { name: 'MemoryRangeError' })
})

t.test('nothing is marked while logging is off, and stopping keeps the marks', async (t) => {
  const memory = twoBlocks()
  t.notOk(memory.logEnabled)
  memory.writeUint32(0, 0, 1)
  t.same(marked(memory), [[], []])
  memory.startLog()
  t.ok(memory.logEnabled)
  memory.writeUint32(0, 4096, 1)
  memory.stopLog()
  memory.writeUint32(0, 8192, 1)
  t.same(marked(memory), [[1], []])
  t.equal(memory.readUint32(0, 8192), 1)
})

t.test('a write outside its block is refused and changes nothing', async (t) => {
  const memory = twoBlocks()
  memory.startLog()
  const end = 16 * 4096
  for (const [block, offset] of [
    [0, end],
    [0, end - 3],
    [0, -1],
    [0, Number.NaN],
    [2, 0],
  ] as const) {
    t.throws(() => memory.write(block, offset, new Uint8Array(4).fill(1)), { name: 'MemoryRangeError' })
    t.throws(() => memory.writeUint32(block, offset, 1), { name: 'MemoryRangeError' })
    t.throws(() => memory.read(block, offset, 4), { name: 'MemoryRangeError' })
  }
  t.throws(() => memory.read(0, 0, -1), { name: 'MemoryRangeError' })
  t.throws(() => memory.fillRange(0, 1, 4096, 1), { name: 'MemoryRangeError' })
  t.same(marked(memory), [[], []])
  t.ok(memory.blocks.every((block) => block.bytes.every((byte) => byte === 0)))
})

t.test('blocks have different names, and the log fits them', async (t) => {
  const ram = { name: 'ram', usedLength: 4096 }
  t.throws(() => GuestMemory.allocate([]), { name: 'MemoryShapeError' })
  t.throws(() => GuestMemory.allocate([ram, ram]), { name: 'MemoryShapeError', found: 'ram' })
  t.throws(() => new GuestMemory([RamBlock.allocate('ram', 8192)], [new DirtyBitmap(3)]), {
    name: 'MemoryShapeError',
    expected: '2',
    found: '3',
  })
  t.throws(() => twoBlocks().block('rom'), { name: 'MemoryRangeError', expected: 'ram or vram', found: 'rom' })
  t.equal(twoBlocks().block('vram').pageCount, 40)
  t.equal(twoBlocks().totalBytes, 56 * 4096)
})

t.test('a fill leaves no zero page and no two alike, and depends on the seed only', async (t) => {
  const shapes = [
    { name: 'a', usedLength: 3 * 2 ** 20 - 4096 },
    { name: 'b', usedLength: 2 * 2 ** 20 },
  ]
  const [memory, again, other] = [
    GuestMemory.allocate(shapes),
    GuestMemory.allocate(shapes),
    GuestMemory.allocate(shapes),
  ]
  memory.fill(7)
  again.fill(7)
  other.fill(8)
  const pages = new Set<string>()
  let differing = 0
  for (const [index, block] of memory.blocks.entries())
    for (let offset = 0; offset < block.usedLength; offset += 4096) {
      const page = Buffer.from(memory.read(index, offset, 4096)).toString('latin1')
      pages.add(page)
      if (Buffer.from(other.read(index, offset, 4096)).toString('latin1') !== page) differing++
    }
  t.equal(pages.size, memory.totalBytes / 4096)
  t.notOk(pages.has('\0'.repeat(4096)))
  t.equal(differing, pages.size)
  t.ok(
    memory.blocks.every((block, index) => Buffer.from(block.buffer).equals(Buffer.from(again.blocks[index]!.buffer))),
  )
})

t.test('a fill in pieces equals a fill at once, and is a guest write', async (t) => {
  const [whole, pieces] = [twoBlocks(), twoBlocks()]
  whole.fill(3)
  pieces.startLog()
  pieces.fillRange(1, 3 * 4096, 37 * 4096, 3)
  t.equal(pieces.log[1]!.count(), 37)
  pieces.fillRange(1, 0, 3 * 4096, 3)
  pieces.fillRange(0, 0, 16 * 4096, 3)
  for (const [index, block] of whole.blocks.entries())
    t.ok(Buffer.from(block.buffer).equals(Buffer.from(pieces.blocks[index]!.buffer)), block.name)
})

t.test('memory sent to another thread is the same memory', async (t) => {
  const memory = twoBlocks()
  const copy = GuestMemory.fromShared(structuredClone(memory.toShared()))
  copy.startLog()
  t.ok(memory.logEnabled)
  memory.writeUint32(1, 4096, 42)
  t.equal(copy.readUint32(1, 4096), 42)
  t.same(marked(copy), [[], [1]])
})

t.test('offsets past 4 GiB are their own', async (t) => {
  const memory = GuestMemory.allocate([
    { name: 'ram', usedLength: 4.5 * GIB },
    { name: 'after', usedLength: 4096 },
  ])
  t.equal(memory.totalBytes, 4.5 * GIB + 4096)
  memory.startLog()
  const offsets = [2 * GIB - 8192, 2 * GIB, 4 * GIB - 2, 4 * GIB + 5 * 4096, 4.5 * GIB - 4]
  for (const [index, offset] of offsets.entries()) memory.writeUint32(0, offset, index + 1)
  t.same(marked(memory)[0], [2 ** 19 - 2, 2 ** 19, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 5, 2 ** 20 + 2 ** 17 - 1])
  for (const [index, offset] of offsets.entries()) {
    t.equal(memory.readUint32(0, offset), index + 1)
    t.equal(memory.readUint32(0, offset % (2 * GIB)), offset < 2 * GIB ? index + 1 : 0, 'no alias 2 GiB below')
    if (offset >= 4 * GIB) t.equal(memory.readUint32(0, offset - 4 * GIB), 0, 'no alias 4 GiB below')
  }
  memory.write(0, 4 * GIB - 4096, new Uint8Array(3 * 4096).fill(3))
  t.equal(memory.log[0]!.nextClear(2 ** 20 - 1), 2 ** 20 + 2)
  t.equal(memory.read(0, 4 * GIB + 8191, 1)[0], 3)
  t.equal(memory.read(0, 8191, 1)[0], 0)
  memory.fillRange(0, 4 * GIB + 2 ** 20, 2 ** 20, 1)
  t.not(memory.readUint32(0, 4 * GIB + 2 ** 20), 0)
  t.equal(memory.readUint32(0, 2 ** 20), 0)
  t.throws(() => memory.writeUint32(0, 4.5 * GIB - 3, 1), { name: 'MemoryRangeError' })
  t.same(marked(memory)[1], [])
})

t.test('the bytes are in memory before the page is marked', async (t) => {
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: 4 * 4096 }])
  const log = memory.log[0]!
  const seen: number[] = []
  log.set = (page) => seen.push(memory.readUint32(0, page * 4096))
  log.setRange = (from, to) => seen.push(memory.readUint32(0, from * 4096), memory.readUint32(0, (to - 1) * 4096))
  memory.startLog()
  memory.write(0, 0, Uint8Array.of(0, 0, 0, 1))
  memory.writeUint32(0, 4096, 2)
  memory.writeUint64(0, 8192, 3 * 2 ** 32)
  memory.write(0, 4096, new Uint8Array(8192).fill(4))
  memory.fill(1)
  t.same(seen, [1, 2, 3, 0x04040404, 0x04040404, memory.readUint32(0, 0), memory.readUint32(0, 3 * 4096)])
})

/**
 * The guest of the test below: in each phase it is told to do, it writes every page once and says that it is done. Once,
 * because a page written again would heal a write that was lost.
 */
const PHASED_GUEST = `
  const { workerData, parentPort } = require('node:worker_threads')
  import(workerData.module).then(({ GuestMemory }) => {
    const memory = GuestMemory.fromShared(workerData.memory)
    const phases = new Int32Array(workerData.phases)
    const pages = memory.blocks[0].pageCount
    const bytes = new Uint8Array(4096)
    parentPort.postMessage('ready')
    for (let phase = 1; ; phase++) {
      Atomics.wait(phases, 0, phase - 1)
      if (Atomics.load(phases, 0) < 0) break
      bytes.fill(phase % 255 + 1)
      for (let page = 0; page < pages; page++) memory.write(0, page * 4096, bytes)
      Atomics.store(phases, 1, phase)
    }
  })`

t.test('no write is lost when another thread drains the log and copies pages', async (t) => {
  const pages = 256
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: pages * 4096 }])
  const shadow = GuestMemory.allocate([{ name: 'ram', usedLength: pages * 4096 }])
  const pending = new DirtyBitmap(pages)
  const phases = new Int32Array(new SharedArrayBuffer(8))
  memory.startLog()
  const module = new URL('guest-memory.ts', import.meta.url).href
  const workerData = { memory: memory.toShared(), phases: phases.buffer, module }
  const guest = new Worker(PHASED_GUEST, { eval: true, workerData })
  await once(guest, 'message')
  const sync = () => {
    const { reported } = memory.log[0]!.drainInto(pending)
    for (let page = pending.next(0); page < pages; page = pending.next(page + 1)) {
      pending.clear(page)
      shadow.blocks[0]!.bytes.set(memory.blocks[0]!.bytes.subarray(page * 4096, (page + 1) * 4096), page * 4096)
    }
    return reported
  }
  const until = performance.now() + 1500
  let phase = 0
  let lost = 0
  let beside = 0
  while (phase < 1000 && (phase < 50 || performance.now() < until)) {
    phase++
    Atomics.store(phases, 0, phase)
    Atomics.notify(phases, 0)
    while (Atomics.load(phases, 1) < phase) {
      if (sync() > 0) beside++
      // A guest that died says why only once this thread lets go; its error then fails the test.
      if (performance.now() > until + 20_000) break
    }
    if (Atomics.load(phases, 1) < phase) break
    sync()
    lost += differingPages(memory, shadow).count
  }
  Atomics.store(phases, 0, -1)
  Atomics.notify(phases, 0)
  await once(guest, 'exit')
  t.equal(lost, 0, `pages lost in ${phase} phases of ${pages} writes`)
  t.ok(beside > 0, `${beside} drains found marks while the guest was writing`)
})
