/**
 * The decoder against the encoders and against itself: what is written comes back, however it is cut; what is cut off
 * is never accepted; what is damaged is refused with the one error and never reaches the sink out of range.
 */
import * as fc from 'fast-check'
import t from 'tap'
import {
  StreamDecoder,
  StreamEncoder,
  StreamError,
  countedName,
  silentSink,
  writeCommand,
  writeConfiguration,
  writeEof,
  writeEos,
  writeFooter,
  writeHeader,
  writePage,
  writeRamBlockList,
  writeSectionEnd,
  writeSectionFull,
  writeSectionPart,
  writeSectionStart,
  writeVmDescription,
  writeZeroPage,
  describeDevices,
  type RamBlock,
  type StreamDecoderOptions,
} from './index.ts'
import { writeBytes, writeU32, writeU64 } from './bytes.ts'
import { encodePlan, knownLengths, plan, type Plan } from './fixtures/plan.ts'
import { feedInPieces, makeRecorder } from './fixtures/recorder.ts'
import { encodeSmall, smallPlan } from './fixtures/small.ts'

function optionsFor(planned: Plan, tailMode: boolean): StreamDecoderOptions {
  return tailMode ? {} : { deviceLength: knownLengths(planned) }
}

function decode(planned: Plan, bytes: Uint8Array, tailMode: boolean, cuts: readonly number[] = []): readonly string[] {
  const { tokens, sink } = makeRecorder()
  feedInPieces(new StreamDecoder(sink, optionsFor(planned, tailMode)), bytes, cuts)
  return tokens
}

t.test(
  'a random stream comes back as it was written, in both ways of delimiting devices, however it is cut',
  async (t) => {
    fc.assert(
      fc.property(
        plan,
        fc.boolean(),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }),
        (planned, tailMode, places) => {
          const expected = makeRecorder()
          const bytes = encodePlan(planned, expected.sink, tailMode)
          const cuts = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
          t.strictSame(decode(planned, bytes, tailMode), expected.tokens)
          t.strictSame(decode(planned, bytes, tailMode, cuts), expected.tokens)
        },
      ),
      { numRuns: 300 },
    )
  },
)

for (const tailMode of [false, true]) {
  const mode = tailMode ? 'tail mode' : 'known lengths'

  t.test(`cut at every byte: the same calls (${mode})`, async (t) => {
    const { bytes, tokens } = encodeSmall(tailMode)
    for (let cut = 0; cut <= bytes.length; cut++) {
      if (decode(smallPlan, bytes, tailMode, [cut]).join('\n') !== tokens.join('\n')) t.fail(`differs at ${cut}`)
    }
    const everyByte = Array.from({ length: bytes.length }, (_, index) => index)
    t.strictSame(decode(smallPlan, bytes, tailMode, everyByte), tokens, 'one byte at a time')
  })

  t.test(`every truncation is an error (${mode})`, async (t) => {
    const { bytes, tokens } = encodeSmall(tailMode)
    for (let length = 0; length < bytes.length; length++) {
      const recorder = makeRecorder()
      const decoder = new StreamDecoder(recorder.sink, optionsFor(smallPlan, tailMode))
      try {
        feedInPieces(decoder, bytes.subarray(0, length), [length >> 1])
        t.fail(`accepted ${length} of ${bytes.length} bytes`)
      } catch (cause) {
        if (!(cause instanceof StreamError)) throw cause
      }
      t.notOk(decoder.complete)
      t.strictSame(recorder.tokens, tokens.slice(0, recorder.tokens.length), `${length}: a prefix of the calls`)
    }
  })

  t.test(`a damaged byte is refused with StreamError or harmless, never out of range (${mode})`, async (t) => {
    const { bytes } = encodeSmall(tailMode)
    let refused = 0
    let accepted = 0
    for (let index = 0; index < bytes.length; index++) {
      // The page's content itself is not structure.
      const flips =
        bytes[index] === 7 && bytes[index + 1] === 7 ? [0xff] : [0x01, 0x02, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]
      for (const flip of flips) {
        const damaged = bytes.slice()
        damaged[index]! ^= flip
        try {
          decode(smallPlan, damaged, tailMode, [damaged.length >> 1])
          accepted++
        } catch (cause) {
          if (!(cause instanceof StreamError)) throw cause
          refused++
        }
      }
    }
    t.comment(`${refused} refused, ${accepted} accepted`)
    t.ok(refused > 1000)
  })
}

