/**
 * Applies page records to guest memory, whatever kind they are: a decoder's sink for everything that a page can come as
 * (QEMU's migration/ram.c, `ram_load_precopy`). Where pages are kept is the store's business.
 */
import { PAGE_BYTES } from './constants.ts'
import { StreamError } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'
import { decodeXbzrle } from './xbzrle.ts'

/** Guest memory by block (position in the block list) and byte offset of a page; both have been checked. */
export interface PageStore {
  /** Put the 4096 bytes at `bytes[at]`, which stay the caller's. */
  write(blockIndex: number, offset: number, bytes: Uint8Array, at: number): void
  /** Make every byte of the page `value`. */
  fill(blockIndex: number, offset: number, value: number): void
  /** Copy the page to `into[0 .. 4096)`. */
  read(blockIndex: number, offset: number, into: Uint8Array): void
}

/** Inflates the zlib stream `bytes[at .. at + length)`: the page in the first 4096 bytes, or what is wrong with it. */
export type PageInflater = (bytes: Uint8Array, at: number, length: number) => Uint8Array | string

export type PageSink = Pick<StreamSink, 'page' | 'zeroPage' | 'xbzrlePage' | 'compressedPage'>

/**
 * A sink for pages that puts them into `store`. `offsetOf` gives the stream's offset of an index of the buffer being fed
 * (`StreamDecoder.offsetOf`), for the StreamErrors that a bad delta or zlib stream ends in. Without `inflate` compressed
 * pages are refused, as QEMU refuses them without the capability.
 */
export function pageApplier(store: PageStore, offsetOf: (at: number) => number, inflate?: PageInflater): PageSink {
  const scratch = new Uint8Array(PAGE_BYTES)
  return {
    page: (index, offset, bytes, at) => store.write(index, offset, bytes, at),
    zeroPage: (index, offset, fill) => store.fill(index, offset, fill),
    xbzrlePage: (index, offset, bytes, at, length) => {
      store.read(index, offset, scratch)
      const fault = decodeXbzrle(bytes, at, length, scratch, 0)
      if (fault !== undefined) {
        throw new StreamError(offsetOf(at), 'Failed to decode XBZRLE page', 'runs that fit into a page', fault)
      }
      store.write(index, offset, scratch, 0)
    },
    compressedPage: (index, offset, bytes, at, length) => {
      if (inflate === undefined) {
        throw new StreamError(offsetOf(at), 'Received an unexpected compressed page', 'plain pages', 'COMPRESS_PAGE')
      }
      const page = inflate(bytes, at, length)
      if (typeof page === 'string') {
        throw new StreamError(offsetOf(at), 'Failed to inflate a compressed page', 'a zlib stream of 4096 bytes', page)
      }
      store.write(index, offset, page, 0)
    },
  }
}

/** Pages of memory that this process holds: one array a block, in the order of the block list. */
export function memoryStore(blocks: readonly Uint8Array[]): PageStore {
  return {
    write: (index, offset, bytes, at) => blocks[index]!.set(bytes.subarray(at, at + PAGE_BYTES), offset),
    fill: (index, offset, value) => void blocks[index]!.fill(value, offset, offset + PAGE_BYTES),
    read: (index, offset, into) => into.set(blocks[index]!.subarray(offset, offset + PAGE_BYTES)),
  }
}
