/** A file that holds an image, read and written whole ranges at a time. */
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { systemCode, systemText } from '../../channel/system-error.ts'
import { DiskError } from './disk.ts'

export class ImageFile {
  readonly path: string
  readonly #descriptor: number
  #isOpen = true

  /** @throws DiskError in QEMU's words if it cannot be opened. */
  constructor(path: string, options: { readonly writable: boolean }) {
    this.path = path
    try {
      this.#descriptor = openSync(path, options.writable ? 'r+' : 'r')
    } catch (error) {
      throw new DiskError(`Could not open '${path}': ${systemText(error)}`, systemCode(error))
    }
    if (!fstatSync(this.#descriptor).isFile()) {
      this.close()
      throw new DiskError(`Could not open '${path}': expected a regular file`, 'ENOTSUP')
    }
  }

  get length(): number {
    return this.#attempt('read', () => fstatSync(this.#descriptor).size)
  }

  /** Fills the buffer; beyond the end of the file are zeroes. */
  read(buffer: Uint8Array, offset: number): void {
    for (let at = 0; at < buffer.length;) {
      const count = this.#attempt('read', () => readSync(this.#descriptor, buffer, at, buffer.length - at, offset + at))
      if (count === 0) {
        buffer.fill(0, at)
        return
      }
      at += count
    }
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let at = 0; at < bytes.length;)
      at += this.#attempt('write', () => writeSync(this.#descriptor, bytes, at, bytes.length - at, offset + at))
  }

  /** Makes the file so long: what it had no bytes for is a hole, what it has too many of is gone. */
  resize(length: number): void {
    this.#attempt('write', () => ftruncateSync(this.#descriptor, length))
  }

  flush(): void {
    this.#attempt('write', () => fdatasyncSync(this.#descriptor))
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor)
    this.#isOpen = false
  }

  #attempt<A>(action: 'read' | 'write', use: () => A): A {
    try {
      return use()
    } catch (error) {
      throw new DiskError(`Unable to ${action} image '${this.path}': ${systemText(error)}`, systemCode(error))
    }
  }
}
