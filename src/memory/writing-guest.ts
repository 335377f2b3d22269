/**
 * The guest that keeps writing: each operation dirties one pseudo-random page of a working set, and the page that holds the
 * guest's own counter. Operation i is a pure function of seed and i, so memory after n operations is a function of seed,
 * initial contents and n alone: a destination that ends up with counter n and any other memory has lost or invented a write.
 */
import type { Guest } from './guest.ts'
import type { GuestMemory } from './guest-memory.ts'
import { OutputSchedule, type GuestOutput, type GuestOutputOptions } from './guest-output.ts'
import { guestStateBody, newGuestState } from './guest-state.ts'
import { counterHash, mix32 } from './hash.ts'
import { GuestOptionError, GuestStateError } from './memory-error.ts'
import { PAGE_BYTES } from './ram-block.ts'

/** Bytes that one operation writes into its page: the counter (8) and six hash words. */
const RECORD_BYTES = 32
const RECORDS_PER_PAGE = PAGE_BYTES / RECORD_BYTES
const STATE_BODY_BYTES = 24

export interface WritingGuestOptions {
  /** Safe integer >= 0. */
  readonly seed: number
  /** Operations a second of running time, each dirtying one page beside page 0; >= 0, 0 is an idle guest. */
  readonly pagesPerSecond: number
  /** Bytes from the start of memory, over all blocks in order, that operations pick from: whole pages, at least one. */
  readonly workingSetBytes: number
  readonly memory: GuestMemory
  /** What it sends to the outside. Default nothing. */
  readonly output?: GuestOutputOptions
  /**
   * Each so many operations do not write a few bytes but the whole of their page, with bytes that do not compress or with
   * zeros. Default 0: none do.
   */
  readonly wipeEvery?: number
}

export class WritingGuest implements Guest {
  readonly kind = 'write'
  readonly memory: GuestMemory
  readonly finished = false
  readonly seed: number
  readonly pagesPerSecond: number
  readonly workingSetBytes: number
  onOutput: ((output: GuestOutput) => void) | undefined
  readonly #schedule: OutputSchedule | undefined
  #counter = 0
  readonly #workingSetPages: number
  readonly #wipeEvery: number
  readonly #record = new Uint8Array(RECORD_BYTES)
  readonly #recordView = new DataView(this.#record.buffer)

  /** @throws GuestOptionError on an option out of range; memory is not touched. */
  constructor(options: WritingGuestOptions) {
    const { seed, pagesPerSecond, workingSetBytes, memory, output, wipeEvery = 0 } = options
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new GuestOptionError('seed of a writing guest', 'a safe integer >= 0', `${seed}`)
    if (!Number.isFinite(pagesPerSecond) || pagesPerSecond < 0)
      throw new GuestOptionError('rate of a writing guest', 'pages a second, >= 0', `${pagesPerSecond}`)
    const whole = Number.isSafeInteger(workingSetBytes) && workingSetBytes % PAGE_BYTES === 0
    if (!whole || workingSetBytes <= 0 || workingSetBytes > memory.totalBytes)
      throw new GuestOptionError(
        'working set of a writing guest',
        `a positive multiple of ${PAGE_BYTES} bytes, at most the memory's ${memory.totalBytes}`,
        `${workingSetBytes}`,
      )
    if (!Number.isSafeInteger(wipeEvery) || wipeEvery < 0)
      throw new GuestOptionError('operations of a writing guest to a wiped page', 'an integer >= 0', `${wipeEvery}`)
    this.#wipeEvery = wipeEvery
    this.#schedule = output === undefined ? undefined : new OutputSchedule(memory, seed, pagesPerSecond, output)
    this.seed = seed
    this.pagesPerSecond = pagesPerSecond
    this.workingSetBytes = workingSetBytes
    this.memory = memory
    this.#workingSetPages = workingSetBytes / PAGE_BYTES
  }

  get counter(): number {
    return this.#counter
  }

