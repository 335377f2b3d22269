/** What `query-migrate` tells of the RAM of a run (schema: MigrationStats), counted by those who know it. */
import type { DirtyPeriod } from '../core/throttle.ts'
import { PAGE_BYTES } from '../memory/index.ts'
import type { MigrationStats } from '../qapi/index.ts'
import { CompressionStatistics } from './compression-statistics.ts'
import { XbzrleStatistics } from './xbzrle-statistics.ts'

/** Shortest time between two evaluations of the dirty rate. */
const RATE_PERIOD_MILLIS = 1000

export class RamStatistics {
  /** Bytes of page records and of the ends of parts, as QEMU counts them. */
  transferred = 0
  /** Pages sent as nothing but a fill byte. */
  duplicate = 0
  /** Pages sent whole. */
  normal = 0
  /** Bytes that went over channels of multifd; part of {@link transferred}. */
  multifdBytes = 0
  /** Pages that were taken from the bitmap, whatever became of them. */
  taken = 0
  readonly xbzrle = new XbzrleStatistics()
  readonly compression = new CompressionStatistics()
  /** Requests for pages that postcopy brought. */
  postcopyRequests = 0
  /** Bitmap syncs: the number of the pass. */
  syncs = 0
  /** Megabits a second in the last window. */
  mbps = 0
  #dirtyPagesRate = 0
  #periodMillis = 0
  #periodPages = 0
  /** {@link transferred} at the start of the period. */
  #periodTransferred = 0
  #periodTaken = 0

  /** The dirty rate counts from here on. */
  startPeriod(nowMillis: number): void {
    this.#periodMillis = nowMillis
    this.#periodPages = 0
    this.#periodTransferred = this.transferred
    this.#periodTaken = this.taken
    this.xbzrle.startPeriod()
    this.compression.startPeriod()
  }

  /** A sync has found so many pages that the guest wrote. Gives the period that it ends, if it does. */
  countSync(dirtyPages: number, nowMillis: number): DirtyPeriod | undefined {
    this.syncs++
    this.#periodPages += dirtyPages
    const elapsed = nowMillis - this.#periodMillis
    if (elapsed <= RATE_PERIOD_MILLIS) return undefined
    this.#dirtyPagesRate = Math.trunc((this.#periodPages * 1000) / elapsed)
    const period = {
      dirtiedBytes: this.#periodPages * PAGE_BYTES,
      sentBytes: this.transferred - this.#periodTransferred,
    }
    this.xbzrle.endPeriod(this.taken - this.#periodTaken)
    this.compression.endPeriod(this.taken - this.#periodTaken)
    this.startPeriod(nowMillis)
    return period
  }

  /** Goes on from what another engine of the same run has reported last. */
  restore(last: MigrationStats): void {
    this.transferred = Number(last.transferred)
    this.duplicate = Number(last.duplicate)
    this.normal = Number(last.normal)
    this.syncs = Number(last['dirty-sync-count'])
    this.postcopyRequests = Number(last['postcopy-requests'])
    this.mbps = last.mbps
    this.#dirtyPagesRate = Number(last['dirty-pages-rate'])
  }

  /** All of it, in the schema's words; sizes are bytes. */
  report(remaining: number, total: number) {
    return {
      transferred: this.transferred,
      remaining,
      total,
      duplicate: this.duplicate,
      skipped: 0,
      normal: this.normal,
      'normal-bytes': this.normal * PAGE_BYTES,
      'dirty-pages-rate': this.#dirtyPagesRate,
      mbps: this.mbps,
      'dirty-sync-count': this.syncs,
      'postcopy-requests': this.postcopyRequests,
      'page-size': PAGE_BYTES,
    }
  }
}
