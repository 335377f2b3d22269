/**
 * The return path: what the destination tells the source, on the same socket the other way, without header or start
 * marker (QEMU's migration/migration.c, `migrate_send_rp_*` and `source_return_path_thread`). A message is a u16 type, a
 * u16 length and a body; RECV_BITMAP is followed by bulk data that its length does not count.
 */
import {
  BITMAP_BYTES_MAX,
  BITMAP_END_MAGIC_HIGH,
  BITMAP_END_MAGIC_LOW,
  RETURN_PATH_BYTES_MAX,
  RETURN_PATH_NUMBER,
} from './constants.ts'
import {
  Accumulator,
  countedName,
  readText,
  readU16,
  readU32,
  readU64,
  requireRoom,
  writeBytes,
  writeU16,
  writeU32,
  writeU64,
} from './bytes.ts'
import { StreamError, hex } from './stream-error.ts'

export type ReturnPathMessage =
  /** The destination is through; 0 means success, anything else makes the source fail. */
  | { readonly name: 'SHUT'; readonly value: number }
  /** Answers a PING with its u32. */
  | { readonly name: 'PONG'; readonly value: number }
  /** Wants `length` bytes (u32) from byte `start` of `block` now. */
  | { readonly name: 'REQ_PAGES_ID'; readonly block: string; readonly start: number; readonly length: number }
  /** The same without the name on the wire: the block is that of the previous request, and the decoder fills it in. */
  | { readonly name: 'REQ_PAGES'; readonly block: string; readonly start: number; readonly length: number }
  /** Bit i (least significant first) is 1 if page i of the block has arrived; a multiple of 8 bytes long. */
  | { readonly name: 'RECV_BITMAP'; readonly block: string; readonly bitmap: Uint8Array }
  /** Answers POSTCOPY_RESUME; 1 is the only value defined. */
  | { readonly name: 'RESUME_ACK'; readonly value: number }

/** Bytes that {@link writeReturnPath} needs for this message. */
export function returnPathBytes(message: ReturnPathMessage): number {
  switch (message.name) {
    case 'SHUT':
    case 'PONG':
    case 'RESUME_ACK':
      return 8
    case 'REQ_PAGES':
      return 16
    case 'REQ_PAGES_ID':
      return 16 + 1 + message.block.length
    case 'RECV_BITMAP':
      return 4 + 1 + message.block.length + 8 + message.bitmap.length + 8
  }
}

/** One message, with the bulk data of RECV_BITMAP. Returns the offset behind it; RangeError if there is no room. */
export function writeReturnPath(buffer: Uint8Array, at: number, message: ReturnPathMessage): number {
  requireRoom(buffer, at, returnPathBytes(message))
  const type = writeU16(buffer, at, RETURN_PATH_NUMBER[message.name])
  switch (message.name) {
    case 'SHUT':
    case 'PONG':
    case 'RESUME_ACK':
      return writeU32(buffer, writeU16(buffer, type, 4), message.value)
    case 'REQ_PAGES': {
      const start = writeU16(buffer, type, 12)
      return writeU32(buffer, writeU64(buffer, start, message.start), message.length)
    }
    case 'REQ_PAGES_ID': {
      const name = countedName(message.block)
      const start = writeU16(buffer, type, 12 + name.length)
      return writeBytes(buffer, writeU32(buffer, writeU64(buffer, start, message.start), message.length), name)
    }
    case 'RECV_BITMAP': {
      if (message.bitmap.length % 8 !== 0) throw new RangeError('A bitmap is sent in whole 8-byte words')
      const name = countedName(message.block)
      let next = writeBytes(buffer, writeU16(buffer, type, name.length), name)
      next = writeBytes(buffer, writeU64(buffer, next, message.bitmap.length), message.bitmap)
      return writeU32(buffer, writeU32(buffer, next, BITMAP_END_MAGIC_HIGH), BITMAP_END_MAGIC_LOW)
    }
  }
}

export interface ReturnPathDecoderOptions {
  /** Most bytes of one received bitmap; 256 MiB unless told, which covers 8 TiB of guest memory. */
  readonly bitmapBytesMax?: number
}

/** Longest piece the decoder asks its caller to hold. */
export const RETURN_PATH_RECORD_BYTES_MAX = 4 + RETURN_PATH_BYTES_MAX

const MESSAGE = 0
const BITMAP_SIZE = 1
const BITMAP = 2
const BITMAP_END = 3

/**
 * Push parser of the return path, fed like `StreamDecoder`. After a refusal every further call repeats it. One message
 * object is made per message; `bitmap` belongs to the receiver.
 */
export class ReturnPathDecoder {
  readonly #onMessage: (message: ReturnPathMessage) => void
  readonly #bitmapBytesMax: number
  readonly #bitmap = new Accumulator()
  #state = MESSAGE
  #bitmapLeft = 0
  #bitmapBlock = ''
  #requestBlock: string | undefined
  #position = 0
  #base = 0
  #failure: { readonly cause: unknown } | undefined

  constructor(onMessage: (message: ReturnPathMessage) => void, options: ReturnPathDecoderOptions = {}) {
    this.#onMessage = onMessage
    this.#bitmapBytesMax = options.bitmapBytesMax ?? BITMAP_BYTES_MAX
  }

  /** Bytes consumed since the first feed. */
  get position(): number {
    return this.#position
  }