  get elapsedMillis(): number {
    if (this.pagesPerSecond === 0) return 0
    let elapsed = (this.#counter * 1000) / this.pagesPerSecond
    // The quotient may round down to a time at which the last operation is not yet due.
    while (this.due(elapsed) < this.#counter) elapsed += elapsed * Number.EPSILON
    return elapsed
  }

  advance(operations: number): void {
    if (!Number.isSafeInteger(operations) || operations < 0 || !Number.isSafeInteger(this.#counter + operations))
      throw new GuestOptionError('operations of a writing guest', 'an integer >= 0', `${operations}`)
    for (let done = 0; done < operations; done++) this.#operate()
  }

  due(elapsedMillis: number): number {
    return Math.floor((elapsedMillis * this.pagesPerSecond) / 1000)
  }

  saveState(): Uint8Array<ArrayBuffer> {
    const { bytes, body } = newGuestState(this.kind, STATE_BODY_BYTES)
    body.setBigUint64(0, BigInt(this.seed))
    body.setBigUint64(8, BigInt(this.workingSetBytes))
    body.setBigUint64(16, BigInt(this.#counter))
    return bytes
  }

  loadState(bytes: Uint8Array): void {
    const body = guestStateBody(this.kind, STATE_BODY_BYTES, bytes)
    const [seed, workingSetBytes, counter] = [body.getBigUint64(0), body.getBigUint64(8), body.getBigUint64(16)]
    if (seed !== BigInt(this.seed)) throw new GuestStateError('seed of the saved guest', `${this.seed}`, `${seed}`)
    if (workingSetBytes !== BigInt(this.workingSetBytes))
      throw new GuestStateError('working set of the saved guest', `${this.workingSetBytes} bytes`, `${workingSetBytes}`)
    if (counter > BigInt(Number.MAX_SAFE_INTEGER))
      throw new GuestStateError('counter of the saved guest', `at most ${Number.MAX_SAFE_INTEGER}`, `${counter}`)
    this.#counter = Number(counter)
  }

  #operate(): void {
    const hash = counterHash(this.seed, this.#counter, 2)
    const counter = this.#counter + 1
    const view = this.#recordView
    view.setUint32(0, Math.floor(counter / 0x100000000))
    view.setUint32(4, counter % 0x100000000)
    let word = hash
    for (let at = 8; at < RECORD_BYTES; at += 4) {
      word = mix32(word + 0x6d2b79f5)
      view.setUint32(at, word)
    }
    const slot = mix32(hash ^ 0x5bd1e995) >>> 0
    // A 32-bit fraction times a page count below 2^32 is exact enough never to round up to the count itself.
    let offset = Math.floor(((hash >>> 0) / 0x100000000) * this.#workingSetPages) * PAGE_BYTES
    offset += (slot % RECORDS_PER_PAGE) * RECORD_BYTES
    let block = 0
    while (offset >= this.memory.blocks[block]!.usedLength) {
      offset -= this.memory.blocks[block]!.usedLength
      block++
    }
    // A page fault leaves nothing of an operation done; what it sends only reads.
    this.memory.touch(0, 0, 8)
    if (this.#wipeEvery > 0 && counter % this.#wipeEvery === 0) this.#wipe(block, offset, hash)
    else this.memory.write(block, offset, this.#record)
    // A record may lie on the counter; it starts with the same number.
    this.memory.writeUint64(0, 0, counter)
    const outputs = this.#schedule?.after(counter) ?? []
    // Where reading meets a page fault the operation is done again from its beginning, with the same bytes.
    this.#counter = counter
    for (const output of outputs) this.onOutput?.(output)
  }

  #wipe(block: number, offset: number, hash: number): void {
    const page = new Uint8Array(PAGE_BYTES)
    const view = new DataView(page.buffer)
    let word = hash
    if ((hash & 1) === 0)
      for (let at = 0; at < PAGE_BYTES; at += 4) {
        word = mix32(word + 0x6d2b79f5)
        view.setUint32(at, word)
      }
    this.memory.write(block, offset - (offset % PAGE_BYTES), page)
  }
}

/**
 * The guest's own counter, which a writing guest keeps as 8 bytes, big-endian, at the start of its first block: what the
 * memory itself says was done. Read it while the guest is stopped; beside a running guest the two halves may be of
 * different operations.
 */
export function guestCounter(memory: GuestMemory): number {
  return memory.readUint64(0, 0)
}
