/**
 * Guest memory in files, one a RAM block: sparse, so that a page that is all zero and has never been anything else takes
 * no room, and written in long runs. What is held in memory is one run and a bit for every page that was written.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PAGE_BYTES, PageSet, type PageStore, type RamBlock } from '../../wire/index.ts'

/** Bytes of pages in a row that are collected before they are written. */
const RUN_BYTES_MAX = 1024 * 1024

/** A file name for a block: `%2From@etc%2Facpi%2Ftables` for what QEMU calls `/rom@etc/acpi/tables`. */
export const fileNameOf = (block: string): string => {
  const name = [...new TextEncoder().encode(block)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[\w@.:-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`
    })
    .join('')
  // No file may be a directory's own name.
  return /^\.+$/.test(name) ? name.replaceAll('.', '%2E') : name
}

interface BlockFile {
  readonly block: RamBlock
  readonly path: string
  readonly descriptor: number
  readonly written: PageSet
}

export class PageFiles implements PageStore {
  readonly #directory: string
  readonly #wanted: ((block: RamBlock) => boolean) | undefined
  readonly #files: (BlockFile | undefined)[] = []
  readonly #run = new Uint8Array(RUN_BYTES_MAX)
  #runBlock = -1
  #runOffset = 0
  #runBytes = 0

  /** Files in `directory`, for the blocks that are wanted: all unless told. */
  constructor(directory: string, wanted?: (block: RamBlock) => boolean) {
    this.#directory = directory
    this.#wanted = wanted
  }

  /** Files that there are, in the order of the block list. */
  get files(): readonly { readonly block: RamBlock; readonly path: string }[] {
    return this.#files.filter((file) => file !== undefined)
  }

  /** The block list has come: makes the files. Once only. */
  create(blocks: readonly RamBlock[]): void {
    if (this.#files.length > 0) return
    for (const block of blocks) {
      if (this.#wanted?.(block) === false) {
        this.#files.push(undefined)
        continue
      }
      const path = join(this.#directory, fileNameOf(block.name))
      const descriptor = openSync(path, 'wx+', 0o600)
      this.#files.push({ block, path, descriptor, written: new PageSet() })
      ftruncateSync(descriptor, block.usedLength)
    }
  }

  write(blockIndex: number, offset: number, bytes: Uint8Array, at: number): void {
    const file = this.#files[blockIndex]
    if (file === undefined) return
    const extends_ = blockIndex === this.#runBlock && offset === this.#runOffset + this.#runBytes
    if (!extends_ || this.#runBytes === RUN_BYTES_MAX) {
      this.flush()
      this.#runBlock = blockIndex
      this.#runOffset = offset
    }
    this.#run.set(bytes.subarray(at, at + PAGE_BYTES), this.#runBytes)
    this.#runBytes += PAGE_BYTES
    file.written.add(offset / PAGE_BYTES)
  }

  fill(blockIndex: number, offset: number, value: number): void {
    const file = this.#files[blockIndex]
    if (file === undefined || (value === 0 && !file.written.has(offset / PAGE_BYTES))) return
    this.write(blockIndex, offset, new Uint8Array(PAGE_BYTES).fill(value), 0)
  }

  read(blockIndex: number, offset: number, into: Uint8Array): void {
    const file = this.#files[blockIndex]
    if (file === undefined) {
      // Not wanted: what a delta makes of it does not matter, but it has to be a delta.
      into.fill(0)
      return
    }
    this.flush()
    for (let held = 0; held < PAGE_BYTES;) {
      held += readSync(file.descriptor, into, held, PAGE_BYTES - held, offset + held)
    }
  }

  /** Write what has been collected. */
  flush(): void {
    const descriptor = this.#files[this.#runBlock]?.descriptor
    if (descriptor === undefined || this.#runBytes === 0) return
    for (let done = 0; done < this.#runBytes;) {
      done += writeSync(descriptor, this.#run, done, this.#runBytes - done, this.#runOffset + done)
    }
    this.#runBytes = 0
  }

  close(): void {
    for (const file of this.#files) if (file !== undefined) closeSync(file.descriptor)
    this.#files.length = 0
  }
}