  /** Consume what is complete in `bytes[start .. end)`; returns how many bytes that was. Throws StreamError. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.#failure !== undefined) throw this.#failure.cause
    this.#base = this.#position - start
    let at = start
    try {
      for (;;) {
        const state = this.#state
        const next = this.#step(bytes, at, end)
        if (next === at && state === this.#state) break
        at = next
      }
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
    this.#position += at - start
    return at - start
  }

  /** The transport has ended. Throws StreamError if that was inside a message; `remaining` bytes were not consumed. */
  finish(remaining = 0): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (this.#state !== MESSAGE || remaining > 0) {
      const expected = ['the rest of a message', 'a bitmap size', 'the rest of a bitmap', 'the bitmap end mark']
      throw new StreamError(this.#position, 'Return path cut off', expected[this.#state]!, `${remaining} bytes`)
    }
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case MESSAGE:
        return this.#message(bytes, at, end)
      case BITMAP_SIZE: {
        if (end - at < 8) return at
        const size = readU64(bytes, at)
        if (size % 8 !== 0 || size > this.#bitmapBytesMax) {
          throw new StreamError(
            this.#base + at,
            `Bitmap size of ${this.#bitmapBlock} refused`,
            `a multiple of 8 up to ${this.#bitmapBytesMax}`,
            `${size}`,
          )
        }
        this.#bitmapLeft = size
        this.#state = BITMAP
        return at + 8
      }
      case BITMAP: {
        const count = Math.min(this.#bitmapLeft, end - at)
        this.#bitmap.append(bytes, at, at + count)
        this.#bitmapLeft -= count
        if (this.#bitmapLeft === 0) this.#state = BITMAP_END
        return at + count
      }
      default: {
        if (end - at < 8) return at
        if (readU32(bytes, at) !== BITMAP_END_MAGIC_HIGH || readU32(bytes, at + 4) !== BITMAP_END_MAGIC_LOW) {
          throw new StreamError(
            this.#base + at,
            `Wrong end mark behind the bitmap of ${this.#bitmapBlock}`,
            '0x0123456789abcdef',
            hex(readU64(bytes, at)),
          )
        }
        this.#state = MESSAGE
        this.#onMessage({ name: 'RECV_BITMAP', block: this.#bitmapBlock, bitmap: this.#bitmap.take() })
        return at + 8
      }
    }
  }

  #message(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 4) return at
    const type = readU16(bytes, at)
    const length = readU16(bytes, at + 2)
    if (!lengthFits(type, length)) throw this.#invalid(at, type, length)
    if (end - at < 4 + length) return at
    const body = at + 4
    const behind = body + length
    switch (type) {
      case RETURN_PATH_NUMBER.SHUT:
        this.#onMessage({ name: 'SHUT', value: readU32(bytes, body) })
        return behind
      case RETURN_PATH_NUMBER.PONG:
        this.#onMessage({ name: 'PONG', value: readU32(bytes, body) })
        return behind
      case RETURN_PATH_NUMBER.RESUME_ACK:
        this.#onMessage({ name: 'RESUME_ACK', value: readU32(bytes, body) })
        return behind
      case RETURN_PATH_NUMBER.REQ_PAGES_ID:
        if (bytes[body + 12] !== length - 13) throw this.#invalid(at, type, length)
        this.#requestBlock = readText(bytes, body + 13, length - 13)
        this.#request('REQ_PAGES_ID', this.#requestBlock, bytes, body)
        return behind
      case RETURN_PATH_NUMBER.REQ_PAGES:
        if (this.#requestBlock === undefined) {
          throw new StreamError(this.#base + at, 'REQ_PAGES has no previous block', 'REQ_PAGES_ID first', 'REQ_PAGES')
        }
        this.#request('REQ_PAGES', this.#requestBlock, bytes, body)
        return behind
      default:
        if (bytes[body] !== length - 1) throw this.#invalid(at, type, length)
        this.#bitmapBlock = readText(bytes, body + 1, length - 1)
        this.#state = BITMAP_SIZE
        return behind
    }
  }

  #request(name: 'REQ_PAGES_ID' | 'REQ_PAGES', block: string, bytes: Uint8Array, body: number): void {
    const start = readU64(bytes, body)
    const length = readU32(bytes, body + 8)
    if (!Number.isSafeInteger(start + length)) {
      throw new StreamError(this.#base + body, `Page request past 2^53 in ${block}`, 'a range below 2^53', hex(start))
    }
    this.#onMessage({ name, block, start, length })
  }

  #invalid(at: number, type: number, length: number): StreamError {
    const words = `0x${type.toString(16).padStart(4, '0')} length 0x${length.toString(16).padStart(4, '0')}`
    return new StreamError(
      this.#base + at,
      `Received invalid message ${words}`,
      'a return-path message 1 to 6 of its own length',
      words,
    )
  }
}

function lengthFits(type: number, length: number): boolean {
  switch (type) {
    case RETURN_PATH_NUMBER.SHUT:
    case RETURN_PATH_NUMBER.PONG:
    case RETURN_PATH_NUMBER.RESUME_ACK:
      return length === 4
    case RETURN_PATH_NUMBER.REQ_PAGES:
      return length === 12
    case RETURN_PATH_NUMBER.REQ_PAGES_ID:
      return length >= 14 && length <= 12 + 256
    case RETURN_PATH_NUMBER.RECV_BITMAP:
      return length >= 2 && length <= 256
    default:
      return false
  }
}
