import t from 'tap'
import { MemoryShapeError } from './memory-error.ts'
import { BLOCK_BYTES_MAX, RamBlock } from './ram-block.ts'

t.test('a block is zeroed shared memory of whole pages', async (t) => {
  const block = RamBlock.allocate('pc.ram', 3 * 4096)
  t.equal(block.name, 'pc.ram')
  t.equal(block.usedLength, 12_288)
  t.equal(block.pageCount, 3)
  t.equal(block.bytes.length, 12_288)
  t.equal(block.buffer.byteLength, 12_288)
  t.ok(block.bytes.every((byte) => byte === 0))
})

t.test('a name is 1 to 255 bytes of UTF-8, not characters', async (t) => {
  t.equal(RamBlock.allocate('a', 4096).name, 'a')
  t.equal(RamBlock.allocate('a'.repeat(255), 4096).name.length, 255)
  t.equal(RamBlock.allocate(`${'ä'.repeat(127)}a`, 4096).name.length, 128)
  for (const name of ['', 'a'.repeat(256), 'ä'.repeat(128)])
    t.throws(() => RamBlock.allocate(name, 4096), { name: 'MemoryShapeError', expected: '1 to 255 bytes of UTF-8' })
})

t.test('a length is a positive multiple of the page size within the bound', async (t) => {
  for (const length of [0, -4096, 1, 4095, 4097, 4096.5, Number.NaN, Number.POSITIVE_INFINITY, BLOCK_BYTES_MAX + 4096])
    t.throws(() => RamBlock.allocate('ram', length), { name: 'MemoryShapeError', found: `${length}` }, `${length}`)
})

t.test('memory that the system refuses is a typed error', async (t) => {
  t.throws(() => RamBlock.allocate('ram', BLOCK_BYTES_MAX), MemoryShapeError)
})

t.test('a block over a larger buffer uses its start, over a smaller one is refused', async (t) => {
  const block = new RamBlock('ram', new SharedArrayBuffer(65_536), 8192)
  t.equal(block.bytes.length, 8192)
  t.equal(block.pageCount, 2)
  t.throws(() => new RamBlock('ram', new SharedArrayBuffer(4096), 8192), { name: 'MemoryShapeError' })
})

t.test('a block sent to another thread shares its bytes', async (t) => {
  const block = RamBlock.allocate('ram', 8192)
  const copy = RamBlock.fromShared(structuredClone(block.toShared()))
  copy.bytes[5000] = 7
  t.equal(block.bytes[5000], 7)
  t.equal(copy.name, 'ram')
  t.equal(copy.usedLength, 8192)
})
