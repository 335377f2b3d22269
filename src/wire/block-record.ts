/**
 * Records of block migration: the payload of a `block` section, disks in pieces of 1 MiB (QEMU's migration/block.c,
 * `blk_send` and `block_load`). A record opens with a u64 whose low 9 bits are flags and whose rest is a sector number, or
 * a percentage. A piece is always 1 MiB on the wire, even past the end of the disk.
 */
import { Accumulator, countedName, readText, readU32, writeBytes, writeU64 } from './bytes.ts'
import type { PayloadDecoder } from './payload-decoder.ts'
import { StreamError, hex } from './stream-error.ts'

/** The section that carries disks; version 1. */
export const BLOCK_IDSTR = 'block'
export const BLOCK_VERSION = 1

export const SECTOR_BYTES = 512
/** Bytes of one piece of a disk. */
export const BLOCK_PIECE_BYTES = 1024 * 1024

/** Flags in the low 9 bits of a record header (block.c, `BLK_MIG_FLAG_*`). */
const DEVICE_BLOCK = 0x01
const EOS = 0x02
const PROGRESS = 0x04
const ZERO_BLOCK = 0x08

export type BlockRecord =
  | {
      readonly name: 'DEVICE_BLOCK'
      /** Name of the device, up to 255 bytes; empty for a disk that has a node name only. */
      readonly device: string
      /** First sector (512 bytes) of the piece. */
      readonly sector: number
      /** 1 MiB, or undefined for a piece of zeros. */
      readonly data: Uint8Array | undefined
    }
  /** Share of the bulk phase that is done, 0 to 100. */
  | { readonly name: 'PROGRESS'; readonly percent: number }
  | { readonly name: 'EOS' }

/** Bytes that {@link writeBlockRecord} needs for this record. */
export function blockRecordBytes(record: BlockRecord): number {
  if (record.name !== 'DEVICE_BLOCK') return 8
  return 8 + 1 + record.device.length + (record.data === undefined ? 0 : BLOCK_PIECE_BYTES)
}

/** One record. Returns the offset behind it; RangeError if there is no room or the piece has not 1 MiB. */
export function writeBlockRecord(buffer: Uint8Array, at: number, record: BlockRecord): number {
  switch (record.name) {
    case 'EOS':
      return writeU64(buffer, at, EOS)
    case 'PROGRESS':
      return writeU64(buffer, at, record.percent * SECTOR_BYTES + PROGRESS)
    case 'DEVICE_BLOCK': {
      const { device, sector, data } = record
      const flags = data === undefined ? DEVICE_BLOCK | ZERO_BLOCK : DEVICE_BLOCK
      const name = device === '' ? new Uint8Array(1) : countedName(device)
      const next = writeBytes(buffer, writeU64(buffer, at, sector * SECTOR_BYTES + flags), name)
      if (data === undefined) return next
      if (data.length !== BLOCK_PIECE_BYTES) {
        throw new RangeError(`A piece of a disk has ${BLOCK_PIECE_BYTES} bytes, not ${data.length}`)
      }
      return writeBytes(buffer, next, data)
    }
  }
}

/** Reads the payload of `block` sections. */
export class BlockDecoder implements PayloadDecoder {
  readonly #onRecord: (record: BlockRecord) => void
  readonly #data = new Accumulator()
  /** The piece whose data is being read. */
  #piece: { readonly device: string; readonly sector: number } | undefined
  #base = 0
  ended = false

  constructor(onRecord: (record: BlockRecord) => void) {
    this.#onRecord = onRecord
  }

  get expected(): string {
    return this.#piece === undefined ? 'a record of block migration' : 'the rest of a piece of a disk'
  }

  forget(): void {
    this.#piece = undefined
    this.#data.take()
  }

  read(bytes: Uint8Array, start: number, end: number, base: number): number {
    this.#base = base
    let at = start
    while (!this.ended) {
      const piece = this.#piece
      const next = piece === undefined ? this.#record(bytes, at, end) : this.#dataOf(piece, bytes, at, end)
      if (next === at && piece === this.#piece) break
      at = next
    }
    return at
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #record(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 8) return at
    const low = readU32(bytes, at + 4)
    const flags = low & (SECTOR_BYTES - 1)
    const value = readU32(bytes, at) * 0x800000 + (low - flags) / SECTOR_BYTES
    switch (flags) {
      case EOS:
        if (value !== 0) throw this.#error(at, 'Bad end of block migration records', 'no sector', hex(value))
        this.ended = true
        this.#onRecord({ name: 'EOS' })
        return at + 8
      case PROGRESS:
        if (value > 100) throw this.#error(at, 'Bad progress of block migration', '0 to 100', `${value}`)
        this.#onRecord({ name: 'PROGRESS', percent: value })
        return at + 8
      case DEVICE_BLOCK:
      case DEVICE_BLOCK | ZERO_BLOCK:
        return this.#deviceBlock(bytes, at, end, value, flags !== DEVICE_BLOCK)
      default:
        throw this.#error(
          at,
          `Unknown block migration flags: ${hex(flags)}`,
          'DEVICE_BLOCK, PROGRESS or EOS',
          hex(flags),
        )
    }
  }

  #deviceBlock(bytes: Uint8Array, at: number, end: number, sector: number, isZero: boolean): number {
    const nameAt = at + 8
    if (nameAt >= end) return at
    const length = bytes[nameAt]!
    if (end - nameAt < 1 + length) return at
    if (!Number.isSafeInteger((sector + BLOCK_PIECE_BYTES / SECTOR_BYTES) * SECTOR_BYTES)) {
      throw this.#error(at, 'Sector out of range', 'a place below 2^53 bytes', hex(sector))
    }
    const device = readText(bytes, nameAt + 1, length)
    if (isZero) this.#onRecord({ name: 'DEVICE_BLOCK', device, sector, data: undefined })
    else this.#piece = { device, sector }
    return nameAt + 1 + length
  }

  #dataOf(piece: { device: string; sector: number }, bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(BLOCK_PIECE_BYTES - this.#data.length, end - at)
    this.#data.append(bytes, at, at + count)
    if (this.#data.length === BLOCK_PIECE_BYTES) {
      this.#piece = undefined
      this.#onRecord({ name: 'DEVICE_BLOCK', ...piece, data: this.#data.take() })
    }
    return at + count
  }
}
