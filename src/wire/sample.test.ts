/**
 * Streams that a real QEMU 7.2.22 wrote: decoded, to the memory that it had; cut anywhere, with the same result; and
 * written again by our own encoder, to the same bytes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { pageInflater } from './compression.ts'
import {
  StreamDecoder,
  StreamEncoder,
  deviceFields,
  memoryStore,
  pageApplier,
  scanDevices,
  silentSink,
  type RamBlock,
  type StreamDecoderOptions,
  type StreamSink,
  type VmDescription,
} from './index.ts'
import { digestSink } from './fixtures/digest-sink.ts'
import { feedInPieces } from './fixtures/recorder.ts'

interface Sample {
  readonly file: string
  readonly rawBytes: number
  readonly rawSha256: string
  readonly machine?: string
  readonly records: Readonly<Partial<Record<'eos' | 'zero' | 'page' | 'xbzrle' | 'compressed', number>>>
  readonly blocks: readonly (RamBlock & { readonly sha256?: string })[]
  readonly devices: readonly (readonly [number, string, number, number, number])[]
}

const folder = new URL('fixtures/', import.meta.url)
const samples = JSON.parse(readFileSync(new URL('samples.json', folder), 'utf8')) as readonly Sample[]
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const rawOf = (sample: Sample): Uint8Array => new Uint8Array(gunzipSync(readFileSync(new URL(sample.file, folder))))
const options: StreamDecoderOptions = { iterables: ['ram', 'block'] }

/** Places to cut at: every one of a small sample, some of a large one, and some around the pieces of its end. */
const cutsOf = (raw: Uint8Array): readonly number[] => {
  const step = Math.max(1, Math.floor(raw.length / 30))
  return Array.from({ length: Math.floor(raw.length / step) }, (_unused, index) => index * step + (index % 7))
}

