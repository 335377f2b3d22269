/**
 * Bytes from one thread to another through shared memory: one writes, one reads, neither waits for the other. It is how the
 * thread that moves pages, which never returns to its event loop, uses a connection that only an event loop can serve: TLS.
 *
 * ```
 * 0 written   bytes put in so far          counted modulo 2^32; their difference is what is inside
 * 1 taken     bytes taken out so far
 * 2 ended     0 open, 1 no more bytes come (the reader sees the end behind the last), 2 broken
 * 3 reason    bytes of the text at the end of the buffer that says why it is broken
 * 4 news      counts what a reader that waits has to look at
 * 5 space     counts what a writer that waits has to look at
 * ```
 */

/** Bytes a ring holds: what a millisecond of the fastest channel carries, as its threads look at it that often. */
export const RING_BYTES = 4 * 2 ** 20

const WRITTEN = 0
const TAKEN = 1
const ENDED = 2
const REASON = 3
const NEWS = 4
const SPACE = 5
const HEADER_BYTES = 32
const REASON_BYTES_MAX = 512

const OPEN = 0
const FINISHED = 1
const BROKEN = 2

/** A ring as `postMessage` carries it; the memory is shared, not copied. */
export type SharedByteRing = SharedArrayBuffer

/** Memory for a ring of another size: a power of two of bytes. */
export const ringMemory = (capacity: number): SharedByteRing =>
  new SharedArrayBuffer(HEADER_BYTES + capacity + REASON_BYTES_MAX)

export class ByteRing {
  readonly shared: SharedByteRing
  /** Bytes it holds: a power of two. */
  readonly capacity: number
  readonly #cells: Int32Array<SharedArrayBuffer>
  readonly #bytes: Uint8Array<SharedArrayBuffer>
  readonly #reason: Uint8Array<SharedArrayBuffer>

  /** A view of a ring that another thread has made, or a new one. */
  constructor(shared: SharedByteRing = ringMemory(RING_BYTES)) {
    this.shared = shared
    this.capacity = shared.byteLength - HEADER_BYTES - REASON_BYTES_MAX
    this.#cells = new Int32Array(shared, 0, HEADER_BYTES / 4)
    this.#bytes = new Uint8Array(shared, HEADER_BYTES, this.capacity)
    this.#reason = new Uint8Array(shared, HEADER_BYTES + this.capacity, REASON_BYTES_MAX)
  }

  /** Bytes inside. */
  get length(): number {
    return (Atomics.load(this.#cells, WRITTEN) - Atomics.load(this.#cells, TAKEN)) | 0
  }

  /** Puts in as many bytes as there is room for; gives their number. A reader that waits sleeps on until {@link wake}. */
  put(source: Uint8Array): number {
    const written = Atomics.load(this.#cells, WRITTEN)
    const count = Math.min(source.length, this.capacity - this.length)
    if (count === 0) return 0
    const at = written & (this.capacity - 1)
    const first = Math.min(count, this.capacity - at)
    this.#bytes.set(first === source.length ? source : source.subarray(0, first), at)
    if (first < count) this.#bytes.set(source.subarray(first, count), 0)
    Atomics.store(this.#cells, WRITTEN, (written + count) | 0)
    return count
  }

  /** Wakes a reader that waits: behind a number of puts, as it takes longer than one. */
  wake(): void {
    this.#ring(NEWS)
  }

  /** Takes out as many bytes as there are, up to the room in `buffer[start, end)`. Wakes a writer that waits. */
  take(buffer: Uint8Array, start: number, end: number): number {
    let taken = 0
    for (let piece = this.peek(); piece.length > 0 && start + taken < end; piece = this.peek()) {
      const count = Math.min(piece.length, end - start - taken)
      buffer.set(piece.subarray(0, count), start + taken)
      this.skip(count)
      taken += count
    }
    return taken
  }

  /** The next bytes that lie side by side; they stay until they are skipped. Empty where nothing is inside. */
  peek(): Uint8Array<SharedArrayBuffer> {
    const at = Atomics.load(this.#cells, TAKEN) & (this.capacity - 1)
    return this.#bytes.subarray(at, Math.min(this.capacity, at + this.length))
  }

  /** Takes out bytes that have been looked at. */
  skip(count: number): void {
    Atomics.add(this.#cells, TAKEN, count)
    this.#ring(SPACE)
  }

  /** No more bytes come. What is inside is still there. */
  finish(): void {
    if (Atomics.compareExchange(this.#cells, ENDED, OPEN, FINISHED) === OPEN) this.#ring(NEWS)
  }

  /** Nothing passes any more; what is inside is lost. Only one of the two threads may say so, and the first reason stays. */
  break(reason: string): void {
    if (this.isBroken) return
    const { written } = new TextEncoder().encodeInto(reason, new Uint8Array(REASON_BYTES_MAX))
    this.#reason.set(new TextEncoder().encode(reason).subarray(0, written))
    Atomics.store(this.#cells, REASON, written)
    Atomics.store(this.#cells, ENDED, BROKEN)
    this.#ring(NEWS)
    this.#ring(SPACE)
  }

  get isFinished(): boolean {
    return Atomics.load(this.#cells, ENDED) === FINISHED
  }

  get isBroken(): boolean {
    return Atomics.load(this.#cells, ENDED) === BROKEN
  }

  /** Why it is broken. */
  get reason(): string {
    return new TextDecoder().decode(this.#reason.slice(0, Atomics.load(this.#cells, REASON)))
  }

  /** On an event loop: done when there are more than `seen` bytes inside, or the ring has ended; nothing where that is so. */
  hasMore(seen: number): Promise<void> | undefined {
    return this.#wait(NEWS, () => this.length > seen)
  }

  /** On an event loop: done when there are fewer than `seen` bytes inside, or the ring is broken; nothing where that is so. */
  hasRoom(seen: number): Promise<void> | undefined {
    return this.#wait(SPACE, () => this.length < seen)
  }

  #ring(bell: number): void {
    Atomics.add(this.#cells, bell, 1)
    Atomics.notify(this.#cells, bell)
  }

  /** The bell is read before anything else, so that what happens in between is not missed. */
  #wait(bell: number, holds: () => boolean): Promise<void> | undefined {
    const value = Atomics.load(this.#cells, bell)
    if (holds() || this.isBroken || (bell === NEWS && this.isFinished)) return undefined
    const waiting = Atomics.waitAsync(this.#cells, bell, value)
    return waiting.async ? waiting.value.then(() => {}) : undefined
  }
}
