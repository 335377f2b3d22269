/** Streams that a real QEMU 7.2.22 wrote: decoded, and written again by our own encoders. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import {
  StreamDecoder,
  countedName,
  silentSink,
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
  type RamBlock,
  type Section,
} from './index.ts'
import { writeBytes } from './bytes.ts'
import { feedInPieces } from './fixtures/recorder.ts'

interface Sample {
  readonly file: string
  readonly rawBytes: number
  readonly rawSha256: string
  readonly machine: string
  readonly records: { readonly eos: number; readonly zero: number; readonly page: number }
  readonly blocks: readonly { readonly name: string; readonly usedLength: number; readonly sha256?: string }[]
  readonly devices: readonly (readonly [number, string, number, number, number])[]
}

const folder = new URL('fixtures/', import.meta.url)
const samples = JSON.parse(readFileSync(new URL('samples.json', folder), 'utf8')) as readonly Sample[]
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

for (const sample of samples) {
  const raw = new Uint8Array(gunzipSync(readFileSync(new URL(sample.file, folder))))

  t.test(`${sample.file} decodes to the memory and the device sections that were recorded`, async (t) => {
    t.equal(sha256(raw), sample.rawSha256)
    for (const piece of [raw.length, 65_536, 4_400, 1_000, 7]) {
      const records = { eos: 0, zero: 0, page: 0 }
      const devices: unknown[] = []
      let machine = ''
      let blocks: readonly RamBlock[] = []
      let memory: Uint8Array[] = []
      let ended = 0
      const decoder = new StreamDecoder({
        ...silentSink,
        header: (configuration) => (machine = configuration?.machine ?? ''),
        ramBlocks: (list) => {
          blocks = list
          memory = list.map((block) => new Uint8Array(block.usedLength).fill(0xa5))
        },
        page: (index, offset, bytes, at) => {
          records.page++
          memory[index]!.set(bytes.subarray(at, at + 4096), offset)
        },
        zeroPage: (index, offset, fill) => {
          records.zero++
          memory[index]!.fill(fill, offset, offset + 4096)
        },
        ramEos: () => records.eos++,
        device: ({ id, idstr, instance, version }, bytes) => devices.push([id, idstr, instance, version, bytes.length]),
        end: () => ended++,
      })
      const cuts = Array.from({ length: Math.ceil(raw.length / piece) - 1 }, (_, index) => (index + 1) * piece)
      feedInPieces(decoder, raw, cuts)
      t.equal(decoder.position, raw.length)
      t.equal(machine, sample.machine)
      t.strictSame(records, sample.records)
      t.strictSame(devices, sample.devices)
      t.strictSame(
        blocks,
        sample.blocks.map(({ name, usedLength }) => ({ name, usedLength })),
      )
      for (const [index, { name, sha256: digest }] of sample.blocks.entries()) {
        if (digest !== undefined) t.equal(sha256(memory[index]!), digest, `${name} in pieces of ${piece}`)
      }
      t.equal(ended, 1)
    }
  })
}

t.test('what QEMU wrote is byte for byte what our encoders write for the same calls', async (t) => {
  const raw = new Uint8Array(gunzipSync(readFileSync(new URL('01-tiny-none.bin.gz', folder))))
  const buffer = new Uint8Array(raw.length)
  const names: Uint8Array[] = []
  let previous = -1
  let at = writeHeader(buffer, 0)
  const label = (index: number): Uint8Array | undefined => {
    const name = index === previous ? undefined : names[index]
    previous = index
    return name
  }
  const finishSection = (id: number): number => (at = writeFooter(buffer, at, id))
  const decoder = new StreamDecoder({
    ...silentSink,
    header: (configuration) => (at = writeConfiguration(buffer, at, configuration!)),
    sectionStart: (section) => (at = writeSectionStart(buffer, at, section)),
    sectionPart: (id) => (at = writeSectionPart(buffer, at, id)),
    sectionEnd: (id) => (at = writeSectionEnd(buffer, at, id)),
    ramBlocks: (list) => {
      names.push(...list.map((block) => countedName(block.name)))
      at = writeRamBlockList(buffer, at, list)
    },
    page: (index, offset, bytes, from) => (at = writePage(buffer, at, offset, label(index), bytes, from)),
    zeroPage: (index, offset, fill) => (at = writeZeroPage(buffer, at, offset, label(index), fill)),
    ramEos: (id) => {
      at = writeEos(buffer, at)
      finishSection(id)
    },
    device: (section: Section, bytes) => {
      at = writeBytes(buffer, writeSectionFull(buffer, at, section), bytes)
      finishSection(section.id)
    },
    vmDescription: () => {
      at = writeEof(buffer, at)
      at = writeVmDescription(buffer, at, new TextDecoder().decode(raw.subarray(at + 5)))
    },
  })
  decoder.feed(raw, 0, raw.length)
  t.equal(at, raw.length)
  t.equal(Buffer.compare(buffer, raw), 0)
})
