/**
 * Records of a `dirty-bitmap` section: the named dirty bitmaps of block devices, sent with the capability
 * `dirty-bitmaps` (QEMU's migration/block-dirty-bitmap.c, 2.12 and later). A record opens with one flag byte; the names
 * that it leaves out are those of the record before.
 */
import {
  Accumulator,
  countedName,
  readText,
  readU32,
  readU64,
  requireRoom,
  writeBytes,
  writeU32,
  writeU64,
  writeU8,
} from './bytes.ts'
import type { PayloadDecoder } from './payload-decoder.ts'
import { StreamError, hex } from './stream-error.ts'

/** The section that carries bitmaps; version 1. */
export const DIRTY_BITMAP_IDSTR = 'dirty-bitmap'
export const DIRTY_BITMAP_VERSION = 1

const EOS = 0x01
const ZEROES = 0x02
const BITMAP_NAME = 0x04
const DEVICE_NAME = 0x08
const START = 0x10
const COMPLETE = 0x20
const BITS = 0x40
/** One to three further flag bytes follow; none of their bits has a meaning. */
const EXTRA_FLAGS = 0x80

/** Most bytes of one piece of a bitmap. QEMU sends pieces of a kilobyte, rounded up to eight bytes. */
export const BITMAP_PIECE_BYTES_MAX = 64 * 1024

/** Which bitmap a record is about; what is undefined is not on the wire, and is what the record before said. */
export interface BitmapNames {
  readonly device?: string
  readonly bitmap?: string
}

export type DirtyBitmapRecord =
  | (BitmapNames & {
      readonly name: 'START'
      /** Bytes of the disk that one bit stands for. */
      readonly granularity: number
      /** 01 enabled, 02 persistent. */
      readonly flags: number
    })
  | (BitmapNames & { readonly name: 'COMPLETE' })
  | (BitmapNames & {
      readonly name: 'BITS'
      /** First sector (512 bytes), and how many. */
      readonly sector: number
      readonly sectors: number
      /** The bits, or undefined for a stretch without any. */
      readonly data: Uint8Array | undefined
    })
  | { readonly name: 'EOS' }

const FLAG = { START, COMPLETE, BITS } as const

/** Bytes that {@link writeDirtyBitmapRecord} needs for this record. */
export function dirtyBitmapRecordBytes(record: DirtyBitmapRecord): number {
  if (record.name === 'EOS') return 1
  const counted = (name: string | undefined): number => (name === undefined ? 0 : 1 + name.length)
  return 1 + counted(record.device) + counted(record.bitmap) + bodyBytes(record)
}

function bodyBytes(record: Exclude<DirtyBitmapRecord, { name: 'EOS' }>): number {
  if (record.name === 'COMPLETE') return 0
  if (record.name === 'START') return 4 + 1
  return 8 + 4 + (record.data === undefined ? 0 : 8 + record.data.length)
}

/** One record. Returns the offset behind it; RangeError if there is no room. */
export function writeDirtyBitmapRecord(buffer: Uint8Array, at: number, record: DirtyBitmapRecord): number {
  requireRoom(buffer, at, dirtyBitmapRecordBytes(record))
  if (record.name === 'EOS') return writeU8(buffer, at, EOS)
  const zeroes = record.name === 'BITS' && record.data === undefined ? ZEROES : 0
  const named = (record.device === undefined ? 0 : DEVICE_NAME) | (record.bitmap === undefined ? 0 : BITMAP_NAME)
  let next = writeU8(buffer, at, FLAG[record.name] | zeroes | named)
  if (record.device !== undefined) next = writeBytes(buffer, next, countedName(record.device))
  if (record.bitmap !== undefined) next = writeBytes(buffer, next, countedName(record.bitmap))
  if (record.name === 'START') return writeU8(buffer, writeU32(buffer, next, record.granularity), record.flags)
  if (record.name === 'COMPLETE') return next
  next = writeU32(buffer, writeU64(buffer, next, record.sector), record.sectors)
  return record.data === undefined ? next : writeBytes(buffer, writeU64(buffer, next, record.data.length), record.data)
}

type Bits = Extract<DirtyBitmapRecord, { name: 'BITS' }>

