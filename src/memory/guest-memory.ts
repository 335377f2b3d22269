/**
 * All RAM of one guest: its blocks, and for each block a dirty log that guest writes mark while logging is on. This is the
 * only way a guest should write, because the order matters: bytes first, mark second. Everything is shared memory, so the
 * guest may run in one thread while others read its pages and drain its log.
 */
import { DirtyBitmap, type SharedDirtyBitmap } from './dirty-bitmap.ts'
import { MemoryRangeError, MemoryShapeError } from './memory-error.ts'
import { MissingPages, type SharedMissingPages } from './missing-pages.ts'
import { PageFates, type SharedPageFates } from './page-fates.ts'
import { fillRandom } from './random-contents.ts'
import { PAGE_BYTES, RamBlock, type SharedRamBlock } from './ram-block.ts'

/** Most RAM blocks in one guest; QEMU guests have a handful to a few dozen. */
export const BLOCKS_MAX = 1024

/** Name and size (bytes) of one block to allocate; limits as `RamBlock`. */
export interface RamBlockShape {
  readonly name: string
  readonly usedLength: number
}

/** Guest memory as `postMessage` and `workerData` carry it; nothing is copied. */
export interface SharedGuestMemory {
  readonly blocks: readonly SharedRamBlock[]
  readonly log: readonly SharedDirtyBitmap[]
  readonly control: SharedArrayBuffer
  readonly fates?: SharedPageFates
  readonly missing: SharedMissingPages
}

const LOG_ENABLED = 0
const CONTROL_BYTES = 4

export class GuestMemory {
  readonly blocks: readonly RamBlock[]
  /** The dirty log, one bitmap a block in the order of `blocks`. */
  readonly log: readonly DirtyBitmap[]
  /** Pages that have not arrived, where the guest runs before all of them have. */
  readonly missing: MissingPages
  /** Bytes of all blocks. */
  readonly totalBytes: number
  readonly #control: Int32Array<SharedArrayBuffer>
  #fates: PageFates | undefined
  readonly #views: readonly DataView[]
  /** Global byte position of each block's first byte, blocks laid end to end. */
  readonly #positions: readonly number[]

