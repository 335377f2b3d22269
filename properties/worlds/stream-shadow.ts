/** Reads along what a source writes: the memory that a destination would have, and whether it is a migration stream. */
import { streamOptions } from '../../src/transfer/dialect.ts'
import { ColoDecoder, decodeXbzrle, silentSink, StreamDecoder, type StreamSink } from '../../src/wire/index.ts'
import { pageInflater } from '../../src/wire/compression.ts'
import { PAGE_BYTES, type GuestMemory } from '../../src/memory/index.ts'
import type { StreamSeen } from '../observation.ts'
import { DiskShadow } from './disk-shadow.ts'

const EOS_BYTES = 8
const PAGE_HEADER_BYTES = 8
/** Of a body: its encoding and its length. */
const XBZRLE_HEADER_BYTES = 3
/** Of a zlib stream: its length. */
const COMPRESSED_HEADER_BYTES = 4

export class StreamShadow {
  readonly connection: number
  /** Number of the run that writes it. */
  run = 0
  readonly #chunks: Uint8Array[] = []
  readonly #sink: StreamSink
  readonly #decoder: StreamDecoder
  /** Reads checkpoints, behind a stream that announces them. */
  #lockStep: ColoDecoder | undefined
  /** Bytes of the stream in front of them. */
  #streamBytes: number | undefined
  #left: Uint8Array = new Uint8Array(0)
  #error: string | undefined
  #normal = 0
  #zero = 0
  #deltas = 0
  #deltaBytes = 0
  #compressed = 0
  #compressedBytes = 0
  #ramBytes = 0
  #channelBytes = 0
  #setUp = false
  #lastBlock = -1
  #names: readonly string[] = []
  /** Bytes of each page as they were last carried, by block and page. */
  readonly #pages = new Map<string, Uint8Array>()
  readonly #totalPages: number
  readonly #inflate = pageInflater()
  readonly #totalChunks: number
  readonly disk = new DiskShadow()

  constructor(connection: number, totalPages: number, totalChunks: number) {
    this.#totalChunks = totalChunks
    this.connection = connection
    this.#totalPages = totalPages
    this.#sink = {
      ...silentSink,
      ramBlocks: (blocks) => {
        this.#names = blocks.map(({ name }) => name)
      },
      page: (block, offset, bytes, at) => {
        this.#record(block, PAGE_BYTES)
        this.carry(block, offset, bytes, at)
      },
      zeroPage: (block, offset, fill) => {
        this.#zero++
        this.#record(block, 1)
        this.#pages.set(`${block}:${offset / PAGE_BYTES}`, new Uint8Array(PAGE_BYTES).fill(fill))
      },
      xbzrlePage: (block, offset, bytes, at, length) => {
        this.#deltas++
        this.#deltaBytes += this.#record(block, XBZRLE_HEADER_BYTES + length)
        const known = this.#pages.get(`${block}:${offset / PAGE_BYTES}`)
        if (known === undefined) throw new Error(`a difference to page ${offset / PAGE_BYTES}, which has not come`)
        const fault = decodeXbzrle(bytes, at, length, known, 0)
        if (fault !== undefined) throw new Error(fault)
      },
      compressedPage: (block, offset, bytes, at, length) => {
        this.#compressed++
        this.#compressedBytes += this.#record(block, COMPRESSED_HEADER_BYTES + length)
        const page = this.#inflate(bytes, at, length)
        if (typeof page === 'string') throw new Error(page)
        this.#pages.set(`${block}:${offset / PAGE_BYTES}`, page.slice(0, PAGE_BYTES))
      },
      block: (record) => this.disk.record(record),
      ramEos: () => {
        // The first ends the list of blocks, which is no page data.
        if (this.#setUp) this.#ramBytes += EOS_BYTES
        this.#setUp = true
      },
    }
    this.#decoder = new StreamDecoder(this.#sink, streamOptions)
  }

  /** A page that was carried whole, on whatever channel. */
  carry(block: number, offset: number, bytes: Uint8Array, at: number): void {
    this.#normal++
    this.#pages.set(`${block}:${offset / PAGE_BYTES}`, Uint8Array.from(bytes.subarray(at, at + PAGE_BYTES)))
  }

