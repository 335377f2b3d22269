/** A disk in memory: for worlds in which nothing is real. */
import { type Disk } from './disk.ts'

export class MemoryDisk implements Disk {
  readonly bytes: Uint8Array

  /** @param bytes What it holds; a multiple of 512. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get sizeBytes(): number {
    return this.bytes.length
  }

  read(buffer: Uint8Array, offset: number): void {
    buffer.set(this.bytes.subarray(offset, offset + buffer.length))
  }

  write(bytes: Uint8Array, offset: number): void {
    this.bytes.set(bytes, offset)
  }

  isAllocated(): boolean {
    return true
  }

  flush(): void {}

  close(): void {}
}
