/** COLO: what a primary sends, in both dialects, cut anywhere; the order of its messages; where the channel may end. */
import t from 'tap'
import {
  ColoDecoder,
  StreamDecoder,
  StreamEncoder,
  StreamError,
  coloMessageBytes,
  countedName,
  describeDevices,
  readColoMessage,
  silentSink,
  writeColoMessage,
  writeCommand,
  writeConfiguration,
  writeEof,
  writeEos,
  writeFooter,
  writeHeader,
  writeRamBlockList,
  writeSectionEnd,
  writeSectionFull,
  writeSectionStart,
  writeVmDescription,
  writeZeroPage,
  type ColoDialect,
  type ColoMessage,
  type RamBlock,
  type StreamSink,
} from './index.ts'
import { writeBytes, writeU32 } from './bytes.ts'
import { feedInPieces, makeRecorder } from './fixtures/recorder.ts'

const BLOCKS: readonly RamBlock[] = [{ name: 'ram', usedLength: 0x10000 }]
const RAM = { id: 2, idstr: 'ram', instance: 0, version: 4 }
const NAME = countedName('ram')

type Write = (buffer: Uint8Array, at: number) => number

const bytesOf = (write: Write): Uint8Array => {
  const buffer = new Uint8Array(4000)
  return buffer.slice(0, write(buffer, 0))
}

/** Device sections and EOF, and what describes them. */
const devices = (isFirst2_11: boolean) => {
  const list = [
    { idstr: 'cpu', id: 7, payload: Uint8Array.of(0xde, 0xad, 0xbe, 0xef) },
    ...(isFirst2_11 ? [{ idstr: 'COLOState', id: 8, payload: Uint8Array.of(1) }] : []),
  ]
  const write: Write = (buffer, start) => {
    let at = start
    for (const { idstr, id, payload } of list) {
      at = writeSectionFull(buffer, at, { id, idstr, instance: 0, version: 1 })
      at = writeFooter(buffer, writeBytes(buffer, at, payload), id)
    }
    return writeEof(buffer, at)
  }
  const description = describeDevices(
    list.map(({ idstr, payload }) => ({ idstr, instance: 0, version: 1, length: payload.length })),
  )
  return { write, description }
}

/** A whole stream with the block list; `page` is sent in its last section, naming the block or going on with CONTINUE. */
const wholeStream = (dialect: ColoDialect, page: number, name: Uint8Array | undefined, blocks = BLOCKS): Write => {
  const { write, description } = devices(dialect === '2.11')
  return (buffer, start) => {
    let at = writeConfiguration(buffer, writeHeader(buffer, start), { machine: 'none' })
    if (dialect === '7.2') at = writeCommand(buffer, at, { name: 'ENABLE_COLO' })
    at = writeSectionStart(buffer, at, RAM)
    at = writeFooter(buffer, writeEos(buffer, writeRamBlockList(buffer, at, blocks)), RAM.id)
    at = writeZeroPage(buffer, writeSectionEnd(buffer, at, RAM.id), page * 4096, name)
    at = writeFooter(buffer, writeEos(buffer, at), RAM.id)
    return writeVmDescription(buffer, write(buffer, at), description)
  }
}

const checkpoint72 = (page: number): Write => {
  const blob = bytesOf(devices(false).write)
  return (buffer, start) => {
    let at = writeColoMessage(buffer, start, { name: 'checkpoint-request' })
    at = writeColoMessage(buffer, at, { name: 'vmstate-send' })
    // As a primary of 7.2 has it: the first record goes on with the block of the first stream.
    at = writeZeroPage(buffer, writeSectionEnd(buffer, at, RAM.id), page * 4096, undefined)
    at = writeEof(buffer, writeFooter(buffer, writeEos(buffer, at), RAM.id))
    at = writeColoMessage(buffer, at, { name: 'vmstate-size', bytes: blob.length })
    return writeBytes(buffer, at, blob)
  }
}

const checkpoint211 = (page: number, blocks = BLOCKS): Write => {
  const blob = bytesOf(wholeStream('2.11', page, undefined, blocks))
  return (buffer, start) => {
    let at = writeColoMessage(buffer, start, { name: 'checkpoint-request' })
    at = writeColoMessage(buffer, at, { name: 'vmstate-send' })
    at = writeColoMessage(buffer, at, { name: 'vmstate-size', bytes: blob.length })
    return writeBytes(buffer, at, blob)
  }
}

const primary = (dialect: ColoDialect, ...more: readonly Write[]): Uint8Array =>
  new Uint8Array(Buffer.concat([bytesOf(wholeStream(dialect, 0, NAME)), ...more.map(bytesOf)]))

