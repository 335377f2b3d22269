/**
 * Who runs the guest: starts and stops its vCPU, and reads and writes the state that it has beside its memory. When `stop`
 * returns, the guest has made its last write.
 */
import { Effect, Schema } from 'effect'
import { PageFault, type Guest, type GuestMemory, type GuestOutput } from '../memory/index.ts'

/** The guest cannot take this state: it is of another guest, or damaged. Nothing was changed. */
export class GuestRefused extends Schema.TaggedError<GuestRefused>('GuestRefused')('GuestRefused', {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason
  }
}

/** See the head of this file. All of it may be called in any state; starting twice is starting once. */
export interface GuestHost {
  readonly memory: GuestMemory
  /** From here on `take` gets what the guest sends, in order: all that it has sent before a `stop` returns. */
  readonly onOutput: (take: (output: GuestOutput) => void) => void
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  /**
   * Takes a part of its time from the guest, whether it runs now or later: 0 (none) to 99 percent, in slices as QEMU's
   * (10 ms of running, then a sleep that makes up the percentage).
   */
  readonly throttle: (percentage: number) => Effect.Effect<void>
  readonly saveState: Effect.Effect<Uint8Array>
  readonly loadState: (bytes: Uint8Array) => Effect.Effect<void, GuestRefused>
  /** Operations done so far. */
  readonly counter: Effect.Effect<number>
}

/** What a throttled guest runs at a time (QEMU's CPU_THROTTLE_TIMESLICE). */
export const THROTTLE_SLICE_MILLIS = 10

/** Longest single stretch of running time that a host makes up for at once, after it was not scheduled itself. */
export const CATCH_UP_MILLIS_MAX = 100

/** The vCPU's share of a host: how far a guest is behind its clock, and the work to catch up. No clock of its own. */
export class GuestRunner {
  readonly guest: Guest
  #elapsedMillis: number
  #seenMillis: number | undefined
  #throttlePercentage = 0
  /** When the first slice of the present throttle began. */
  #throttledSinceMillis = 0
  /** Since when the guest waits for a page. */
  #faultedMillis: number | undefined
  /** The page that it waits for. */
  #faultedAt = ''

  constructor(guest: Guest) {
    this.guest = guest
    this.#elapsedMillis = guest.elapsedMillis
  }

  get isRunning(): boolean {
    return this.#seenMillis !== undefined
  }

  start(nowMillis: number): void {
    this.#seenMillis ??= nowMillis
    if (this.isWaiting) this.#faultedMillis = nowMillis
  }

  /** Brings the guest up to now, and stops it there. */
  stop(nowMillis: number): void {
    this.advance(nowMillis)
    this.#seenMillis = undefined
  }

  /** From now on so much of the guest's time is taken from it: 0 to 99 percent. */
  throttle(nowMillis: number, percentage: number): void {
    this.advance(nowMillis)
    this.#throttlePercentage = percentage
    this.#throttledSinceMillis = nowMillis
  }

  /** Does the operations that are due. */
  advance(nowMillis: number): void {
    if (this.#seenMillis === undefined) return
    const from = Math.max(this.#seenMillis, nowMillis - CATCH_UP_MILLIS_MAX)
    this.#elapsedMillis += Math.max(0, this.#runningMillis(nowMillis) - this.#runningMillis(from))
    this.#seenMillis = nowMillis
    // What waits is tried again, however little time has passed.
    const due = Math.max(this.guest.due(this.#elapsedMillis) - this.guest.counter, this.isWaiting ? 1 : 0)
    if (due > 0) this.#operate(due, nowMillis)
  }

  /** Whether the guest waits for a page that is missing; the next `advance` tries again. */
  get isWaiting(): boolean {
    return this.#faultedMillis !== undefined
  }

  #operate(due: number, nowMillis: number): void {
    const { counter } = this.guest
    try {
      this.guest.advance(due)
    } catch (error) {
      if (!(error instanceof PageFault)) throw error
      this.#wait(error, counter, nowMillis)
      return
    }
    this.#arrived(nowMillis)
  }

  /** A vCPU that waits does nothing, and makes up for nothing afterwards. */
  #wait({ block, page }: PageFault, counter: number, nowMillis: number): void {
    this.#elapsedMillis = this.guest.elapsedMillis
    const isAnother = this.guest.counter > counter || this.#faultedAt !== `${block}:${page}`
    if (isAnother) this.#arrived(nowMillis)
    this.#faultedAt = `${block}:${page}`
    this.#faultedMillis ??= nowMillis
  }

  #arrived(nowMillis: number): void {
    if (this.#faultedMillis !== undefined) this.guest.memory.missing.times.add(nowMillis - this.#faultedMillis)
    this.#faultedMillis = undefined
  }

  /** Running time since the throttle was set: all of it, or the slices of it. */
  #runningMillis(atMillis: number): number {
    const passed = atMillis - this.#throttledSinceMillis
    if (this.#throttlePercentage === 0) return passed
    const period = THROTTLE_SLICE_MILLIS / (1 - this.#throttlePercentage / 100)
    const slices = Math.floor(passed / period)
    // Not the remainder operator: at the end of a slice it may count as one what the quotient has not.
    return slices * THROTTLE_SLICE_MILLIS + Math.min(passed - slices * period, THROTTLE_SLICE_MILLIS)
  }

  /** Takes over a state; the guest's clock goes on where the other one stopped. */
  load(bytes: Uint8Array): void {
    this.guest.loadState(bytes)
    this.#elapsedMillis = this.guest.elapsedMillis
  }
}
