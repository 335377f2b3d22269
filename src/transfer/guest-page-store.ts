/** Where a stream's pages are put: the guest's memory, seen in the order of the stream's own block list. */
import { copyPageFrom, copyPageInto, isZeroPage, PAGE_BYTES, type GuestMemory } from '../memory/index.ts'
import type { PageStore } from '../wire/index.ts'

export class GuestPageStore implements PageStore {
  readonly #memory: GuestMemory
  /** Position in the stream's block list -> block of this guest. */
  #order: readonly number[] = []

  constructor(memory: GuestMemory) {
    this.#memory = memory
  }

  /** The guest's block for each position of the stream's list; before that nothing can be put anywhere. */
  set order(order: readonly number[]) {
    this.#order = order
  }

  /** The guest's block at a position of the stream's list. */
  blockAt(index: number): number {
    return this.#order[index]!
  }

  write(index: number, offset: number, bytes: Uint8Array, at: number): void {
    copyPageInto(this.#bytesOf(index), offset, bytes, at)
  }

  fill(index: number, offset: number, value: number): void {
    const bytes = this.#bytesOf(index)
    // Memory that has never been touched reads as zero and costs nothing; it should stay so.
    if (value === 0 && isZeroPage(bytes, offset)) return
    bytes.fill(value, offset, offset + PAGE_BYTES)
  }

  read(index: number, offset: number, into: Uint8Array): void {
    copyPageFrom(this.#bytesOf(index), offset, into, 0)
  }

  #bytesOf(index: number): Uint8Array {
    return this.#memory.blocks[this.#order[index]!]!.bytes
  }
}
