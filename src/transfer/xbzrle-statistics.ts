/** What is counted of XBZRLE (schema: XBZRLECacheStats), so that the figures of either version can be made of it. */
import type { XbzrleFigures } from '../core/fact.ts'
import { PAGE_BYTES } from '../memory/index.ts'

/** Header of a record whose block is that of the record before; 7.2 does not count it. */
const HEADER_BYTES = 8

export class XbzrleStatistics {
  /** Pages sent as differences, and the bytes of their records. */
  deltas = 0
  deltaBytes = 0
  /** Pages that were cached and had not changed. */
  unchanged = 0
  /** Pages that were cached and whose difference was no smaller. */
  overflow = 0
  /** Pages of which no copy was cached. */
  cacheMiss = 0
  #cacheMissRate = 0
  #encodingRate = 0
  #periodMiss = 0
  #periodPlain = 0
  #periodEncoded = 0

  /** Bytes of the pages that were cached, and what they came to: as 7.2 compares them. */
  get #plainBytes(): number {
    return (this.deltas + this.unchanged + this.overflow) * PAGE_BYTES
  }

  get #encodedBytes(): number {
    return this.deltaBytes - this.deltas * HEADER_BYTES + this.overflow * PAGE_BYTES
  }

  /** A period ends in which `pages` pages were looked at in all; rates are those of the last period with any. */
  endPeriod(pages: number): void {
    if (pages === 0) return
    this.#cacheMissRate = (this.cacheMiss - this.#periodMiss) / pages
    const encoded = this.#encodedBytes - this.#periodEncoded
    this.#encodingRate = encoded === 0 ? 0 : (this.#plainBytes - this.#periodPlain) / encoded
    this.startPeriod()
  }

  startPeriod(): void {
    this.#periodMiss = this.cacheMiss
    this.#periodPlain = this.#plainBytes
    this.#periodEncoded = this.#encodedBytes
  }

  report(): XbzrleFigures {
    const { deltas, deltaBytes, unchanged, overflow, cacheMiss } = this
    const [cacheMissRate, encodingRate] = [this.#cacheMissRate, this.#encodingRate]
    return { deltas, deltaBytes, unchanged, overflow, cacheMiss, cacheMissRate, encodingRate }
  }
}
