/**
 * What a guest sends to the outside: packets to the network and writes to a disk. Both are functions of the operation that
 * sends them and of memory, so that a copy of the guest sends the same as long as it is one. A guest can also be told to
 * read a clock now and then, which its copy reads at another time: from there on the two differ, as guests in the field do.
 */
import type { GuestMemory } from './guest-memory.ts'
import { counterHash } from './hash.ts'
import { GuestOptionError } from './memory-error.ts'

/** A packet; the first that a guest ever sends has number 0. */
export interface GuestPacket {
  readonly kind: 'packet'
  readonly number: number
  readonly bytes: Uint8Array
}

/** A write to the guest's disk: whole sectors at a place inside it. */
export interface GuestDiskWrite {
  readonly kind: 'disk-write'
  readonly byteOffset: number
  readonly bytes: Uint8Array
}

export type GuestOutput = GuestPacket | GuestDiskWrite

/** What a guest sends, and how often. */
export interface GuestOutputOptions {
  /** Packets a second of running time; >= 0, at most one an operation. Default 0. */
  readonly packetsPerSecond?: number
  /** Every so many packets a clock is read, and what it says becomes part of memory and packet; 0 is never. Default 0. */
  readonly noiseEvery?: number
  /** The clock; needed with `noiseEvery`. */
  readonly readClock?: () => number
  /** Sectors a second that are written; >= 0, at most one an operation. Default 0. */
  readonly diskWritesPerSecond?: number
  /** Size of the disk: whole sectors. Needed with `diskWritesPerSecond`. */
  readonly diskBytes?: number
}

export const SECTOR_BYTES = 512
export const GUEST_PACKET_BYTES = 64

/** Where in block 0 the clock's last reading is kept: in the page of the guest's own counter. */
const NOISE_OFFSET = 8
/** Words of memory that a packet carries. */
const WORDS = 5

export class OutputSchedule {
  readonly #memory: GuestMemory
  readonly #seed: number
  readonly #packetsPerOperation: number
  readonly #sectorsPerOperation: number
  readonly #options: GuestOutputOptions

  /** @throws GuestOptionError on an option out of range. */
  constructor(memory: GuestMemory, seed: number, operationsPerSecond: number, options: GuestOutputOptions) {
    const { packetsPerSecond = 0, noiseEvery = 0, diskWritesPerSecond = 0, diskBytes = 0, readClock } = options
    for (const [name, rate] of Object.entries({ packetsPerSecond, diskWritesPerSecond }))
      if (!(rate >= 0 && rate <= operationsPerSecond))
        throw new GuestOptionError(`${name} of a guest`, `0 to its ${operationsPerSecond} operations`, `${rate}`)
    if (!Number.isSafeInteger(noiseEvery) || noiseEvery < 0 || (noiseEvery > 0 && readClock === undefined))
      throw new GuestOptionError('noise of a guest', 'an integer >= 0, and a clock with it', `${noiseEvery}`)
    const isDisk = Number.isSafeInteger(diskBytes) && diskBytes % SECTOR_BYTES === 0 && diskBytes > 0
    if (diskWritesPerSecond > 0 && !isDisk)
      throw new GuestOptionError('disk of a guest', `whole sectors of ${SECTOR_BYTES} bytes`, `${diskBytes} bytes`)
    this.#memory = memory
    this.#seed = seed
    this.#options = options
    this.#packetsPerOperation = operationsPerSecond === 0 ? 0 : packetsPerSecond / operationsPerSecond
    this.#sectorsPerOperation = operationsPerSecond === 0 ? 0 : diskWritesPerSecond / operationsPerSecond
  }

  /** What is sent when operation `counter` has been done; the first operation is 1. */
  after(counter: number): readonly GuestOutput[] {
    const packet = numberOf(counter, this.#packetsPerOperation)
    const sector = numberOf(counter, this.#sectorsPerOperation)
    if (packet === undefined && sector === undefined) return []
    return [
      ...(sector === undefined ? [] : [this.#diskWrite(sector)]),
      ...(packet === undefined ? [] : [this.#packet(packet, counter)]),
    ]
  }

  #diskWrite(number: number): GuestDiskWrite {
    const sectors = (this.#options.diskBytes ?? 0) / SECTOR_BYTES
    const sector = Math.floor(fraction(counterHash(this.#seed, number, 7)) * sectors)
    const bytes = new Uint8Array(SECTOR_BYTES)
    const view = new DataView(bytes.buffer)
    for (let at = 0; at < SECTOR_BYTES; at += 8) {
      view.setUint32(at, number)
      view.setInt32(at + 4, counterHash(this.#seed, number, 8 + at))
    }
    return { kind: 'disk-write', byteOffset: sector * SECTOR_BYTES, bytes }
  }

  #packet(number: number, counter: number): GuestPacket {
    const { noiseEvery = 0, readClock } = this.#options
    if (noiseEvery > 0 && readClock !== undefined && number % noiseEvery === noiseEvery - 1)
      this.#memory.writeUint64(0, NOISE_OFFSET, Math.floor(readClock() * 1000))
    const bytes = new Uint8Array(GUEST_PACKET_BYTES)
    const view = new DataView(bytes.buffer)
    view.setBigUint64(0, BigInt(number))
    view.setBigUint64(8, BigInt(counter))
    view.setBigUint64(16, BigInt(this.#memory.readUint64(0, NOISE_OFFSET)))
    for (let word = 0; word < WORDS; word++) view.setUint32(24 + 8 * word, this.#word(number, word))
    return { kind: 'packet', number, bytes }
  }

  /** Some word of memory: a page that did not make it shows sooner or later. */
  #word(number: number, word: number): number {
    const { blocks } = this.#memory
    const place = fraction(counterHash(this.#seed, number, 100 + word))
    const block = word % blocks.length
    const words = blocks[block]!.usedLength / 4
    return this.#memory.readUint32(block, Math.floor(place * words) * 4)
  }
}

const fraction = (hash: number): number => (hash >>> 0) / 0x100000000

/** The number of what an operation sends at a rate; undefined if it sends nothing. */
const numberOf = (counter: number, perOperation: number): number | undefined => {
  const after = Math.floor(counter * perOperation)
  return after > Math.floor((counter - 1) * perOperation) ? after - 1 : undefined
}
