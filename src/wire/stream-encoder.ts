/**
 * Writes a stream: the reverse of `StreamDecoder` and `ColoDecoder`, and of the same shape. It is a sink, so that what a
 * decoder reads an encoder can write again, byte for byte as QEMU wrote it.
 */
import {
  PAGE_BYTES,
  RAM_COMPRESS_PAGE,
  RAM_PAGE,
  RAM_XBZRLE,
  RAM_ZERO,
  XBZRLE_ENCODING,
  type CommandVersion,
} from './constants.ts'
import { blockRecordBytes, writeBlockRecord, type BlockRecord } from './block-record.ts'
import { countedName, writeU16, writeU32, writeU8 } from './bytes.ts'
import { COLO_MESSAGE_BYTES_MAX, writeColoMessage, type ColoMessage } from './colo-message.ts'
import { commandBytes, writeCommand, type Command } from './command.ts'
import { dirtyBitmapRecordBytes, writeDirtyBitmapRecord, type DirtyBitmapRecord } from './dirty-bitmap-record.ts'
import { CONFIGURATION_BYTES_MAX, writeConfiguration, writeHeader, type Configuration } from './header.ts'
import { ramBlockListBytes, writeEos, writePageHeader, writeRamBlockList, type RamBlock } from './ram-record.ts'
import {
  writeEof,
  writeFooter,
  writeSectionEnd,
  writeSectionFull,
  writeSectionPart,
  writeSectionStart,
  type Section,
} from './section.ts'
import type { StreamSink } from './stream-sink.ts'
import { writeVmDescription, type VmDescription } from './vm-description.ts'

export interface StreamEncoderOptions {
  /** Name the block in every page record, as a writer may, instead of only where it changes. */
  readonly nameEveryPage?: boolean
  readonly commands?: CommandVersion
  /** A device tail is not written: somebody else passes it on as it comes. */
  readonly omitTail?: boolean
}

/** Bytes that are collected before they are written. */
const BUFFER_BYTES = 256 * 1024
/** Longest head of a record of anything: a page's with its name, a section's. */
const HEAD_BYTES_MAX = 512

/**
 * Call it as a decoder would, or hand it to one. `write` is handed pieces of up to 256 KiB in order (longer only for bodies
 * that came in one piece), valid until it returns; the last of them by `flush`.
 */
export class StreamEncoder implements StreamSink {
  readonly #write: (bytes: Uint8Array) => void
  readonly #options: StreamEncoderOptions
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #at = 0
  #written = 0
  #footers = true
  #sectionId = 0
  #names: readonly Uint8Array[] = []
  /** Block of the page record before: what CONTINUE would refer to. */
  #previous = -1
  /** Content that has been written verbatim already, and is now told in parts: nothing of that is written. */
  #verbatim = false
  /** EOF has been written. */
  #ended = false

  constructor(write: (bytes: Uint8Array) => void, options: StreamEncoderOptions = {}) {
    this.#write = write
    this.#options = options
  }

  /** Bytes that have been encoded so far. */
  get position(): number {
    return this.#written + this.#at
  }

  /** Hand over what has been collected. */
  flush(): void {
    if (this.#at === 0) return
    this.#write(this.#buffer.subarray(0, this.#at))
    this.#written += this.#at
    this.#at = 0
  }

  /** A new connection: the next page record names its block. */
  forget(): void {
    this.#previous = -1
  }

  #reserve(bytes: number): Uint8Array {
    if (this.#at + bytes > BUFFER_BYTES) this.flush()
    return this.#buffer
  }

  /** Whatever its length. */
  #bytes(bytes: Uint8Array): void {
    if (bytes.length <= BUFFER_BYTES) {
      this.#reserve(bytes.length).set(bytes, this.#at)
      this.#at += bytes.length
      return
    }
    this.flush()
    this.#write(bytes)
    this.#written += bytes.length
  }

