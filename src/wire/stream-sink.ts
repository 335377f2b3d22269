/**
 * What a decoded stream is handed to: one call per record, in stream order, with numbers and the caller's own buffer
 * instead of an object per page. `silentSink` ignores everything and is what a partial sink is spread over.
 */
import type { Command } from './command.ts'
import type { Configuration } from './header.ts'
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
  /**
   * The nested stream that PACKAGED announced, whole. Where the lengths of device sections are known, the calls for
   * its content follow.
   */
  package(bytes: Uint8Array): void
  /** A device section, after its footer has been checked. */
  device(section: Section, bytes: Uint8Array): void
  /** Tail mode: everything from the first FULL to the end of the stream, verbatim, before it is split. */
  deviceTail(bytes: Uint8Array): void
  vmDescription(description: VmDescription): void
  /** The stream is complete; the last call. */
  end(): void
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
  package: ignore,
  device: ignore,
  deviceTail: ignore,
  vmDescription: ignore,
  end: ignore,
}
