/**
 * Reads one multifd channel (QEMU's migration/multifd.c, `multifd_recv_thread`). Pages go to the same store as those of the
 * main channel; what keeps an older copy from landing on a newer one is the barrier (`multifd-barrier.ts`), for which the
 * decoder stops behind every packet with SYNC.
 */
import { PAGE_BYTES } from './constants.ts'
import { Accumulator, readU32 } from './bytes.ts'
import {
  MULTIFD_DATA_BYTES_MAX,
  MULTIFD_HEADER_BYTES,
  MULTIFD_INIT_BYTES,
  MULTIFD_MAGIC,
  MULTIFD_PAGES_MAX,
  MULTIFD_VERSION,
  multifdPageCount,
  readMultifdHeader,
  readMultifdInit,
  type MultifdInit,
  type MultifdMethodName,
  type MultifdPacket,
} from './multifd-packet.ts'
import type { RamBlockTable } from './ram-decoder.ts'
import { StreamError, hex } from './stream-error.ts'

/** What a channel's content is handed to. */
export interface MultifdSink {
  init(init: MultifdInit): void
  /** A packet's header, before its pages. */
  packet(packet: MultifdPacket): void
  /** As `StreamSink.page`: 4096 bytes of page content at `bytes[at]`, valid until the method returns. */
  page(blockIndex: number, offset: number, bytes: Uint8Array, at: number): void
}

/** One channel's decompression: its context reaches over all packets of the channel. */
export interface MultifdDecompressor {
  /**
   * Decompress `bytes`, one packet's content, into all of `out`. Returns what is wrong with it, or undefined: then it was
   * used up and filled `out` exactly.
   */
  decompress(bytes: Uint8Array, out: Uint8Array): string | undefined
}

export interface MultifdDecoderOptions {
  readonly sink: MultifdSink
  /** The block list, from the decoder of the main channel. */
  readonly table: RamBlockTable
  /**
   * What packets are compressed with, by agreement of both sides: another is refused. `any` takes the word of the first
   * packet with pages, for recordings. `none` unless told.
   */
  readonly method?: MultifdMethodName | 'any'
  /** Makes the context of a channel; undefined for a method that this side does not have. Needed unless it is `none`. */
  readonly makeDecompressor?: (method: MultifdMethodName) => MultifdDecompressor | undefined
}

const INIT = 0
const HEADER = 1
const PAGES = 2
const COMPRESSED = 3

const WANTED = [
  'the 64 bytes that open a channel',
  'the header of a packet',
  'the pages of a packet',
  'compressed pages',
]

/**
 * Push parser, fed like `StreamDecoder`; hold a buffer of at least 4096 bytes. Behind a packet with SYNC it consumes nothing
 * until `proceed` is called. A failure is final.
 */
export class MultifdDecoder {
  readonly #options: MultifdDecoderOptions
  #method: MultifdMethodName | 'any'
  #decompressor: MultifdDecompressor | undefined
  readonly #data = new Accumulator()
  #pages = new Uint8Array(0)
  #state: number = INIT
  #packet: MultifdPacket | undefined
  #block = -1
  #next = 0
  #held = false
  #syncs = 0
  #position = 0
  #base = 0
  #failure: { readonly cause: unknown } | undefined

  constructor(options: MultifdDecoderOptions) {
    this.#options = options
    const { method = 'none' } = options
    this.#method = method
    if (method !== 'any' && !this.#settle(method)) throw new RangeError(`Compression ${method} needs a decompressor`)
  }

  /** What packets are compressed with; `any` as long as no packet with pages has come. */
  get method(): MultifdMethodName | 'any' {
    return this.#method
  }

  /** From here on packets are compressed so; false if this side cannot. */
  #settle(method: MultifdMethodName): boolean {
    this.#method = method
    if (method === 'none') return true
    this.#decompressor = this.#options.makeDecompressor?.(method)
    this.#pages = new Uint8Array(MULTIFD_PAGES_MAX * PAGE_BYTES)
    return this.#decompressor !== undefined
  }

  /** Bytes of the channel consumed so far. */
  get position(): number {
    return this.#position
  }

  /** Stopped behind a SYNC until `proceed` is called. */
  get held(): boolean {
    return this.#held
  }

  /** Packets with SYNC that have been read. */
  get syncs(): number {
    return this.#syncs
  }

  /** Go on behind the SYNC at which the decoder has stopped. */
  proceed(): void {
    this.#held = false
  }

  /** Consume what is complete in `bytes[start .. end)`; returns how many bytes that was. Throws StreamError. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.#failure !== undefined) throw this.#failure.cause
    this.#base = this.#position - start
    try {
      let at = start
      while (!this.#held) {
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

  /** The channel has ended, which it may behind any packet; `remaining` bytes were not consumed. Throws StreamError. */
  finish(remaining = 0): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (this.#state === HEADER && remaining === 0) return
    throw new StreamError(this.#position, 'Channel cut off', WANTED[this.#state]!, `${remaining} bytes and the end`)
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case PAGES:
        return this.#plainPages(this.#packet!, bytes, at, end)
      case COMPRESSED:
        return this.#compressedPages(this.#packet!, bytes, at, end)
      case HEADER:
        return this.#header(bytes, at, end)
      default:
        return this.#init(bytes, at, end)
    }
  }

