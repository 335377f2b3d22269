/** One channel of a recorded migration: a file, gzipped or not, or standard input, read piece by piece. */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** Bytes asked of the file at once. */
const READ_BYTES = 1024 * 1024
const GZIP_MAGIC = [0x1f, 0x8b]

const noop = (): void => {}

export class RecordedChannel {
  readonly path: string
  readonly #file: Readable
  #chunks: AsyncIterator<Uint8Array> | undefined
  /** What has been read and not used: `bytes[start .. end)`. */
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  /** Bytes used so far. */
  used = 0
  /** Nothing more comes. */
  ended = false

  /** `-` is standard input. */
  constructor(path: string) {
    this.path = path
    this.#file = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: READ_BYTES })
  }

  get end(): number {
    return this.bytes.length
  }

  /** This many bytes have been used up. */
  use(count: number): void {
    this.start += count
    this.used += count
  }

  /** Reads on: what has not been used stays in front. False at the end. */
  async fill(): Promise<boolean> {
    this.#chunks ??= await this.#open()
    const next = await this.#chunks.next()
    if (next.done === true) {
      this.ended = true
      return false
    }
    const rest = this.bytes.subarray(this.start)
    if (rest.length === 0) this.bytes = next.value
    else {
      const joined = new Uint8Array(rest.length + next.value.length)
      joined.set(rest)
      joined.set(next.value, rest.length)
      this.bytes = joined
    }
    this.start = 0
    return true
  }

  close(): void {
    this.#file.destroy()
  }

  async #open(): Promise<AsyncIterator<Uint8Array>> {
    // Any of these: a file that is not there, an empty one, or one with something in it.
    await Promise.race([once(this.#file, 'readable'), once(this.#file, 'end')])
    const first: Uint8Array | null = this.#file.read()
    if (first === null) return this.#file[Symbol.asyncIterator]()
    this.#file.unshift(first)
    if (!GZIP_MAGIC.every((byte, index) => first[index] === byte)) return this.#file[Symbol.asyncIterator]()
    // A callback, so that an error is told once, by the iterator, and not by the process's end.
    return pipeline(this.#file, createGunzip({ chunkSize: READ_BYTES / 4 }), noop)[Symbol.asyncIterator]()
  }
}