/** Reads the payload of `dirty-bitmap` sections. */
export class DirtyBitmapDecoder implements PayloadDecoder {
  readonly #onRecord: (record: DirtyBitmapRecord) => void
  readonly #data = new Accumulator()
  #bits: Bits | undefined
  #dataLeft = 0
  #base = 0
  ended = false

  constructor(onRecord: (record: DirtyBitmapRecord) => void) {
    this.#onRecord = onRecord
  }

  get expected(): string {
    return this.#bits === undefined ? 'a record of dirty bitmaps' : 'the rest of a dirty bitmap'
  }

  forget(): void {
    this.#bits = undefined
    this.#data.take()
  }

  read(bytes: Uint8Array, start: number, end: number, base: number): number {
    this.#base = base
    let at = start
    while (!this.ended) {
      const bits = this.#bits
      const next = bits === undefined ? this.#record(bytes, at, end) : this.#dataOf(bits, bytes, at, end)
      if (next === at && bits === this.#bits) break
      at = next
    }
    return at
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #record(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    const flags = bytes[at]!
    if ((flags & EXTRA_FLAGS) !== 0) throw this.#unknown(at, flags)
    const kind = flags & ~(ZEROES | BITMAP_NAME | DEVICE_NAME)
    if (kind === EOS && flags === EOS) {
      this.ended = true
      this.#onRecord({ name: 'EOS' })
      return at + 1
    }
    let next = at + 1
    const names: { device?: string; bitmap?: string } = {}
    for (const [flag, key] of [
      [DEVICE_NAME, 'device'],
      [BITMAP_NAME, 'bitmap'],
    ] as const) {
      if ((flags & flag) === 0) continue
      if (next >= end) return at
      const length = bytes[next]!
      if (length === 0) throw this.#error(next, `Empty ${key} name in a dirty bitmap`, '1 to 255 bytes', '0')
      if (end - next < 1 + length) return at
      names[key] = readText(bytes, next + 1, length)
      next += 1 + length
    }
    switch (kind) {
      case START:
        if ((flags & ZEROES) !== 0) throw this.#unknown(at, flags)
        if (end - next < 5) return at
        this.#onRecord({ name: 'START', ...names, granularity: readU32(bytes, next), flags: bytes[next + 4]! })
        return next + 5
      case COMPLETE:
        if ((flags & ZEROES) !== 0) throw this.#unknown(at, flags)
        this.#onRecord({ name: 'COMPLETE', ...names })
        return next
      case BITS:
        return this.#startBits(bytes, at, next, end, names, (flags & ZEROES) !== 0)
      default:
        throw this.#unknown(at, flags)
    }
  }

  #unknown(at: number, flags: number): StreamError {
    return this.#error(
      at,
      `Unknown dirty bitmap flags: ${hex(flags)}`,
      'one of START, COMPLETE, BITS and EOS',
      hex(flags),
    )
  }

  #startBits(bytes: Uint8Array, at: number, body: number, end: number, names: BitmapNames, zeroes: boolean): number {
    if (end - body < (zeroes ? 12 : 20)) return at
    const sector = readU64(bytes, body)
    const sectors = readU32(bytes, body + 8)
    if (!Number.isSafeInteger(sector + sectors)) {
      throw this.#error(body, 'Sector out of range', 'a place below 2^53', hex(sector))
    }
    const record: Bits = { name: 'BITS', ...names, sector, sectors, data: undefined }
    if (zeroes) {
      this.#onRecord(record)
      return body + 12
    }
    const length = readU64(bytes, body + 12)
    if (length === 0 || length > BITMAP_PIECE_BYTES_MAX) {
      throw this.#error(body + 12, 'Bad length of a dirty bitmap', `1 to ${BITMAP_PIECE_BYTES_MAX}`, `${length}`)
    }
    this.#bits = record
    this.#dataLeft = length
    return body + 20
  }

  #dataOf(bits: Bits, bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#dataLeft, end - at)
    this.#data.append(bytes, at, at + count)
    this.#dataLeft -= count
    if (this.#dataLeft === 0) {
      this.#bits = undefined
      this.#onRecord({ ...bits, data: this.#data.take() })
    }
    return at + count
  }
}
