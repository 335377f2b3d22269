/** Packets on their way from an engine to the thread of a channel: which pages, not what is in them, as both see the guest. */
import { MULTIFD_PAGES_MAX } from '../../wire/multifd-packet.ts'
import type { PagePacket } from './channel-writer.ts'

/** Packets that wait in a ring: enough for a thread that is scheduled late. */
const PACKETS_MAX = 4
/** And a SYNC or two behind them. */
const SLOTS = 8

const GIVEN = 0
const DONE = 1
const HEAD_WORDS = 2

const BLOCK = 0
const COUNT = 1
const SYNC = 2
const NUMBER = 3
const PAGES = 4
const SLOT_WORDS = PAGES + MULTIFD_PAGES_MAX

export class PacketRing {
  readonly shared: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(shared = new SharedArrayBuffer(4 * (HEAD_WORDS + SLOTS * SLOT_WORDS))) {
    this.shared = shared
    this.#words = new Int32Array(shared)
  }

  get pending(): number {
    return Atomics.load(this.#words, GIVEN) - Atomics.load(this.#words, DONE)
  }

  /** The engine's: whether there is room for a packet with pages. */
  get hasRoom(): boolean {
    return this.pending < PACKETS_MAX
  }

  #at(count: number): number {
    return HEAD_WORDS + (count % SLOTS) * SLOT_WORDS
  }

  /** The engine's. @throws RangeError if there is no room, not even for a SYNC */
  give({ block, pages, sync, number }: PagePacket): void {
    if (this.pending >= SLOTS) throw new RangeError(`more than ${SLOTS} packets for one channel`)
    const given = this.#words[GIVEN]!
    const slot = this.#at(given)
    this.#words[slot + BLOCK] = block
    this.#words[slot + COUNT] = pages.length
    this.#words[slot + SYNC] = sync ? 1 : 0
    this.#words[slot + NUMBER] = number
    this.#words.set(pages, slot + PAGES)
    Atomics.store(this.#words, GIVEN, given + 1)
  }

  /** The thread's: the packet that was given first and is not done. */
  next(): PagePacket | undefined {
    if (this.pending === 0) return undefined
    const slot = this.#at(this.#words[DONE]!)
    return {
      block: this.#words[slot + BLOCK]!,
      pages: Array.from(
        this.#words.subarray(slot + PAGES, slot + PAGES + this.#words[slot + COUNT]!),
        (page) => page >>> 0,
      ),
      sync: this.#words[slot + SYNC] === 1,
      number: this.#words[slot + NUMBER]! >>> 0,
    }
  }

  /** The thread's: all of that packet is in the channel. */
  done(): void {
    Atomics.add(this.#words, DONE, 1)
  }
}