  /**
   * Guest memory over blocks that exist; logging is off and the log empty unless given.
   * @throws MemoryShapeError on no block, too many, two of one name, or a log that does not fit the blocks.
   */
  constructor(
    blocks: readonly RamBlock[],
    log: readonly DirtyBitmap[] = blocks.map((block) => new DirtyBitmap(block.pageCount)),
    control: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BYTES),
    missing?: SharedMissingPages,
  ) {
    if (blocks.length < 1 || blocks.length > BLOCKS_MAX)
      throw new MemoryShapeError('RAM blocks of a guest', `1 to ${BLOCKS_MAX}`, `${blocks.length}`)
    const names = new Set<string>()
    for (const block of blocks) {
      if (names.has(block.name)) throw new MemoryShapeError('names of RAM blocks', 'no name twice', block.name)
      names.add(block.name)
    }
    const expected = blocks.map((block) => block.pageCount).join(', ')
    const found = log.map((bitmap) => bitmap.pageCount).join(', ')
    if (expected !== found) throw new MemoryShapeError('pages of the dirty log', expected, found)
    this.blocks = blocks
    this.log = log
    const positions: number[] = []
    let total = 0
    for (const block of blocks) {
      positions.push(total)
      total += block.usedLength
    }
    this.#positions = positions
    this.totalBytes = total
    this.#views = blocks.map((block) => new DataView(block.buffer, 0, block.usedLength))
    this.#control = new Int32Array(control)
    this.missing = new MissingPages(
      blocks.map((block) => block.pageCount),
      missing,
    )
  }

  /** New zeroed memory. @throws MemoryShapeError as the constructor and `RamBlock.allocate`. */
  static allocate(shapes: readonly RamBlockShape[]): GuestMemory {
    return new GuestMemory(shapes.map((shape) => RamBlock.allocate(shape.name, shape.usedLength)))
  }

  /** The block of that name. @throws MemoryRangeError if there is none. */
  block(name: string): RamBlock {
    const block = this.blocks.find((candidate) => candidate.name === name)
    if (block !== undefined) return block
    throw new MemoryRangeError('RAM block', this.blocks.map((candidate) => candidate.name).join(' or '), name)
  }

  /** Whether guest writes mark the log. */
  get logEnabled(): boolean {
    return Atomics.load(this.#control, LOG_ENABLED) === 1
  }

  /**
   * From here on every guest write is marked. A write made before by another thread is visible once this returns, so "start
   * the log, then take every page as dirty" misses nothing.
   */
  startLog(): void {
    Atomics.exchange(this.#control, LOG_ENABLED, 1)
  }

  /** Guest writes are no longer marked; marks already made stay until drained. */
  stopLog(): void {
    Atomics.exchange(this.#control, LOG_ENABLED, 0)
  }

  /**
   * A guest write of any length, which may cross pages. The bytes are written first and the pages marked after: were it the
   * other way round, a sync between the two could take the mark and send the old bytes, and the new ones would be lost.
   * @throws MemoryRangeError if the bytes do not all lie in the block, PageFault if a page of them is missing; nothing is
   * written then.
   */
  write(blockIndex: number, byteOffset: number, bytes: Uint8Array): void {
    const block = this.#access(blockIndex, byteOffset, bytes.length)
    block.bytes.set(bytes, byteOffset)
    this.#mark(blockIndex, byteOffset, bytes.length)
  }

  /** A guest write of 4 bytes, big-endian; `value` is taken modulo 2^32. @throws MemoryRangeError */
  writeUint32(blockIndex: number, byteOffset: number, value: number): void {
    this.#access(blockIndex, byteOffset, 4)
    this.#views[blockIndex]!.setUint32(byteOffset, value)
    this.#mark(blockIndex, byteOffset, 4)
  }

  /**
   * A guest write of 8 bytes, big-endian.
   * @throws MemoryRangeError on an offset outside the block, or a value that is no safe integer >= 0.
   */
  writeUint64(blockIndex: number, byteOffset: number, value: number): void {
    this.#access(blockIndex, byteOffset, 8)
    if (!Number.isSafeInteger(value) || value < 0)
      throw new MemoryRangeError('64-bit value to write', 'a safe integer >= 0', `${value}`)
    const view = this.#views[blockIndex]!
    view.setUint32(byteOffset, Math.floor(value / 0x100000000))
    view.setUint32(byteOffset + 4, value % 0x100000000)
    this.#mark(blockIndex, byteOffset, 8)
  }

  /** An access that is to come: waits for pages that are missing. @throws MemoryRangeError, PageFault */
  touch(blockIndex: number, byteOffset: number, length: number): void {
    this.#access(blockIndex, byteOffset, length)
  }

  /** A copy of `length` bytes, private to the caller. @throws MemoryRangeError */
  read(blockIndex: number, byteOffset: number, length: number): Uint8Array<ArrayBuffer> {
    const block = this.#access(blockIndex, byteOffset, length)
    const copy = new Uint8Array(length)
    copy.set(block.bytes.subarray(byteOffset, byteOffset + length))
    return copy
  }

  /** 4 bytes, big-endian, unsigned. @throws MemoryRangeError */
  readUint32(blockIndex: number, byteOffset: number): number {
    this.#access(blockIndex, byteOffset, 4)
    return this.#views[blockIndex]!.getUint32(byteOffset)
  }

  /** 8 bytes, big-endian, unsigned; exact up to 2^53 and rounded above. @throws MemoryRangeError */
  readUint64(blockIndex: number, byteOffset: number): number {
    this.#access(blockIndex, byteOffset, 8)
    const view = this.#views[blockIndex]!
    return view.getUint32(byteOffset) * 0x100000000 + view.getUint32(byteOffset + 4)
  }

  /**
   * Fills everything with contents that do not compress: no zero page, no two pages alike, a pure function of the seed (a
   * safe integer >= 0) and of the position. A guest write, so it is marked while logging is on.
   */
  fill(seed: number): void {
    for (const [index, block] of this.blocks.entries()) this.fillRange(index, 0, block.usedLength, seed)
  }

  /**
   * `fill` for a range of whole pages of one block: the same bytes that `fill` would put there.
   * @throws MemoryRangeError on a range outside the block or not of whole pages.
   */
  fillRange(blockIndex: number, byteOffset: number, length: number, seed: number): void {
    const block = this.#access(blockIndex, byteOffset, length)
    if (byteOffset % PAGE_BYTES !== 0 || length % PAGE_BYTES !== 0)
      throw new MemoryRangeError('range to fill', `whole pages of ${PAGE_BYTES} bytes`, `${length} at ${byteOffset}`)
    fillRandom(block.buffer, byteOffset, length, seed, this.#positions[blockIndex]! + byteOffset)
    this.#mark(blockIndex, byteOffset, length)
  }

  /** Gives up what a page holds: it reads as zero from here on. Nothing is marked; the guest that it belonged to has left. */
  release(blockIndex: number, byteOffset: number): void {
    this.#range(blockIndex, byteOffset, PAGE_BYTES).bytes.fill(0, byteOffset, byteOffset + PAGE_BYTES)
  }

  /** What became of the pages in each pass; undefined unless somebody asked for it. */
  get fates(): PageFates | undefined {
    return this.#fates
  }

  /** From here on, and in every thread that gets this memory later, it is counted what becomes of the pages. */
  recordFates(): PageFates {
    return (this.#fates ??= new PageFates(this.blocks.map((block) => block.pageCount)))
  }

  toShared(): SharedGuestMemory {
    return {
      blocks: this.blocks.map((block) => block.toShared()),
      log: this.log.map((bitmap) => bitmap.toShared()),
      control: this.#control.buffer,
      missing: this.missing.toShared(),
      ...(this.#fates === undefined ? {} : { fates: this.#fates.toShared() }),
    }
  }

  static fromShared(data: SharedGuestMemory): GuestMemory {
    const blocks = data.blocks.map((block) => RamBlock.fromShared(block))
    const log = data.log.map((bitmap) => DirtyBitmap.fromShared(bitmap))
    const memory = new GuestMemory(blocks, log, data.control, data.missing)
    if (data.fates !== undefined) memory.#fates = PageFates.fromShared(data.fates)
    return memory
  }

  /** The block that an access of the guest is in; the access waits for pages that are missing. */
  #access(blockIndex: number, byteOffset: number, length: number): RamBlock {
    const block = this.#range(blockIndex, byteOffset, length)
    if (length > 0 && this.missing.isActive)
      this.missing.touch(
        blockIndex,
        Math.floor(byteOffset / PAGE_BYTES),
        Math.floor((byteOffset + length - 1) / PAGE_BYTES),
      )
    return block
  }

  #range(blockIndex: number, byteOffset: number, length: number): RamBlock {
    const block = this.blocks[blockIndex]
    if (block === undefined)
      throw new MemoryRangeError(
        'index of a RAM block',
        `an integer in 0 .. ${this.blocks.length - 1}`,
        `${blockIndex}`,
      )
    if (!(byteOffset >= 0 && length >= 0 && byteOffset + length <= block.usedLength))
      throw new MemoryRangeError(
        `bytes of RAM block ${block.name}`,
        `a range inside 0 .. ${block.usedLength}`,
        `${length} bytes at ${byteOffset}`,
      )
    return block
  }

  #mark(blockIndex: number, byteOffset: number, length: number): void {
    if (length === 0 || !this.#mustMark()) return
    const log = this.log[blockIndex]!
    const first = Math.floor(byteOffset / PAGE_BYTES)
    const last = Math.floor((byteOffset + length - 1) / PAGE_BYTES)
    if (first === last) log.set(first)
    else log.setRange(first, last + 1)
  }

  /**
   * A load of 1 is enough to mark. A load of 0 is not enough to go unmarked: the processor may hold the write back past the load,
   * while another thread starts the log and reads the page as it was. The addition of nothing is a read-modify-write, so
   * either it comes before `startLog`'s exchange, which then sees the write, or it reads 1.
   */
  #mustMark(): boolean {
    return Atomics.load(this.#control, LOG_ENABLED) === 1 || Atomics.add(this.#control, LOG_ENABLED, 0) === 1
  }
}
