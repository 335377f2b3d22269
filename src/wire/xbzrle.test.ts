/** XBZRLE: deltas bring the old page to the new one, keep the format's rules, and a bad one touches nothing. */
import * as fc from 'fast-check'
import t from 'tap'
import { makeXbzrleEncoder } from '../memory/xbzrle-kernel.ts'
import { decodeXbzrle, encodeXbzrle } from './index.ts'
import { encodeXbzrleByLoop } from './xbzrle.ts'

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

/** Pages that differ everywhere and nowhere, in long runs and in single bytes, around every boundary of 16 and 64. */
const changes = fc.array(
  fc.record({
    at: fc.oneof(
      fc.nat(4095),
      fc.nat(256),
      fc.nat(64).map((back) => 4095 - back),
    ),
    length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 140 }), fc.integer({ min: 1, max: 4096 })),
    step: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 70 })),
  }),
  { maxLength: 40 },
)

t.test('the SIMD encoder writes what the plain one does, byte for byte, at every limit', async (t) => {
  const kernel = makeXbzrleEncoder()!
  let overflows = 0
  fc.assert(
    fc.property(changes, fc.oneof(fc.constant(4096), fc.nat(4096)), (list, limit) => {
      const before = new Uint8Array(4096).map((_, index) => index)
      const after = before.slice()
      for (const { at, length, step } of list)
        for (let index = at; index < Math.min(4096, at + length); index += step) after[index]! ^= 0x55
      const [expected, found] = [new Uint8Array(4200), new Uint8Array(4200)]
      const length = encodeXbzrleByLoop(before, 0, after, 0, expected, 7, limit)
      if (length < 0) overflows++
      const same = kernel(before, 0, after, 0, found, 7, limit) === length
      // What a body that did not fit has left behind is nobody's business.
      const end = 7 + Math.max(0, length)
      return same && Buffer.compare(expected.subarray(0, end), found.subarray(0, end)) === 0
    }),
    { numRuns: 3000 },
  )
  t.ok(overflows > 30, `${overflows} did not fit`)
})

t.test('pages above 4 GiB are encoded from where they are', async (t) => {
  const memory = new Uint8Array(new SharedArrayBuffer(2 ** 32 + 8192))
  memory[2 ** 32 + 4096 + 5] = 9
  const out = new Uint8Array(4096)
  t.equal(encodeXbzrle(memory, 2 ** 32, memory, 2 ** 32 + 4096, out, 0), 3)
  t.same([...out.subarray(0, 3)], [5, 1, 9])
  t.equal(encodeXbzrle(memory, 0, memory, 4096, out, 0), 0, 'and nothing has slipped below')
})

t.test('a page that is not inside is refused', async (t) => {
  const page = new Uint8Array(4096)
  const out = new Uint8Array(4096)
  for (const at of [-1, 1, Number.NaN]) {
    t.throws(() => encodeXbzrle(page, at, page, 0, out, 0), RangeError)
    t.throws(() => encodeXbzrle(page, 0, page, at, out, 0), RangeError)
  }
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
