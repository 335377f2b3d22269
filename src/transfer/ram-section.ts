/**
 * The `ram` section of a stream that is written: its parts are opened and closed around page records, and a record names
 * its block only where that changes.
 */
import type { GuestMemory } from '../memory/index.ts'
import {
  countedName,
  ramBlockListBytes,
  RAM_IDSTR,
  RAM_INSTANCE,
  RAM_VERSION,
  writeEos,
  writeFooter,
  writePageHeader,
  writeRamBlockList,
  writeSectionEnd,
  writeSectionPart,
  writeSectionStart,
} from '../wire/index.ts'
import { RAM_SECTION_ID } from './dialect.ts'
import type { OutputQueue } from './output-queue.ts'

/** Room that pages leave in a batch: for one more record, the end of its part, and what ends a stream. */
export const RESERVE_BYTES = 32 * 1024
/** What QEMU counts for the end of a part. */
export const EOS_BYTES = 8

const SECTION_HEAD_BYTES = 13
const PART_HEAD_BYTES = 5
const FOOTER_BYTES = 5

export class RamSection {
  readonly #memory: GuestMemory
  readonly #queue: OutputQueue
  readonly #names: readonly Uint8Array[]
  #isOpen = false
  /** Block of the page record before: what CONTINUE refers to. */
  #previous = -1

  constructor(memory: GuestMemory, queue: OutputQueue) {
    this.#memory = memory
    this.#queue = queue
    this.#names = memory.blocks.map((block) => countedName(block.name))
  }

  /** Block of the page record before; -1 before the first. */
  get previous(): number {
    return this.#previous
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Bytes of START, and of a part without its records. */
  get startBytes(): number {
    return SECTION_HEAD_BYTES + 1 + RAM_IDSTR.length + ramBlockListBytes(this.#memory.blocks) + this.#endBytes
  }

  get partBytes(): number {
    return PART_HEAD_BYTES + this.#endBytes
  }

  get #endBytes(): number {
    return EOS_BYTES + FOOTER_BYTES
  }

  /** START: the list of blocks. */
  start(): void {
    const { bytes, at } = this.#queue
    const section = { id: RAM_SECTION_ID, idstr: RAM_IDSTR, instance: RAM_INSTANCE, version: RAM_VERSION }
    this.#queue.at = writeRamBlockList(bytes, writeSectionStart(bytes, at, section), this.#memory.blocks)
    this.#end()
  }

  /** Opens a part, if none is open: END if it is the last of the section. */
  open(isLast: boolean): void {
    if (this.#isOpen) return
    const write = isLast ? writeSectionEnd : writeSectionPart
    this.#queue.at = write(this.#queue.bytes, this.#queue.at, RAM_SECTION_ID)
    this.#isOpen = true
  }

  /** Closes the part that is open; tells whether one was. */
  close(): boolean {
    if (!this.#isOpen) return false
    this.#end()
    this.#isOpen = false
    return true
  }

  #end(): void {
    const { bytes, at } = this.#queue
    this.#queue.at = writeFooter(bytes, writeEos(bytes, at), RAM_SECTION_ID)
  }

  /** The head of a record of the page at `offset` (bytes) of a block; `kind` is one of `RAM_ZERO`, `RAM_PAGE` .... Its body follows. */
  writeHead(block: number, offset: number, kind: number): void {
    this.#queue.at = writePageHeader(this.#queue.bytes, this.#queue.at, offset, kind, this.nameFor(block))
  }

  /** The counted name that a record of this block has to carry, which is then written; undefined where none has to be. */
  nameFor(block: number): Uint8Array | undefined {
    const name = this.#previous === block ? undefined : this.#names[block]
    this.#previous = block
    return name
  }
}
