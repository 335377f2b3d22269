/** Pages go where they belong, above 4 GiB too, with Node's copy and without. */
import t from 'tap'
import { copyBySubarray, PageCopier } from './page-copy.ts'
import { PAGE_BYTES, RamBlock } from './ram-block.ts'

const GIB = 2 ** 30

t.test('a block of more than 4 GiB, at the edges of every window', (t) => {
  const block = RamBlock.allocate('ram', 4 * GIB + 2 * PAGE_BYTES)
  const copier = new PageCopier(block)
  const offsets = [0, GIB - PAGE_BYTES, GIB, 4 * GIB - PAGE_BYTES, 4 * GIB, 4 * GIB + PAGE_BYTES]
  for (const [index, offset] of offsets.entries()) {
    const page = new Uint8Array(PAGE_BYTES + 3).fill(index + 1)
    copier.write(offset, page, 3)
  }
  for (const [index, offset] of offsets.entries()) {
    const found = new Uint8Array(PAGE_BYTES + 2)
    copier.read(offset, found, 1)
    t.ok(
      found.subarray(1, 1 + PAGE_BYTES).every((byte) => byte === index + 1),
      `page at ${offset}`,
    )
    t.equal(found[0]! + found[PAGE_BYTES + 1]!, 0, 'nothing beside it')
    t.equal(block.bytes[offset]! + block.bytes[offset + PAGE_BYTES - 1]!, 2 * (index + 1))
  }
  t.end()
})

t.test('what there is without Node does the same', (t) => {
  const target = new Uint8Array(8)
  copyBySubarray(Uint8Array.of(1, 2, 3, 4), target, 5, 1, 3)
  t.same([...target], [0, 0, 0, 0, 0, 2, 3, 0])
  t.end()
})
