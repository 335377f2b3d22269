/**
 * Pages of a checkpoint of a QEMU that are put aside until all of it is here. Only what a checkpoint carries takes room; a
 * captured guest does not run, so that its memory is the last checkpoint's.
 */
import { PAGE_BYTES } from '../../memory/index.ts'
import type { PageStore } from '../../wire/index.ts'
import type { StagedMemory } from '../colo/checkpoint-receiver.ts'

export class StagedPages implements PageStore, StagedMemory {
  readonly #memory: PageStore
  /** By block, then by offset in bytes. */
  readonly #pages = new Map<number, Map<number, Uint8Array>>()

  constructor(memory: PageStore) {
    this.#memory = memory
  }

  write(block: number, offset: number, bytes: Uint8Array, at: number): void {
    this.#page(block, offset).set(bytes.subarray(at, at + PAGE_BYTES))
  }

  fill(block: number, offset: number, value: number): void {
    this.#page(block, offset).fill(value)
  }

  read(block: number, offset: number, into: Uint8Array): void {
    const staged = this.#pages.get(block)?.get(offset)
    if (staged === undefined) this.#memory.read(block, offset, into)
    else into.set(staged)
  }

  begin(): void {
    this.#pages.clear()
  }

  apply(): void {
    for (const [block, pages] of this.#pages)
      for (const [offset, bytes] of pages) this.#memory.write(block, offset, bytes, 0)
    this.#pages.clear()
  }

  end(): void {
    this.#pages.clear()
  }

  #page(block: number, offset: number): Uint8Array {
    const pages = this.#pages.get(block) ?? new Map<number, Uint8Array>()
    this.#pages.set(block, pages)
    const page = pages.get(offset) ?? new Uint8Array(PAGE_BYTES)
    pages.set(offset, page)
    return page
  }
}
