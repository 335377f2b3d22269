/**
 * The primary's memory at its last checkpoint, as the secondary keeps it beside its guest's: pages of the next checkpoint
 * are put here as they come, and become the guest's all at once. The guest has been running meanwhile: what it wrote
 * itself is taken back as well.
 *
 * It is as large as the guest's memory (QEMU's COLO cache); pages that were never anything but zero cost nothing.
 */
import { copyPageFrom, copyPageInto, GuestMemory, isZeroPage, PAGE_BYTES } from '../../memory/index.ts'

export class CheckpointCopy {
  readonly #memory: GuestMemory
  /** Its log says which pages have come since the last checkpoint. */
  readonly #copy: GuestMemory

  constructor(memory: GuestMemory) {
    this.#memory = memory
    this.#copy = GuestMemory.allocate(memory.blocks)
  }

  /** Puts `bytes[at .. at + 4096)` aside for the page at `offset` (bytes) of one of the guest's blocks. */
  write(block: number, offset: number, bytes: Uint8Array, at: number): void {
    copyPageInto(this.#copy.blocks[block]!.bytes, offset, bytes, at)
    this.#copy.log[block]!.set(offset / PAGE_BYTES)
  }

  /** Puts a page aside that is `value` throughout. */
  fill(block: number, offset: number, value: number): void {
    const { bytes } = this.#copy.blocks[block]!
    if (value !== 0 || !isZeroPage(bytes, offset)) bytes.fill(value, offset, offset + PAGE_BYTES)
    this.#copy.log[block]!.set(offset / PAGE_BYTES)
  }

  /** The page as it was put aside last. */
  read(block: number, offset: number, into: Uint8Array): void {
    copyPageFrom(this.#copy.blocks[block]!.bytes, offset, into, 0)
  }

  /** Makes the copy from the guest's memory, where its pages were not put aside as they came. */
  takeAll(): void {
    for (const [index, { bytes, pageCount }] of this.#memory.blocks.entries())
      for (let offset = 0; offset < pageCount * PAGE_BYTES; offset += PAGE_BYTES)
        if (!isZeroPage(bytes, offset)) copyPageFrom(bytes, offset, this.#copy.blocks[index]!.bytes, offset)
  }

  /** Copy and guest are the same now; from here on the guest's writes are watched. It stands still. */
  begin(): void {
    for (const log of [...this.#copy.log, ...this.#memory.log]) log.clearAll()
    this.#memory.startLog()
  }

  /** Makes the guest's memory that of the checkpoint. The guest stands still. */
  apply(): void {
    for (const [index, block] of this.#memory.blocks.entries()) {
      const pages = this.#copy.log[index]!
      this.#memory.log[index]!.drainInto(pages)
      const { bytes } = this.#copy.blocks[index]!
      for (let page = pages.next(0); page < pages.pageCount;) {
        const end = pages.nextClear(page)
        block.bytes.set(bytes.subarray(page * PAGE_BYTES, end * PAGE_BYTES), page * PAGE_BYTES)
        page = pages.next(end)
      }
      pages.clearAll()
    }
  }

  /** The guest's writes are not watched any more. */
  end(): void {
    this.#memory.stopLog()
  }
}
