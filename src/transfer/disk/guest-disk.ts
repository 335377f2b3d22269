/**
 * A disk of a guest: a name, an image, and a bitmap of the chunks that the guest has written to. Bytes first, mark second, as
 * with memory; so whoever takes a mark away and then reads the chunk has missed nothing that is not marked again.
 */
import { DirtyBitmap, type SharedDirtyBitmap } from '../../memory/index.ts'
import { CHUNK_BYTES, chunkBytes, chunksOf, DiskError, type Disk } from './disk.ts'
import { MemoryDisk } from './memory-disk.ts'
import { openImage, type ImageDescription } from './open-image.ts'

/** What a disk is made of: a file, or memory for worlds in which nothing is real. */
export type DiskImage = ImageDescription | { readonly memory: SharedArrayBuffer }

/** A disk as `postMessage` carries it: each thread opens the image for itself, the marks are shared. */
export interface SharedGuestDisk {
  /** What the migration stream calls it: 1 to 255 bytes. */
  readonly name: string
  readonly sizeBytes: number
  readonly image: DiskImage
  readonly written: SharedDirtyBitmap
}

const open = (image: DiskImage, writable: boolean): Disk =>
  'memory' in image ? new MemoryDisk(new Uint8Array(image.memory)) : openImage(image, { writable })

/** Looks at an image once, and describes the disk that it is. @throws DiskError */
export const describeDisk = (name: string, image: DiskImage): SharedGuestDisk => {
  const disk = open(image, false)
  const { sizeBytes } = disk
  disk.close()
  return { name, sizeBytes, image, written: new DirtyBitmap(chunksOf({ sizeBytes })).toShared() }
}

/** See the head of this file. */
export class GuestDisk {
  readonly name: string
  readonly sizeBytes: number
  readonly written: DirtyBitmap
  readonly #disk: Disk

  /** @throws DiskError if its image cannot be opened. */
  constructor(shared: SharedGuestDisk, options: { readonly writable: boolean }) {
    this.name = shared.name
    this.sizeBytes = shared.sizeBytes
    this.written = DirtyBitmap.fromShared(shared.written)
    this.#disk = open(shared.image, options.writable)
  }

  get chunks(): number {
    return this.written.pageCount
  }

  /** Bytes of a chunk; the last may be short. */
  chunkBytes(chunk: number): number {
    return chunkBytes(this, chunk)
  }

  /** Fills `buffer`, of the size of a chunk, with one, and with zeroes behind the end of the disk. */
  readChunk(chunk: number, buffer: Uint8Array): void {
    const length = this.chunkBytes(chunk)
    this.#disk.read(buffer.subarray(0, length), chunk * CHUNK_BYTES)
    buffer.fill(0, length)
  }

  /** What the guest writes. @throws DiskError */
  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.sizeBytes)
      throw new DiskError(`Disk ${this.name}: expected a write within ${this.sizeBytes} bytes, found one at ${offset}`)
    this.#disk.write(bytes, offset)
    const last = Math.floor((offset + bytes.length - 1) / CHUNK_BYTES)
    for (let chunk = Math.floor(offset / CHUNK_BYTES); chunk <= last; chunk++) this.written.set(chunk)
  }

  /** A chunk that arrives for a guest that does not run; what lies behind the end of the disk is left out. */
  putChunk(chunk: number, bytes: Uint8Array): void {
    this.#disk.write(bytes.subarray(0, this.chunkBytes(chunk)), chunk * CHUNK_BYTES)
  }

  /** Whether this image's own layer holds anything of the chunk. */
  isAllocated(chunk: number): boolean {
    return this.#disk.isAllocated(chunk * CHUNK_BYTES, this.chunkBytes(chunk))
  }

  flush(): void {
    this.#disk.flush()
  }

  close(): void {
    this.#disk.close()
  }
}

/** Opens all disks of a guest, or none. @throws DiskError */
export const openGuestDisks = (
  shared: readonly SharedGuestDisk[],
  options: { readonly writable: boolean },
): readonly GuestDisk[] => {
  const opened: GuestDisk[] = []
  try {
    for (const each of shared) opened.push(new GuestDisk(each, options))
    return opened
  } catch (error) {
    for (const disk of opened) disk.close()
    throw error
  }
}
