/**
 * What a thread that serves one channel of multifd shares with its engine, whichever way the pages go: when to look again,
 * when to end, how many bytes have moved, and what is wrong.
 */
import { ChannelError } from '../../channel/byte-link.ts'
import { Doorbell } from '../worker-thread.ts'

const WAKE = 0
const STOPPED = 1
const EXITED = 2
/** 1: the channel is broken; 2: what came over it is wrong. */
const FAULT = 3
const TEXT_BYTES = 4
const WORDS = 5

const FAULT_TEXT_BYTES_MAX = 1024

/** How long a thread may take to notice that it is to end. */
const STOP_MILLIS = 2000

/** Sleep between two looks at a link that is full or empty: short at first, as the peer is usually busy with it. */
const LOOK_MILLIS_MIN = 0.05
const LOOK_MILLIS_MAX = 1
const EAGER_LOOKS = 40

/** What crosses to the thread. */
export interface SharedCell {
  readonly words: SharedArrayBuffer
  readonly bytes: SharedArrayBuffer
  readonly text: SharedArrayBuffer
  /** Rung by the thread when there is something for the engine to look at. */
  readonly doorbell: SharedArrayBuffer
}

/** Either end of it. */
export class ChannelCell {
  readonly shared: SharedCell
  readonly #words: Int32Array
  readonly #moved: BigUint64Array
  readonly #doorbell: Doorbell
  #taken = 0
  #looks = 0

  constructor(shared: SharedCell) {
    this.shared = shared
    this.#words = new Int32Array(shared.words)
    this.#moved = new BigUint64Array(shared.bytes)
    this.#doorbell = new Doorbell(shared.doorbell)
  }

  static make(doorbell: SharedArrayBuffer): ChannelCell {
    return new ChannelCell({
      words: new SharedArrayBuffer(4 * WORDS),
      bytes: new SharedArrayBuffer(8),
      text: new SharedArrayBuffer(FAULT_TEXT_BYTES_MAX),
      doorbell,
    })
  }

  /** The engine's: there is something to do. */
  wake(): void {
    Atomics.add(this.#words, WAKE, 1)
    Atomics.notify(this.#words, WAKE)
  }

  /** The engine's: bytes that have moved since the last call. @throws ChannelError, Error */
  collect(): number {
    const fault = Atomics.load(this.#words, FAULT)
    if (fault !== 0) {
      const text = new TextDecoder().decode(new Uint8Array(this.shared.text).slice(0, this.#words[TEXT_BYTES]))
      throw fault === 1 ? new ChannelError('', 'EIO', text) : new Error(text)
    }
    const moved = Number(Atomics.load(this.#moved, 0))
    const bytes = moved - this.#taken
    this.#taken = moved
    return bytes
  }

  /** The engine's: has the thread end, and waits until it does not touch the link any more. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1)
    this.wake()
    Atomics.wait(this.#words, EXITED, 0, STOP_MILLIS)
  }

  /**
   * The thread's: does a turn of its work again and again until it is stopped or it throws. A turn gives the bytes that it
   * moved, or `idle` if there is nothing to do before it is woken.
   */
  serve(turn: () => number | 'idle'): void {
    try {
      for (;;) {
        const wake = Atomics.load(this.#words, WAKE)
        if (Atomics.load(this.#words, STOPPED) === 1) break
        const moved = turn()
        if (moved === 'idle') Atomics.wait(this.#words, WAKE, wake)
        else if (moved > 0) this.#count(moved)
        else this.#rest(wake)
      }
    } catch (error) {
      this.#tell(error)
    }
    Atomics.store(this.#words, EXITED, 1)
    Atomics.notify(this.#words, EXITED)
    this.#doorbell.ring()
  }

  #count(moved: number): void {
    this.#looks = 0
    Atomics.add(this.#moved, 0, BigInt(moved))
  }

  #rest(wake: number): void {
    this.#looks++
    Atomics.wait(this.#words, WAKE, wake, this.#looks > EAGER_LOOKS ? LOOK_MILLIS_MAX : LOOK_MILLIS_MIN)
  }

  #tell(error: unknown): void {
    const text = new TextEncoder().encode(error instanceof Error ? error.message : String(error))
    const kept = text.subarray(0, FAULT_TEXT_BYTES_MAX)
    new Uint8Array(this.shared.text).set(kept)
    this.#words[TEXT_BYTES] = kept.length
    Atomics.store(this.#words, FAULT, error instanceof ChannelError ? 1 : 2)
  }

  /** The thread's: the engine is to look. */
  ring(): void {
    this.#doorbell.ring()
  }
}