  /** A record that may be longer than the buffer. */
  #record(length: number, write: (buffer: Uint8Array, at: number) => number): void {
    if (length <= BUFFER_BYTES) {
      this.#at = write(this.#reserve(length), this.#at)
      return
    }
    const record = new Uint8Array(length)
    write(record, 0)
    this.#bytes(record)
  }

  header(configuration: Configuration | undefined): void {
    const buffer = this.#reserve(CONFIGURATION_BYTES_MAX)
    this.#at = writeHeader(buffer, this.#at)
    if (configuration !== undefined) this.#at = writeConfiguration(buffer, this.#at, configuration)
    this.#footers = configuration !== undefined
    this.#ended = false
  }

  sectionStart(section: Section): void {
    this.#sectionId = section.id
    this.#at = writeSectionStart(this.#reserve(HEAD_BYTES_MAX), this.#at, section)
  }

  sectionPart(sectionId: number): void {
    this.#sectionId = sectionId
    this.#at = writeSectionPart(this.#reserve(HEAD_BYTES_MAX), this.#at, sectionId)
  }

  sectionEnd(sectionId: number): void {
    this.#sectionId = sectionId
    this.#at = writeSectionEnd(this.#reserve(HEAD_BYTES_MAX), this.#at, sectionId)
  }

  ramBlocks(blocks: readonly RamBlock[]): void {
    this.#names = blocks.map((block) => countedName(block.name))
    this.#record(ramBlockListBytes(blocks), (buffer, at) => writeRamBlockList(buffer, at, blocks))
  }

  /** Head of a page record in a buffer that has room for all of it. */
  #page(blockIndex: number, offset: number, kind: number, bodyBytes: number): Uint8Array {
    const buffer = this.#reserve(HEAD_BYTES_MAX + bodyBytes)
    const isNamed = blockIndex !== this.#previous || this.#options.nameEveryPage === true
    this.#at = writePageHeader(buffer, this.#at, offset, kind, isNamed ? this.#names[blockIndex] : undefined)
    this.#previous = blockIndex
    return buffer
  }

  page(blockIndex: number, offset: number, bytes: Uint8Array, at: number): void {
    this.#page(blockIndex, offset, RAM_PAGE, PAGE_BYTES).set(bytes.subarray(at, at + PAGE_BYTES), this.#at)
    this.#at += PAGE_BYTES
  }

  zeroPage(blockIndex: number, offset: number, fill: number): void {
    this.#at = writeU8(this.#page(blockIndex, offset, RAM_ZERO, 1), this.#at, fill)
  }

  xbzrlePage(blockIndex: number, offset: number, bytes: Uint8Array, at: number, length: number): void {
    const buffer = this.#page(blockIndex, offset, RAM_XBZRLE, 3 + length)
    this.#at = writeU16(buffer, writeU8(buffer, this.#at, XBZRLE_ENCODING), length)
    buffer.set(bytes.subarray(at, at + length), this.#at)
    this.#at += length
  }

  compressedPage(blockIndex: number, offset: number, bytes: Uint8Array, at: number, length: number): void {
    const buffer = this.#page(blockIndex, offset, RAM_COMPRESS_PAGE, 4 + length)
    this.#at = writeU32(buffer, this.#at, length)
    buffer.set(bytes.subarray(at, at + length), this.#at)
    this.#at += length
  }

  ramEos(sectionId: number): void {
    this.#at = writeEos(this.#reserve(HEAD_BYTES_MAX), this.#at)
    this.#footer(sectionId)
  }

  #footer(sectionId: number): void {
    if (this.#footers) this.#at = writeFooter(this.#reserve(HEAD_BYTES_MAX), this.#at, sectionId)
  }

  block(record: BlockRecord): void {
    this.#record(blockRecordBytes(record), (buffer, at) => writeBlockRecord(buffer, at, record))
    if (record.name === 'EOS') this.#footer(this.#sectionId)
  }

  dirtyBitmap(record: DirtyBitmapRecord): void {
    this.#record(dirtyBitmapRecordBytes(record), (buffer, at) => writeDirtyBitmapRecord(buffer, at, record))
    if (record.name === 'EOS') this.#footer(this.#sectionId)
  }

  command(command: Command): void {
    if (this.#verbatim) return
    this.#record(commandBytes(command), (buffer, at) => writeCommand(buffer, at, command, this.#options.commands))
  }

  package(bytes: Uint8Array): void {
    this.#bytes(bytes)
    this.#verbatim = true
    // At the switch to postcopy a source names its blocks anew.
    this.forget()
  }

  packageDevices(): void {}

  packageEnd(): void {
    this.#verbatim = false
  }

  device(section: Section, bytes: Uint8Array): void {
    if (this.#verbatim) return
    this.#at = writeSectionFull(this.#reserve(HEAD_BYTES_MAX), this.#at, section)
    this.#bytes(bytes)
    this.#footer(section.id)
  }

  deviceTail(bytes: Uint8Array): void {
    if (this.#options.omitTail !== true) this.#bytes(bytes)
    this.#verbatim = true
    this.#ended = true
  }

  vmDescription({ bytes }: VmDescription): void {
    if (this.#verbatim) return
    this.#eof()
    this.#record(5 + bytes.length, (buffer, at) => writeVmDescription(buffer, at, bytes))
  }

  #eof(): void {
    this.#at = writeEof(this.#reserve(HEAD_BYTES_MAX), this.#at)
    this.#ended = true
  }

  end(): void {
    if (!this.#ended) this.#eof()
    this.#verbatim = false
    this.#ended = false
  }

  coloMessage(message: ColoMessage): void {
    this.#at = writeColoMessage(this.#reserve(COLO_MESSAGE_BYTES_MAX), this.#at, message)
  }

  checkpointDevices(bytes: Uint8Array): void {
    this.#bytes(bytes)
  }
}
