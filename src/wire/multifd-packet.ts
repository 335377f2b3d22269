/**
 * multifd packets: what the channels beside the main one carry from 4.0 on (QEMU's migration/multifd.h, `MultiFDInit_t`
 * and `MultiFDPacket_t`). A channel opens with 64 bytes that say which it is; after that come packets: a header of fixed
 * length that names up to 128 pages of one RAM block, and their content in the order named. (2.11 has no multifd on the
 * wire.)
 */
import { PAGE_BYTES } from './constants.ts'
import { readText, readU32, readU64, requireRoom, textBytes, writeBytes, writeU32, writeU64 } from './bytes.ts'

/** First four bytes of a channel and of every packet; the main channel opens with "QEVM" instead. */
export const MULTIFD_MAGIC = 0x11223344
export const MULTIFD_VERSION = 1

/** Bytes that open a channel. */
export const MULTIFD_INIT_BYTES = 64

/** Most pages of one packet: 512 KiB of them. */
export const MULTIFD_PAGES_MAX = 128

const OFFSETS_AT = 320
/** Bytes of a packet's header, whatever it holds. */
export const MULTIFD_HEADER_BYTES = OFFSETS_AT + 8 * MULTIFD_PAGES_MAX
const NAME_AT = 64
const NAME_BYTES = 256

/** Most bytes that the pages of one packet may take: twice their size, as QEMU's own buffers have it. */
export const MULTIFD_DATA_BYTES_MAX = 2 * MULTIFD_PAGES_MAX * PAGE_BYTES

/** This packet ends a round: nothing behind it on any channel may overtake what is in front of it. */
const FLAG_SYNC = 1
const METHOD_SHIFT = 1

/** How the pages of a packet are compressed, in the schema's words; the position is the number behind the SYNC bit. */
const METHODS = ['none', 'zlib', 'zstd'] as const

export type MultifdMethodName = (typeof METHODS)[number]

export interface MultifdInit {
  /** 16 raw bytes: the guest's uuid, or zeros. */
  readonly uuid: Uint8Array
  /** 0 to 255; channels connect in any order. */
  readonly channel: number
}

export interface MultifdPacket {
  readonly sync: boolean
  /** Undefined where the number on the wire stands for none. A packet without pages may say `none` whatever the method. */
  readonly method: MultifdMethodName | undefined
  /** Pages that the sender has room for; 128. */
  readonly pagesMax: number
  /** Bytes of content that follow, if there is any page; stale otherwise. */
  readonly dataBytes: number
  /** Counts the packets of all channels; for information, and may repeat. Rounded above 2^53. */
  readonly number: number
  /** RAM block of the pages; stale where there are none. */
  readonly block: string
  /** Byte offsets of the pages in the block. */
  readonly offsets: readonly number[]
}

/** The 64 bytes that open a channel. Returns the offset behind them; RangeError if there is no room (so do all writers). */
export function writeMultifdInit(buffer: Uint8Array, at: number, { uuid, channel }: MultifdInit): number {
  if (uuid.length !== 16) throw new RangeError(`A uuid has 16 bytes, not ${uuid.length}`)
  if (!Number.isInteger(channel) || channel < 0 || channel > 255) {
    throw new RangeError(`A channel is numbered 0 to 255, not ${channel}`)
  }
  requireRoom(buffer, at, MULTIFD_INIT_BYTES)
  buffer.fill(0, at, at + MULTIFD_INIT_BYTES)
  const next = writeBytes(buffer, writeU32(buffer, writeU32(buffer, at, MULTIFD_MAGIC), MULTIFD_VERSION), uuid)
  buffer[next] = channel
  return at + MULTIFD_INIT_BYTES
}

/** The 1344 bytes of a packet's header; the content of the pages follows. */
export function writeMultifdHeader(buffer: Uint8Array, at: number, packet: MultifdPacket): number {
  const { method, offsets, block } = packet
  if (method === undefined) throw new RangeError('A packet has a method')
  if (offsets.length > MULTIFD_PAGES_MAX) throw new RangeError(`A packet has at most ${MULTIFD_PAGES_MAX} pages`)
  if (block.length >= NAME_BYTES) throw new RangeError(`A block name in a packet has at most ${NAME_BYTES - 1} bytes`)
  requireRoom(buffer, at, MULTIFD_HEADER_BYTES)
  buffer.fill(0, at, at + MULTIFD_HEADER_BYTES)
  const flags = (METHODS.indexOf(method) << METHOD_SHIFT) | (packet.sync ? FLAG_SYNC : 0)
  let next = writeU32(buffer, writeU32(buffer, at, MULTIFD_MAGIC), MULTIFD_VERSION)
  next = writeU32(buffer, writeU32(buffer, next, flags), packet.pagesMax)
  next = writeU32(buffer, writeU32(buffer, next, offsets.length), packet.dataBytes)
  writeU64(buffer, next, packet.number)
  writeBytes(buffer, at + NAME_AT, textBytes(block))
  next = at + OFFSETS_AT
  for (const offset of offsets) next = writeU64(buffer, next, offset)
  return at + MULTIFD_HEADER_BYTES
}

/** Reads `bytes[at .. at + 64)`; magic and version are for the caller to check. */
export function readMultifdInit(bytes: Uint8Array, at: number): MultifdInit {
  return { uuid: Uint8Array.from(bytes.subarray(at + 8, at + 24)), channel: bytes[at + 24]! }
}

/** Pages that the header at `at` says it has, whether or not it may. */
export function multifdPageCount(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 16)
}

/** Reads the header at `bytes[at .. at + 1344)`, of at most 128 pages; magic and version are for the caller to check. */
export function readMultifdHeader(bytes: Uint8Array, at: number): MultifdPacket {
  const flags = readU32(bytes, at + 8)
  const offsets: number[] = []
  const count = multifdPageCount(bytes, at)
  for (let index = 0; index < count; index++) offsets.push(readU64(bytes, at + OFFSETS_AT + 8 * index))
  const nameAt = at + NAME_AT
  const nul = bytes.subarray(nameAt, nameAt + NAME_BYTES).indexOf(0)
  return {
    sync: (flags & FLAG_SYNC) !== 0,
    method: METHODS[flags >>> METHOD_SHIFT],
    pagesMax: readU32(bytes, at + 12),
    dataBytes: readU32(bytes, at + 20),
    number: readU64(bytes, at + 24),
    block: readText(bytes, nameAt, nul < 0 ? NAME_BYTES : nul),
    offsets,
  }
}
