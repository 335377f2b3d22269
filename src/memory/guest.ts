/**
 * What a guest is to whoever runs it: something that does operations one after the other on guest memory, as fast as it is
 * told to, and whose own state beside the memory is a few bytes. Guests own no clock and no thread. A driver measures how
 * long the guest has been running (throttling and stops included) and does
 * `guest.advance(Math.max(0, guest.due(runningMillis) - guest.counter))`.
 */
import type { GuestMemory } from './guest-memory.ts'
import type { GuestOutput } from './guest-output.ts'

/** Longest saved state in bytes. */
export const GUEST_STATE_BYTES_MAX = 4096

export interface Guest {
  /** What sort of guest: the word before the colon of a guest option. */
  readonly kind: string
  readonly memory: GuestMemory
  /** Operations done since the guest's start, over all hosts it ran on: a safe integer. */
  readonly counter: number
  /** Called within `advance` with what the guest sends, in order; without it that is lost. */
  onOutput?: ((output: GuestOutput) => void) | undefined
  /** No operation is left to be done. */
  readonly finished: boolean
  /**
   * The running time in milliseconds at which exactly `counter` operations are due. After `loadState` a driver continues its
   * clock from here, so that the guest neither jumps nor idles.
   */
  readonly elapsedMillis: number
  /**
   * Does exactly that many operations; how they are batched makes no difference to memory. A page fault ends it early, with
   * whole operations done: the next call goes on, and does the one that faulted from its beginning.
   * @throws PageFault where a page is missing; GuestOptionError unless `operations` is an integer >= 0 that the guest has left.
   */
  advance(operations: number): void
  /** Operations due in all, since operation 0, after that much running time (milliseconds, >= 0); never decreases with it. */
  due(elapsedMillis: number): number
  /** The guest's state beside its memory: at most 4096 bytes, big-endian, with kind and version. */
  saveState(): Uint8Array<ArrayBuffer>
  /**
   * Takes over a state saved by a guest of the same kind and options.
   * @throws GuestStateError when it is anything else; the guest is unchanged then.
   */
  loadState(bytes: Uint8Array): void
}
