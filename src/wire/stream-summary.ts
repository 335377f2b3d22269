/**
 * What is in a migration, counted while it is decoded: sections and where they begin, pages by kind and block, devices,
 * commands, checkpoints. Memory: a bit a page that was seen, and a bounded list of sections.
 */
import { readText, readU32 } from './bytes.ts'
import { PAGE_BYTES } from './constants.ts'
import type { ColoMessage } from './colo-message.ts'
import type { Command } from './command.ts'
import type { Configuration } from './header.ts'
import type { MultifdSink } from './multifd-decoder.ts'
import { PageSet } from './page-set.ts'
import type { RamBlock } from './ram-record.ts'
import type { Section } from './section.ts'
import { silentSink, type StreamSink } from './stream-sink.ts'
import { scanDevices } from './device-scan.ts'
import { deviceFields, type DeviceField } from './device-fields.ts'

/** Sections that are listed one by one; later ones are counted only. */
export const SECTIONS_LISTED_MAX = 100_000

/** Pages of one block as they came, a page counted every time it came. */
export interface PageCounts {
  /** As they are. */
  page: number
  /** As a fill byte. */
  zero: number
  xbzrle: number
  compressed: number
  /** On channels of multifd. */
  multifd: number
}

export interface BlockSummary extends RamBlock {
  readonly pages: PageCounts
  /** How often a page came that had come before. */
  resent: number
}

export interface SectionSummary {
  readonly offset: number
  readonly type: 'START' | 'PART' | 'END' | 'COMMAND'
  /** Name of the section, or of the command. */
  readonly name: string
  /** Page records in it. */
  pages: number
}

export interface DeviceSummary extends Section {
  readonly bytes: number
  /** Where the device's description tells them. */
  readonly fields: readonly DeviceField[]
  /** Guessed by the footer, as no description tells where it ends. */
  readonly guessed: boolean
}

export interface ChannelSummary {
  /** The number by which the channel calls itself. */
  id: number
  packets: number
  syncs: number
  pages: number
  /** Bytes of the pages as they came. */
  dataBytes: number
}

const noPages = (): PageCounts => ({ page: 0, zero: 0, xbzrle: 0, compressed: 0, multifd: 0 })

/** Collects; hand `sink` to the decoder of the main stream, and `channel()` to those of the channels. */
export class StreamSummary {
  /** Undefined before the header; null for a stream without configuration section. */
  configuration: Configuration | null | undefined
  readonly blocks: BlockSummary[] = []
  readonly sections: SectionSummary[] = []
  sectionsUnlisted = 0
  readonly devices: DeviceSummary[] = []
  readonly commands: Partial<Record<Command['name'], number>> = {}
  readonly messages: ColoMessage[] = []
  readonly channels: ChannelSummary[] = []
  /** Runs of records of `ram` that have ended: the block list, the rounds, the last round. */
  rounds = 0
  /** Bytes of bodies in page records: of deltas, and of zlib streams. */
  xbzrleBytes = 0
  compressedBytes = 0
  /** Pieces of disks (1 MiB), and records of dirty bitmaps. */
  diskPieces = 0
  bitmapRecords = 0
  descriptionBytes = 0
  /** Device sections and what frames them, without the description. */
  deviceBytes = 0
  checkpoints = 0
  /** What the source's guest did, by its `globalstate` device; undefined where there is none. */
  runState: string | undefined
  readonly sink: StreamSink
  readonly #offset: () => number
  readonly #names = new Map<number, string>()
  #seen: PageSet[] = []
  #payloads: (readonly [Section, Uint8Array])[] = []
  /** A tail that no description has come for yet. */
  #tail: Uint8Array | undefined

