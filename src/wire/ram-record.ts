/**
 * RAM records: the payload of a `ram` section is the block list (START only), then page records, then EOS. A record
 * opens with a u64 whose low 12 bits are flags and whose rest is the page's byte offset in its block (QEMU's
 * migration/ram.c, `save_page_header`, `ram_save_setup`). Offsets are plain numbers and never pass through 32-bit
 * arithmetic, so blocks above 4 GiB are nothing special.
 */
import {
  COMPRESSED_BYTES_MAX,
  PAGE_BYTES,
  RAM_COMPRESS_PAGE,
  RAM_CONTINUE,
  RAM_EOS,
  RAM_MEM_SIZE,
  RAM_PAGE,
  RAM_XBZRLE,
  RAM_ZERO,
  XBZRLE_ENCODING,
} from './constants.ts'
import { countedName, requireRoom, writeBytes, writeU16, writeU32, writeU64, writeU8 } from './bytes.ts'

/** One RAM block as the block list announces it. A page's `blockIndex` is the position in that list. */
export interface RamBlock {
  /** 1 to 255 bytes: `pc.ram`, `/rom@etc/acpi/tables`. */
  readonly name: string
  /** Bytes in use, a multiple of 4096, below 2^53. No page at or behind it is accepted. */
  readonly usedLength: number
  /** Host page size in bytes; listed only with postcopy and huge pages. */
  readonly pageSize?: number
  /** Guest physical address; listed only with the capability `x-ignore-shared`, and then for every block. */
  readonly address?: number
}

/** Bytes that {@link writeRamBlockList} needs for these blocks. */
export function ramBlockListBytes(blocks: readonly RamBlock[]): number {
  let bytes = 8
  for (const block of blocks) {
    bytes += 1 + block.name.length + 8
    if (block.pageSize !== undefined) bytes += 8
    if (block.address !== undefined) bytes += 8
  }
  return bytes
}

/** The MEM_SIZE record and the list behind it. */
export function writeRamBlockList(buffer: Uint8Array, at: number, blocks: readonly RamBlock[]): number {
  let total = 0
  for (const block of blocks) {
    if (block.usedLength % PAGE_BYTES !== 0) {
      throw new RangeError(`Used length of ${block.name} is no multiple of ${PAGE_BYTES}: ${block.usedLength}`)
    }
    total += block.usedLength
  }
  let next = writeU64(buffer, at, total + RAM_MEM_SIZE)
  for (const block of blocks) {
    next = writeBytes(buffer, next, countedName(block.name))
    next = writeU64(buffer, next, block.usedLength)
    if (block.pageSize !== undefined) next = writeU64(buffer, next, block.pageSize)
    if (block.address !== undefined) next = writeU64(buffer, next, block.address)
  }
  return next
}

/**
 * Header of a page record: `offset` is a multiple of 4096 below 2^53, `flags` one of the `RAM_*` page kinds, and `name`
 * the block's counted name (see `countedName`) or undefined for CONTINUE, "same block as the previous page record of
 * this channel". The payload follows. Throws RangeError if there is no room.
 */
export function writePageHeader(
  buffer: Uint8Array,
  at: number,
  offset: number,
  flags: number,
  name: Uint8Array | undefined,
): number {
  requireRoom(buffer, at, 8)
  const high = Math.floor(offset / 4294967296)
  // The low half is below 2^32 and its low 12 bits are clear, so that adding the flags is the same as or-ing them.
  const low = offset - high * 4294967296 + (name === undefined ? flags + RAM_CONTINUE : flags)
  buffer[at] = high >>> 24
  buffer[at + 1] = high >>> 16
  buffer[at + 2] = high >>> 8
  buffer[at + 3] = high
  buffer[at + 4] = low >>> 24
  buffer[at + 5] = low >>> 16
  buffer[at + 6] = low >>> 8
  buffer[at + 7] = low
  return name === undefined ? at + 8 : writeBytes(buffer, at + 8, name)
}

/** A whole page record: 4096 bytes of `page` from `pageAt`. */
export function writePage(
  buffer: Uint8Array,
  at: number,
  offset: number,
  name: Uint8Array | undefined,
  page: Uint8Array,
  pageAt: number,
): number {
  const next = writePageHeader(buffer, at, offset, RAM_PAGE, name)
  return writeBytes(buffer, next, page.subarray(pageAt, pageAt + PAGE_BYTES))
}

/** A page of which every byte is `fill` (QEMU itself only ever sends 0). */
export function writeZeroPage(
  buffer: Uint8Array,
  at: number,
  offset: number,
  name: Uint8Array | undefined,
  fill = 0,
): number {
  return writeU8(buffer, writePageHeader(buffer, at, offset, RAM_ZERO, name), fill)
}

/** A page as the difference to what the destination holds; `delta` as `encodeXbzrle` makes it, 1 to 4096 bytes. */
export function writeXbzrlePage(
  buffer: Uint8Array,
  at: number,
  offset: number,
  name: Uint8Array | undefined,
  delta: Uint8Array,
): number {
  if (delta.length > PAGE_BYTES) throw new RangeError(`An XBZRLE body has at most ${PAGE_BYTES} bytes`)
  let next = writePageHeader(buffer, at, offset, RAM_XBZRLE, name)
  next = writeU16(buffer, writeU8(buffer, next, XBZRLE_ENCODING), delta.length)
  return writeBytes(buffer, next, delta)
}

/** A page as one complete zlib stream of its own. */
export function writeCompressedPage(
  buffer: Uint8Array,
  at: number,
  offset: number,
  name: Uint8Array | undefined,
  deflated: Uint8Array,
): number {
  if (deflated.length > COMPRESSED_BYTES_MAX) {
    throw new RangeError(`A compressed page has at most ${COMPRESSED_BYTES_MAX} bytes`)
  }
  const next = writePageHeader(buffer, at, offset, RAM_COMPRESS_PAGE, name)
  return writeBytes(buffer, writeU32(buffer, next, deflated.length), deflated)
}

/** Ends the payload of a `ram` section; its footer follows. */
export function writeEos(buffer: Uint8Array, at: number): number {
  return writeU64(buffer, at, RAM_EOS)
}
