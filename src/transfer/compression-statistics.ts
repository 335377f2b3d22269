/** What is counted of compression (schema of 7.2: CompressionStats). */
import type { CompressionStats72 } from '../qapi/index.ts'
import { PAGE_BYTES } from '../memory/index.ts'

/** Header of a record whose block is that of the record before; QEMU does not count it. */
const HEADER_BYTES = 8

export class CompressionStatistics {
  /** Pages sent compressed, and the bytes of their records. */
  pages = 0
  bytes = 0
  /** Times a page went as it was because no thread was free. */
  busy = 0
  #busyRate = 0
  #rate = 0
  #periodBusy = 0
  #periodPages = 0
  #periodBytes = 0

  get #compressedBytes(): number {
    return this.bytes - this.pages * HEADER_BYTES
  }

  /** A period ends in which `pages` pages were looked at in all; rates are those of the last period with any. */
  endPeriod(pages: number): void {
    if (pages === 0) return
    this.#busyRate = (this.busy - this.#periodBusy) / pages
    const bytes = this.#compressedBytes - this.#periodBytes
    if (bytes > 0) this.#rate = ((this.pages - this.#periodPages) * PAGE_BYTES) / bytes
    this.startPeriod()
  }

  startPeriod(): void {
    this.#periodBusy = this.busy
    this.#periodPages = this.pages
    this.#periodBytes = this.#compressedBytes
  }

  report(): CompressionStats72 {
    return {
      pages: this.pages,
      busy: this.busy,
      'busy-rate': this.#busyRate,
      'compressed-size': this.#compressedBytes,
      'compression-rate': this.#rate,
    }
  }
}
