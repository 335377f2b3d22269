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

interface Segment {
  readonly bytes: Uint8Array
  readonly readableMillis: number
}

/** What a reader finds: bytes, nothing yet, the end, or a broken pipe. */
export type PipeEnd = 'open' | 'ended' | 'broken'

export class SimulatedPipe {
  readonly #options: PipeOptions
  #segments: Segment[] = []
  /** How much of the first segment has been read. */
  #offset = 0
  #held = 0
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

  /** Takes at most `limit` bytes from the front of the views. Counts one message if it takes any. */
  write(views: readonly Uint8Array[], limit: number, nowMillis: number): Uint8Array {
    const offered = views.reduce((sum, view) => sum + view.length, 0)
    const taken = new Uint8Array(Math.max(0, Math.min(offered, limit, this.room)))
    let at = 0
    for (const view of views) {
      const part = view.subarray(0, taken.length - at)
      taken.set(part, at)
      at += part.length
      if (at === taken.length) break
    }
    if (taken.length === 0) return taken
    this.messages++
    this.bytes += taken.length
    this.#held += taken.length
    this.#segments.push({ bytes: taken, readableMillis: nowMillis + this.#options.latencyMillis })
    return taken
  }

  /** Reads what has arrived; 0 when nothing has. Whether more can follow is in {@link end}. */
  read(buffer: Uint8Array, start: number, end: number, nowMillis: number): number {
    let at = start
    while (at < end) {
      const first = this.#segments[0]
      if (first === undefined || first.readableMillis > nowMillis) break
      const part = first.bytes.subarray(this.#offset, this.#offset + end - at)
      buffer.set(part, at)
      at += part.length
      this.#offset += part.length
      if (this.#offset < first.bytes.length) continue
      this.#segments.shift()
      this.#offset = 0
    }
    this.#held -= at - start
    return at - start
  }

  /** When the next bytes can be read; undefined if none are under way. */
  get nextMillis(): number | undefined {
    return this.#segments[0]?.readableMillis
  }

  /** No more writes: a reader gets what is left and then finds the pipe ended, or broken. */
  close(how: Exclude<PipeEnd, 'open'>): void {
    if (this.#end === 'open') this.#end = how
  }

  /** Everything that has not been read is lost, the end of the stream too if it was still behind something. */
  drop(): void {
    if (this.#held > 0 || this.#end === 'open') this.#end = 'broken'
    this.#segments = []
    this.#offset = 0
    this.#held = 0
  }
}
