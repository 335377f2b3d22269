/**
 * How long page faults have taken: their number, their sum, and how many were of which length, in classes that are a few
 * percent wide. Shared memory of a fixed size; the thread of the guest counts, others read.
 */

/** Classes of length: eight a doubling, from 1 microsecond on. */
const CLASSES_A_DOUBLING = 8
const CLASSES = 256

export class FaultTimes {
  readonly buffer: SharedArrayBuffer
  /** Number of faults, sum of microseconds, then the classes. */
  readonly #counts: Float64Array<SharedArrayBuffer>

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8 * (2 + CLASSES))) {
    this.buffer = buffer
    this.#counts = new Float64Array(buffer)
  }

  /** One more fault that has ended, after so long. */
  add(millis: number): void {
    const micros = Math.max(0, millis * 1000)
    this.#counts[0]!++
    this.#counts[1]! += micros
    const index = Math.min(CLASSES - 1, Math.floor(CLASSES_A_DOUBLING * Math.log2(Math.max(1, micros))))
    this.#counts[2 + index]!++
  }

  /** Faults that have ended. */
  get count(): number {
    return this.#counts[0]!
  }

  /** Milliseconds that the guest has waited, in all. */
  get totalMillis(): number {
    return this.#counts[1]! / 1000
  }

  /** The length in milliseconds that so many percent of the faults do not exceed, 0 to 100; 0 where there was none. */
  percentileMillis(percent: number): number {
    const wanted = (this.count * percent) / 100
    let seen = 0
    for (let index = 0; index < CLASSES && this.count > 0; index++) {
      seen += this.#counts[2 + index]!
      if (seen >= wanted) return 2 ** ((index + 1) / CLASSES_A_DOUBLING) / 1000
    }
    return 0
  }
}
