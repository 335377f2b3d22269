/**
 * The compressions of the stream, by Node's zlib: one zlib stream per page (`compress`), and one stream per channel that
 * never ends (multifd). A decoder works on the bytes it has and cannot wait, so the streams are driven synchronously.
 *
 * Node has no public way to do that with a stream that goes on (`inflateSync` and its like start anew each time); the
 * handle used here is the one that they themselves use, the same in every Node since 11. Zstandard is there since 22.15.
 */
import * as zlib from 'node:zlib'
import { COMPRESSED_BYTES_MAX, PAGE_BYTES } from './constants.ts'
import type { MultifdCompressor } from './multifd-encoder.ts'
import type { MultifdDecompressor } from './multifd-decoder.ts'
import type { MultifdMethodName } from './multifd-packet.ts'
import type { PageInflater } from './page-applier.ts'

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    out: Uint8Array,
    outAt: number,
    outLength: number,
  ): void
  reset(): void
  close(): void
  onerror: (message: string, errno: number, code: string) => void
}

interface Internals {
  readonly _handle: Handle
  /** Room left in the output, input left. */
  readonly _writeState: Uint32Array
}

const internalsOf = (stream: object): Internals => {
  const { _handle: handle, _writeState: state } = stream as Partial<Internals>
  if (typeof handle?.writeSync === 'function' && state instanceof Uint32Array) return stream as Internals
  throw new Error(`Node ${process.version} does not let its compression be driven synchronously`)
}

/** A compression or decompression that goes on from call to call. */
class SyncStream {
  readonly #handle: Handle
  readonly #state: Uint32Array
  #fault: string | undefined
  /** Bytes of the last call's input that were not used. */
  inputLeft = 0

  constructor(stream: object) {
    const { _handle: handle, _writeState: state } = internalsOf(stream)
    this.#handle = handle
    this.#state = state
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no event target
    handle.onerror = (message, _errno, code) => (this.#fault = `${message} (${code})`)
  }

  /** Begin a new stream. */
  reset(): void {
    this.#fault = undefined
    this.#handle.reset()
  }

  /** Run `input` through into `out[outAt .. outEnd)`: the number of bytes made, or what is wrong with the input. */
  run(input: Uint8Array, out: Uint8Array, outAt: number, outEnd: number, flush: number): number | string {
    this.#handle.writeSync(flush, input, 0, input.length, out, outAt, outEnd - outAt)
    if (this.#fault !== undefined) return this.#fault
    this.inputLeft = this.#state[1]!
    return outEnd - outAt - this.#state[0]!
  }
}

const { Z_FINISH, Z_SYNC_FLUSH, ZSTD_e_continue, ZSTD_e_flush } = zlib.constants

/** Whether this Node has Zstandard. */
export const hasZstd = typeof zlib.createZstdCompress === 'function'

/** Room behind a page or packet: a decompressor with room left has told all there is. */
const SPARE_BYTES = 64

/**
 * Inflates compressed pages: each a complete zlib stream of exactly 4096 bytes with nothing behind it. Make one per
 * decoder; its context is used again for every page.
 */
export const pageInflater = (): PageInflater => {
  const stream = new SyncStream(zlib.createInflate())
  const page = new Uint8Array(PAGE_BYTES + SPARE_BYTES)
  return (bytes, at, length) => {
    stream.reset()
    const made = stream.run(bytes.subarray(at, at + length), page, 0, page.length, Z_FINISH)
    if (typeof made === 'string') return made
    if (made !== PAGE_BYTES) return `${made} bytes`
    return stream.inputLeft === 0 ? page : `${stream.inputLeft} bytes behind the end of the zlib stream`
  }
}

/** Deflates pages: gives the zlib stream of the page at `at`, valid until the next call. `level` as QEMU's parameter, 0 to 9. */
export const pageDeflater = (level = 1): ((bytes: Uint8Array, at: number) => Uint8Array) => {
  const stream = new SyncStream(zlib.createDeflate({ level }))
  const out = new Uint8Array(COMPRESSED_BYTES_MAX + SPARE_BYTES)
  return (bytes, at) => {
    stream.reset()
    const made = stream.run(bytes.subarray(at, at + PAGE_BYTES), out, 0, out.length, Z_FINISH)
    if (typeof made === 'string') throw new Error(`deflate: ${made}`)
    return out.subarray(0, made)
  }
}

const decompressor = (stream: SyncStream, flush: number): MultifdDecompressor => {
  const spare = new Uint8Array(SPARE_BYTES)
  return {
    decompress: (bytes, out) => {
      const made = stream.run(bytes, out, 0, out.length, flush)
      if (typeof made === 'string') return made
      if (made < out.length) return `${made} bytes`
      // A decompressor whose output is full may hold back more of it, or leave the mark that ends a flush for later.
      const more = stream.run(bytes.subarray(bytes.length - stream.inputLeft), spare, 0, spare.length, flush)
      if (typeof more === 'string') return more
      return more > 0 || stream.inputLeft > 0 ? `at least ${made + more} bytes` : undefined
    },
  }
}

const compressor = (stream: SyncStream, flush: number): MultifdCompressor => ({
  compress: (pages, out, outAt) => {
    const made = stream.run(pages, out, outAt, out.length, flush)
    if (typeof made === 'string') throw new Error(`compress: ${made}`)
    if (outAt + made === out.length)
      throw new RangeError(`Compressed pages do not fit into ${out.length - outAt} bytes`)
    return made
  },
})

const requireZstd = (): void => {
  if (!hasZstd) throw new Error(`Node ${process.version} has no Zstandard; 22.15 or later has`)
}

/** The decompression of one channel; undefined for `none`, which needs none. */
export const multifdDecompressor = (method: MultifdMethodName): MultifdDecompressor | undefined => {
  if (method === 'none') return undefined
  if (method === 'zlib') return decompressor(new SyncStream(zlib.createInflate()), Z_SYNC_FLUSH)
  requireZstd()
  return decompressor(new SyncStream(zlib.createZstdDecompress()), ZSTD_e_continue)
}

/** The compression of one channel, level as QEMU's `multifd-zlib-level` or `multifd-zstd-level`; undefined for `none`. */
export const multifdCompressor = (method: MultifdMethodName, level = 1): MultifdCompressor | undefined => {
  if (method === 'none') return undefined
  if (method === 'zlib') return compressor(new SyncStream(zlib.createDeflate({ level })), Z_SYNC_FLUSH)
  requireZstd()
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: level }
  return compressor(new SyncStream(zlib.createZstdCompress({ params })), ZSTD_e_flush)
}