t.test('what a decoder reads an encoder writes again, with the same calls behind it', async (t) => {
  fc.assert(
    fc.property(plan, fc.boolean(), fc.boolean(), (planned, tailMode, nameEveryPage) => {
      const expected = makeRecorder()
      const bytes = encodePlan(planned, expected.sink, tailMode)
      const pieces: Uint8Array[] = []
      const encoder = new StreamEncoder((piece) => pieces.push(piece.slice()), { nameEveryPage })
      feedInPieces(new StreamDecoder(encoder, optionsFor(planned, tailMode)), bytes, [bytes.length >> 1])
      encoder.flush()
      const again = new Uint8Array(Buffer.concat(pieces))
      t.equal(encoder.position, again.length)
      t.strictSame(decode(planned, again, tailMode), expected.tokens)
    }),
    { numRuns: 200 },
  )
})

t.test('commands have the numbers of their version', async (t) => {
  const buffer = new Uint8Array(100)
  const numberOf = (name: 'ENABLE_COLO' | 'POSTCOPY_RESUME', version: '2.11' | '3.0' | '3.1'): number => {
    writeCommand(buffer, 0, { name }, version)
    return buffer[2]!
  }
  t.equal(numberOf('POSTCOPY_RESUME', '3.0'), 8)
  t.equal(numberOf('POSTCOPY_RESUME', '3.1'), 9)
  t.equal(numberOf('ENABLE_COLO', '3.1'), 8)
  t.throws(() => numberOf('ENABLE_COLO', '3.0'), RangeError)
  t.throws(() => numberOf('POSTCOPY_RESUME', '2.11'), RangeError)
  const at = writeHeader(buffer, 0)
  const end = writeCommand(buffer, at, { name: 'POSTCOPY_RESUME' }, '3.0')
  const read = (commands?: '2.11' | '3.0'): readonly string[] => {
    const { tokens, sink } = makeRecorder()
    new StreamDecoder(sink, commands === undefined ? {} : { commands }).feed(buffer, 0, end)
    return tokens
  }
  t.match(read('3.0').at(-1), /POSTCOPY_RESUME/)
  t.match(read().at(-1), /ENABLE_COLO/, 'the numbers since 3.1')
  t.throws(() => read('2.11'), /MIG_CMD 0x8 unknown .*expected command 1 to 7/)
})

t.test('it stops behind every EOS of ram where that is wanted', async (t) => {
  const { bytes, tokens } = encodeSmall(true)
  const recorder = makeRecorder()
  const decoder = new StreamDecoder(recorder.sink, { holdAtEos: true })
  let at = 0
  let stops = 0
  for (;;) {
    at += decoder.feed(bytes, at, bytes.length)
    if (!decoder.held) break
    stops++
    t.match(recorder.tokens.at(-1), /^eos/)
    t.equal(decoder.feed(bytes, at, bytes.length), 0, 'nothing while it is held')
    decoder.proceed()
  }
  t.equal(stops, tokens.filter((token) => token.startsWith('eos')).length)
  t.strictSame(recorder.tokens, tokens)
})

t.test('random damage to random streams: StreamError or nothing', async () => {
  const damage = fc.array(fc.tuple(fc.maxSafeNat(), fc.nat(255)), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(plan, fc.boolean(), damage, (planned, tailMode, changes) => {
      const bytes = encodePlan(planned, silentSink, tailMode)
      for (const [place, value] of changes) bytes[place % bytes.length] = value
      try {
        decode(planned, bytes, tailMode)
      } catch (cause) {
        if (!(cause instanceof StreamError)) throw cause
      }
    }),
    { numRuns: 500 },
  )
})

