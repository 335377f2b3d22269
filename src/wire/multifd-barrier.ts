/**
 * The barrier between the channels of multifd, as a pure state machine (QEMU's migration/multifd.c,
 * `multifd_recv_sync_main` and its counterpart in `multifd_recv_thread`). A page may be sent again on another channel in
 * the next round; only because nobody enters round k + 1 before everybody has ended round k can the older copy never land
 * on the newer one.
 *
 *   main     ... EOS k | waits for SYNC k of every channel
 *   channel  ... SYNC k | waits for EOS k and for SYNC k of the others
 */

/** Who takes part: the main channel, or a channel by its position from 0. */
export type BarrierParty = 'main' | number

export class MultifdBarrier {
  readonly #arrived: boolean[]
  #mainArrived = false
  #missing: number
  #round = 0

  /** A barrier of a main channel and as many others. */
  constructor(channels: number) {
    this.#arrived = Array.from({ length: channels }, () => false)
    this.#missing = channels + 1
  }

  /** Rounds that everybody has ended. */
  get round(): number {
    return this.#round
  }

  /** Whether this party has ended its round and has to wait for the others. */
  isHeld(party: BarrierParty): boolean {
    return party === 'main' ? this.#mainArrived : this.#arrived[party] === true
  }

  /**
   * This party has ended its round. Returns true if it was the last: then all go on. Throws RangeError for a party that does
   * not exist or has not been let go since it came.
   */
  arrive(party: BarrierParty): boolean {
    if (party !== 'main' && this.#arrived[party] === undefined) throw new RangeError(`There is no channel ${party}`)
    if (this.isHeld(party)) throw new RangeError(`Party ${party} is still held at the end of round ${this.#round + 1}`)
    if (party === 'main') this.#mainArrived = true
    else this.#arrived[party] = true
    this.#missing--
    if (this.#missing > 0) return false
    this.#arrived.fill(false)
    this.#mainArrived = false
    this.#missing = this.#arrived.length + 1
    this.#round++
    return true
  }
}