  /** `offset` gives the place of what the sink is being told of: `StreamDecoder.itemOffset`. */
  constructor(offset: () => number) {
    this.#offset = offset
    this.sink = {
      ...silentSink,
      header: (configuration) => (this.configuration = configuration ?? null),
      sectionStart: ({ id, idstr }) => {
        this.#names.set(id, idstr)
        this.#open('START', idstr)
      },
      sectionPart: (id) => this.#open('PART', this.#names.get(id) ?? `${id}`),
      sectionEnd: (id) => this.#open('END', this.#names.get(id) ?? `${id}`),
      ramBlocks: (blocks) => this.#list(blocks),
      page: (block, offset) => this.#page('page', block, offset),
      zeroPage: (block, offset) => this.#page('zero', block, offset),
      xbzrlePage: (block, offset, _bytes, _at, length) => {
        this.xbzrleBytes += length
        this.#page('xbzrle', block, offset)
      },
      compressedPage: (block, offset, _bytes, _at, length) => {
        this.compressedBytes += length
        this.#page('compressed', block, offset)
      },
      ramEos: () => this.rounds++,
      command: (command) => this.#command(command),
      block: (record) => (this.diskPieces += record.name === 'DEVICE_BLOCK' ? 1 : 0),
      dirtyBitmap: (record) => (this.bitmapRecords += record.name === 'EOS' ? 0 : 1),
      packageDevices: (bytes) => {
        this.deviceBytes += bytes.length
        this.#guess(bytes)
      },
      device: (section, bytes) => {
        if (section.idstr === 'globalstate') this.runState = runStateIn(bytes)
        this.#payloads.push([section, bytes])
      },
      deviceTail: (bytes) => {
        this.deviceBytes += bytes.length
        this.#tail = bytes
      },
      vmDescription: ({ json, bytes }) => {
        this.descriptionBytes += bytes.length
        this.deviceBytes -= bytes.length
        this.#describe(json)
      },
      end: () => {
        if (this.#tail !== undefined) this.#guess(this.#tail)
        this.#describe(undefined)
      },
      coloMessage: (message) => {
        this.messages.push(message)
        if (message.name === 'vmstate-size') this.checkpoints++
      },
      checkpointDevices: (bytes) => (this.deviceBytes += bytes.length),
    }
  }

  /** A sink for one more channel of multifd. */
  channel(): MultifdSink {
    const summary: ChannelSummary = { id: -1, packets: 0, syncs: 0, pages: 0, dataBytes: 0 }
    this.channels.push(summary)
    return {
      init: ({ channel }) => (summary.id = channel),
      packet: ({ sync, offsets, dataBytes }) => {
        summary.packets++
        summary.syncs += sync ? 1 : 0
        summary.pages += offsets.length
        summary.dataBytes += offsets.length > 0 ? dataBytes : 0
      },
      page: (block, offset) => this.#page('multifd', block, offset),
    }
  }

  #open(type: SectionSummary['type'], name: string): void {
    if (this.sections.length < SECTIONS_LISTED_MAX) {
      this.sections.push({ offset: this.#offset(), type, name, pages: 0 })
    } else this.sectionsUnlisted++
  }

  #list(blocks: readonly RamBlock[]): void {
    // A checkpoint of 2.11 lists them again.
    if (this.blocks.length > 0) return
    for (const block of blocks) this.blocks.push({ ...block, pages: noPages(), resent: 0 })
    this.#seen = blocks.map(() => new PageSet())
  }

  #page(kind: keyof PageCounts, index: number, offset: number): void {
    const block = this.blocks[index]!
    block.pages[kind]++
    if (kind !== 'multifd' && this.sectionsUnlisted === 0) this.sections.at(-1)!.pages++
    if (this.#seen[index]!.add(offset / PAGE_BYTES)) block.resent++
  }

  #command(command: Command): void {
    this.commands[command.name] = (this.commands[command.name] ?? 0) + 1
    this.#open('COMMAND', command.name)
  }

  #guess(bytes: Uint8Array): void {
    for (const { section, length } of scanDevices(bytes))
      this.devices.push({ ...section, bytes: length, fields: [], guessed: true })
  }

  /** The devices that have come, with their fields if there is a description of them. */
  #describe(json: unknown): void {
    for (const [index, [section, payload]] of this.#payloads.entries())
      this.devices.push({
        ...section,
        bytes: payload.length,
        fields: deviceFields(json, index, payload),
        guessed: false,
      })
    this.#payloads = []
    this.#tail = undefined
  }
}

/** The run state in the payload of `globalstate`: a u32 length, then that many bytes, the last of them zero. */
function runStateIn(payload: Uint8Array): string | undefined {
  if (payload.length < 5) return undefined
  const length = readU32(payload, 0)
  return length >= 1 && length <= payload.length - 4 ? readText(payload, 4, length - 1) : undefined
}
