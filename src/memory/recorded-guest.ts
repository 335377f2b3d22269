/**
 * The guest that replays recorded memory: real contents and a real dirtying pattern, so that what a migration makes of
 * zero pages, compression and convergence are real numbers. One operation is one step of the recording; the digest of memory
 * after each is known beforehand.
 */
import type { Guest } from './guest.ts'
import type { GuestMemory } from './guest-memory.ts'
import { guestStateBody, newGuestState } from './guest-state.ts'
import { GuestOptionError, GuestStateError } from './memory-error.ts'
import { PAGE_BYTES } from './ram-block.ts'
import type { Recording } from './recording.ts'

const RECORD_BYTES = 4 + PAGE_BYTES
const SHA256_BYTES = 32
const STATE_BODY_BYTES = 8 + SHA256_BYTES

export interface RecordedGuestOptions {
  readonly recording: Recording
  /** As large as the recording's; its blocks hold guest physical memory end to end. */
  readonly memory: GuestMemory
}

export class RecordedGuest implements Guest {
  readonly kind = 'image'
  readonly memory: GuestMemory
  readonly recording: Recording
  #counter = 0
  /** Running time at which each step is done, in milliseconds. */
  readonly #doneMillis: readonly number[]
  readonly #deltas: Uint8Array
  readonly #view: DataView

  /** Memory is not touched: a source calls `boot`, a destination waits for the migration. @throws GuestOptionError */
  constructor(options: RecordedGuestOptions) {
    const { recording, memory } = options
    if (memory.totalBytes !== recording.memoryBytes)
      throw new GuestOptionError(
        'memory of a recorded guest',
        `${recording.memoryBytes} bytes`,
        `${memory.totalBytes} bytes`,
      )
    this.recording = recording
    this.memory = memory
    let elapsed = 0
    this.#doneMillis = recording.steps.map((step) => (elapsed += step.guestMillis))
    this.#deltas = new Uint8Array(recording.deltas)
    this.#view = new DataView(recording.deltas)
  }

  get counter(): number {
    return this.#counter
  }

  get finished(): boolean {
    return this.#counter === this.recording.steps.length
  }

  get elapsedMillis(): number {
    return this.#counter === 0 ? 0 : this.#doneMillis[this.#counter - 1]!
  }

  /**
   * Writes the memory as it was at the start of the recording.
   * @throws GuestOptionError if operations were done already, or the recording was loaded without its base.
   */
  boot(): void {
    if (this.#counter !== 0) throw new GuestOptionError('boot', 'no operation done', `${this.#counter} done`)
    if (this.recording.base === undefined)
      throw new GuestOptionError('recording to boot', 'one loaded with its base', 'one loaded without')
    this.#write(0, new Uint8Array(this.recording.base))
  }

  advance(operations: number): void {
    const left = this.recording.steps.length - this.#counter
    if (!Number.isInteger(operations) || operations < 0 || operations > left)
      throw new GuestOptionError('operations of a recorded guest', `an integer in 0 .. ${left}`, `${operations}`)
    for (let done = 0; done < operations; done++) this.#replay()
  }

  due(elapsedMillis: number): number {
    let [from, to] = [0, this.#doneMillis.length]
    while (from < to) {
      const middle = Math.floor((from + to) / 2)
      if (this.#doneMillis[middle]! <= elapsedMillis) from = middle + 1
      else to = middle
    }
    return from
  }

  saveState(): Uint8Array<ArrayBuffer> {
    const { bytes, body } = newGuestState(this.kind, STATE_BODY_BYTES)
    body.setBigUint64(0, BigInt(this.#counter))
    const sha = this.recording.sha256Base
    for (let index = 0; index < SHA256_BYTES; index++)
      body.setUint8(8 + index, Number.parseInt(sha.slice(index * 2, index * 2 + 2), 16))
    return bytes
  }

  loadState(bytes: Uint8Array): void {
    const body = guestStateBody(this.kind, STATE_BODY_BYTES, bytes)
    let sha = ''
    for (let index = 0; index < SHA256_BYTES; index++)
      sha += body
        .getUint8(8 + index)
        .toString(16)
        .padStart(2, '0')
    if (sha !== this.recording.sha256Base)
      throw new GuestStateError('base of the saved guest', this.recording.sha256Base, sha)
    const counter = body.getBigUint64(0)
    const steps = this.recording.steps.length
    if (counter > BigInt(steps))
      throw new GuestStateError('counter of the saved guest', `at most ${steps}`, `${counter}`)
    this.#counter = Number(counter)
  }

  #replay(): void {
    const { offset, pageCount } = this.recording.steps[this.#counter]!
    for (let index = 0; index < pageCount; index++) {
      const record = offset + index * RECORD_BYTES
      const page = this.#view.getUint32(record, true)
      this.#write(page * PAGE_BYTES, this.#deltas.subarray(record + 4, record + RECORD_BYTES))
    }
    this.#counter++
  }

  /** Writes bytes at a position of guest physical memory, which may cross blocks. */
  #write(position: number, bytes: Uint8Array): void {
    let start = 0
    for (const [index, block] of this.memory.blocks.entries()) {
      const end = start + block.usedLength
      const from = Math.max(position, start)
      const to = Math.min(position + bytes.length, end)
      if (from < to) this.memory.write(index, from - start, bytes.subarray(from - position, to - position))
      start = end
    }
  }
}
