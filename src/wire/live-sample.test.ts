/**
 * Migrations of a real QEMU 7.2.22 that had somebody at the other end: multifd with every compression, and postcopy. Decoded
 * to the memory that it had, in whatever pieces the channels come; and written again.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import t from 'tap'
import { hasZstd, multifdCompressor, multifdDecompressor, pageInflater } from './compression.ts'
import {
  memoryStore,
  MigrationDecoder,
  MultifdEncoder,
  pageApplier,
  StreamEncoder,
  teeSink,
  type BarrierParty,
  type MultifdMethodName,
  type MultifdSink,
  type StreamSink,
} from './index.ts'
import { digestSink } from './fixtures/digest-sink.ts'

interface LiveSample {
  readonly name: string
  readonly method: MultifdMethodName
  readonly files: readonly { readonly file: string; readonly rawSha256: string }[]
  readonly block: string
  readonly sha256: string
}

const folder = new URL('fixtures/', import.meta.url)
const samples = JSON.parse(readFileSync(new URL('live-samples.json', folder), 'utf8')) as readonly LiveSample[]
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const partyOf = (index: number): BarrierParty => (index === 0 ? 'main' : index - 1)

/** Feeds all channels, a piece of a channel at a time, in the order and of the sizes that `next` gives. */
const feedAll = (
  decoder: MigrationDecoder,
  inputs: readonly Uint8Array[],
  next: () => { readonly channel: number; readonly bytes: number },
): void => {
  const used = inputs.map(() => 0)
  const limits = inputs.map(() => 0)
  while (used.some((count, index) => count < inputs[index]!.length)) {
    const { channel, bytes } = next()
    const index = channel % inputs.length
    limits[index] = Math.min(inputs[index]!.length, limits[index]! + bytes)
    for (let count = -1; count !== 0; used[index]! += count)
      count = decoder.feed(partyOf(index), inputs[index]!, used[index]!, limits[index]!)
  }
  for (const [index, bytes] of inputs.entries()) decoder.finish(partyOf(index), bytes.length - used[index]!)
}

/** Round and round, 4,000 bytes each. */
const inTurn = () => {
  let count = 0
  return () => ({ channel: count++, bytes: 4000 })
}

const decode = (
  { method }: LiveSample,
  inputs: readonly Uint8Array[],
  next: Parameters<typeof feedAll>[2],
  listener: Partial<StreamSink> = {},
  channelListener: (index: number) => Partial<MultifdSink> = () => ({}),
) => {
  const memory = new Map<string, Uint8Array>()
  const arrays: Uint8Array[] = []
  const store = memoryStore(arrays)
  const { sink, digest } = digestSink()
  const applied: Partial<StreamSink> = {
    ...pageApplier(store, (at) => decoder.main.offsetOf(at), pageInflater()),
    ramBlocks: (blocks) => {
      for (const { name, usedLength } of blocks) {
        const array = new Uint8Array(usedLength)
        arrays.push(array)
        memory.set(name, array)
      }
    },
  }
  const decoder: MigrationDecoder = new MigrationDecoder(teeSink(listener, sink, applied), {
    method,
    makeDecompressor: multifdDecompressor,
    channels: inputs.slice(1).map((_unused, index): MultifdSink => {
      const other = channelListener(index)
      return {
        init: (init) => other.init?.(init),
        packet: (packet) => other.packet?.(packet),
        page: (block, offset, bytes, at) => {
          other.page?.(block, offset, bytes, at)
          store.write(block, offset, bytes, at)
        },
      }
    }),
  })
  feedAll(decoder, inputs, next)
  return { memory, digest: digest() }
}

for (const sample of samples) {
  const skip = sample.method === 'zstd' && !hasZstd ? `Node ${process.version} has no Zstandard` : false
  const inputs = sample.files.map(({ file }) => new Uint8Array(gunzipSync(readFileSync(new URL(file, folder)))))

  t.test(`${sample.name} decodes to the memory that was recorded, however its channels come`, { skip }, async (t) => {
    for (const [index, { rawSha256 }] of sample.files.entries()) t.equal(sha256(inputs[index]!), rawSha256)
    const { memory, digest } = decode(sample, inputs, inTurn())
    t.equal(sha256(memory.get(sample.block)!), sample.sha256)
    const schedule = fc.array(fc.record({ channel: fc.nat(7), bytes: fc.integer({ min: 1, max: 300_000 }) }), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(schedule, (order) => {
        let at = 0
        const rest = inTurn()
        const again = decode(sample, inputs, () => order[at++] ?? rest())
        return again.digest === digest && sha256(again.memory.get(sample.block)!) === sample.sha256
      }),
      { numRuns: 15 },
    )
  })

  t.test(`${sample.name} is written again: the same calls, and the same memory`, { skip }, async (t) => {
    const pieces: Uint8Array[][] = inputs.map(() => [])
    const main = new StreamEncoder((bytes) => pieces[0]!.push(bytes.slice()))
    const channels = inputs
      .slice(1)
      .map(
        (_unused, index) =>
          new MultifdEncoder((bytes) => pieces[index + 1]!.push(bytes.slice()), multifdCompressor(sample.method)),
      )
    const first = decode(sample, inputs, inTurn(), main, (index) => ({
      init: (init) => channels[index]!.init(init),
      packet: (packet) => channels[index]!.packet(packet),
      page: (block, offset, bytes, at) => channels[index]!.page(block, offset, bytes, at),
    }))
    main.flush()
    const again = pieces.map((list) => new Uint8Array(Buffer.concat(list)))
    t.equal(Buffer.compare(again[0]!, inputs[0]!), 0, 'the main stream byte for byte')
    const second = decode(sample, again, inTurn())
    t.equal(second.digest, first.digest)
    t.equal(sha256(second.memory.get(sample.block)!), sample.sha256)
  })
}
