/** Counts of pages as a file that the page reads: shares, small ones too, in cells of blocks. */
import t from 'tap'
import { DirtyBitmap, GuestMemory, PAGE_BYTES } from '../memory/index.ts'
import { isMemoryMap, memoryMapOf, sharesOf } from './index.ts'

const memoryOf = (...pages: readonly number[]): GuestMemory =>
  GuestMemory.allocate(pages.map((count, index) => ({ name: `block${index}`, usedLength: count * PAGE_BYTES })))

t.test('nothing is told where nothing was counted', async (t) => {
  const memory = memoryOf(4)
  t.equal(memoryMapOf(memory, 'src', []), undefined)
  memory.recordFates()
  t.equal(memoryMapOf(memory, 'src', []), undefined)
})

t.test('passes with their times, and the share of each cell', async (t) => {
  const memory = memoryOf(2048, 3)
  const fates = memory.recordFates()
  const dirty = [new DirtyBitmap(2048), new DirtyBitmap(3)]
  for (const bitmap of dirty) bitmap.setAll()
  fates.beginPass(dirty)
  fates.add(0, 0, 'sent')
  fates.add(1, 2, 'zero')
  for (const bitmap of dirty) bitmap.clearAll()
  fates.beginPass(dirty)
  const map = memoryMapOf(memory, 'src', [0.5])
  t.match(map, {
    party: 'src',
    pagesPerCell: 3,
    blocks: [
      { name: 'block0', pages: 2048, cells: 683 },
      { name: 'block1', pages: 3, cells: 1 },
    ],
    passes: [
      { pass: 1, seconds: 0.5 },
      { pass: 2, seconds: 0.5 },
    ],
  })
  const read: unknown = JSON.parse(JSON.stringify(map))
  if (!isMemoryMap(read)) throw new Error('expected a memory map')
  const [first, second] = read.passes
  if (first === undefined || second === undefined) throw new Error('expected two passes')
  t.ok(
    sharesOf(first, 'dirty').every((share) => share === 255),
    'every cell was dirty, the short last one too',
  )
  t.equal(sharesOf(first, 'sent')[0], 85, 'one page of three')
  t.equal(sharesOf(first, 'zero')[683], 85)
  t.ok(sharesOf(second, 'dirty').every((share) => share === 0))
})
