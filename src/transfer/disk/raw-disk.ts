/** A raw image: the file is the disk, byte for byte. */
import { DISK_BYTES_MAX, DiskError, SECTOR_BYTES, type Disk } from './disk.ts'
import { ImageFile } from './image-file.ts'

export class RawDisk implements Disk {
  readonly sizeBytes: number
  readonly #file: ImageFile

  /** @throws DiskError */
  constructor(path: string, options: { readonly writable: boolean }) {
    this.#file = new ImageFile(path, options)
    this.sizeBytes = this.#file.length
    if (this.sizeBytes === 0 || this.sizeBytes % SECTOR_BYTES !== 0 || this.sizeBytes > DISK_BYTES_MAX) {
      this.#file.close()
      throw new DiskError(
        `Image '${path}': expected a size that is a multiple of ${SECTOR_BYTES} bytes and not 0, found ${this.sizeBytes}`,
        'ESIZE',
      )
    }
  }

  /** @throws DiskError also where the file has become shorter than the disk: its guest would read zeroes. */
  read(buffer: Uint8Array, offset: number): void {
    const { length } = this.#file
    if (length < this.sizeBytes)
      throw new DiskError(
        `Unable to read image '${this.#file.path}': expected ${this.sizeBytes} bytes, found ${length}`,
        'ESIZE',
      )
    this.#file.read(buffer, offset)
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#file.write(bytes, offset)
  }

  isAllocated(): boolean {
    return true
  }

  flush(): void {
    this.#file.flush()
  }

  close(): void {
    this.#file.close()
  }
}
