/** Counting what becomes of pages: every page in the cell it belongs to, bounded, and seen by another thread's view. */
import t from 'tap'
import { CELLS_MAX, DirtyBitmap, GuestMemory, MemoryRangeError, PAGE_BYTES, PageFates, PASSES_MAX } from './index.ts'

const sum = (counts: Uint32Array) => counts.reduce((total, each) => total + each, 0)

t.test('pages are counted in their cells, per pass', async (t) => {
  const fates = new PageFates([4096, 10])
  t.equal(fates.pagesPerCell, 5)
  t.strictSame(fates.cells, [820, 2])
  const dirty = [new DirtyBitmap(4096), new DirtyBitmap(10)]
  dirty[0]!.setRange(3, 12)
  dirty[1]!.set(9)
  fates.beginPass(dirty)
  fates.add(0, 3, 'sent')
  fates.add(0, 5, 'zero')
  fates.add(1, 9, 'sent')
  t.strictSame([...fates.counts(0, 'dirty').subarray(0, 4)], [2, 5, 2, 0])
  t.equal(fates.counts(0, 'dirty')[821], 1)
  t.equal(fates.counts(0, 'sent')[0], 1)
  t.equal(fates.counts(0, 'sent')[821], 1)
  t.equal(fates.counts(0, 'zero')[1], 1)
  dirty[0]!.clearAll()
  fates.beginPass(dirty)
  t.equal(sum(fates.counts(1, 'dirty')), 1)
  t.equal(sum(fates.counts(1, 'sent')), 0)
  t.throws(() => fates.counts(2, 'sent'), MemoryRangeError)
})

t.test('every dirty page is counted once, wherever runs begin and end', async (t) => {
  const pages = 10_007
  const bitmap = new DirtyBitmap(pages)
  for (let page = 0; page < pages; page++) if ((page * 2654435761) % 7 < 3) bitmap.set(page)
  const fates = new PageFates([pages])
  fates.beginPass([bitmap])
  t.equal(sum(fates.counts(0, 'dirty')), bitmap.count())
  t.ok(Math.max(...fates.counts(0, 'dirty')) <= fates.pagesPerCell)
})

t.test('cells and passes are bounded', async (t) => {
  const huge = new PageFates([2 ** 28, 2 ** 10])
  t.ok(huge.cells.reduce((total, each) => total + each, 0) <= CELLS_MAX + 2)
  const fates = new PageFates([8])
  for (let pass = 0; pass < PASSES_MAX + 20; pass++) {
    fates.beginPass([new DirtyBitmap(8)])
    fates.add(0, 0, 'sent')
  }
  t.equal(fates.passes, PASSES_MAX)
  t.equal(sum(fates.counts(PASSES_MAX - 1, 'sent')), 21)
})

t.test('memory carries them to another thread only when they are asked for', async (t) => {
  const memory = GuestMemory.allocate([{ name: 'pc.ram', usedLength: 16 * PAGE_BYTES }])
  t.equal(memory.fates, undefined)
  t.equal(GuestMemory.fromShared(memory.toShared()).fates, undefined)
  const fates = memory.recordFates()
  const elsewhere = GuestMemory.fromShared(memory.toShared())
  elsewhere.fates?.beginPass([new DirtyBitmap(16)])
  elsewhere.fates?.add(0, 7, 'sent')
  t.equal(fates.passes, 1)
  t.equal(sum(fates.counts(0, 'sent')), 1)
  t.equal(memory.recordFates(), fates)
})
