/** Block migration and dirty bitmaps: records come back however they are cut, and hostile ones are refused. */
import * as fc from 'fast-check'
import t from 'tap'
import {
  BLOCK_PIECE_BYTES,
  StreamDecoder,
  StreamEncoder,
  StreamError,
  blockRecordBytes,
  dirtyBitmapRecordBytes,
  silentSink,
  writeBlockRecord,
  writeDirtyBitmapRecord,
  type BlockRecord,
  type DirtyBitmapRecord,
  type StreamSink,
} from './index.ts'
import { writeU32, writeU64 } from './bytes.ts'
import { feedInPieces, makeRecorder } from './fixtures/recorder.ts'

const name = fc.string({ minLength: 1, maxLength: 12, unit: fc.nat(255).map((code) => String.fromCharCode(code)) })

/** One piece of a disk, reused: its content is not looked at. */
const piece = Uint8Array.from({ length: BLOCK_PIECE_BYTES }, (_, index) => (index * 31) % 255)

const blockRecord: fc.Arbitrary<BlockRecord> = fc.oneof(
  fc.record({
    name: fc.constant('DEVICE_BLOCK' as const),
    device: fc.oneof(name, fc.constant('')),
    sector: fc.nat(2 ** 40),
    data: fc.option(fc.constant(piece), { nil: undefined, freq: 3 }),
  }),
  fc.record({ name: fc.constant('PROGRESS' as const), percent: fc.nat(100) }),
)

const names = fc.record({ device: name, bitmap: name }, { requiredKeys: [] })
const bitmapRecord: fc.Arbitrary<DirtyBitmapRecord> = names.chain((named) =>
  fc.oneof(
    fc
      .record({ granularity: fc.nat(0xffffffff), flags: fc.nat(3) })
      .map((rest) => ({ name: 'START' as const, ...named, ...rest })),
    fc.constant({ name: 'COMPLETE' as const, ...named }),
    fc
      .record({
        sector: fc.nat(2 ** 40),
        sectors: fc.nat(0xffffffff),
        data: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
      })
      .map((rest) => ({ name: 'BITS' as const, ...named, ...rest })),
  ),
)

/** A stream whose only section is of this kind. */
const streamOf = (idstr: string, tell: (sink: StreamSink) => void): Uint8Array => {
  const pieces: Uint8Array[] = []
  const encoder = new StreamEncoder((bytes) => pieces.push(bytes.slice()))
  encoder.header({ machine: 'none' })
  encoder.sectionStart({ id: 5, idstr, instance: 0, version: 1 })
  tell(encoder)
  encoder.end()
  encoder.flush()
  return new Uint8Array(Buffer.concat(pieces))
}

const decode = (bytes: Uint8Array, cuts: readonly number[]): readonly string[] => {
  const { tokens, sink } = makeRecorder()
  const options = { vmDescription: 'absent', iterables: ['ram', 'block', 'dirty-bitmap'] } as const
  feedInPieces(new StreamDecoder(sink, options), bytes, cuts)
  return tokens
}

const told = (tell: (sink: StreamSink) => void): readonly string[] => {
  const { tokens, sink } = makeRecorder()
  tell(sink)
  return tokens
}

t.test('records of block migration come back however they are cut', async (t) => {
  const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
  fc.assert(
    fc.property(fc.array(blockRecord, { maxLength: 5 }), places, (records, at) => {
      const tell = (sink: StreamSink): void => {
        for (const record of [...records, { name: 'EOS' } as const]) sink.block(record)
      }
      const bytes = streamOf('block', tell)
      const cuts = at.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
      t.strictSame(decode(bytes, cuts).slice(2, -1), told(tell))
    }),
    { numRuns: 40 },
  )
  for (const record of [{ name: 'EOS' }, { name: 'DEVICE_BLOCK', device: 'hd0', sector: 1, data: piece }] as const) {
    const buffer = new Uint8Array(blockRecordBytes(record))
    t.equal(writeBlockRecord(buffer, 0, record), buffer.length)
  }
})

t.test('records of dirty bitmaps come back, cut at every byte', async (t) => {
  fc.assert(
    fc.property(fc.array(bitmapRecord, { maxLength: 4 }), (records) => {
      const tell = (sink: StreamSink): void => {
        for (const record of [...records, { name: 'EOS' } as const]) sink.dirtyBitmap(record)
      }
      const bytes = streamOf('dirty-bitmap', tell)
      t.strictSame(decode(bytes, [...bytes.keys()]).slice(2, -1), told(tell))
      for (const record of records) {
        const buffer = new Uint8Array(400)
        t.equal(writeDirtyBitmapRecord(buffer, 0, record), dirtyBitmapRecordBytes(record))
      }
    }),
    { numRuns: 60 },
  )
})

t.test('a section that a receiver has not asked for is refused', async (t) => {
  const bytes = streamOf('block', (sink) => sink.block({ name: 'EOS' }))
  const decoder = new StreamDecoder(silentSink)
  t.throws(
    () => decoder.feed(bytes, 0, bytes.length),
    /Unknown iterable section .*expected ram instance 0, found block/,
  )
})

t.test('refusals', async (t) => {
  const refusal = (idstr: 'block' | 'dirty-bitmap', write: (buffer: Uint8Array) => number): string => {
    const start = streamOf(idstr, () => {})
    const buffer = new Uint8Array(start.length + 400)
    buffer.set(start.subarray(0, -1))
    const at = start.length - 1
    const end = at + write(buffer.subarray(at))
    try {
      const decoder = new StreamDecoder(silentSink, { iterables: ['block', 'dirty-bitmap'] })
      decoder.feed(buffer, 0, end)
      decoder.finish()
    } catch (error) {
      if (error instanceof StreamError) return error.message
      throw error
    }
    return 'accepted'
  }
  t.match(
    refusal('block', (b) => writeU64(b, 0, 0x10)),
    /Unknown block migration flags: 0x10/,
  )
  t.match(
    refusal('block', (b) => writeU64(b, 0, 0)),
    /Unknown block migration flags: 0x0/,
  )
  t.match(
    refusal('block', (b) => writeU64(b, 0, 512 + 2)),
    /Bad end of block migration records/,
  )
  t.match(
    refusal('block', (b) => writeU64(b, 0, 101 * 512 + 4)),
    /Bad progress .*found 101/,
  )
  t.match(
    refusal('block', (b) => {
      writeU32(b, 0, 0xffffffff)
      return writeU32(b, 4, 0xfffffe09) + 1
    }),
    /Sector out of range/,
  )
  t.match(
    refusal('dirty-bitmap', (b) => (b[0] = 0x81)),
    /Unknown dirty bitmap flags: 0x81/,
  )
  t.match(
    refusal('dirty-bitmap', (b) => {
      b[0] = 0x48
      return 3
    }),
    /Empty device name in a dirty bitmap/,
  )
  t.match(
    refusal('dirty-bitmap', (b) => {
      b[0] = 0x40
      writeU64(b, 1, 0)
      writeU32(b, 9, 8)
      writeU32(b, 13, 0x80000000)
      return writeU32(b, 17, 0)
    }),
    /Bad length of a dirty bitmap .*found 9223372036854776000/,
  )
  t.match(
    refusal('dirty-bitmap', (b) => {
      b[0] = 0x42
      return 13
    }),
    /Stream cut off .*expected a record of dirty bitmaps, found the end/,
  )
})
