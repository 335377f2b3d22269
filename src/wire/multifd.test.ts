/** multifd: packets come back however they are cut, hostile ones are refused, and the barrier keeps the order of rounds. */
import * as fc from 'fast-check'
import t from 'tap'
import { multifdCompressor, multifdDecompressor } from './compression.ts'
import {
  MULTIFD_HEADER_BYTES,
  MULTIFD_INIT_BYTES,
  MultifdBarrier,
  MultifdDecoder,
  MultifdEncoder,
  RamBlockTable,
  StreamError,
  writeMultifdHeader,
  writeMultifdInit,
  type MultifdMethodName,
  type MultifdPacket,
  type MultifdSink,
} from './index.ts'
import { writeU32, writeU64 } from './bytes.ts'
import { feedInPieces } from './fixtures/recorder.ts'

const PAGES = 64

const makeTable = (): RamBlockTable => {
  const table = new RamBlockTable()
  table.list([
    { name: 'pc.ram', usedLength: PAGES * 4096 },
    { name: 'huge', usedLength: 2 ** 40 },
  ])
  return table
}

const plainPacket = (packet: Partial<MultifdPacket>): MultifdPacket => ({
  sync: false,
  method: 'none',
  pagesMax: 128,
  dataBytes: (packet.offsets?.length ?? 0) * 4096,
  number: 0,
  block: 'pc.ram',
  offsets: [],
  ...packet,
})

interface Planned {
  readonly packet: MultifdPacket
  readonly fills: readonly number[]
}

const planned: fc.Arbitrary<Planned> = fc
  .record({
    sync: fc.boolean(),
    number: fc.nat(),
    block: fc.constantFrom('pc.ram', 'huge'),
    pages: fc.array(fc.record({ page: fc.nat(PAGES - 1), high: fc.nat(2 ** 27), fill: fc.nat(255) }), { maxLength: 6 }),
  })
  .map(({ sync, number, block, pages }) => ({
    packet: plainPacket({
      sync,
      number,
      block,
      offsets: pages.map(({ page, high }) => (block === 'huge' ? page * 4096 + (high % 2 ** 27) * 4096 : page * 4096)),
    }),
    fills: pages.map(({ fill }) => fill),
  }))

const listener = () => {
  const calls: string[] = []
  const sink: MultifdSink = {
    init: ({ uuid, channel }) => calls.push(`init ${channel} ${Buffer.from(uuid).toString('hex')}`),
    packet: ({ dataBytes: _bytes, ...packet }) => calls.push(`packet ${JSON.stringify(packet)}`),
    page: (block, offset, bytes, at) => calls.push(`page ${block} ${offset} ${bytes[at]} ${bytes[at + 4095]}`),
  }
  return { calls, sink }
}

const write = (method: MultifdMethodName, packets: readonly Planned[]) => {
  const pieces: Uint8Array[] = []
  const { calls, sink } = listener()
  const encoder = new MultifdEncoder((bytes) => pieces.push(bytes.slice()), multifdCompressor(method))
  const both = (tell: (to: MultifdSink) => void): void => {
    tell(encoder)
    tell(sink)
  }
  const page = new Uint8Array(4100)
  both((to) => to.init({ uuid: new Uint8Array(16).fill(3), channel: 2 }))
  for (const { packet, fills } of packets) {
    both((to) => to.packet({ ...packet, method }))
    for (const [index, fill] of fills.entries()) {
      page.fill(fill, 3)
      both((to) => to.page(packet.block === 'huge' ? 1 : 0, packet.offsets[index]!, page, 3))
    }
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), calls }
}

const makeDecoder = (method: MultifdMethodName | 'any', sink: MultifdSink): MultifdDecoder =>
  new MultifdDecoder({ sink, table: makeTable(), method, makeDecompressor: multifdDecompressor })

const decode = (method: MultifdMethodName | 'any', bytes: Uint8Array, cuts: readonly number[]): readonly string[] => {
  const { calls, sink } = listener()
  const decoder = makeDecoder(method, sink)
  const going = {
    feed: (piece: Uint8Array, start: number, end: number): number => {
      let at = start
      for (;;) {
        at += decoder.feed(piece, at, end)
        if (!decoder.held) return at - start
        decoder.proceed()
      }
    },
    finish: (remaining?: number) => decoder.finish(remaining),
  }
  feedInPieces(going, bytes, cuts)
  return calls
}

