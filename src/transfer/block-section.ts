/**
 * The `block` section of a stream that is written: the disks of a guest, a chunk of 1 MiB a record. It comes before the memory
 * at every turn, and its last part before the last of the memory.
 */
import { Buffer } from 'node:buffer'
import type { DiskOptions } from '../core/intent.ts'
import {
  BLOCK_IDSTR,
  BLOCK_VERSION,
  writeBlockRecord,
  writeFooter,
  writeSectionEnd,
  writeSectionPart,
  writeSectionStart,
} from '../wire/index.ts'
import { BLOCK_SECTION_ID, diskState, type DeviceState } from './dialect.ts'
import { CHUNK_BYTES, SECTOR_BYTES } from './disk/disk.ts'
import { openGuestDisks, type GuestDisk, type SharedGuestDisk } from './disk/guest-disk.ts'
import { DiskScan, type DiskScanMaker } from './disk-scan.ts'
import type { OutputQueue } from './output-queue.ts'

/** Bytes that a record takes beside its data, and the end of its part. */
export const BLOCK_RESERVE_BYTES = 1024
/** Room that the queue has to have for a record. */
export const BLOCK_RECORD_BYTES_MAX = CHUNK_BYTES + BLOCK_RESERVE_BYTES

const zeroes = Buffer.alloc(CHUNK_BYTES)

export class BlockSection {
  readonly scan: DiskScan
  readonly #queue: OutputQueue
  readonly #zeroBlocks: boolean
  readonly #chunk = Buffer.alloc(CHUNK_BYTES)
  #isOpen = false
  #percent = -1

  readonly #disks: readonly GuestDisk[]

  /** Opens the disks for reading. @throws DiskError */
  constructor(
    disks: readonly SharedGuestDisk[],
    queue: OutputQueue,
    options: DiskOptions,
    makeScan: DiskScanMaker = (...given) => new DiskScan(...given),
  ) {
    this.#disks = openGuestDisks(disks, { writable: false })
    this.scan = makeScan(this.#disks, options.incremental)
    this.#queue = queue
    this.#zeroBlocks = options.zeroBlocks
  }

  /** START: nothing but its end. */
  start(): void {
    const section = { id: BLOCK_SECTION_ID, idstr: BLOCK_IDSTR, instance: 0, version: BLOCK_VERSION }
    this.#queue.at = writeSectionStart(this.#queue.bytes, this.#queue.at, section)
    this.#end()
  }

  /** Adds chunks while there is room and `isEnough` says no; true when none is left. @throws DiskError */
  fill(isLast: boolean, isEnough: () => boolean): boolean {
    this.#open(isLast)
    while (this.#queue.room >= BLOCK_RECORD_BYTES_MAX && !isEnough()) {
      if (!this.#addChunk()) {
        if (isLast) this.#progress(100)
        this.closePart()
        return true
      }
    }
    return false
  }

  #addChunk(): boolean {
    const next = this.scan.next()
    if (next === undefined) return false
    const { disk, chunk } = next
    disk.readChunk(chunk, this.#chunk)
    const isZero = this.#zeroBlocks && this.#chunk.equals(zeroes)
    const sector = (chunk * CHUNK_BYTES) / SECTOR_BYTES
    const data = isZero ? undefined : this.#chunk
    this.#write({ name: 'DEVICE_BLOCK', device: disk.name, sector, data })
    if (this.scan.isBulk) this.#progress(Math.floor((this.scan.passedBytes / this.scan.totalBytes) * 100))
    return true
  }

  /** QEMU says how far the bulk phase is whenever that changes. */
  #progress(percent: number): void {
    if (percent === this.#percent) return
    this.#percent = percent
    this.#write({ name: 'PROGRESS', percent })
  }

  #write(record: Parameters<typeof writeBlockRecord>[2]): void {
    this.#queue.at = writeBlockRecord(this.#queue.bytes, this.#queue.at, record)
  }

  #open(isLast: boolean): void {
    if (this.#isOpen) return
    const write = isLast ? writeSectionEnd : writeSectionPart
    this.#queue.at = write(this.#queue.bytes, this.#queue.at, BLOCK_SECTION_ID)
    this.#isOpen = true
  }

  /** What the destination holds its own disks against. */
  get state(): DeviceState {
    return diskState(this.#disks)
  }

  /** Closes the images. */
  release(): void {
    for (const disk of this.#disks) disk.close()
  }

  /** Closes the part that is open, if one is. */
  closePart(): void {
    if (!this.#isOpen) return
    this.#end()
    this.#isOpen = false
  }

  #end(): void {
    this.#write({ name: 'EOS' })
    this.#queue.at = writeFooter(this.#queue.bytes, this.#queue.at, BLOCK_SECTION_ID)
  }
}