for (const sample of samples) {
  const raw = rawOf(sample)

  t.test(`${sample.file} decodes to the memory and the device sections that were recorded`, async (t) => {
    t.equal(sha256(raw), sample.rawSha256)
    for (const piece of raw.length > 300_000 ? [raw.length, 65_536, 4_400] : [raw.length, 65_536, 4_400, 1_000, 7]) {
      const records: Record<string, number> = { eos: 0, zero: 0, page: 0, xbzrle: 0, compressed: 0 }
      const devices: unknown[] = []
      let machine: string | undefined
      let blocks: readonly RamBlock[] = []
      const memory: Uint8Array[] = []
      let ended = 0
      const applier = pageApplier(memoryStore(memory), (at) => decoder.offsetOf(at), pageInflater())
      const counted =
        <Args extends readonly unknown[]>(name: string, apply: (...args: Args) => void) =>
        (...args: Args): void => {
          records[name]!++
          apply(...args)
        }
      const decoder: StreamDecoder = new StreamDecoder(
        {
          ...silentSink,
          header: (configuration) => (machine = configuration?.machine),
          ramBlocks: (list) => {
            blocks = list
            memory.push(...list.map((block) => new Uint8Array(block.usedLength).fill(0xa5)))
          },
          page: counted('page', applier.page),
          zeroPage: counted('zero', applier.zeroPage),
          xbzrlePage: counted('xbzrle', applier.xbzrlePage),
          compressedPage: counted('compressed', applier.compressedPage),
          ramEos: () => records['eos']!++,
          device: ({ id, idstr, instance, version }, bytes) =>
            devices.push([id, idstr, instance, version, bytes.length]),
          end: () => ended++,
        },
        options,
      )
      const cuts = Array.from({ length: Math.ceil(raw.length / piece) - 1 }, (_, index) => (index + 1) * piece)
      feedInPieces(decoder, raw, cuts)
      t.equal(decoder.position, raw.length)
      t.equal(machine, sample.machine)
      t.strictSame(records, { xbzrle: 0, compressed: 0, ...sample.records })
      t.strictSame(devices, sample.devices)
      t.strictSame(
        blocks,
        sample.blocks.map(({ sha256: _digest, ...block }) => block),
      )
      for (const [index, { name, sha256: digest }] of sample.blocks.entries()) {
        if (digest !== undefined) t.equal(sha256(memory[index]!), digest, `${name} in pieces of ${piece}`)
      }
      t.equal(ended, 1)
    }
  })

  t.test(`${sample.file} cut anywhere makes the same calls`, async (t) => {
    const decode = (feed: (decoder: StreamDecoder) => void): string => {
      const { sink, digest } = digestSink()
      feed(new StreamDecoder(sink, options))
      return digest()
    }
    const whole = decode((decoder) => feedInPieces(decoder, raw, []))
    const different = cutsOf(raw).filter((cut) => decode((decoder) => feedInPieces(decoder, raw, [cut])) !== whole)
    t.strictSame(different, [], 'in two pieces')
    const byteByByte = decode((decoder) => {
      let consumed = 0
      for (let end = 1; end <= raw.length; end++) consumed += decoder.feed(raw, consumed, end)
      decoder.finish(raw.length - consumed)
    })
    t.equal(byteByByte, whole, 'one byte more at a time')
  })

  t.test(`${sample.file} is written again byte for byte`, async (t) => {
    const write = (nameEveryPage: boolean): Uint8Array => {
      const pieces: Uint8Array[] = []
      const encoder = new StreamEncoder((bytes) => pieces.push(bytes.slice()), { nameEveryPage })
      feedInPieces(new StreamDecoder(encoder, options), raw, [raw.length >> 1])
      encoder.flush()
      const again = new Uint8Array(Buffer.concat(pieces))
      t.equal(encoder.position, again.length)
      return again
    }
    t.equal(Buffer.compare(write(false), raw), 0)
    const digestOf = (bytes: Uint8Array): string => {
      const { sink, digest } = digestSink()
      feedInPieces(new StreamDecoder(sink, options), bytes, [])
      return digest()
    }
    const named = write(true)
    t.equal(digestOf(named), digestOf(raw), 'with the block named in every record: the same calls')
    if ((sample.records.zero ?? 0) > 0) t.ok(named.length > raw.length)
  })

  t.test(`${sample.file}: the fields of its devices, and its devices without their description`, async (t) => {
    let tail = new Uint8Array()
    const payloads: Uint8Array[] = []
    let described: VmDescription | undefined
    const sink: StreamSink = {
      ...silentSink,
      deviceTail: (bytes) => (tail = bytes.slice()),
      device: (_section, bytes) => payloads.push(bytes),
      vmDescription: (description) => (described = description),
    }
    feedInPieces(new StreamDecoder(sink, options), raw, [])
    for (const [index, payload] of payloads.entries()) {
      const fields = deviceFields(described?.json, index, payload)
      t.ok(fields.length > 0)
      t.ok(fields.every((field) => field.offset + field.size <= payload.length))
      // What no field covers are the headers of subsections.
      const covered = fields.reduce((sum, { size }) => sum + size, 0)
      t.ok(covered <= payload.length && covered >= payload.length * 0.3, `${covered} of ${payload.length}`)
    }
    if (sample.machine === undefined) return
    const found = scanDevices(tail.subarray(0, tail.length - 5 - described!.bytes.length))
    t.strictSame(
      found.map(({ section, length }) => [section.id, section.idstr, section.instance, section.version, length]),
      sample.devices,
    )
  })
}

t.test('fields carry values: the interval timer of a PC counts from 65536', async (t) => {
  const sample = samples.find(({ file }) => file === 'pc-xbzrle.bin.gz')!
  const values = new Map<string, unknown>()
  const payloads: (readonly [string, Uint8Array])[] = []
  let described: VmDescription | undefined
  const sink: StreamSink = {
    ...silentSink,
    device: ({ idstr }, bytes) => payloads.push([idstr, bytes]),
    vmDescription: (description) => (described = description),
  }
  feedInPieces(new StreamDecoder(sink), rawOf(sample), [])
  for (const [index, [idstr, payload]] of payloads.entries())
    for (const { path, value } of deviceFields(described?.json, index, payload)) values.set(`${idstr} ${path}`, value)
  t.equal(values.get('i8254 channels[0].count'), 65_536n)
  t.equal(values.get('cpu env.eip'), 65_520n)
  t.equal(values.get('mc146818rtc periodic_timer'), -1n)
  t.equal(values.get('fw_cfg fw_cfg/acpi_mr/table_mr_size'), 131_072n)
})
