/**
 * Reads what a COLO primary sends behind the first stream: one checkpoint after the other, in either dialect (QEMU's
 * migration/colo.c, `colo_process_checkpoint` and, on the other side, `colo_process_incoming_thread`). Ends between two
 * checkpoints, whenever the channel does: a primary says no farewell.
 */
import { PACKAGE_BYTES_MAX } from './constants.ts'
import { Accumulator } from './bytes.ts'
import { readColoMessage, type ColoDialect, type ColoMessage, type ColoMessageName } from './colo-message.ts'
import { StreamError } from './stream-error.ts'
import type { StreamDecoder } from './stream-decoder.ts'
import type { StreamSink } from './stream-sink.ts'

export interface ColoDecoderOptions {
  /** Most bytes of the device sections of one checkpoint; 256 MiB unless told. */
  readonly deviceBytesMax?: number
}

const MESSAGE = 0
const MEMORY = 1
const DEVICES = 2
const STREAM = 3

/** What a primary may say next. */
type Turn = 'checkpoint-request' | 'vmstate-send' | 'vmstate-size'

/**
 * Push parser, fed like `StreamDecoder`, from where that has come to the end of the first stream. Pages and device
 * sections go to the sink that the first stream went to; they are those of a checkpoint, which counts only once all of it
 * has come.
 */
export class ColoDecoder {
  readonly #sink: StreamSink
  readonly #first: StreamDecoder
  readonly #dialect: ColoDialect
  readonly #deviceBytesMax: number
  readonly #devices = new Accumulator()
  #state: number = MESSAGE
  #turn: Turn = 'checkpoint-request'
  #left = 0
  #stream: StreamDecoder | undefined
  #position: number
  #base = 0
  #failure: { readonly cause: unknown } | undefined

  /** `first` has decoded the first stream into `sink` and is complete; its `colo` says that checkpoints follow. */
  constructor(sink: StreamSink, first: StreamDecoder, options: ColoDecoderOptions = {}) {
    if (first.colo === undefined || !first.complete) {
      throw new StreamError(first.position, 'No COLO', 'a complete stream whose source announced COLO', 'another')
    }
    this.#sink = sink
    this.#first = first
    this.#dialect = first.colo
    this.#deviceBytesMax = options.deviceBytesMax ?? PACKAGE_BYTES_MAX
    this.#position = first.position
  }

  /** Bytes consumed since the first byte of the first stream. */
  get position(): number {
    return this.#position
  }

  /** Between two checkpoints: where the channel may end. */
  get isBetween(): boolean {
    return this.#state === MESSAGE && this.#turn === 'checkpoint-request'
  }

  /** Consume what is complete in `bytes[start .. end)`; returns how many bytes that was. Throws StreamError. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.#failure !== undefined) throw this.#failure.cause
    this.#base = this.#position - start
    try {
      let at = start
      for (;;) {
        const state = this.#state
        const next = this.#step(bytes, at, end)
        if (next === at && state === this.#state) break
        at = next
      }
      this.#position += at - start
      return at - start
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
  }

  /** The channel has ended. Throws StreamError if that was inside of a checkpoint; `remaining` bytes were not consumed. */
  finish(remaining = 0): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (this.isBetween && remaining === 0) return
    const wanted = ['the rest of a message', 'the memory of a checkpoint', 'device sections', 'a whole stream']
    const expected = this.#state === MESSAGE && remaining === 0 ? this.#turn : wanted[this.#state]!
    throw new StreamError(
      this.#position,
      'Checkpoint cut off',
      expected,
      `${remaining} bytes and the end of the channel`,
    )
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case MEMORY:
        return this.#memory(bytes, at, end)
      case DEVICES:
        return this.#deviceBytes(bytes, at, end)
      case STREAM:
        return this.#streamBytes(this.#stream!, bytes, at, end)
      default:
        return this.#message(bytes, at, end)
    }
  }

  #message(bytes: Uint8Array, at: number, end: number): number {
    const message = readColoMessage(bytes, at, end)
    if (message === undefined) return at
    if (typeof message === 'number') throw this.#unexpected(at, `${message}`)
    switch (message.name) {
      case 'checkpoint-request':
        this.#take(at, message, 'vmstate-send')
        return at + 4
      case 'vmstate-send':
        this.#take(at, message, 'vmstate-size')
        if (this.#dialect === '7.2') {
          this.#first.checkpoint(this.#base + at + 4)
          this.#state = MEMORY
        }
        return at + 4
      case 'vmstate-size':
        this.#refuseSize(at + 4, message.bytes)
        this.#take(at, message, 'checkpoint-request')
        this.#left = message.bytes
        this.#state = this.#dialect === '7.2' ? DEVICES : STREAM
        if (this.#dialect === '2.11') this.#stream = this.#first.checkpointStream(this.#base + at + 12)
        return at + 12
      default:
        throw this.#unexpected(at, message.name)
    }
  }

  #take(at: number, message: ColoMessage, next: Turn): void {
    if (message.name !== this.#turn) throw this.#unexpected(at, message.name)
    this.#turn = next
    this.#sink.coloMessage(message)
  }

  #unexpected(at: number, found: ColoMessageName | string): StreamError {
    return new StreamError(this.#base + at, 'Unexpected COLO message', this.#turn, found)
  }

  #refuseSize(at: number, bytes: number): void {
    const max = this.#dialect === '7.2' ? this.#deviceBytesMax : Number.MAX_SAFE_INTEGER
    if (bytes > 0 && bytes <= max) return
    throw new StreamError(this.#base + at, 'Bad size of a checkpoint', `1 to ${max} bytes`, `${bytes}`)
  }

  #memory(bytes: Uint8Array, at: number, end: number): number {
    const used = this.#first.feed(bytes, at, end)
    if (this.#first.complete) this.#state = MESSAGE
    return at + used
  }

  #deviceBytes(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#left, end - at)
    this.#devices.append(bytes, at, at + count)
    this.#left -= count
    if (this.#left === 0) {
      this.#state = MESSAGE
      this.#sink.checkpointDevices(this.#devices.take())
    }
    return at + count
  }

  #streamBytes(stream: StreamDecoder, bytes: Uint8Array, at: number, end: number): number {
    const used = stream.feed(bytes, at, Math.min(end, at + this.#left))
    this.#left -= used
    if (stream.complete && this.#left === 0) {
      this.#stream = undefined
      this.#state = MESSAGE
    } else if (stream.complete) {
      const found = `${this.#left} bytes behind it`
      throw new StreamError(this.#base + at + used, 'Stream of a checkpoint too short', 'as long as announced', found)
    } else if (this.#left <= end - at - used) {
      throw new StreamError(
        this.#base + at + used,
        'Stream of a checkpoint cut off',
        'as long as announced',
        `${this.#left} bytes`,
      )
    }
    return at + used
  }
}
