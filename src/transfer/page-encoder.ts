/** Turns a page into the record that goes out for it: here is decided which kind of record that is. */
import { copyPageFrom, PAGE_BYTES, zeroTester, type GuestMemory } from '../memory/index.ts'
import { RAM_PAGE, RAM_ZERO } from '../wire/index.ts'
import type { OutputQueue } from './output-queue.ts'
import type { RamSection } from './ram-section.ts'
import type { RamStatistics } from './ram-statistics.ts'

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

  /** Puts the record of the page at `offset` (bytes) of a block into the queue, which has room for it. */
  encode(block: number, offset: number): void {
    const before = this.#queue.at
    if (this.#isZero[block]!(offset)) this.#encodeZero(block, offset)
    else this.#encodePlain(block, offset)
    this.#statistics.transferred += this.#queue.at - before
  }

  #encodeZero(block: number, offset: number): void {
    this.#section.writeHead(block, offset, RAM_ZERO)
    this.#queue.bytes[this.#queue.at++] = 0
    this.#statistics.duplicate++
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'zero')
  }

  #encodePlain(block: number, offset: number): void {
    this.#section.writeHead(block, offset, RAM_PAGE)
    copyPageFrom(this.#memory.blocks[block]!.bytes, offset, this.#queue.bytes, this.#queue.at)
    this.#queue.at += PAGE_BYTES
    this.#statistics.normal++
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'sent')
  }
}
