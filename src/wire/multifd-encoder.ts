/**
 * Writes one multifd channel: the reverse of `MultifdDecoder`, and of the same shape, so that what one reads the other can
 * write again.
 */
import { PAGE_BYTES } from './constants.ts'
import type { MultifdSink } from './multifd-decoder.ts'
import {
  MULTIFD_DATA_BYTES_MAX,
  MULTIFD_HEADER_BYTES,
  MULTIFD_PAGES_MAX,
  writeMultifdHeader,
  writeMultifdInit,
  type MultifdInit,
  type MultifdPacket,
} from './multifd-packet.ts'

/** One channel's compression: its context reaches over all packets of the channel. */
export interface MultifdCompressor {
  /** Compress all of `pages` into `out` from `outAt` on, flushed so that the other side has all of it. Returns the bytes. */
  compress(pages: Uint8Array, out: Uint8Array, outAt: number): number
}

/**
 * `write` is handed whole packets, valid until it returns. The length that a packet names is replaced by that of its
 * compressed pages.
 */
export class MultifdEncoder implements MultifdSink {
  readonly #write: (bytes: Uint8Array) => void
  readonly #compressor: MultifdCompressor | undefined
  readonly #pages = new Uint8Array(MULTIFD_PAGES_MAX * PAGE_BYTES)
  readonly #buffer = new Uint8Array(MULTIFD_HEADER_BYTES + MULTIFD_DATA_BYTES_MAX)
  #packet: MultifdPacket | undefined
  #held = 0

  constructor(write: (bytes: Uint8Array) => void, compressor?: MultifdCompressor) {
    this.#write = write
    this.#compressor = compressor
  }

  init(init: MultifdInit): void {
    this.#write(this.#buffer.subarray(0, writeMultifdInit(this.#buffer, 0, init)))
  }

  packet(packet: MultifdPacket): void {
    if (this.#packet !== undefined) throw new RangeError('The packet before lacks pages')
    if (packet.offsets.length === 0) this.#emit(packet, 0)
    else this.#packet = packet
  }

  page(_blockIndex: number, offset: number, bytes: Uint8Array, at: number): void {
    const packet = this.#packet
    const expected = packet?.offsets[this.#held / PAGE_BYTES]
    if (packet === undefined || expected !== offset) {
      throw new RangeError(`The packet names page ${expected ?? 'none'} next, not ${offset}`)
    }
    this.#pages.set(bytes.subarray(at, at + PAGE_BYTES), this.#held)
    this.#held += PAGE_BYTES
    if (this.#held < packet.offsets.length * PAGE_BYTES) return
    const pages = this.#pages.subarray(0, this.#held)
    this.#packet = undefined
    this.#held = 0
    this.#emit(packet, this.#content(pages))
  }

  #content(pages: Uint8Array): number {
    if (this.#compressor !== undefined) {
      return this.#compressor.compress(pages, this.#buffer, MULTIFD_HEADER_BYTES)
    }
    this.#buffer.set(pages, MULTIFD_HEADER_BYTES)
    return pages.length
  }

  #emit(packet: MultifdPacket, dataBytes: number): void {
    writeMultifdHeader(this.#buffer, 0, dataBytes > 0 ? { ...packet, dataBytes } : packet)
    this.#write(this.#buffer.subarray(0, MULTIFD_HEADER_BYTES + dataBytes))
  }
}
