/**
 * What a decoded stream is handed to: one call per record, in stream order, with numbers and the caller's own buffer
 * instead of an object per page. `silentSink` ignores everything and is what a partial sink is spread over.
 */
import type { BlockRecord } from './block-record.ts'
import type { ColoMessage } from './colo-message.ts'
import type { Command } from './command.ts'
import type { Configuration } from './header.ts'
import type { DirtyBitmapRecord } from './dirty-bitmap-record.ts'
import type { RamBlock } from './ram-record.ts'
import type { Section } from './section.ts'
import type { VmDescription } from './vm-description.ts'

/**
 * Every method is called during `feed` or `finish`. For the page methods: `blockIndex` is the position in the block
 * list, `offset` the page's first byte in the block (a multiple of 4096 with offset + 4096 <= usedLength), and
 * `bytes` is the buffer that is being fed, valid only until the method returns. Other `bytes` belong to the receiver.
 */
export interface StreamSink {
  /** After the header; undefined where the stream has no configuration section (and then no footers). */
  header(configuration: Configuration | undefined): void
  /** START of an iterable section. */
  sectionStart(section: Section): void
  /** PART: one more round. */
  sectionPart(sectionId: number): void
  /** END: the last round. */
  sectionEnd(sectionId: number): void
  /** The block list, whole; once, before any page. */
  ramBlocks(blocks: readonly RamBlock[]): void
  /** 4096 bytes of page content at `bytes[at]`. */
  page(blockIndex: number, offset: number, bytes: Uint8Array, at: number): void
  /** A page of which every byte is `fill`. */
  zeroPage(blockIndex: number, offset: number, fill: number): void
  /** A delta of `length` bytes (0 to 4096) at `bytes[at]`, for `decodeXbzrle`; not yet checked. */
  xbzrlePage(blockIndex: number, offset: number, bytes: Uint8Array, at: number, length: number): void
  /** A zlib stream of `length` bytes (1 to 4110) at `bytes[at]` that inflates to 4096; not yet checked. */
  compressedPage(blockIndex: number, offset: number, bytes: Uint8Array, at: number, length: number): void
  /** The payload of a `ram` section has ended; its footer is still to come. */
  ramEos(sectionId: number): void
  command(command: Command): void
  /** A record of block migration; EOS ends the payload of the section, and its footer is still to come. */
  block(record: BlockRecord): void
  /** A record of a dirty bitmap of a block device; EOS as above. */
  dirtyBitmap(record: DirtyBitmapRecord): void
  /**
   * The nested stream that PACKAGED announced, whole. The calls for its content follow: commands, and device sections if
   * their lengths are known, or else one `packageDevices`.
   */
  package(bytes: Uint8Array): void
  /** Tail mode: the device sections of a package, verbatim and not split, as no description tells where they end. */
  packageDevices(bytes: Uint8Array): void
  packageEnd(): void
  /** A device section, after its footer has been checked. */
  device(section: Section, bytes: Uint8Array): void
  /** Tail mode: everything from the first FULL to the end of the stream, verbatim, before it is split. */
  deviceTail(bytes: Uint8Array): void
  vmDescription(description: VmDescription): void
  /** The stream is complete, or the memory of a COLO checkpoint is. */
  end(): void
  /** A message of the COLO primary. */
  coloMessage(message: ColoMessage): void
  /** COLO of 7.2: the device sections of a checkpoint and their EOF, verbatim and not split. */
  checkpointDevices(bytes: Uint8Array): void
}

const ignore = (): void => {}

/** A sink that ignores everything: `{ ...silentSink, page(...) { ... } }`. */
export const silentSink: StreamSink = {
  header: ignore,
  sectionStart: ignore,
  sectionPart: ignore,
  sectionEnd: ignore,
  ramBlocks: ignore,
  page: ignore,
  zeroPage: ignore,
  xbzrlePage: ignore,
  compressedPage: ignore,
  ramEos: ignore,
  command: ignore,
  block: ignore,
  dirtyBitmap: ignore,
  package: ignore,
  packageDevices: ignore,
  packageEnd: ignore,
  device: ignore,
  deviceTail: ignore,
  vmDescription: ignore,
  end: ignore,
  coloMessage: ignore,
  checkpointDevices: ignore,
}