/** Stream up to and including the START of a `ram` section with these blocks; the caller goes on at `at`. */
function opening(blocks: readonly RamBlock[], buffer: Uint8Array): number {
  let at = writeConfiguration(buffer, writeHeader(buffer, 0), { machine: 'none' })
  at = writeSectionStart(buffer, at, { id: 2, idstr: 'ram', instance: 0, version: 4 })
  at = writeEos(buffer, writeRamBlockList(buffer, at, blocks))
  return writeSectionPart(buffer, writeFooter(buffer, at, 2), 2)
}

function refusal(write: (buffer: Uint8Array) => number, options: StreamDecoderOptions = {}): StreamError {
  const buffer = new Uint8Array(200_000)
  const end = write(buffer)
  const { tokens, sink } = makeRecorder()
  const decoder = new StreamDecoder(sink, options)
  try {
    decoder.feed(buffer, 0, end)
    decoder.finish()
  } catch (cause) {
    if (!(cause instanceof StreamError)) throw cause
    const count = tokens.length
    try {
      decoder.feed(buffer, 0, end)
    } catch (again) {
      if (again === cause && tokens.length === count) return cause
    }
    throw new Error('a refusal has to be final', { cause })
  }
  throw new Error(`accepted: ${tokens.join('\n')}`)
}

const RAM: readonly RamBlock[] = [{ name: 'ram', usedLength: 0x100000 }]
const NAME = countedName('ram')

t.test('offsets beyond 4 GiB and beyond 32 bits of pages are exact', async (t) => {
  const usedLength = 2 ** 52
  const buffer = new Uint8Array(20_000)
  let at = opening([{ name: 'ram', usedLength }], buffer)
  const offsets = [0xfffff000, 0x1_0000_0000, 0x1_8000_1000, 0xffff_ffff_f000, usedLength - 4096]
  for (const offset of offsets) at = writeZeroPage(buffer, at, offset, NAME)
  at = writePage(buffer, at, 0x2_0000_0000_0000, undefined, new Uint8Array(4096), 0)
  const seen: number[] = []
  const decoder = new StreamDecoder({
    ...silentSink,
    zeroPage: (_, offset) => seen.push(offset),
    page: (_, offset) => seen.push(offset),
  })
  t.equal(decoder.feed(buffer, 0, at), at)
  t.strictSame(seen, [...offsets, 0x2_0000_0000_0000])
  t.strictSame(decoder.blocks, [{ name: 'ram', usedLength }])
  t.throws(
    () => decoder.feed(buffer, 0, writeZeroPage(buffer, 0, usedLength, undefined)),
    /Illegal RAM offset 10000000000000/,
    'the first offset behind the block',
  )
})

