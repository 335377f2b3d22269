/**
 * Which chunks of a guest's disks are still to be sent, and which of them is next: first all of them once, disk by disk (the
 * bulk phase), then those that the guest has written to since. Source: reference of the semantics, 6.8.
 */
import { CHUNK_BYTES } from './disk/disk.ts'
import type { GuestDisk } from './disk/guest-disk.ts'

/** A chunk that was taken to be sent. */
export interface DiskChunk {
  readonly disk: GuestDisk
  readonly chunk: number
}

/** What makes the scan of a run. */
export type DiskScanMaker = (disks: readonly GuestDisk[], incremental: boolean) => DiskScan

export class DiskScan {
  readonly #disks: readonly GuestDisk[]
  readonly #incremental: boolean
  /** Disk and chunk at which the bulk phase is. */
  #bulkDisk = 0
  #bulkChunk = 0
  #passedBytes = 0
  /** Disk at which the next dirty chunk is looked for, and the chunk from which on. */
  #dirtyDisk = 0
  #dirtyChunk = 0
  /** Bytes of all disks. */
  readonly totalBytes: number

  /**
   * Everything is to be sent, whatever was written before.
   *
   * @param incremental Leaves out, at first, what the image itself does not hold: its backing image is at the destination.
   */
  constructor(disks: readonly GuestDisk[], incremental: boolean) {
    this.#disks = disks
    this.#incremental = incremental
    this.totalBytes = disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    for (const { written } of disks) written.clearAll()
  }

  get isBulk(): boolean {
    return this.#passedBytes < this.totalBytes
  }

  /** Whether a chunk, of a disk by its place, has been taken and not been written to since. */
  isClean(disk: number, chunk: number): boolean {
    const isPassed = disk < this.#bulkDisk || (disk === this.#bulkDisk && chunk < this.#bulkChunk)
    return isPassed && !this.#disks[disk]!.written.test(chunk)
  }

  /** Bytes of the disks that the bulk phase has passed. */
  get passedBytes(): number {
    return this.#passedBytes
  }

  /** Bytes still to be sent, as far as anybody knows now. */
  get remainingBytes(): number {
    const dirty = this.#disks.reduce((sum, { written }) => sum + written.count(), 0)
    return this.totalBytes - this.#passedBytes + dirty * CHUNK_BYTES
  }

  /** QEMU's figures of `disk`: what is sent a second time is not counted, so that their sum is always the total. */
  get figures() {
    return { transferred: this.#passedBytes, remaining: this.totalBytes - this.#passedBytes, total: this.totalBytes }
  }

  /** Takes the next chunk; undefined if there is none. Its mark is taken away before it is read (I16). */
  next(): DiskChunk | undefined {
    return this.#nextInBulk() ?? this.#nextDirty()
  }

  #nextInBulk(): DiskChunk | undefined {
    for (;;) {
      const disk = this.#disks[this.#bulkDisk]
      if (disk === undefined) return undefined
      const chunk = this.#bulkChunk++
      if (chunk === disk.chunks) {
        this.#bulkDisk++
        this.#bulkChunk = 0
        continue
      }
      this.#passedBytes += disk.chunkBytes(chunk)
      if (this.#incremental && !disk.isAllocated(chunk)) continue
      disk.written.clear(chunk)
      return { disk, chunk }
    }
  }

  /** Round and round, so that no disk keeps the others waiting. */
  #nextDirty(): DiskChunk | undefined {
    for (let looks = 0; looks <= this.#disks.length; looks++) {
      const disk = this.#disks[this.#dirtyDisk]
      if (disk === undefined) return undefined
      const chunk = disk.written.next(this.#dirtyChunk)
      if (chunk < disk.chunks) {
        disk.written.clear(chunk)
        this.#dirtyChunk = chunk + 1
        return { disk, chunk }
      }
      this.#dirtyDisk = (this.#dirtyDisk + 1) % this.#disks.length
      this.#dirtyChunk = 0
    }
    return undefined
  }
}