/** A decoder of all that a primary sends, as one: the first stream, then the checkpoints. */
const wholeDecoder = (sink: StreamSink) => {
  const first = new StreamDecoder(sink, { readsAhead: true })
  let colo: ColoDecoder | undefined
  return {
    first,
    feed: (bytes: Uint8Array, start: number, end: number): number => {
      let used = first.complete ? 0 : first.feed(bytes, start, end)
      if (colo === undefined && first.complete) colo = new ColoDecoder(sink, first)
      if (colo !== undefined) used += colo.feed(bytes, start + used, end)
      return used
    },
    finish: (remaining = 0): void => (colo === undefined ? first.finish(remaining) : colo.finish(remaining)),
  }
}

const decode = (bytes: Uint8Array, cuts: readonly number[] = []): readonly string[] => {
  const { tokens, sink } = makeRecorder()
  feedInPieces(wholeDecoder(sink), bytes, cuts)
  return tokens
}

const names = (tokens: readonly string[]): string =>
  tokens.map((token) => (token.startsWith('colo') ? JSON.parse(token.slice(5))[0].name : token.split(' ')[0])).join(' ')

const streams = {
  '7.2': primary('7.2', checkpoint72(1), checkpoint72(2)),
  '2.11': primary('2.11', checkpoint211(1), checkpoint211(2)),
}

t.test('what a primary of 7.2 sends', async (t) => {
  t.equal(
    names(decode(streams['7.2'])),
    'header command start blocks eos end zero eos tail device description complete ' +
      'checkpoint-request vmstate-send end zero eos complete vmstate-size checkpoint ' +
      'checkpoint-request vmstate-send end zero eos complete vmstate-size checkpoint',
  )
})

t.test('what a primary of 2.11 sends: a whole stream a checkpoint', async (t) => {
  t.equal(
    names(decode(streams['2.11'])),
    'header start blocks eos end zero eos tail device device description complete ' +
      'checkpoint-request vmstate-send vmstate-size header start blocks eos end zero eos tail device device description complete ' +
      'checkpoint-request vmstate-send vmstate-size header start blocks eos end zero eos tail device device description complete',
  )
})

for (const [dialect, bytes] of Object.entries(streams)) {
  t.test(`cut at every byte: the same calls (${dialect})`, async (t) => {
    const whole = decode(bytes)
    for (let cut = 0; cut <= bytes.length; cut++)
      if (decode(bytes, [cut]).join('\n') !== whole.join('\n')) t.fail(`differs at ${cut}`)
    t.strictSame(decode(bytes, [...bytes.keys()]), whole, 'one byte at a time')
  })

  t.test(`the channel may end between two checkpoints, and nowhere else (${dialect})`, async (t) => {
    const write = dialect === '7.2' ? checkpoint72(1) : checkpoint211(1)
    const first = bytesOf(wholeStream(dialect as ColoDialect, 0, NAME)).length
    const ends = new Set([first, first + bytesOf(write).length, bytes.length])
    for (let length = 0; length <= bytes.length; length++) {
      if (ends.has(length)) decode(bytes.subarray(0, length))
      else t.throws(() => decode(bytes.subarray(0, length)), StreamError, `${length}`)
    }
  })

  t.test(`written again byte for byte (${dialect})`, async (t) => {
    const pieces: Uint8Array[] = []
    const encoder = new StreamEncoder((piece) => pieces.push(piece.slice()))
    feedInPieces(wholeDecoder(encoder), bytes, [bytes.length >> 1])
    encoder.flush()
    t.equal(Buffer.compare(Buffer.concat(pieces), bytes), 0)
  })

  t.test(`a damaged byte is refused with StreamError or harmless (${dialect})`, async (t) => {
    let refused = 0
    for (let index = 0; index < bytes.length; index++)
      for (const flip of [1, 2, 0x10, 0x80, 0xff]) {
        const damaged = Uint8Array.from(bytes)
        damaged[index]! ^= flip
        try {
          decode(damaged, [damaged.length >> 1])
        } catch (error) {
          if (!(error instanceof StreamError)) throw error
          refused++
        }
      }
    t.ok(refused > 1000, `${refused} refused`)
  })
}