t.test('refusals say what QEMU says, where, and what was expected', async (t) => {
  const cases: readonly (readonly [RegExp, (buffer: Uint8Array) => number])[] = [
    [/Not a migration stream/, (b) => writeU32(b, writeU32(b, 0, 0x51455600), 3)],
    [/Unsupported migration stream version/, (b) => writeU32(b, writeHeader(b, 0) - 4, 2)],
    [/Illegal RAM offset 100000 /, (b) => writeZeroPage(b, opening(RAM, b), 0x100000, NAME)],
    [
      /Illegal RAM offset 2000000000001000/,
      (b) => writeBytes(b, writeU32(b, writeU32(b, opening(RAM, b), 0x20000000), 0x1002), NAME),
    ],
    [/Can't find block rom/, (b) => writeZeroPage(b, opening(RAM, b), 0, countedName('rom'))],
    [/Ack, bad migration stream!/, (b) => writeZeroPage(b, opening(RAM, b), 0, undefined)],
    [/Unknown combination of migration flags: 0x210/, (b) => writeU64(b, opening(RAM, b), 0x210)],
    [/Unknown combination of migration flags: 0xa/, (b) => writeU64(b, opening(RAM, b), 0x00a)],
    [/Unknown combination of migration flags: 0x0/, (b) => writeU64(b, opening(RAM, b), 0)],
    [/Unknown combination of migration flags: 0x30/, (b) => writeU64(b, opening(RAM, b), 0x30)],
    [/Second RAM block list/, (b) => writeRamBlockList(b, opening(RAM, b), RAM)],
    [
      /Mismatched section id in footer for ram - read 0x3 expected 0x2/,
      (b) => writeFooter(b, writeEos(b, opening(RAM, b)), 3),
    ],
    [/Missing section footer for ram/, (b) => writeSectionPart(b, writeEos(b, opening(RAM, b)), 2)],
    [/Unknown savevm section 0x3/, (b) => writeSectionEnd(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2), 3)],
    [
      /Unknown savevm section type 9/,
      (b) => writeBytes(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2), new Uint8Array([9])),
    ],
    [
      /Unknown iterable section/,
      (b) => writeSectionStart(b, writeHeader(b, 0), { id: 1, idstr: 'block', instance: 0, version: 1 }),
    ],
    [
      /Unsupported version of ram/,
      (b) => writeSectionStart(b, writeHeader(b, 0), { id: 2, idstr: 'ram', instance: 0, version: 5 }),
    ],
    [/MIG_CMD 0xb unknown/, (b) => writeBytes(b, writeHeader(b, 0), new Uint8Array([8, 0, 11, 0, 0]))],
    [/PING received with bad length/, (b) => writeBytes(b, writeHeader(b, 0), new Uint8Array([8, 0, 2, 0, 0]))],
    [
      /Discard range outside of RAM block ram/,
      (b) =>
        writeCommand(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2), {
          name: 'POSTCOPY_RAM_DISCARD',
          block: 'ram',
          ranges: [{ start: 0xff000, length: 0x2000 }],
        }),
    ],
    [
      /Expected vmdescription section, but got 1/,
      (b) => writeBytes(b, writeEof(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2)), new Uint8Array([1])),
    ],
    [
      /Bad vmdescription section/,
      (b) => writeVmDescription(b, writeEof(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2)), '{"devices": [{}]}'),
    ],
    [
      /Device section and its description disagree/,
      (b) =>
        writeVmDescription(
          b,
          writeEof(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2)),
          describeDevices([{ idstr: 'cpu', instance: 0, version: 1, length: 1 }]),
        ),
    ],
    [/Bad machine name length/, (b) => writeU32(b, writeBytes(b, writeHeader(b, 0), new Uint8Array([7])), 256)],
  ]
  for (const [message, write] of cases) {
    const error = refusal(write)
    t.match(error.message, message)
    t.has(error, { _tag: 'StreamError' })
    t.ok(error.offset >= 0 && error.expected !== '' && error.found !== '')
  }
  t.equal(refusal((b) => writeFooter(b, writeEos(b, opening(RAM, b)), 3)).offset, 81, 'the place is exact')
})

/** A stream whose block list announces `total` bytes, whatever its blocks come to. */
const announcing = (total: number, blocks: readonly RamBlock[]) => (b: Uint8Array) => {
  const behind = opening(blocks, b)
  writeU64(b, 34, total + 4)
  return behind
}

const packaged = (b: Uint8Array): number => writeCommand(b, writeHeader(b, 0), { name: 'PACKAGED', length: 100 })

