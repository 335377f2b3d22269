/**
 * One direction of a simulated connection: bytes in order, bounded, each message readable once its latency has passed. A
 * message is one write that was accepted. The pipe knows nothing of connections; it is told when it ends or breaks, and
 * tells its watcher whenever somebody could read or write more than before.
 */

/** How a pipe treats what it is given. */
export interface PipeOptions {
  /** Bytes that may be under way or waiting to be read. */
  readonly capacityBytes: number
  /** Milliseconds from a write until its bytes can be read. */
  readonly latencyMillis: number
}

/** A write that was accepted, or what is left of it. */
interface Message {
  bytes: number
  readonly readableMillis: number
}

/** What a reader finds: bytes, nothing yet, the end, or a broken pipe. */
export type PipeEnd = 'open' | 'ended' | 'broken'

const NOTHING = new Uint8Array(0)

export class SimulatedPipe {
  readonly #options: PipeOptions
  /** What is held, in a ring: from `#first`, round the end. Made at the first write. */
  #ring = NOTHING
  #first = 0
  #held = 0
  #messages: Message[] = []
  #end: PipeEnd = 'open'
  /** Writes that were accepted, and their bytes, since the beginning; also those that a cut then dropped. */
  messages = 0
  bytes = 0

  constructor(options: PipeOptions) {
    this.#options = options
  }

  /** Bytes that a write could hand over now. */
  get room(): number {
    return this.#options.capacityBytes - this.#held
  }

  /** Bytes that were handed over and have not been read. */
  get unread(): number {
    return this.#held
  }

  get end(): PipeEnd {
    return this.#end
  }

  /** Takes at most `limit` bytes from the front of the views, and says how many. Counts one message if it takes any. */
  write(views: readonly Uint8Array[], limit: number, nowMillis: number): number {
    if (this.#ring.length === 0) this.#ring = new Uint8Array(this.#options.capacityBytes)
    const most = Math.min(limit, this.room)
    let taken = 0
    for (const view of views) {
      if (taken >= most) break
      const part = view.length <= most - taken ? view : view.subarray(0, most - taken)
      this.#put(part)
      taken += part.length
    }
    if (taken === 0) return 0
    this.messages++
    this.bytes += taken
    this.#messages.push({ bytes: taken, readableMillis: nowMillis + this.#options.latencyMillis })
    return taken
  }

  #put(bytes: Uint8Array): void {
    const at = (this.#first + this.#held) % this.#ring.length
    const front = Math.min(bytes.length, this.#ring.length - at)
    this.#ring.set(front === bytes.length ? bytes : bytes.subarray(0, front), at)
    if (front < bytes.length) this.#ring.set(bytes.subarray(front), 0)
    this.#held += bytes.length
  }

  /** Reads what has arrived; 0 when nothing has. Whether more can follow is in {@link end}. */
  read(buffer: Uint8Array, start: number, end: number, nowMillis: number): number {
    let at = start
    for (let first = this.#messages[0]; first !== undefined && at < end; first = this.#messages[0]) {
      if (first.readableMillis > nowMillis) break
      const bytes = Math.min(first.bytes, end - at)
      this.#take(buffer, at, bytes)
      at += bytes
      first.bytes -= bytes
      if (first.bytes === 0) this.#messages.shift()
    }
    return at - start
  }

  #take(buffer: Uint8Array, at: number, bytes: number): void {
    const front = Math.min(bytes, this.#ring.length - this.#first)
    buffer.set(this.#ring.subarray(this.#first, this.#first + front), at)
    if (front < bytes) buffer.set(this.#ring.subarray(0, bytes - front), at + front)
    this.#first = (this.#first + bytes) % this.#ring.length
    this.#held -= bytes
    this.#forget()
  }

  /** A pipe that is through keeps its counts, which somebody may ask for, and no memory. */
  #forget(): void {
    if (this.#held === 0 && this.#end !== 'open') this.#ring = NOTHING
  }

  /** When the next bytes can be read; undefined if none are under way. */
  get nextMillis(): number | undefined {
    return this.#messages[0]?.readableMillis
  }

  /** No more writes: a reader gets what is left and then finds the pipe ended, or broken. */
  close(how: Exclude<PipeEnd, 'open'>): void {
    if (this.#end === 'open') this.#end = how
    this.#forget()
  }

  /** Everything that has not been read is lost, the end of the stream too if it was still behind something. */
  drop(): void {
    if (this.#held > 0 || this.#end === 'open') this.#end = 'broken'
    this.#messages = []
    this.#held = 0
    this.#forget()
  }
}