  #opening(bytes: Uint8Array, at: number): void {
    const magic = readU32(bytes, at)
    if (magic !== MULTIFD_MAGIC) throw this.#error(at, 'Not a multifd channel', hex(MULTIFD_MAGIC), hex(magic))
    const version = readU32(bytes, at + 4)
    if (version !== MULTIFD_VERSION) {
      throw this.#error(at + 4, 'Unsupported multifd version', `${MULTIFD_VERSION}`, `${version}`)
    }
  }

  #init(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < MULTIFD_INIT_BYTES) return at
    this.#opening(bytes, at)
    this.#state = HEADER
    this.#options.sink.init(readMultifdInit(bytes, at))
    return at + MULTIFD_INIT_BYTES
  }

  #header(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < MULTIFD_HEADER_BYTES) return at
    this.#opening(bytes, at)
    const count = multifdPageCount(bytes, at)
    if (count > MULTIFD_PAGES_MAX) {
      throw this.#error(at + 16, 'Too many pages in a packet', `at most ${MULTIFD_PAGES_MAX}`, `${count}`)
    }
    const packet = readMultifdHeader(bytes, at)
    this.#check(at, packet)
    this.#packet = packet
    this.#next = 0
    if (count > 0) this.#state = this.#method === 'none' ? PAGES : COMPRESSED
    this.#options.sink.packet(packet)
    if (count === 0) this.#endPacket(packet)
    return at + MULTIFD_HEADER_BYTES
  }

  #check(at: number, { method, pagesMax, dataBytes, block, offsets }: MultifdPacket): void {
    if (pagesMax > MULTIFD_PAGES_MAX) {
      throw this.#error(at + 12, 'Too many pages allocated', `at most ${MULTIFD_PAGES_MAX}`, `${pagesMax}`)
    }
    if (method === undefined) {
      throw this.#error(at + 8, 'Unexpected compression of a packet', this.#method, 'flags without a meaning')
    }
    if (this.#method === 'any' && offsets.length > 0 && !this.#settle(method)) {
      throw this.#error(at + 8, 'Unexpected compression of a packet', 'one that this side has', method)
    }
    if (method !== this.#method && this.#method !== 'any' && (offsets.length > 0 || method !== 'none')) {
      throw this.#error(at + 8, 'Unexpected compression of a packet', this.#method, method)
    }
    if (offsets.length === 0) return
    const plain = offsets.length * PAGE_BYTES
    const isPlain = this.#method === 'none'
    if (isPlain ? dataBytes !== plain : dataBytes === 0 || dataBytes > MULTIFD_DATA_BYTES_MAX) {
      const expected = isPlain ? `${plain} bytes` : `1 to ${MULTIFD_DATA_BYTES_MAX} bytes`
      throw this.#error(at + 20, 'Bad length of the pages of a packet', expected, `${dataBytes}`)
    }
    const { table } = this.#options
    const index = table.indexOf(block)
    if (index === undefined) {
      throw this.#error(at + 64, `Can't find block ${block}`, 'a name of the block list', JSON.stringify(block))
    }
    this.#block = index
    const { usedLength } = table.blocks[index]!
    for (const offset of offsets) {
      if (offset % PAGE_BYTES === 0 && offset < usedLength) continue
      const expected = `a multiple of ${hex(PAGE_BYTES)} below ${hex(usedLength)}`
      throw this.#error(at, `Illegal offset of a page in ${block}`, expected, hex(offset))
    }
  }

  #endPacket(packet: MultifdPacket): void {
    this.#state = HEADER
    if (!packet.sync) return
    this.#syncs++
    this.#held = true
  }

  #plainPages(packet: MultifdPacket, bytes: Uint8Array, at: number, end: number): number {
    const { sink } = this.#options
    const { offsets } = packet
    let next = at
    while (this.#next < offsets.length && end - next >= PAGE_BYTES) {
      sink.page(this.#block, offsets[this.#next]!, bytes, next)
      this.#next++
      next += PAGE_BYTES
    }
    if (this.#next === offsets.length) this.#endPacket(packet)
    return next
  }

  #compressedPages(packet: MultifdPacket, bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(packet.dataBytes - this.#data.length, end - at)
    this.#data.append(bytes, at, at + count)
    if (this.#data.length < packet.dataBytes) return at + count
    const { sink } = this.#options
    const { offsets } = packet
    const out = this.#pages.subarray(0, offsets.length * PAGE_BYTES)
    const fault = this.#decompressor?.decompress(this.#data.take(), out)
    if (fault !== undefined) {
      const place = at + count - packet.dataBytes
      throw this.#error(place, `Bad ${this.#method} data in a packet`, `${out.length} bytes of pages`, fault)
    }
    for (const [index, offset] of offsets.entries()) sink.page(this.#block, offset, out, index * PAGE_BYTES)
    this.#endPacket(packet)
    return at + count
  }
}
