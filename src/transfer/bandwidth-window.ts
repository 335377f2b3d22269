/**
 * Accounting of bytes in windows of 100 ms (QEMU's BUFFER_DELAY): how much may still go out now, how fast the last window
 * was, and how much could be sent within the downtime limit at that speed.
 */
import type { TransferParameters } from '../core/intent.ts'

/** Length of a window. */
export const WINDOW_MILLIS = 100

/** What a window depends on. */
export type BandwidthLimits = Pick<TransferParameters, 'maxBandwidth' | 'downtimeLimitMillis'>

export class BandwidthWindow {
  #startMillis: number
  #bytes = 0
  /** Bytes sent beyond the limit of the windows before: paid back before anything else may go out. */
  #debt = 0
  #parameters: BandwidthLimits
  /** Bytes a millisecond in the last full window; 0 before the first. */
  bytesPerMillis = 0

  constructor(parameters: BandwidthLimits, nowMillis: number) {
    this.#parameters = parameters
    this.#startMillis = nowMillis
  }

  /** Takes effect at once, for the rest of this window. */
  set parameters(parameters: BandwidthLimits) {
    this.#parameters = parameters
  }

  get parameters(): BandwidthLimits {
    return this.#parameters
  }

  /** Bytes a window may carry; Infinity without a limit. */
  get limitBytes(): number {
    const { maxBandwidth } = this.#parameters
    return maxBandwidth === 0 ? Infinity : (maxBandwidth * WINDOW_MILLIS) / 1000
  }

  /** Bytes that can be sent within the downtime limit at the speed of the last window: the convergence threshold. */
  get thresholdBytes(): number {
    return Math.trunc(this.bytesPerMillis * this.#parameters.downtimeLimitMillis)
  }

  /** Bytes that may still go out in this window; 0 or less means: wait until {@link endMillis}. */
  get allowanceBytes(): number {
    return this.limitBytes - this.#debt - this.#bytes
  }

  get endMillis(): number {
    return this.#startMillis + WINDOW_MILLIS
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** Ends the window if its time is over; true if it did. */
  roll(nowMillis: number): boolean {
    const elapsed = nowMillis - this.#startMillis
    if (elapsed < WINDOW_MILLIS) return false
    this.bytesPerMillis = this.#bytes / elapsed
    const limit = this.limitBytes
    const allowed = (limit * elapsed) / WINDOW_MILLIS
    // A page is sent whole: a limit smaller than one page is kept by not sending in the windows after it.
    this.#debt = limit === Infinity ? 0 : Math.max(0, this.#debt + this.#bytes - allowed)
    this.#bytes = 0
    this.#startMillis = nowMillis
    return true
  }
}
