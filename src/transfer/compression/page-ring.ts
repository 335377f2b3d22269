/**
 * What a thread that works on pages shares with its engine: a ring of slots, each with a page that is given and what came
 * of it. The engine fills slots in order, the thread works on them in order, the engine empties them in order; counters say
 * how far each of them is.
 */
import { COMPRESSED_BYTES_MAX, PAGE_BYTES } from '../../wire/constants.ts'
import { Doorbell } from '../worker-thread.ts'
import { pageWorker, type PageWork, type WorkedPage } from './page-threads.ts'

/** Pages that a thread can hold: so many that it does not wait for an engine that is busy writing. */
export const RING_SLOTS = 8

const GIVEN = 0
const DONE = 1
const STOPPED = 2
/** Counts reasons to look again. */
const WAKE = 3
const HEAD_WORDS = 4

const BLOCK = 0
const PAGE = 1
const INPUT_BYTES = 2
const LEVEL = 3
const OUTPUT_BYTES = 4
const IS_FAULT = 5
const SLOT_WORDS = 6

/** A zlib stream may be a little longer than the page it is of. */
const AREA_BYTES = COMPRESSED_BYTES_MAX

/** What crosses to the thread. */
export interface SharedPageRing {
  readonly work: PageWork
  readonly words: SharedArrayBuffer
  readonly bytes: SharedArrayBuffer
  /** Rung by the thread for each page that is done. */
  readonly doorbell: SharedArrayBuffer
}

/** Either end of a ring; which of the methods are whose is said by each. */
export class PageRing {
  readonly shared: SharedPageRing
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  /** Pages that the engine has taken back. */
  #taken = 0

  constructor(shared: SharedPageRing) {
    this.shared = shared
    this.#words = new Int32Array(shared.words)
    this.#bytes = new Uint8Array(shared.bytes)
  }

  static make(work: PageWork, doorbell: SharedArrayBuffer): PageRing {
    return new PageRing({
      work,
      words: new SharedArrayBuffer(4 * (HEAD_WORDS + RING_SLOTS * SLOT_WORDS)),
      bytes: new SharedArrayBuffer(RING_SLOTS * 2 * AREA_BYTES),
      doorbell,
    })
  }

  /** Pages given and not taken back: the engine's. */
  get pending(): number {
    return this.#words[GIVEN]! - this.#taken
  }

  #at(count: number): number {
    return HEAD_WORDS + (count % RING_SLOTS) * SLOT_WORDS
  }

  #area(count: number, which: 0 | 1): number {
    return ((count % RING_SLOTS) * 2 + which) * AREA_BYTES
  }

  /** The engine's: false if the ring is full. */
  give(block: number, offset: number, bytes: Uint8Array, at: number, length: number, level: number): boolean {
    if (this.pending >= RING_SLOTS) return false
    const count = this.#words[GIVEN]!
    const slot = this.#at(count)
    this.#bytes.set(bytes.subarray(at, at + length), this.#area(count, 0))
    this.#words[slot + BLOCK] = block
    this.#words[slot + PAGE] = offset / PAGE_BYTES
    this.#words[slot + INPUT_BYTES] = length
    this.#words[slot + LEVEL] = level
    Atomics.store(this.#words, GIVEN, count + 1)
    this.#wake()
    return true
  }

  /** The engine's: whether there is something to take. */
  get hasDone(): boolean {
    return this.#taken !== Atomics.load(this.#words, DONE)
  }

  /** The engine's: the page that was given first, if it is done. */
  take(each: (page: WorkedPage) => void): boolean {
    if (!this.hasDone) return false
    const count = this.#taken
    const slot = this.#at(count)
    const input = this.#area(count, 0)
    const made = this.#area(count, 1)
    const output = this.#bytes.subarray(made, made + this.#words[slot + OUTPUT_BYTES]!)
    const page = {
      block: this.#words[slot + BLOCK]!,
      offset: (this.#words[slot + PAGE]! >>> 0) * PAGE_BYTES,
      input: this.#bytes.subarray(input, input + this.#words[slot + INPUT_BYTES]!),
    }
    if (this.#words[slot + IS_FAULT] === 0) each({ ...page, output })
    else each({ ...page, output: new Uint8Array(0), fault: new TextDecoder().decode(output.slice()) })
    this.#taken++
    return true
  }

  /** The engine's: the thread ends when it has looked. */
  stop(): void {
    Atomics.store(this.#words, STOPPED, 1)
    this.#wake()
  }

  #wake(): void {
    Atomics.add(this.#words, WAKE, 1)
    Atomics.notify(this.#words, WAKE)
  }

  /** The thread's: works on what is given until it is stopped. */
  serve(): void {
    const work = pageWorker(this.shared.work)
    const doorbell = new Doorbell(this.shared.doorbell)
    const input = new Uint8Array(AREA_BYTES)
    for (let count = 0; ;) {
      const wake = Atomics.load(this.#words, WAKE)
      if (Atomics.load(this.#words, STOPPED) === 1) return
      if (count === Atomics.load(this.#words, GIVEN)) Atomics.wait(this.#words, WAKE, wake)
      else {
        this.#workOn(count, work, input)
        Atomics.store(this.#words, DONE, ++count)
        doorbell.ring()
      }
    }
  }

  #workOn(count: number, work: ReturnType<typeof pageWorker>, input: Uint8Array): void {
    const slot = this.#at(count)
    const area = this.#area(count, 0)
    const length = this.#words[slot + INPUT_BYTES]!
    input.set(this.#bytes.subarray(area, area + length))
    const made = work(input.subarray(0, length), this.#words[slot + LEVEL]!)
    const isFault = typeof made === 'string'
    const output = isFault ? new TextEncoder().encode(made).subarray(0, AREA_BYTES) : made
    this.#bytes.set(output, this.#area(count, 1))
    this.#words[slot + OUTPUT_BYTES] = output.length
    this.#words[slot + IS_FAULT] = isFault ? 1 : 0
  }
}
