/** Small streams with some of everything, written by the codec's own encoders: what recordings do not hold. */
import { multifdCompressor, pageDeflater } from '../../src/wire/compression.ts'
import {
  BLOCK_PIECE_BYTES,
  describeDevices,
  encodeXbzrle,
  MultifdEncoder,
  returnPathBytes,
  StreamEncoder,
  writeColoMessage,
  writeCommand,
  writeEof,
  writeFooter,
  writeReturnPath,
  writeSectionFull,
  type ColoMessage,
  type Command,
  type MultifdMethodName,
  type MultifdPacket,
  type RamBlock,
  type ReturnPathMessage,
  type Section,
} from '../../src/wire/index.ts'
import { knownDevicesSubject, migrationSubject, returnPathSubject, type FuzzSubject } from './subject.ts'

const RAM: Section = { id: 2, idstr: 'ram', instance: 0, version: 4 }
const BLOCKS: readonly RamBlock[] = [
  { name: 'pc.ram', usedLength: 0x40000 },
  { name: '/rom@etc/acpi/tables', usedLength: 0x2000 },
]
const DEVICES = [
  { id: 3, idstr: 'cpu', instance: 0, version: 12, payload: Uint8Array.of(1, 2, 3, 0x7e, 0, 0, 0, 3) },
  { id: 4, idstr: 'timer', instance: 1, version: 2, payload: Uint8Array.of(0, 6, 0, 0, 0, 2, 0x7b, 0x7d) },
]

const page = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 4096 }, (_unused, at) => (at * seed + (at >> 7)) % 251)

/** What a stream of this kind adds to the usual. */
interface Extras {
  readonly before?: (encoder: StreamEncoder) => void
  readonly rounds?: (encoder: StreamEncoder) => void
  readonly devices?: typeof DEVICES
  readonly blocks?: readonly RamBlock[]
  readonly machine?: string | undefined
}

const collect = (write: (encoder: StreamEncoder) => void): Uint8Array => {
  const pieces: Uint8Array[] = []
  const encoder = new StreamEncoder((bytes) => pieces.push(bytes.slice()))
  write(encoder)
  encoder.flush()
  return new Uint8Array(Buffer.concat(pieces))
}

const telling = (encoder: StreamEncoder, devices: typeof DEVICES): void => {
  for (const { payload, ...section } of devices) encoder.device(section, payload)
  const text = describeDevices(devices.map(({ payload, ...section }) => ({ ...section, length: payload.length })))
  encoder.vmDescription({ pageSize: 4096, devices: [], json: {}, bytes: new TextEncoder().encode(text) })
  encoder.end()
}

const writeStream = (encoder: StreamEncoder, extras: Extras = {}): void => {
  const { blocks = BLOCKS, devices = DEVICES } = extras
  encoder.header('machine' in extras && extras.machine === undefined ? undefined : { machine: extras.machine ?? 'pc' })
  extras.before?.(encoder)
  encoder.sectionStart(RAM)
  encoder.ramBlocks(blocks)
  encoder.ramEos(RAM.id)
  extras.rounds?.(encoder)
  encoder.sectionEnd(RAM.id)
  encoder.zeroPage(0, 0x3000, 0)
  encoder.ramEos(RAM.id)
  telling(encoder, devices)
}

/** Pages of every kind. */
const everyPage = (encoder: StreamEncoder): void => {
  const before = page(3)
  const after = before.slice()
  after.set([1, 2, 3], 1000)
  const delta = new Uint8Array(4096)
  const length = encodeXbzrle(before, 0, after, 0, delta, 0)
  const deflated = pageDeflater()(before, 0)
  encoder.sectionPart(RAM.id)
  encoder.page(0, 0x1000, before, 0)
  encoder.zeroPage(0, 0x2000, 0)
  encoder.xbzrlePage(0, 0x1000, delta, 0, length)
  encoder.compressedPage(1, 0, deflated, 0, deflated.length)
  encoder.zeroPage(1, 0x1000, 0x55)
  encoder.ramEos(RAM.id)
}

const precopy = collect((encoder) =>
  writeStream(encoder, {
    before: () => {
      encoder.command({ name: 'OPEN_RETURN_PATH' })
      encoder.command({ name: 'PING', value: 1 })
    },
    rounds: everyPage,
  }),
)

