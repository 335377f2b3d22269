import * as fc from 'fast-check'
import t from 'tap'
import { formatSize, parseSize } from './size.ts'

t.test('sizes are bytes with an optional power of 1024', async (t) => {
  for (const [text, bytes] of [
    ['0', 0],
    ['4096', 4096],
    ['64K', 65_536],
    ['256m', 2 ** 28],
    ['1.5G', 1.5 * 2 ** 30],
    ['4G', 2 ** 32],
    ['2T', 2 ** 41],
    ['0.5K', 512],
  ] as const)
    t.equal(parseSize(text), bytes, text)
})

t.test('anything else is refused with what would do', async (t) => {
  for (const text of ['', 'K', '-1', '1.5', '0.3K', '1KB', '1 K', '1e3', '0x10', '9000T0', '9007199254740992', '.5G'])
    t.throws(() => parseSize(text), {
      name: 'SizeError',
      expected: 'whole bytes such as 4096, 64K, 256M or 1.5G',
      found: JSON.stringify(text),
    })
})

t.test('a formatted size reads back', async (t) => {
  t.equal(formatSize(4096), '4K')
  t.equal(formatSize(4097), '4097')
  t.equal(formatSize(0), '0')
  t.equal(formatSize(3 * 2 ** 29), '1536M')
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(4), (value, unit) => {
      const bytes = Math.floor(value / 1024 ** unit) * 1024 ** unit
      return parseSize(formatSize(bytes)) === bytes
    }),
  )
})
