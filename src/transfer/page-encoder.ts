/** The records of pages on the main stream, each written into the queue, which has room for it, and counted. */
import { copyPageFrom, PAGE_BYTES, zeroTester, type GuestMemory } from '../memory/index.ts'
import { RAM_PAGE, RAM_ZERO, writeCompressedPage, writeXbzrlePage } from '../wire/index.ts'
import type { OutputQueue } from './output-queue.ts'
import type { RamSection } from './ram-section.ts'
import type { RamStatistics } from './ram-statistics.ts'

/** What a page can be written as. */
export type PageRecords = Pick<PageEncoder, 'isZero' | 'zero' | 'whole' | 'delta' | 'compressed'>

/** Offsets are bytes in a block, of whole pages. */
export class PageEncoder {
  readonly #memory: GuestMemory
  readonly #queue: OutputQueue
  readonly #section: RamSection
  readonly #statistics: RamStatistics
  readonly #isZero: readonly ((offset: number) => boolean)[]

  constructor(memory: GuestMemory, queue: OutputQueue, section: RamSection, statistics: RamStatistics) {
    this.#memory = memory
    this.#queue = queue
    this.#section = section
    this.#statistics = statistics
    this.#isZero = memory.blocks.map((block) => zeroTester(block.bytes))
  }

  /** The record of a page as it is: zero, or whole. */
  encode(block: number, offset: number): void {
    if (this.isZero(block, offset)) this.zero(block, offset)
    else this.whole(block, offset)
  }

  isZero(block: number, offset: number): boolean {
    return this.#isZero[block]!(offset)
  }

  zero(block: number, offset: number): void {
    const start = this.#queue.at
    this.#section.writeHead(block, offset, RAM_ZERO)
    this.#queue.bytes[this.#queue.at++] = 0
    this.#statistics.duplicate++
    this.#end(start)
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'zero')
  }

  /** A page from the guest's memory, or from a copy of it. */
  whole(
    block: number,
    offset: number,
    bytes: Uint8Array = this.#memory.blocks[block]!.bytes,
    at: number = offset,
  ): void {
    const start = this.#queue.at
    this.#section.writeHead(block, offset, RAM_PAGE)
    copyPageFrom(bytes, at, this.#queue.bytes, this.#queue.at)
    this.#queue.at += PAGE_BYTES
    this.#statistics.normal++
    this.#end(start)
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'sent')
  }

  /** What has changed of a page, as `encodeXbzrle` makes it. */
  delta(block: number, offset: number, body: Uint8Array): void {
    const { bytes, at: start } = this.#queue
    this.#queue.at = writeXbzrlePage(bytes, start, offset, this.#section.nameFor(block), body)
    this.#statistics.xbzrle.deltas++
    this.#statistics.xbzrle.deltaBytes += this.#end(start)
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'sent')
  }

  /** A page as a zlib stream of its own. */
  compressed(block: number, offset: number, stream: Uint8Array): void {
    const { bytes, at: start } = this.#queue
    this.#queue.at = writeCompressedPage(bytes, start, offset, this.#section.nameFor(block), stream)
    this.#statistics.compression.pages++
    this.#statistics.compression.bytes += this.#end(start)
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'sent')
  }

  #end(start: number): number {
    const bytes = this.#queue.at - start
    this.#statistics.transferred += bytes
    return bytes
  }
}