const bytesOf = (write: (buffer: Uint8Array) => number): Uint8Array => {
  const buffer = new Uint8Array(4096)
  return buffer.slice(0, write(buffer))
}

const postcopy = collect((encoder) => {
  const devices = bytesOf((buffer) => {
    let at = writeCommand(buffer, 0, { name: 'POSTCOPY_LISTEN' })
    for (const { payload, ...section } of DEVICES) {
      at = writeSectionFull(buffer, at, section)
      buffer.set(payload, at)
      at = writeFooter(buffer, at + payload.length, section.id)
    }
    at = writeCommand(buffer, at, { name: 'PING', value: 3 })
    return writeCommand(buffer, at, { name: 'POSTCOPY_RUN' })
  })
  const huge: readonly RamBlock[] = [{ name: 'pc.ram', usedLength: 0x400000, pageSize: 0x200000 }, ...BLOCKS.slice(1)]
  const discard: Command = {
    name: 'POSTCOPY_RAM_DISCARD',
    block: 'pc.ram',
    ranges: [{ start: 0x1000, length: 0x2000 }],
  }
  encoder.header({ machine: 'pc' })
  encoder.command({ name: 'POSTCOPY_ADVISE', pageSizes: { summary: 0x201000, target: 0x1000 } })
  encoder.sectionStart(RAM)
  encoder.ramBlocks(huge)
  encoder.ramEos(RAM.id)
  everyPage(encoder)
  encoder.command(discard)
  encoder.command({ name: 'PACKAGED', length: devices.length })
  encoder.package(devices)
  encoder.packageEnd()
  everyPage(encoder)
  encoder.command({ name: 'RECV_BITMAP', block: 'pc.ram' })
  encoder.command({ name: 'POSTCOPY_RESUME' })
  encoder.sectionEnd(RAM.id)
  encoder.ramEos(RAM.id)
  encoder.end()
})

const disks = collect((encoder) =>
  writeStream(encoder, {
    before: () => {
      encoder.sectionStart({ id: 5, idstr: 'block', instance: 0, version: 1 })
      encoder.block({ name: 'PROGRESS', percent: 50 })
      encoder.block({ name: 'DEVICE_BLOCK', device: 'hd0', sector: 2048, data: undefined })
      encoder.block({ name: 'DEVICE_BLOCK', device: 'hd0', sector: 0, data: new Uint8Array(BLOCK_PIECE_BYTES).fill(3) })
      encoder.block({ name: 'EOS' })
      encoder.sectionStart({ id: 6, idstr: 'dirty-bitmap', instance: 0, version: 1 })
      encoder.dirtyBitmap({ name: 'START', device: 'hd0', bitmap: 'b0', granularity: 65_536, flags: 1 })
      encoder.dirtyBitmap({ name: 'BITS', sector: 0, sectors: 1024, data: Uint8Array.of(1, 2, 3) })
      encoder.dirtyBitmap({ name: 'BITS', sector: 1024, sectors: 1024, data: undefined })
      encoder.dirtyBitmap({ name: 'COMPLETE' })
      encoder.dirtyBitmap({ name: 'EOS' })
    },
  }),
)

/** The header and one device more than two lines of code would need: its payload says that COLO follows. */
const COLO_DEVICES = [...DEVICES, { id: 5, idstr: 'COLOState', instance: 0, version: 1, payload: Uint8Array.of(1) }]

const say = (message: ColoMessage): Uint8Array => bytesOf((buffer) => writeColoMessage(buffer, 0, message))

const colo211 = ((): Uint8Array => {
  const whole = collect((encoder) => writeStream(encoder, { devices: COLO_DEVICES, rounds: everyPage }))
  const checkpoint = [
    say({ name: 'checkpoint-request' }),
    say({ name: 'vmstate-send' }),
    say({ name: 'vmstate-size', bytes: whole.length }),
    whole,
  ]
  return new Uint8Array(Buffer.concat([whole, ...checkpoint, ...checkpoint]))
})()