t.test('which dialect it is, is announced: by a command, or by a device', async (t) => {
  for (const dialect of ['7.2', '2.11'] as const) {
    const { first, feed } = wholeDecoder(silentSink)
    const bytes = streams[dialect]
    feed(bytes, 0, bytes.length)
    t.equal(first.colo, dialect)
  }
  const { write, description } = devices(false)
  const plain = bytesOf((b) => writeVmDescription(b, write(b, writeHeader(b, 0)), description))
  const decoder = new StreamDecoder(silentSink, { deviceLength: () => 4 })
  t.throws(() => new ColoDecoder(silentSink, decoder), /No COLO/)
  t.throws(() => decoder.checkpoint(0), /No checkpoint yet/)
  t.ok(plain.length > 0)
})

t.test('the order of messages, and what a checkpoint may hold', async (t) => {
  const refusal = (dialect: ColoDialect, ...more: readonly Write[]): string => {
    try {
      decode(primary(dialect, ...more))
    } catch (error) {
      if (error instanceof StreamError) return error.message
      throw error
    }
    return 'accepted'
  }
  const say =
    (...messages: readonly ColoMessage[]): Write =>
    (buffer, start) =>
      messages.reduce((at, message) => writeColoMessage(buffer, at, message), start)
  const request = { name: 'checkpoint-request' } as const
  const send = { name: 'vmstate-send' } as const
  const offset = bytesOf(wholeStream('7.2', 0, NAME)).length
  t.match(
    refusal('7.2', say(request, request)),
    /Unexpected COLO message .*expected vmstate-send, found checkpoint-request/,
  )
  t.match(
    refusal('7.2', say(request, { name: 'vmstate-size', bytes: 4 })),
    new RegExp(`Unexpected COLO message \\(at byte ${offset + 4}: expected vmstate-send, found vmstate-size`),
  )
  t.match(refusal('7.2', say(request, { name: 'vmstate-loaded' })), /found vmstate-loaded/)
  t.match(
    refusal('7.2', say(request), (b) => writeU32(b, 0, 7)),
    /Unexpected COLO message .*found 7/,
  )
  t.match(
    refusal('7.2', say(request, send), (b) => writeSectionFull(b, 0, { id: 1, idstr: 'cpu', instance: 0, version: 1 })),
    /Device section in the memory of a checkpoint/,
  )
  const memory: Write = (b) => writeEof(b, writeFooter(b, writeEos(b, writeSectionEnd(b, 0, 2)), 2))
  t.match(
    refusal('7.2', say(request, send), memory, say({ name: 'vmstate-size', bytes: 2 ** 40 })),
    /Bad size of a checkpoint .*found 1099511627776/,
  )
  t.match(
    refusal('7.2', say(request, send), memory, (b) => writeU32(b, writeU32(b, writeU32(b, 0, 4), 0x80000000), 0)),
    /Bad size of a checkpoint .*found 9223372036854776000/,
  )
  t.match(
    refusal('2.11', say(request, send, { name: 'vmstate-size', bytes: 0 })),
    /Bad size of a checkpoint .*expected 1 to/,
  )
  const whole = wholeStream('2.11', 1, NAME)
  const length = bytesOf(whole).length
  t.match(
    refusal('2.11', say(request, send, { name: 'vmstate-size', bytes: length + 1 }), whole, (b) => writeEof(b, 0)),
    /Stream of a checkpoint too short/,
  )
  t.match(
    refusal('2.11', say(request, send, { name: 'vmstate-size', bytes: length - 1 }), whole),
    /Stream of a checkpoint cut off/,
  )
  t.match(refusal('2.11', checkpoint211(1, [{ name: 'ram', usedLength: 0x20000 }])), /Second RAM block list differs/)
  t.match(
    refusal('2.11', checkpoint211(1, [{ name: 'rom', usedLength: 0 }, ...BLOCKS])),
    /Second RAM block list differs/,
  )
})

t.test('messages come back, and say when they are not all there', async (t) => {
  const messages: readonly ColoMessage[] = [
    { name: 'checkpoint-ready' },
    { name: 'checkpoint-request' },
    { name: 'checkpoint-reply' },
    { name: 'vmstate-send' },
    { name: 'vmstate-size', bytes: 2 ** 52 },
    { name: 'vmstate-received' },
    { name: 'vmstate-loaded' },
  ]
  for (const [number, message] of messages.entries()) {
    const bytes = bytesOf((buffer, at) => writeColoMessage(buffer, at, message))
    t.equal(bytes.length, coloMessageBytes(message))
    t.strictSame([...bytes.subarray(0, 4)], [0, 0, 0, number])
    t.strictSame(readColoMessage(bytes, 0, bytes.length), message)
    for (let end = 0; end < bytes.length; end++) t.equal(readColoMessage(bytes, 0, end), undefined)
  }
  t.equal(readColoMessage(Uint8Array.of(0, 0, 0, 7), 0, 4), 7)
})
