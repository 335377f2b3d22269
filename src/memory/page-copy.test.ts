/** Pages go where they belong, on either side of 4 GiB. */
import t from 'tap'
import { copyPageFrom, copyPageInto } from './page-copy.ts'
import { PAGE_BYTES, RamBlock } from './ram-block.ts'

const GIB = 2 ** 30

t.test('pages on either side of the 4 GiB line', async (t) => {
  const { bytes } = RamBlock.allocate('ram', 4 * GIB + 2 * PAGE_BYTES)
  const offsets = [0, PAGE_BYTES, 2 * GIB, 4 * GIB - PAGE_BYTES, 4 * GIB, 4 * GIB + PAGE_BYTES]
  for (const [index, offset] of offsets.entries())
    copyPageInto(bytes, offset, new Uint8Array(PAGE_BYTES + 3).fill(index + 1), 3)
  for (const [index, offset] of offsets.entries()) {
    const found = new Uint8Array(PAGE_BYTES + 2)
    copyPageFrom(bytes, offset, found, 1)
    t.ok(
      found.subarray(1, 1 + PAGE_BYTES).every((byte) => byte === index + 1),
      `page at ${offset}`,
    )
    t.equal(found[0]! + found[PAGE_BYTES + 1]!, 0, 'nothing beside it')
    t.equal(bytes[offset]! + bytes[offset + PAGE_BYTES - 1]!, 2 * (index + 1))
  }
  t.equal(bytes[2 * PAGE_BYTES]! + bytes[2 * GIB - 1]! + bytes[2 * GIB + PAGE_BYTES]!, 0)
})
