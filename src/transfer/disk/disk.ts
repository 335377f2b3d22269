/**
 * A disk as a guest and a migration see it: so many bytes that can be read and written. Everything waits: those who use a disk
 * have a thread of their own, and one piece of it is all that they hold.
 */
import { SECTOR_BYTES } from '../../memory/index.ts'

export { SECTOR_BYTES }

/** Unit of dirty tracking and of transfer (QEMU's BLK_MIG_BLOCK_SIZE). */
export const CHUNK_BYTES = 2 ** 20

/** Largest disk: 2^53 bytes is beyond what any image here holds. */
export const DISK_BYTES_MAX = 2 ** 46

/** How a file holds a disk. */
export type ImageFormat = 'raw' | 'qcow2'

/** A disk that cannot be used as it has to be, opened or written to. What was being written may be written in part. */
export class DiskError extends Error {
  readonly _tag = 'DiskError'
  override readonly name = 'DiskError'
  /** The system's code, `ENOSPC` say, or one of our own: `EFORMAT`, `ESIZE`, `ELOCKED`. */
  readonly code: string
  constructor(message: string, code = 'EINVAL') {
    super(message)
    this.code = code
  }
}

/** See the head of this file. Ranges lie inside the disk. @throws DiskError */
export interface Disk {
  /** A multiple of {@link SECTOR_BYTES}. */
  readonly sizeBytes: number
  /** Fills the whole buffer from `offset` on. */
  read(buffer: Uint8Array, offset: number): void
  write(bytes: Uint8Array, offset: number): void
  /** Whether this disk's own layer holds anything in the range; where it does not, a backing image shows through. */
  isAllocated(offset: number, length: number): boolean
  /** What was written is on the medium when this returns. */
  flush(): void
  close(): void
}

/** Chunks of a disk; the last may be short. */
export const chunksOf = (disk: Pick<Disk, 'sizeBytes'>): number => Math.ceil(disk.sizeBytes / CHUNK_BYTES)

/** Bytes of a chunk. */
export const chunkBytes = (disk: Pick<Disk, 'sizeBytes'>, chunk: number): number =>
  Math.min(CHUNK_BYTES, disk.sizeBytes - chunk * CHUNK_BYTES)
