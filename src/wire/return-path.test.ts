/** The return path: what is written comes back however it is cut, and nothing else is accepted. */
import * as fc from 'fast-check'
import t from 'tap'
import { ReturnPathDecoder, StreamError, returnPathBytes, writeReturnPath, type ReturnPathMessage } from './index.ts'
import { feedInPieces } from './fixtures/recorder.ts'

const u32 = fc.nat(0xffffffff)
const block = fc.string({ minLength: 1, maxLength: 255, unit: fc.nat(255).map((code) => String.fromCharCode(code)) })
const start = fc.nat(2 ** 40).map((page) => page * 4096)
const message: fc.Arbitrary<ReturnPathMessage> = fc.oneof(
  fc.record({ name: fc.constantFrom('SHUT', 'PONG', 'RESUME_ACK'), value: u32 }),
  fc.record({ name: fc.constant('REQ_PAGES_ID' as const), block, start, length: u32 }),
  fc.record({
    name: fc.constant('RECV_BITMAP' as const),
    block,
    bitmap: fc.nat(8).chain((words) => fc.uint8Array({ minLength: words * 8, maxLength: words * 8 })),
  }),
  // A request without a name is made from the one before it.
  fc.record({ name: fc.constant('REQ_PAGES' as const), block: fc.constant(''), start, length: u32 }),
)

/** Fill in the block that a REQ_PAGES goes to; the first request has to name one. */
function withBlocks(messages: readonly ReturnPathMessage[]): readonly ReturnPathMessage[] {
  let last: string | undefined
  return messages.map((one): ReturnPathMessage => {
    if (one.name === 'REQ_PAGES_ID') last = one.block
    if (one.name !== 'REQ_PAGES') return one
    if (last !== undefined) return { ...one, block: last }
    last = 'first'
    return { ...one, name: 'REQ_PAGES_ID', block: last }
  })
}

function encode(messages: readonly ReturnPathMessage[]): Uint8Array {
  const buffer = new Uint8Array(messages.reduce((sum, one) => sum + returnPathBytes(one), 0))
  let at = 0
  for (const one of messages) at = writeReturnPath(buffer, at, one)
  if (at !== buffer.length) throw new Error('returnPathBytes and writeReturnPath disagree')
  return buffer
}

function decode(bytes: Uint8Array, cuts: readonly number[] = []): ReturnPathMessage[] {
  const messages: ReturnPathMessage[] = []
  feedInPieces(new ReturnPathDecoder((one) => messages.push(one)), bytes, cuts)
  return messages
}

const example: readonly ReturnPathMessage[] = [
  { name: 'PONG', value: 1 },
  { name: 'REQ_PAGES_ID', block: 'pc.ram', start: 0x1_0000_0000, length: 4096 },
  { name: 'REQ_PAGES', block: 'pc.ram', start: 0x1000, length: 8192 },
  { name: 'RECV_BITMAP', block: 'pc.rom', bitmap: new Uint8Array([0xff, 1, 0, 0, 0, 0, 0, 0]) },
  { name: 'RESUME_ACK', value: 1 },
  { name: 'SHUT', value: 0 },
]

/** Without the difference between objects made here and there. */
const plain = (messages: readonly ReturnPathMessage[]): unknown => JSON.parse(JSON.stringify(messages))

t.test('messages come back however they are cut', async (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }).map(withBlocks), fc.nat(), (messages, place) => {
      const bytes = encode(messages)
      const cut = bytes.length === 0 ? 0 : place % bytes.length
      t.strictSame(plain(decode(bytes, [cut])), plain(messages))
    }),
  )
  const bytes = encode(example)
  t.strictSame(plain(decode(bytes, Array.from(bytes.keys()))), plain(example), 'one byte at a time')
})

t.test('SHUT(0) is 00 01 00 04 00 00 00 00', async (t) => {
  t.strictSame([...encode([{ name: 'SHUT', value: 0 }])], [0, 1, 0, 4, 0, 0, 0, 0])
})

t.test('a cut between messages is an end, inside of one an error', async (t) => {
  const bytes = encode(example)
  const ends = new Set([0])
  let at = 0
  for (const one of example) ends.add((at += returnPathBytes(one)))
  for (let length = 0; length <= bytes.length; length++) {
    if (ends.has(length)) decode(bytes.subarray(0, length))
    else t.throws(() => decode(bytes.subarray(0, length)), StreamError, `${length}`)
  }
})

t.test('a damaged byte is refused with StreamError or is another value', async (t) => {
  const bytes = encode(example)
  for (let index = 0; index < bytes.length; index++) {
    for (const flip of [1, 2, 4, 0x10, 0x80, 0xff]) {
      const damaged = bytes.slice()
      damaged[index]! ^= flip
      try {
        decode(damaged)
      } catch (cause) {
        if (!(cause instanceof StreamError)) throw cause
      }
    }
  }
  t.pass('no other error')
})

t.test('refusals', async (t) => {
  t.throws(() => decode(new Uint8Array([0, 9, 0, 4])), /Received invalid message 0x0009 length 0x0004/)
  t.throws(() => decode(new Uint8Array([0, 1, 0, 5])), /Received invalid message 0x0001 length 0x0005/)
  t.throws(() => decode(encode([example[2]!])), /REQ_PAGES has no previous block/)
  const bitmap = encode([example[3]!])
  t.throws(() => {
    new ReturnPathDecoder(() => {}, { bitmapBytesMax: 0 }).feed(bitmap, 0, bitmap.length)
  }, /Bitmap size of pc.rom refused/)
  bitmap[bitmap.length - 1] = 0
  const decoder = new ReturnPathDecoder(() => {})
  t.throws(() => decoder.feed(bitmap, 0, bitmap.length), /Wrong end mark/)
  t.throws(() => decoder.feed(bitmap, 0, bitmap.length), /Wrong end mark/, 'and it stays refused')
  t.throws(() => decoder.finish(), /Wrong end mark/)
})