t.test('limits are errors with a name', async (t) => {
  t.match(refusal(announcing(0x1000, RAM)), /Bad length of RAM block ram/, 'lengths above the total')
  t.match(refusal(announcing(0x101000, RAM)), /Empty RAM block name/, 'lengths below the total')
  t.match(refusal(announcing(0x200000, [...RAM, ...RAM])), /listed twice/)
  const many = Array.from({ length: 5 }, (_, index) => ({ name: `b${index}`, usedLength: 4096 }))
  t.match(
    refusal((b) => opening(many, b), { blockCountMax: 4 }),
    /Too many RAM blocks/,
  )
  const section = { id: 3, idstr: 'cpu', instance: 0, version: 1 }
  const full = (b: Uint8Array): number => {
    const at = writeSectionFull(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2), section)
    return writeBytes(b, at, new Uint8Array(5000))
  }
  t.match(refusal(full, { deviceLength: () => undefined }), /Unknown section or version cpu/)
  t.match(refusal(full, { deviceLength: () => 5000, deviceBytesMax: 4999 }), /too long/)
  t.match(refusal(full, { deviceLength: () => 0, deviceCountMax: 0 }), /Too many device sections/)
  t.match(refusal(full, { tailBytesMax: 5000 }), /Device tail is too long/)
  t.match(refusal(full), /Stream cut off/)
  const description = (b: Uint8Array): number =>
    writeVmDescription(b, writeEof(b, writeFooter(b, writeEos(b, opening(RAM, b)), 2)), describeDevices([]))
  t.match(refusal(description, { vmDescriptionBytesMax: 10 }), /VM description is too long/)
  t.match(refusal(packaged, { packageBytesMax: 99 }), /Unreasonably large packaged state/)
})

t.test('the block list carries page sizes with huge pages and addresses with x-ignore-shared', async (t) => {
  const blocks = [
    { name: 'a', usedLength: 0x400000, pageSize: 0x200000 },
    { name: 'b', usedLength: 0x1000 },
    { name: 'c', usedLength: 0x200000, pageSize: 0x200000 },
  ]
  const buffer = new Uint8Array(1000)
  let at = writeConfiguration(buffer, writeHeader(buffer, 0), { machine: 'none' })
  at = writeCommand(buffer, at, { name: 'POSTCOPY_ADVISE', pageSizes: { summary: 0x201000, target: 0x1000 } })
  at = writeSectionStart(buffer, at, { id: 2, idstr: 'ram', instance: 0, version: 4 })
  at = writeEos(buffer, writeRamBlockList(buffer, at, blocks))
  const huge = new StreamDecoder(silentSink)
  t.equal(huge.feed(buffer, 0, at), at)
  t.strictSame(huge.blocks, blocks)

  const shared = [
    { name: 'a', usedLength: 0x400000, address: 0 },
    { name: 'b', usedLength: 0x1000, address: 0xfffc0000 },
  ]
  at = writeConfiguration(buffer, writeHeader(buffer, 0), { machine: 'none', capabilities: ['x-ignore-shared'] })
  at = writeSectionStart(buffer, at, { id: 2, idstr: 'ram', instance: 0, version: 4 })
  at = writeEos(buffer, writeRamBlockList(buffer, at, shared))
  const ignoring = new StreamDecoder(silentSink)
  t.equal(ignoring.feed(buffer, 0, at), at)
  t.strictSame(ignoring.blocks, shared)
})

