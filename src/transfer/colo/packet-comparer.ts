/**
 * Where a primary's output waits (QEMU's net/colo-compare.c): a packet leaves when the secondary's guest has sent the same,
 * or behind a checkpoint that covers it. Packets that differ, or whose like does not come in time, ask for a checkpoint,
 * once. Pure and without a clock of its own; the caller's is the host's, which goes on while guests stand still.
 */
import type { GuestPacket } from '../../memory/index.ts'
import type { PacketFrame } from './packet-frame.ts'

/** Bounds and patience. */
export interface ComparerOptions {
  /** Packets of either side that are held before a checkpoint is asked for. Default 1024, as QEMU's. */
  readonly packetsMax?: number
  /** How long a packet waits for its like. Default 3000 ms, as QEMU's. */
  readonly patienceMillis?: number
}

interface Held {
  readonly packet: GuestPacket
  readonly sinceMillis: number
}

const isSame = (a: GuestPacket, b: GuestPacket): boolean =>
  a.bytes.length === b.bytes.length && a.bytes.every((byte, index) => byte === b.bytes[index])

export class PacketComparer {
  readonly #packetsMax: number
  readonly #patienceMillis: number
  #epoch = 0
  #own: Held[] = []
  /** What the secondary's guest has sent in this epoch and in the next one, which it may have begun before it is said. */
  #others: PacketFrame[] = []
  /** Numbers below this are covered by the checkpoint that is being sent. */
  #covered = 0
  #asked = false

  constructor({ packetsMax = 1024, patienceMillis = 3000 }: ComparerOptions = {}) {
    this.#packetsMax = packetsMax
    this.#patienceMillis = patienceMillis
  }

  /** Packets that wait, in order. */
  get held(): readonly GuestPacket[] {
    return this.#own.map(({ packet }) => packet)
  }

  /** A packet of this side's guest: gives those that may leave now. */
  add(packet: GuestPacket, nowMillis: number): readonly GuestPacket[] {
    this.#own.push({ packet, sinceMillis: nowMillis })
    return this.#agree()
  }

  /** A packet of the secondary's guest: gives those of this side that may leave now. */
  addOther(frame: PacketFrame): readonly GuestPacket[] {
    if (frame.epoch < this.#epoch) return []
    this.#others.push(frame)
    return this.#agree()
  }

  /** Whether a checkpoint has to be asked for; true once until the next checkpoint. */
  asks(nowMillis: number): boolean {
    if (this.#asked || !(this.#differs() || this.#isOverdue(nowMillis) || this.#isFull())) return false
    this.#asked = true
    return true
  }

  /** When the oldest packet will have waited too long; undefined if none waits. */
  get overdueMillis(): number | undefined {
    const [oldest] = this.#own
    return oldest === undefined || this.#asked ? undefined : oldest.sinceMillis + this.#patienceMillis
  }

  /** A checkpoint of the guest as it stands now is being sent: it covers what waits. */
  cover(): void {
    this.#covered = (this.#own.at(-1)?.packet.number ?? this.#covered - 1) + 1
  }

  /** The secondary has put that checkpoint in use: what it covers may leave, and comparison starts anew. */
  begin(): readonly GuestPacket[] {
    const free = this.#own.filter(({ packet }) => packet.number < this.#covered).map(({ packet }) => packet)
    this.#own = this.#own.filter(({ packet }) => packet.number >= this.#covered)
    this.#epoch++
    this.#others = this.#others.filter(({ epoch }) => epoch >= this.#epoch)
    this.#asked = false
    return [...free, ...this.#agree()]
  }

  /** Gives everything that waits, in order, and forgets it. */
  takeAll(): readonly GuestPacket[] {
    const all = this.held
    this.#own = []
    this.#others = []
    return all
  }

  #agree(): readonly GuestPacket[] {
    const free: GuestPacket[] = []
    for (;;) {
      const own = this.#own[0]?.packet
      const like = own === undefined ? undefined : this.#likeOf(own)
      if (own === undefined || like === undefined || !isSame(own, like)) return free
      this.#own.shift()
      this.#others = this.#others.filter(({ epoch, packet }) => epoch > this.#epoch || packet.number > own.number)
      free.push(own)
    }
  }

  #likeOf(own: GuestPacket): GuestPacket | undefined {
    return this.#others.find(({ epoch, packet }) => epoch === this.#epoch && packet.number === own.number)?.packet
  }

  #differs(): boolean {
    const own = this.#own[0]?.packet
    const like = own === undefined ? undefined : this.#likeOf(own)
    return own !== undefined && like !== undefined && !isSame(own, like)
  }

  #isOverdue(nowMillis: number): boolean {
    const [oldest] = this.#own
    return oldest !== undefined && nowMillis - oldest.sinceMillis >= this.#patienceMillis
  }

  #isFull(): boolean {
    return this.#own.length >= this.#packetsMax || this.#others.length >= this.#packetsMax
  }
}