for (const method of ['none', 'zlib', 'zstd'] as const)
  t.test(`packets come back however they are cut (${method})`, async (t) => {
    fc.assert(
      fc.property(
        fc.array(planned, { maxLength: 5 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
        (packets, places) => {
          const { bytes, calls } = write(method, packets)
          const cuts = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
          t.strictSame(decode(method, bytes, cuts), calls)
          t.strictSame(decode('any', bytes, cuts), calls, 'by the word of the channel')
        },
      ),
      { numRuns: 60 },
    )
    const { bytes, calls } = write(method, [
      { packet: plainPacket({ sync: true, offsets: [0, 4096] }), fills: [1, 2] },
      { packet: plainPacket({ number: 9 }), fills: [] },
    ])
    for (let cut = 0; cut <= bytes.length; cut += method === 'none' ? 7 : 1)
      if (decode(method, bytes, [cut]).join('\n') !== calls.join('\n')) t.fail(`differs at ${cut}`)
  })

t.test('a channel may end behind a packet, and nowhere else', async (t) => {
  const packets = [{ packet: plainPacket({ offsets: [0] }), fills: [1] }]
  const { bytes } = write('none', packets)
  const ends = new Set([MULTIFD_INIT_BYTES, bytes.length])
  for (let length = 0; length <= bytes.length; length++) {
    if (ends.has(length)) decode('none', bytes.subarray(0, length), [])
    else t.throws(() => decode('none', bytes.subarray(0, length), [length >> 1]), StreamError)
  }
})

t.test('it stops behind a SYNC, on a packet with pages too, and goes on when told', async (t) => {
  const { bytes } = write('none', [
    { packet: plainPacket({ sync: true, offsets: [4096] }), fills: [7] },
    { packet: plainPacket({ sync: true }), fills: [] },
    { packet: plainPacket({ offsets: [4096] }), fills: [8] },
  ])
  const { calls, sink } = listener()
  const decoder = makeDecoder('none', sink)
  const first = decoder.feed(bytes, 0, bytes.length)
  t.equal(first, MULTIFD_INIT_BYTES + MULTIFD_HEADER_BYTES + 4096)
  t.ok(decoder.held)
  t.equal(calls.at(-1), 'page 0 4096 7 7')
  t.equal(decoder.feed(bytes, first, bytes.length), 0, 'nothing while it is held')
  decoder.proceed()
  const second = decoder.feed(bytes, first, bytes.length)
  t.equal(second, MULTIFD_HEADER_BYTES)
  t.equal(decoder.syncs, 2)
  decoder.proceed()
  t.equal(first + second + decoder.feed(bytes, first + second, bytes.length), bytes.length)
  t.equal(calls.at(-1), 'page 0 4096 8 8')
})

t.test('refusals, before the sink hears of it', async (t) => {
  const refusal = (
    method: MultifdMethodName,
    packet: Partial<MultifdPacket>,
    change: (buffer: Uint8Array) => void = () => {},
  ): string => {
    const buffer = new Uint8Array(MULTIFD_INIT_BYTES + MULTIFD_HEADER_BYTES)
    const at = writeMultifdInit(buffer, 0, { uuid: new Uint8Array(16), channel: 0 })
    writeMultifdHeader(buffer, at, plainPacket(packet))
    change(buffer.subarray(at))
    const { calls, sink } = listener()
    const decoder = makeDecoder(method, sink)
    try {
      decoder.feed(buffer, 0, buffer.length)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      t.equal(calls.filter((call) => !call.startsWith('init')).length, 0, error.message)
      t.throws(() => decoder.feed(buffer, 0, buffer.length), { message: error.message }, 'and it stays refused')
      return error.message
    }
    return 'accepted'
  }
  t.match(
    refusal('none', {}, (b) => writeU32(b, 0, 0x5145564d)),
    /Not a multifd channel \(at byte 64: expected 0x11223344/,
  )
  t.match(
    refusal('none', {}, (b) => writeU32(b, 4, 2)),
    /Unsupported multifd version \(at byte 68/,
  )
  t.match(
    refusal('none', {}, (b) => writeU32(b, 16, 129)),
    /Too many pages in a packet \(at byte 80/,
  )
  t.match(
    refusal('none', {}, (b) => writeU32(b, 16, 0xffffffff)),
    /Too many pages in a packet .* found 4294967295/,
  )
  t.match(refusal('none', { pagesMax: 0xffffffff }), /Too many pages allocated/)
  t.match(refusal('none', { method: 'zlib' }), /Unexpected compression of a packet .* expected none, found zlib/)
  t.match(refusal('zlib', { offsets: [0] }), /Unexpected compression of a packet .* expected zlib, found none/)
  t.match(
    refusal('none', {}, (b) => writeU32(b, 8, 0x80)),
    /found flags without a meaning/,
  )
  t.match(refusal('none', { offsets: [0], dataBytes: 4095 }), /Bad length of the pages of a packet/)
  t.match(
    refusal('zlib', { method: 'zlib', offsets: [0], dataBytes: 0xffffffff }),
    /Bad length of the pages of a packet/,
  )
  t.match(refusal('zlib', { method: 'zlib', offsets: [0], dataBytes: 0 }), /Bad length of the pages of a packet/)
  t.match(refusal('none', { offsets: [0], block: 'pc.rom' }), /Can't find block pc.rom/)
  t.match(refusal('none', { offsets: [PAGES * 4096] }), /Illegal offset of a page in pc.ram/)
  t.match(refusal('none', { offsets: [1] }), /Illegal offset of a page in pc.ram/)
  t.match(
    refusal('none', { offsets: [0], block: 'huge' }, (b) => writeU32(b, 320, 0x80000000)),
    /Illegal offset of a page in huge .* found 0x8000000000000000/,
  )
  t.equal(refusal('zlib', {}), 'accepted', 'a packet without pages may say none')
  t.throws(() => new MultifdDecoder({ sink: listener().sink, table: makeTable(), method: 'zstd' }), RangeError)
})

t.test('compressed pages that are none are refused at their place', async (t) => {
  const buffer = new Uint8Array(MULTIFD_INIT_BYTES + MULTIFD_HEADER_BYTES + 50)
  let at = writeMultifdInit(buffer, 0, { uuid: new Uint8Array(16), channel: 0 })
  at = writeMultifdHeader(buffer, at, plainPacket({ method: 'zlib', offsets: [0], dataBytes: 50 }))
  const { calls, sink } = listener()
  const decoder = makeDecoder('zlib', sink)
  t.throws(() => decoder.feed(buffer, 0, buffer.length), new RegExp(`Bad zlib data in a packet \\(at byte ${at}:`))
  t.notOk(calls.some((call) => call.startsWith('page')))
})

t.test('a writer cannot say what a reader refuses', async (t) => {
  const buffer = new Uint8Array(2000)
  t.throws(() => writeMultifdHeader(buffer, 0, plainPacket({ offsets: Array(129).fill(0) })), RangeError)
  t.throws(() => writeMultifdHeader(buffer, 0, plainPacket({ block: 'x'.repeat(256) })), RangeError)
  t.throws(() => writeMultifdHeader(buffer, 0, plainPacket({ method: undefined })), RangeError)
  t.throws(() => writeMultifdHeader(buffer, 1000, plainPacket({})), RangeError)
  t.throws(() => writeMultifdInit(buffer, 0, { uuid: new Uint8Array(15), channel: 0 }), RangeError)
  t.throws(() => writeMultifdInit(buffer, 0, { uuid: new Uint8Array(16), channel: 256 }), RangeError)
  const encoder = new MultifdEncoder(() => {})
  t.throws(() => encoder.page(0, 0, buffer, 0), RangeError, 'no packet names it')
  encoder.packet(plainPacket({ offsets: [0, 4096] }))
  t.throws(() => encoder.page(0, 4096, new Uint8Array(4096), 0), RangeError, 'another is next')
  t.throws(() => encoder.packet(plainPacket({})), RangeError, 'the one before is not complete')
  t.equal(writeU64(buffer, 0, 0), 8)
})

interface RoundsPlan {
  readonly channels: number
  /** For each round the pages that are sent, and on which channel. */
  readonly rounds: readonly (readonly (readonly [page: number, channel: number])[])[]
  /** Who takes the next step; the main channel comes behind the others. */
  readonly order: readonly number[]
}

const roundsPlan: fc.Arbitrary<RoundsPlan> = fc.integer({ min: 2, max: 4 }).chain((channels) =>
  fc.record({
    channels: fc.constant(channels),
    rounds: fc.array(
      fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(channels - 1)), { maxLength: 4, selector: ([page]) => page }),
      { maxLength: 6 },
    ),
    order: fc.array(fc.nat(channels), { maxLength: 60, size: 'max' }),
  }),
)

/** Who waits for whom at the end of a round: the barrier; a channel for the main one only; nobody. */
type Rule = 'barrier' | 'main only' | 'none'

/** Runs the rounds in the order given; a page's content is the round in which it was sent. */
const run = ({ channels, rounds, order }: RoundsPlan, rule: Rule): readonly number[] => {
  const memory = [-1, -1, -1, -1]
  const barrier = new MultifdBarrier(channels)
  const ended = Array.from({ length: channels + 1 }, () => 0)
  const steps = ended.map((_unused, party) =>
    rounds.flatMap((pages, round) => [
      ...pages.filter(([, channel]) => channel === party).map(([page]) => ({ page, round })),
      { page: undefined, round },
    ]),
  )
  const isHeld = (party: number): boolean => {
    if (rule === 'barrier') return barrier.isHeld(party === channels ? 'main' : party)
    if (rule === 'none') return false
    return party === channels ? ended.some((count) => count < ended[party]!) : ended[party]! > ended[channels]!
  }
  const step = (party: number): boolean => {
    if (isHeld(party)) return false
    const next = steps[party]!.shift()
    if (next === undefined) return false
    if (next.page !== undefined) memory[next.page] = next.round
    else {
      ended[party]!++
      if (rule === 'barrier') barrier.arrive(party === channels ? 'main' : party)
    }
    return true
  }
  for (const party of order) step(party)
  while (ended.map((_unused, party) => step(party)).some(Boolean));
  if (steps.some((left) => left.length > 0)) throw new Error('everybody waits for somebody')
  if (rule === 'barrier' && barrier.round !== rounds.length) throw new Error(`${barrier.round} rounds`)
  return memory
}

const lastWins = (rule: Rule) =>
  fc.property(roundsPlan, (plan) => {
    const last = [0, 1, 2, 3].map((page) => plan.rounds.findLastIndex((sent) => sent.some(([other]) => other === page)))
    return JSON.stringify(run(plan, rule)) === JSON.stringify(last)
  })

t.test('the barrier: the last copy of a page wins, whoever runs when, and nobody waits for ever', async (t) => {
  fc.assert(lastWins('barrier'), { numRuns: 1000 })
  t.ok(fc.check(lastWins('none'), { numRuns: 1000 }).failed, 'without it an older copy wins in some order')
  t.ok(fc.check(lastWins('main only'), { numRuns: 1000 }).failed, 'and if channels do not wait for each other')
})

t.test('the barrier: who waits, and when all are let go', async (t) => {
  const barrier = new MultifdBarrier(2)
  t.notOk(barrier.arrive(1))
  t.ok(barrier.isHeld(1))
  t.notOk(barrier.arrive('main'))
  t.ok(barrier.isHeld('main'), 'main waits for every channel')
  t.notOk(barrier.isHeld(0))
  t.throws(() => barrier.arrive(1), RangeError, 'nobody enters the next round before')
  t.throws(() => barrier.arrive(2), RangeError)
  t.ok(barrier.arrive(0))
  t.strictSame([barrier.isHeld('main'), barrier.isHeld(0), barrier.isHeld(1), barrier.round], [false, false, false, 1])
  const alone = new MultifdBarrier(0)
  t.ok(alone.arrive('main'), 'a main channel alone waits for nobody')
})
