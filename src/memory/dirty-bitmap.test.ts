import * as fc from 'fast-check'
import t from 'tap'
import { DirtyBitmap } from './dirty-bitmap.ts'

/** What a bitmap is, said in the plainest way. */
class Model {
  readonly pages = new Set<number>()
  readonly pageCount: number

  constructor(pageCount: number) {
    this.pageCount = pageCount
  }

  seek(from: number, set: boolean): number {
    for (let page = from; page < this.pageCount; page++) if (this.pages.has(page) === set) return page
    return this.pageCount
  }
}

const operation = fc.oneof(
  fc.record({ kind: fc.constantFrom('set', 'clear'), page: fc.nat(199) }),
  fc.record({ kind: fc.constantFrom('setRange', 'clearRange'), page: fc.nat(200), to: fc.nat(200) }),
  fc.record({ kind: fc.constantFrom('setAll', 'clearAll', 'drain', 'next', 'nextClear'), page: fc.nat(210) }),
)

t.test('a bitmap does what a set of page numbers does', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.array(operation, { maxLength: 60, size: '+1' }),
      (pageCount, operations) => {
        const [bitmap, target] = [new DirtyBitmap(pageCount), new DirtyBitmap(pageCount)]
        const [model, targetModel] = [new Model(pageCount), new Model(pageCount)]
        for (const step of operations) {
          const { kind } = step
          const page = Math.min(step.page, pageCount - 1)
          const to = 'to' in step ? Math.max(page, Math.min(step.to, pageCount)) : page
          const range = Array.from({ length: to - page }, (_, index) => page + index)
          if (kind === 'set') {
            bitmap.set(page)
            model.pages.add(page)
          } else if (kind === 'clear') same(bitmap.clear(page), model.pages.delete(page))
          else if (kind === 'setRange') {
            bitmap.setRange(page, to)
            for (const each of range) model.pages.add(each)
          } else if (kind === 'clearRange')
            same(bitmap.clearRange(page, to), range.filter((each) => model.pages.delete(each)).length)
          else if (kind === 'setAll') {
            bitmap.setAll()
            for (let each = 0; each < pageCount; each++) model.pages.add(each)
          } else if (kind === 'clearAll') {
            bitmap.clearAll()
            model.pages.clear()
          } else if (kind === 'drain') {
            const added = [...model.pages].filter((each) => !targetModel.pages.has(each))
            const drained = bitmap.drainInto(target)
            same(drained.reported, model.pages.size)
            same(drained.added, added.length)
            for (const each of added) targetModel.pages.add(each)
            model.pages.clear()
          } else if (kind === 'next') same(bitmap.next(step.page), model.seek(step.page, true))
          else same(bitmap.nextClear(step.page), model.seek(step.page, false))
          agree(bitmap, model)
          agree(target, targetModel)
        }
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})

function same(found: number | boolean, expected: number | boolean): void {
  if (found !== expected) throw new Error(`found ${found}, expected ${expected}`)
}

function agree(bitmap: DirtyBitmap, model: Model): void {
  same(bitmap.count(), model.pages.size)
  for (let page = 0; page < model.pageCount; page++) same(bitmap.test(page), model.pages.has(page))
  for (let page = 0; page <= model.pageCount; page++) {
    same(bitmap.next(page), model.seek(page, true))
    same(bitmap.nextClear(page), model.seek(page, false))
  }
}

t.test('a drain tells the marks it found from those that are new to the target', async (t) => {
  const [log, target] = [new DirtyBitmap(70), new DirtyBitmap(70)]
  for (const page of [0, 31, 32, 69]) log.set(page)
  for (const page of [31, 50]) target.set(page)
  t.same(log.drainInto(target), { reported: 4, added: 3 })
  t.equal(target.count(), 5)
  t.equal(log.count(), 0)
  t.same(log.drainInto(target), { reported: 0, added: 0 })
})

t.test('setAll leaves the bits beyond the last page alone', async (t) => {
  for (const [pages, last] of [
    [1, 1],
    [31, 0x7fffffff],
    [32, -1],
    [33, 1],
    [63, 0x7fffffff],
  ] as const) {
    const bitmap = new DirtyBitmap(pages)
    bitmap.setAll()
    t.equal(bitmap.words.at(-1), last, `${pages} pages`)
    t.equal(bitmap.count(), pages)
    t.equal(bitmap.nextClear(0), pages)
  }
})

t.test('a page outside is refused and nothing changes', async (t) => {
  const bitmap = new DirtyBitmap(40)
  for (const page of [-1, 40, 63, 64, Number.NaN])
    for (const use of [() => bitmap.set(page), () => bitmap.test(page), () => bitmap.clear(page)])
      t.throws(use, { name: 'MemoryRangeError', expected: 'an integer in 0 .. 39' })
  t.throws(() => bitmap.setRange(0, 41), { name: 'MemoryRangeError' })
  t.throws(() => bitmap.setRange(5, 4), { name: 'MemoryRangeError' })
  t.throws(() => bitmap.next(-1), { name: 'MemoryRangeError' })
  t.equal(bitmap.count(), 0)
  t.equal(bitmap.next(41), 40)
})

t.test('a bitmap of impossible size, or words of another size, are refused', async (t) => {
  for (const pages of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
    t.throws(() => new DirtyBitmap(pages), { name: 'MemoryShapeError' })
  t.throws(() => new DirtyBitmap(33, new SharedArrayBuffer(4)), { name: 'MemoryShapeError', expected: '8 bytes' })
  t.throws(() => new DirtyBitmap(8).drainInto(new DirtyBitmap(9)), { name: 'MemoryShapeError' })
})

t.test('page numbers past 2^31 find their own bit', async (t) => {
  const bitmap = new DirtyBitmap(2 ** 32)
  const pages = [5, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5, 2 ** 32 - 1]
  for (const page of pages) bitmap.set(page)
  for (const page of pages) t.ok(bitmap.test(page), `${page}`)
  t.notOk(bitmap.test(2 ** 31 + 37))
  const found = []
  // From just before each, because a walk over 2^32 empty bits is slow where the machine is busy.
  for (const page of pages) found.push(bitmap.next(Math.max(0, page - 3)))
  t.same(found, [5, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 + 5, 2 ** 32 - 1])
  t.equal(bitmap.nextClear(2 ** 32 - 1), 2 ** 32)
  t.ok(bitmap.clear(2 ** 31 + 5))
  t.notOk(bitmap.clear(2 ** 31 + 5))
  t.ok(bitmap.test(5), 'no alias at 2^31')
  bitmap.setRange(2 ** 32 - 40, 2 ** 32)
  t.equal(bitmap.clearRange(2 ** 32 - 64, 2 ** 32), 40)
})

t.test('a bitmap sent to another thread shares its bits', async (t) => {
  const bitmap = new DirtyBitmap(100)
  const copy = DirtyBitmap.fromShared(structuredClone(bitmap.toShared()))
  copy.set(99)
  t.ok(bitmap.test(99))
  t.equal(copy.pageCount, 100)
})