/** A postcopy stream as section 8 of the reference orders it, with one device of four bytes in the package. */
function postcopyStream(): Uint8Array {
  const buffer = new Uint8Array(20_000)
  const nested = new Uint8Array(200)
  let inside = writeCommand(nested, 0, { name: 'POSTCOPY_LISTEN' })
  inside = writeSectionFull(nested, inside, { id: 7, idstr: 'cpu', instance: 0, version: 1 })
  inside = writeFooter(nested, writeU32(nested, inside, 0xdeadbeef), 7)
  inside = writeCommand(nested, inside, { name: 'PING', value: 3 })
  inside = writeCommand(nested, inside, { name: 'POSTCOPY_RUN' })
  let at = writeConfiguration(buffer, writeHeader(buffer, 0), { machine: 'none' })
  at = writeCommand(buffer, at, { name: 'OPEN_RETURN_PATH' })
  at = writeCommand(buffer, at, { name: 'POSTCOPY_ADVISE', pageSizes: { summary: 0x1000, target: 0x1000 } })
  at = writeSectionStart(buffer, at, { id: 2, idstr: 'ram', instance: 0, version: 4 })
  at = writeFooter(buffer, writeEos(buffer, writeRamBlockList(buffer, at, RAM)), 2)
  at = writeCommand(buffer, at, {
    name: 'POSTCOPY_RAM_DISCARD',
    block: 'ram',
    ranges: [
      { start: 0, length: 0x1000 },
      { start: 0x8000, length: 0xf8000 },
    ],
  })
  at = writeCommand(buffer, at, { name: 'PACKAGED', length: inside })
  at = writeBytes(buffer, at, nested.subarray(0, inside))
  at = writeSectionPart(buffer, at, 2)
  at = writeFooter(buffer, writeEos(buffer, writeZeroPage(buffer, at, 0x8000, NAME)), 2)
  at = writeFooter(buffer, writeEos(buffer, writeSectionEnd(buffer, at, 2)), 2)
  return buffer.slice(0, writeEof(buffer, at))
}

const names = (tokens: readonly string[]): string => tokens.map((token) => token.split(' ')[0]).join(' ')

t.test('postcopy: the package is handed on whole, and entered where device lengths are known', async (t) => {
  const bytes = postcopyStream()
  const everyByte = Array.from({ length: bytes.length }, (_, index) => index)

  const whole = makeRecorder()
  feedInPieces(new StreamDecoder(whole.sink), bytes, everyByte)
  t.equal(
    names(whole.tokens),
    'header command command start blocks eos command command package command devices command command packageEnd ' +
      'part zero eos end eos complete',
    'no VM description is waited for',
  )
  const entered = makeRecorder()
  feedInPieces(new StreamDecoder(entered.sink, { deviceLength: () => 4 }), bytes, everyByte)
  t.equal(
    names(entered.tokens),
    'header command command start blocks eos command command package command device command command packageEnd ' +
      'part zero eos end eos complete',
  )
  for (let length = 0; length < bytes.length; length++) {
    for (const options of [{}, { deviceLength: () => 4 }]) {
      const decoder = new StreamDecoder(silentSink, options)
      t.throws(() => feedInPieces(decoder, bytes.subarray(0, length), []), StreamError)
    }
  }
})

/** A stream that opens with a package of what `write` writes. */
const inside = (write: (b: Uint8Array) => number) => (b: Uint8Array) => {
  const nested = new Uint8Array(100)
  const length = write(nested)
  const at = writeCommand(b, writeHeader(b, 0), { name: 'PACKAGED', length })
  return writeBytes(b, at, nested.subarray(0, length))
}

t.test('a package holds whole device sections and commands only', async (t) => {
  const options = { deviceLength: () => 4 }
  t.match(
    refusal(
      inside((b) => writeEof(b, 0)),
      options,
    ),
    /Unexpected section in a package/,
  )
  t.match(
    refusal(
      inside((b) => writeU32(b, 0, 0x08000100)),
      options,
    ),
    /Package cut off/,
  )
  t.match(
    refusal(
      inside((b) => writeCommand(b, 0, { name: 'PACKAGED', length: 0 })),
      options,
    ),
    /PACKAGED in a package/,
  )
})

