import * as fc from 'fast-check'
import t from 'tap'
import { isZeroPage, pagesEqual, rangesEqual, rangesEqualByLoop, zeroTester } from './page.ts'
import { RamBlock } from './ram-block.ts'

const GIB = 2 ** 30

t.test('a page with any one byte set is not zero, and its neighbours still are', async (t) => {
  const { bytes } = RamBlock.allocate('ram', 3 * 4096)
  const isZero = zeroTester(bytes)
  let wrong = 0
  for (let at = 0; at < 4096; at++) {
    bytes[4096 + at] = 1 + (at % 255)
    if (isZero(4096) || isZeroPage(bytes, 4096)) wrong++
    if (!isZero(0) || !isZero(8192) || !isZeroPage(bytes, 0) || !isZeroPage(bytes, 8192)) wrong++
    bytes[4096 + at] = 0
    if (!isZero(4096) || !isZeroPage(bytes, 4096)) wrong++
  }
  t.equal(wrong, 0)
})

t.test('the comparison by loop and the native one agree', async (t) => {
  const bytes = fc.uint8Array({ minLength: 8, maxLength: 64, max: 1 })
  fc.assert(
    fc.property(bytes, bytes, fc.nat(4), fc.nat(4), fc.nat(4), (a, b, aOffset, bOffset, length) => {
      const expected = Buffer.from(a.slice(aOffset, aOffset + length)).equals(b.slice(bOffset, bOffset + length))
      return (
        rangesEqual(a, aOffset, b, bOffset, length) === expected &&
        rangesEqualByLoop(a, aOffset, b, bOffset, length) === expected
      )
    }),
  )
  t.pass()
})

t.test('two pages are equal when every byte is', async (t) => {
  const [a, b] = [RamBlock.allocate('a', 2 * 4096).bytes, RamBlock.allocate('b', 3 * 4096).bytes]
  a.fill(5, 4096)
  b.fill(5, 8192)
  t.ok(pagesEqual(a, 4096, b, 8192))
  t.notOk(pagesEqual(a, 4096, b, 4096))
  b[8192 + 4095] = 6
  t.notOk(pagesEqual(a, 4096, b, 8192))
  b[8192 + 4095] = 5
  b[8191] = 1
  t.ok(pagesEqual(a, 4096, b, 8192), 'a byte before the page is not of the page')
})

t.test('a page that is not inside is refused', async (t) => {
  const { bytes } = RamBlock.allocate('ram', 8192)
  for (const offset of [-1, 4097, 8192, Number.NaN]) {
    t.throws(() => isZeroPage(bytes, offset), { name: 'MemoryRangeError', expected: 'an offset in 0 .. 4096' })
    t.throws(() => zeroTester(bytes)(offset), { name: 'MemoryRangeError' })
    t.throws(() => pagesEqual(bytes, 0, bytes, offset), { name: 'MemoryRangeError' })
  }
  t.throws(() => zeroTester(bytes.subarray(2)), { name: 'MemoryRangeError' })
})

t.test('pages past 4 GiB are their own', async (t) => {
  const { bytes } = RamBlock.allocate('ram', 4.5 * GIB)
  const isZero = zeroTester(bytes)
  const page = 4 * GIB + 4096
  bytes[page + 1000] = 1
  t.notOk(isZero(page))
  t.notOk(isZeroPage(bytes, page))
  t.ok(isZero(4096), 'no alias')
  t.ok(isZeroPage(bytes, 4096))
  t.ok(isZero(4 * GIB))
  bytes[0] = 1
  t.ok(isZero(4 * GIB), 'nor the other way')
  t.ok(isZeroPage(bytes, 4 * GIB))
  bytes[4096 + 7] = 1
  t.notOk(pagesEqual(bytes, page, bytes, 4096))
  bytes[4096 + 7] = 0
  bytes[4096 + 1000] = 1
  t.ok(pagesEqual(bytes, page, bytes, 4096))
})