const colo72 = collect((encoder) => {
  const blob = bytesOf((buffer) => {
    const [{ payload, ...section }] = DEVICES as [(typeof DEVICES)[number]]
    const at = writeSectionFull(buffer, 0, section)
    buffer.set(payload, at)
    return writeEof(buffer, writeFooter(buffer, at + payload.length, section.id))
  })
  writeStream(encoder, { before: () => encoder.command({ name: 'ENABLE_COLO' }) })
  for (let checkpoint = 0; checkpoint < 2; checkpoint++) {
    encoder.coloMessage({ name: 'checkpoint-request' })
    encoder.coloMessage({ name: 'vmstate-send' })
    encoder.sectionEnd(RAM.id)
    encoder.page(0, 0x1000, page(7), 0)
    encoder.ramEos(RAM.id)
    encoder.end()
    encoder.coloMessage({ name: 'vmstate-size', bytes: blob.length })
    encoder.checkpointDevices(blob)
  }
})

const answers: readonly ReturnPathMessage[] = [
  { name: 'PONG', value: 1 },
  { name: 'REQ_PAGES_ID', block: 'pc.ram', start: 0x1000, length: 0x2000 },
  { name: 'REQ_PAGES', block: 'pc.ram', start: 0x4000, length: 0x1000 },
  { name: 'RECV_BITMAP', block: 'pc.ram', bitmap: new Uint8Array(64).fill(0xa5) },
  { name: 'RESUME_ACK', value: 1 },
  { name: 'SHUT', value: 0 },
]
const returnPath = ((): Uint8Array => {
  const bytes = new Uint8Array(answers.reduce((sum, answer) => sum + returnPathBytes(answer), 0))
  answers.reduce((at, answer) => writeReturnPath(bytes, at, answer), 0)
  return bytes
})()

/** Two channels whose pages go back and forth between them, in three rounds. */
const multifd = (method: MultifdMethodName): readonly Uint8Array[] => {
  const main = collect((encoder) =>
    writeStream(encoder, {
      rounds: () => {
        encoder.sectionPart(RAM.id)
        encoder.zeroPage(0, 0x5000, 0)
        encoder.ramEos(RAM.id)
      },
    }),
  )
  const channel = (number: number): Uint8Array => {
    const pieces: Uint8Array[] = []
    const encoder = new MultifdEncoder((bytes) => pieces.push(bytes.slice()), multifdCompressor(method))
    const packet = (sync: boolean, pages: readonly number[]): void => {
      const header: MultifdPacket = {
        sync,
        method: pages.length === 0 ? 'none' : method,
        pagesMax: 128,
        dataBytes: pages.length * 4096,
        number: 1,
        block: pages.length === 0 ? '' : 'pc.ram',
        offsets: pages.map((index) => index * 4096),
      }
      encoder.packet(header)
      for (const index of pages) encoder.page(0, index * 4096, page(index + number + 1), 0)
    }
    encoder.init({ uuid: new Uint8Array(16), channel: number })
    packet(true, [])
    packet(false, [1 + number, 3 + number])
    packet(true, [5 + number])
    packet(false, [])
    packet(true, [2 - number])
    return new Uint8Array(Buffer.concat(pieces))
  }
  return [main, channel(0), channel(1)]
}

const oldMachine = collect((encoder) => writeStream(encoder, { machine: undefined, rounds: everyPage }))

/** Subjects that need no recording. */
export const syntheticSubjects = (): readonly FuzzSubject[] => [
  migrationSubject('precopy', [precopy]),
  migrationSubject('precopy-old-machine', [oldMachine]),
  migrationSubject('precopy-live', [precopy], { readsAhead: false, vmDescription: 'required' }),
  knownDevicesSubject(
    'known-devices',
    precopy,
    (idstr) => DEVICES.find((device) => device.idstr === idstr)?.payload.length,
  ),
  migrationSubject('postcopy', [postcopy]),
  knownDevicesSubject('postcopy-known-devices', postcopy, () => 8),
  migrationSubject('disks', [disks]),
  migrationSubject('colo-7.2', [colo72]),
  migrationSubject('colo-2.11', [colo211]),
  ...(['none', 'zlib', 'zstd'] as const).map((method) =>
    migrationSubject(`multifd-${method}`, multifd(method), { method }),
  ),
  returnPathSubject('return-path', returnPath),
]