t.test('resume: a new connection goes on without header and names blocks again', async (t) => {
  const bytes = postcopyStream()
  const { tokens, sink } = makeRecorder()
  const decoder = new StreamDecoder(sink)
  t.throws(() => new StreamDecoder(silentSink).resume(), /Nothing to resume/)
  const cut = bytes.length - 38
  const consumed = decoder.feed(bytes, 0, cut)
  t.ok(consumed < cut, 'cut inside of a record')
  decoder.resume()
  const buffer = new Uint8Array(1000)
  let at = writeCommand(buffer, 0, { name: 'RECV_BITMAP', block: 'ram' })
  at = writeCommand(buffer, at, { name: 'POSTCOPY_RESUME' })
  at = writeZeroPage(buffer, writeSectionPart(buffer, at, 2), 0x9000, NAME)
  at = writeFooter(buffer, writeEos(buffer, at), 2)
  at = writeEof(buffer, at)
  t.equal(decoder.feed(buffer, 0, at), at)
  decoder.finish()
  t.ok(decoder.complete)
  t.equal(decoder.position, consumed + at)
  t.strictSame(
    tokens.slice(-5),
    ['part [2]', 'zero [0,36864,0]', 'eos [2]', 'complete []'].toSpliced(0, 0, 'command [{"name":"POSTCOPY_RESUME"}]'),
  )
  t.throws(() => decoder.resume(), /Nothing to resume/)
})

t.test('CONTINUE reaches over EOS, footer and section', async (t) => {
  const buffer = new Uint8Array(1000)
  let at = writeZeroPage(buffer, opening(RAM, buffer), 0, NAME)
  at = writeSectionEnd(buffer, writeFooter(buffer, writeEos(buffer, at), 2), 2)
  at = writeZeroPage(buffer, at, 0x1000, undefined)
  const { tokens, sink } = makeRecorder()
  new StreamDecoder(sink).feed(buffer, 0, at)
  t.equal(tokens.at(-1), 'zero [0,4096,0]')
})

t.test(
  'a stream of an old machine type has neither configuration nor footers, and may have no description',
  async (t) => {
    const buffer = new Uint8Array(1000)
    let at = writeSectionStart(buffer, writeHeader(buffer, 0), { id: 2, idstr: 'ram', instance: 0, version: 4 })
    at = writeEos(buffer, writeRamBlockList(buffer, at, RAM))
    const bare = writeEof(buffer, at)
    const decoder = new StreamDecoder(silentSink, { vmDescription: 'absent' })
    t.equal(decoder.feed(buffer, 0, bare), bare)
    t.ok(decoder.complete)
    t.equal(decoder.feed(buffer, bare, bare + 1), 0, 'what follows the end is not its')

    at = writeSectionFull(buffer, at, { id: 3, idstr: 'cpu', instance: 0, version: 1 })
    at = writeEof(buffer, writeU32(buffer, at, 5))
    const recorder = makeRecorder()
    const tail = new StreamDecoder(recorder.sink, { vmDescription: 'absent' })
    t.equal(tail.feed(buffer, 0, at), at)
    t.notOk(tail.complete)
    tail.finish()
    t.match(recorder.tokens.slice(-2), [/^tail/, /^complete/])
  },
)

t.test('what the sink throws is final too', async (t) => {
  const { bytes } = encodeSmall(true)
  const decoder = new StreamDecoder({
    ...silentSink,
    ramBlocks: () => {
      throw new Error('no such memory')
    },
  })
  t.throws(() => decoder.feed(bytes, 0, bytes.length), /no such memory/)
  t.throws(() => decoder.feed(bytes, 0, bytes.length), /no such memory/)
  t.throws(() => decoder.finish(), /no such memory/)
})

t.test('what the sink was given stays, though the buffer it came in was one of Node and is used again', async (t) => {
  const uuid = Uint8Array.from({ length: 16 }, (_, index) => index)
  const buffer = Buffer.alloc(256)
  const end = writeConfiguration(buffer, writeHeader(buffer, 0), { machine: 'switchover', uuid })
  let given: Uint8Array | undefined
  const sink = { ...silentSink, header: (configuration?: { uuid?: Uint8Array }) => void (given = configuration?.uuid) }
  const decoder = new StreamDecoder(sink)
  decoder.feed(buffer, 0, writeCommand(buffer, end, { name: 'OPEN_RETURN_PATH' }))
  buffer.fill(0xff)
  t.same([...(given ?? [])], [...uuid])
})
