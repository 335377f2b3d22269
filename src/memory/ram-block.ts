/**
 * A RAM block: a named, contiguous piece of guest RAM, as QEMU's `RAMBlock`. It lives in a SharedArrayBuffer, so that the
 * guest, the migration's main thread and its worker threads all look at the same bytes and a page is never copied to be
 * looked at. Offsets are bytes in JavaScript numbers throughout: 32-bit operators would alias at 4 GiB.
 */
import { MemoryShapeError } from './memory-error.ts'

/** Bytes in a page; the unit of dirty logging and of transfer. */
export const PAGE_BYTES = 4096

/**
 * Largest RAM block: 16 TiB. Below this bound a page number fits 32 unsigned bits, so a bitmap may use `>>>` and `&` on
 * page numbers (never on byte offsets).
 */
export const BLOCK_BYTES_MAX = 2 ** 44

/** Longest name of a RAM block in UTF-8 bytes: the migration stream counts it in one byte. */
export const BLOCK_NAME_BYTES_MAX = 255

/** A RAM block as `postMessage` and `workerData` carry it; the buffer is shared, not copied. */
export interface SharedRamBlock {
  readonly name: string
  readonly usedLength: number
  readonly buffer: SharedArrayBuffer
}

export class RamBlock {
  /** QEMU's idstr: 1 to 255 bytes of UTF-8. */
  readonly name: string
  /** Bytes of guest RAM: a positive multiple of 4096, at most 2^44. */
  readonly usedLength: number
  /** The memory itself; at least `usedLength` bytes. */
  readonly buffer: SharedArrayBuffer
  /** The first `usedLength` bytes of `buffer`. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** `usedLength` / 4096. */
  readonly pageCount: number

  /**
   * A block over a buffer that already exists (a worker's view, a recording, a WebAssembly memory).
   * @throws MemoryShapeError on a name or length out of range, or a buffer shorter than `usedLength`.
   */
  constructor(name: string, buffer: SharedArrayBuffer, usedLength: number = buffer.byteLength) {
    checkName(name)
    checkLength(name, usedLength)
    if (buffer.byteLength < usedLength)
      throw new MemoryShapeError(
        `buffer of RAM block ${name}`,
        `at least ${usedLength} bytes`,
        `${buffer.byteLength} bytes`,
      )
    this.name = name
    this.usedLength = usedLength
    this.buffer = buffer
    this.bytes = new Uint8Array(buffer, 0, usedLength)
    this.pageCount = usedLength / PAGE_BYTES
  }

  /**
   * A new block of zeroes. The system commits a page when it is first touched, so a large block costs nothing until used.
   * @throws MemoryShapeError on a name or length out of range, or when the system refuses the memory.
   */
  static allocate(name: string, usedLength: number): RamBlock {
    checkName(name)
    checkLength(name, usedLength)
    try {
      return new RamBlock(name, new SharedArrayBuffer(usedLength), usedLength)
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new MemoryShapeError(`RAM block ${name}`, `${usedLength} bytes of shared memory`, cause.message, { cause })
    }
  }

  toShared(): SharedRamBlock {
    return { name: this.name, usedLength: this.usedLength, buffer: this.buffer }
  }

  static fromShared(data: SharedRamBlock): RamBlock {
    return new RamBlock(data.name, data.buffer, data.usedLength)
  }
}

function checkName(name: string): void {
  const length = new TextEncoder().encode(name).length
  if (length < 1 || length > BLOCK_NAME_BYTES_MAX)
    throw new MemoryShapeError('name of a RAM block', `1 to ${BLOCK_NAME_BYTES_MAX} bytes of UTF-8`, `${length} bytes`)
}

function checkLength(name: string, usedLength: number): void {
  const whole = Number.isSafeInteger(usedLength) && usedLength % PAGE_BYTES === 0
  if (!whole || usedLength <= 0 || usedLength > BLOCK_BYTES_MAX)
    throw new MemoryShapeError(
      `length of RAM block ${name}`,
      `a positive multiple of ${PAGE_BYTES} bytes, at most ${BLOCK_BYTES_MAX}`,
      `${usedLength}`,
    )
}