  /** Bytes on a channel beside this one. */
  countChannel(bytes: number): void {
    this.#channelBytes += bytes
    this.#ramBytes += bytes
  }

  /** What is wrong with a channel beside this one. */
  fail(error: string): void {
    this.#error ??= error
  }

  #record(block: number, payload: number): number {
    const name = block === this.#lastBlock ? 0 : 1 + (this.#names[block]?.length ?? 0)
    this.#lastBlock = block
    const bytes = PAGE_HEADER_BYTES + name + payload
    this.#ramBytes += bytes
    return bytes
  }

  write(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    if (this.#error !== undefined) return
    try {
      const joined = new Uint8Array(this.#left.length + bytes.length)
      joined.set(this.#left)
      joined.set(bytes, this.#left.length)
      this.#left = joined.slice(this.#feed(joined))
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error)
    }
  }

  #feed(bytes: Uint8Array): number {
    const used = this.#lockStep === undefined ? this.#decoder.feed(bytes, 0, bytes.length) : 0
    if (this.#lockStep === undefined && this.#decoder.complete && this.#decoder.colo !== undefined) {
      this.#lockStep = new ColoDecoder(this.#sink, this.#decoder)
      this.#streamBytes = this.#decoder.position
    }
    return used + (this.#lockStep?.feed(bytes, used, bytes.length) ?? 0)
  }

  get hasPages(): boolean {
    return this.#pages.size > 0
  }

  /** Pages that `isClean` holds for carried although their bytes in memory are others. */
  stale(memory: GuestMemory, isClean: (block: number, page: number) => boolean): readonly string[] {
    const found: string[] = []
    for (const [block, { bytes, pageCount }] of memory.blocks.entries())
      for (let page = 0; page < pageCount; page++) {
        if (!isClean(block, page) || memory.log[block]?.test(page) === true) continue
        const carried = this.#pages.get(`${block}:${page}`)
        const now = bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
        if (carried === undefined || Buffer.compare(carried, now) !== 0) found.push(`${block}:${page}`)
      }
    return found
  }

  /** Pages of a memory that are not what was carried last. */
  differing(memory: GuestMemory): readonly string[] {
    return [...this.#pages].flatMap(([place, carried]) => {
      const [block, page] = place.split(':').map(Number)
      const now = memory.blocks[block!]?.bytes.subarray(page! * PAGE_BYTES, (page! + 1) * PAGE_BYTES)
      return now !== undefined && Buffer.compare(carried, now) === 0 ? [] : [place]
    })
  }

  /** Pages that the source holds a copy of which is not what was carried; `cached` gives those copies. */
  misremembered(
    memory: GuestMemory,
    cached: (block: number, page: number) => Uint8Array | undefined,
  ): readonly string[] {
    const found: string[] = []
    for (const [block, { pageCount }] of memory.blocks.entries())
      for (let page = 0; page < pageCount; page++) {
        const copy = cached(block, page)
        const carried = this.#pages.get(`${block}:${page}`)
        const differs = copy !== undefined && (carried === undefined || Buffer.compare(copy, carried) !== 0)
        if (differs) found.push(`${block}:${page}`)
      }
    return found
  }

  get seen(): StreamSeen {
    const complete = this.#error === undefined && this.#decoder.complete && this.#left.length === 0
    return {
      connection: this.connection,
      bytes: Buffer.concat(this.#chunks),
      ...(this.#streamBytes === undefined ? {} : { streamBytes: this.#streamBytes }),
      complete,
      ...(this.#error === undefined ? {} : { error: this.#error }),
      normalPages: this.#normal,
      zeroPages: this.#zero,
      deltaPages: this.#deltas,
      deltaBytes: this.#deltaBytes,
      compressedPages: this.#compressed,
      compressedBytes: this.#compressedBytes,
      distinctPages: this.#pages.size,
      totalPages: this.#totalPages,
      distinctChunks: this.disk.distinctChunks,
      totalChunks: this.disk.isThere ? this.#totalChunks : 0,
      ramBytes: this.#ramBytes,
      channelBytes: this.#channelBytes,
      run: this.run,
    }
  }
}
