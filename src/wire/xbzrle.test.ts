/** XBZRLE: deltas bring the old page to the new one, keep the format's rules, and a bad one touches nothing. */
import * as fc from 'fast-check'
import t from 'tap'
import { decodeXbzrle, encodeXbzrle } from './index.ts'

const runs = fc.array(fc.record({ at: fc.nat(4095), length: fc.nat(300), value: fc.nat(255) }), { maxLength: 12 })

t.test('decode(encode(before, after)) on before is after', async (t) => {
  fc.assert(
    fc.property(runs, fc.nat(255), (changes, fill) => {
      const before = new Uint8Array(4096).fill(fill)
      const after = before.slice()
      for (const { at, length, value } of changes) after.fill(value, at, Math.min(4096, at + length))
      const body = new Uint8Array(4096 + 10)
      const length = encodeXbzrle(before, 0, after, 0, body, 5)
      t.equal(length === 0, Buffer.compare(before, after) === 0, 'empty if and only if nothing changed')
      t.ok(length >= 0)
      const unaligned = new Uint8Array(4097)
      unaligned.set(after, 1)
      const again = new Uint8Array(4096)
      t.equal(encodeXbzrle(before, 0, unaligned, 1, again, 0), length, 'the same wherever the page lies')
      t.equal(Buffer.compare(again.subarray(0, length), body.subarray(5, 5 + length)), 0)
      const page = new Uint8Array(3 * 4096).fill(fill)
      t.equal(decodeXbzrle(body, 5, length, page, 4096), undefined)
      t.equal(Buffer.compare(page.subarray(4096, 8192), after), 0)
      t.ok(page.subarray(0, 4096).every((byte) => byte === fill) && page.subarray(8192).every((byte) => byte === fill))
    }),
  )
})

t.test('a page of which everything, or every other byte, changed is not worth a delta', async (t) => {
  const before = new Uint8Array(4096)
  const body = new Uint8Array(8192)
  t.equal(encodeXbzrle(before, 0, new Uint8Array(4096).fill(1), 0, body, 0), -1)
  t.equal(
    encodeXbzrle(
      before,
      0,
      before.map((_, index) => index & 1),
      0,
      body,
      0,
    ),
    -1,
  )
  t.equal(
    encodeXbzrle(
      before,
      0,
      before.map((_, index) => (index === 9 ? 1 : 0)),
      0,
      body,
      0,
      2,
    ),
    -1,
    'a limit of 2',
  )
  t.ok(
    body.subarray(4096).every((byte) => byte === 0),
    'never past 4096 bytes',
  )
})

t.test('the body of a real record: skip 1742, write 2', async (t) => {
  const body = new Uint8Array([0xce, 0x0d, 0x02, 0x38, 0x42])
  const page = new Uint8Array(4096)
  t.equal(decodeXbzrle(body, 0, 5, page, 0), undefined)
  const after = new Uint8Array(4096)
  after.set([0x38, 0x42], 1742)
  t.strictSame(page, after)
  const again = new Uint8Array(5)
  t.equal(encodeXbzrle(new Uint8Array(4096), 0, after, 0, again, 0), 5)
  t.strictSame(again, body)
})

t.test('bad bodies are named and leave the page alone', async (t) => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ['run length cut off', [1]],
    ['run length cut off', [0, 1, 9, 5]],
    ['run length cut off', [5, 0x80]],
    ['run length too long', [0x80, 0x80, 1]],
    ['empty run', [0, 0, 1]],
    ['empty run', [0, 1, 9, 0, 1, 9]],
    ['run past the end of the page', [0x80, 0x21, 1, 9]],
    ['run past the end of the page', [0xff, 0x1f, 2, 9, 9]],
    ['run past the end of the body', [0, 3, 9, 9]],
  ]
  for (const [fault, bytes] of cases) {
    const page = new Uint8Array(4096)
    t.equal(decodeXbzrle(new Uint8Array(bytes), 0, bytes.length, page, 0), fault, JSON.stringify(bytes))
    t.ok(page.every((byte) => byte === 0))
  }
})

t.test('random bodies never write outside of the page and never half', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (body) => {
      const memory = new Uint8Array(3 * 4096)
      const fault = decodeXbzrle(body, 0, body.length, memory, 4096)
      if (fault !== undefined) t.ok(memory.every((byte) => byte === 0))
      t.ok(memory.subarray(0, 4096).every((byte) => byte === 0) && memory.subarray(8192).every((byte) => byte === 0))
    }),
  )
})
