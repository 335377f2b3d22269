/**
 * The decoder of RAM records: block list, pages, EOS (QEMU's migration/ram.c, `ram_load_precopy`, `ram_block_from_stream`).
 * It is apart from the framing because records also travel without it, on a second channel of their own: the block
 * table belongs to the migration, the block that CONTINUE refers to belongs to the channel.
 */
import {
  BLOCK_COUNT_MAX,
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
import { readText, readU16, readU32, readU64 } from './bytes.ts'
import type { PayloadDecoder } from './payload-decoder.ts'
import type { RamBlock } from './ram-record.ts'
import { StreamError, hex } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'

/** The RAM blocks of one migration, and what the list's form depends on. */
export class RamBlockTable {
  readonly blocks: RamBlock[] = []
  readonly indexes = new Map<string, number>()
  readonly countMax: number
  /** The whole list has come. */
  listed = false
  /** The list may come again, but has to be the same (COLO of 2.11). */
  repeatable = false
  /** Entries carry addresses: the capability `x-ignore-shared` is on. */
  addresses = false
  /** The or of all page sizes that POSTCOPY_ADVISE announced, in bytes. */
  pageSizeSummary = PAGE_BYTES

  constructor(countMax: number = BLOCK_COUNT_MAX) {
    this.countMax = countMax
  }

  /** Take the whole list. Returns the first block that is not as in the list before, if there is one. */
  list(blocks: readonly RamBlock[]): RamBlock | undefined {
    if (this.listed) {
      const differs = (block: RamBlock, index: number): boolean => {
        const known = this.blocks[index]
        return known?.name !== block.name || known.usedLength !== block.usedLength
      }
      return blocks.find(differs) ?? this.blocks[blocks.length]
    }
    for (const [index, block] of blocks.entries()) {
      this.indexes.set(block.name, index)
      this.blocks.push(block)
    }
    this.listed = true
    return undefined
  }

  /** Position of a block in the list; undefined if it is not in it, or the list has not come. */
  indexOf(name: string): number | undefined {
    return this.listed ? this.indexes.get(name) : undefined
  }
}

export type RamSink = Pick<StreamSink, 'ramBlocks' | 'page' | 'zeroPage' | 'xbzrlePage' | 'compressedPage'>

/**
 * Records of one channel: of the `ram` section, or of a channel without framing. Resumable on any byte boundary; complete
 * records only are consumed.
 */
export class RamDecoder implements PayloadDecoder {
  readonly #sink: RamSink
  readonly #table: RamBlockTable
  /** Index of the block of the channel's last page record, or -1: what CONTINUE refers to. */
  #block = -1
  /** Bytes of the announced total for which entries are still to come; undefined outside of the list. */
  #listLeft: number | undefined
  readonly #list = new Map<string, RamBlock>()
  #base = 0
  ended = false

  constructor(sink: RamSink, table: RamBlockTable) {
    this.#sink = sink
    this.#table = table
  }

  get expected(): string {
    return this.#listLeft === undefined ? 'a RAM record or EOS' : 'an entry of the RAM block list'
  }

  /** A new connection: the next page record has to name its block. */
  forget(): void {
    this.#block = -1
    this.#listLeft = undefined
    this.#list.clear()
  }

  read(bytes: Uint8Array, start: number, end: number, base: number): number {
    this.#base = base
    let at = start
    while (!this.ended) {
      const left = this.#listLeft
      const next = left === undefined ? this.#records(bytes, at, end) : this.#entry(left, bytes, at, end)
      if (next === at && left === this.#listLeft) break
      at = next
    }
    return at
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  /** One entry of the block list; the list is handed on when its lengths add up to the announced total. */
  #entry(left: number, bytes: Uint8Array, at: number, end: number): number {
    if (left === 0) {
      this.#endList(at)
      return at
    }
    if (end - at < 1) return at
    const nameLength = bytes[at]!
    if (nameLength === 0) throw this.#error(at, 'Empty RAM block name', '1 to 255 bytes', '0')
    const lengthAt = at + 1 + nameLength
    // Behind any entry come at least the 8 bytes of EOS: enough to see whether a page size is among the fields.
    if (end - lengthAt < 16) return at
    const name = readText(bytes, at + 1, nameLength)
    const usedLength = readU64(bytes, lengthAt)
    if (usedLength > left || usedLength % PAGE_BYTES !== 0) {
      throw this.#error(
        lengthAt,
        `Bad length of RAM block ${name}`,
        `a multiple of ${hex(PAGE_BYTES)} up to the ${hex(left)} left of the total`,
        hex(usedLength),
      )
    }
    if (this.#list.has(name)) throw this.#error(at, `RAM block ${name} listed twice`, 'it once', 'a second one')
    const { countMax } = this.#table
    if (this.#list.size >= countMax) throw this.#error(at, 'Too many RAM blocks', `at most ${countMax}`, 'one more')
    let next = lengthAt + 8
    const block: { name: string; usedLength: number; pageSize?: number; address?: number } = { name, usedLength }
    if (this.#table.pageSizeSummary !== PAGE_BYTES && !this.#table.addresses) {
      // A page size is listed only where it is not the host's. It is told from a name (whose length byte is never 0)
      // and from EOS (0x10) by being one of the sizes that POSTCOPY_ADVISE announced.
      const pageSize = readU64(bytes, next)
      if (pageSize >= 2 * PAGE_BYTES && isPowerOfTwo(pageSize) && hasBit(this.#table.pageSizeSummary, pageSize)) {
        block.pageSize = pageSize
        next += 8
      }
    }
    if (this.#table.addresses) {
      const address = readU64(bytes, next)
      if (!Number.isSafeInteger(address)) {
        throw this.#error(next, `Bad address of RAM block ${name}`, 'less than 2^53', hex(address))
      }
      block.address = address
      next += 8
    }
    this.#list.set(name, block)
    this.#listLeft = left - usedLength
    return next
  }

  #endList(at: number): void {
    const other = this.#table.list([...this.#list.values()])
    if (other !== undefined) {
      const found = `${other.name} with ${hex(other.usedLength)} bytes`
      throw this.#error(at, 'Second RAM block list differs', 'the blocks of the first', found)
    }
    this.#listLeft = undefined
    this.#list.clear()
    this.#sink.ramBlocks(this.#table.blocks)
  }

  #records(bytes: Uint8Array, start: number, end: number): number {
    const sink = this.#sink
    const { blocks } = this.#table
    let block = this.#block
    let usedLength = block < 0 ? 0 : blocks[block]!.usedLength
    let at = start
    while (end - at >= 8) {
      const low = readU32(bytes, at + 4)
      const flags = low & 0xfff
      const kind = flags & ~RAM_CONTINUE
      // Whole numbers up to 2^53 are exact here; one above that is still above every used length.
      const offset = readU32(bytes, at) * 4294967296 + (low - flags)
      if (kind !== RAM_PAGE && kind !== RAM_ZERO && kind !== RAM_XBZRLE && kind !== RAM_COMPRESS_PAGE) {
        this.#block = block
        return this.#control(at, flags, offset)
      }
      let body = at + 8
      let recordBlock = block
      let recordUsedLength = usedLength
      if (flags === kind) {
        if (body >= end || end - body < 1 + bytes[body]!) break
        recordBlock = this.#namedBlock(bytes, body)
        recordUsedLength = blocks[recordBlock]!.usedLength
        body += 1 + bytes[body]!
      } else if (block < 0) {
        throw this.#error(at, 'Ack, bad migration stream!', 'a block name before CONTINUE', hex(flags))
      }
      if (offset >= recordUsedLength) {
        throw this.#error(
          at,
          `Illegal RAM offset ${offset.toString(16)}`,
          `an offset in ${blocks[recordBlock]!.name} below ${hex(recordUsedLength)}`,
          hex(offset),
        )
      }
      if (kind === RAM_PAGE) {
        if (end - body < PAGE_BYTES) break
        sink.page(recordBlock, offset, bytes, body)
        at = body + PAGE_BYTES
      } else if (kind === RAM_ZERO) {
        if (end - body < 1) break
        sink.zeroPage(recordBlock, offset, bytes[body]!)
        at = body + 1
      } else {
        const behind = kind === RAM_XBZRLE ? this.#xbzrleEnd(bytes, body, end) : this.#compressedEnd(bytes, body, end)
        if (behind < 0) break
        if (kind === RAM_XBZRLE) sink.xbzrlePage(recordBlock, offset, bytes, body + 3, behind - body - 3)
        else sink.compressedPage(recordBlock, offset, bytes, body + 4, behind - body - 4)
        at = behind
      }
      block = recordBlock
      usedLength = recordUsedLength
    }
    this.#block = block
    return at
  }

  /** Index of the block whose counted name stands at `at`. */
  #namedBlock(bytes: Uint8Array, at: number): number {
    const name = readText(bytes, at + 1, bytes[at]!)
    const index = this.#table.indexOf(name)
    if (index === undefined) {
      throw this.#error(at, `Can't find block ${name}`, 'a name of the block list', JSON.stringify(name))
    }
    return index
  }

  /** MEM_SIZE and EOS, the records that are no page; anything else is refused. Returns the offset behind the record. */
  #control(at: number, flags: number, offset: number): number {
    if (flags === RAM_EOS && offset === 0) {
      this.ended = true
      return at + 8
    }
    if (flags === RAM_MEM_SIZE) {
      if (this.#table.listed && !this.#table.repeatable)
        throw this.#error(at, 'Second RAM block list', 'a page record or EOS', hex(offset))
      if (!Number.isSafeInteger(offset)) {
        throw this.#error(at, 'RAM size out of range', 'less than 2^53 bytes', hex(offset))
      }
      this.#listLeft = offset
      return at + 8
    }
    throw this.#error(
      at,
      `Unknown combination of migration flags: ${hex(flags)}`,
      'one of ZERO, MEM_SIZE, PAGE, EOS, XBZRLE and COMPRESS_PAGE',
      `${hex(flags)} at offset ${hex(offset)}`,
    )
  }

  /** End of an XBZRLE body, or -1 if it is not all there. */
  #xbzrleEnd(bytes: Uint8Array, body: number, end: number): number {
    if (end - body < 3) return -1
    if (bytes[body] !== XBZRLE_ENCODING) {
      throw this.#error(body, 'Bad XBZRLE page header', `encoding ${XBZRLE_ENCODING}`, `${bytes[body]}`)
    }
    const length = readU16(bytes, body + 1)
    if (length > PAGE_BYTES) {
      throw this.#error(body + 1, 'Bad XBZRLE page header', `at most ${PAGE_BYTES} bytes`, `${length}`)
    }
    return end - body < 3 + length ? -1 : body + 3 + length
  }

  /** End of a compressed body, or -1 if it is not all there. */
  #compressedEnd(bytes: Uint8Array, body: number, end: number): number {
    if (end - body < 4) return -1
    const length = readU32(bytes, body)
    if (length === 0 || length > COMPRESSED_BYTES_MAX) {
      throw this.#error(body, 'Invalid compressed data length', `1 to ${COMPRESSED_BYTES_MAX}`, `${length}`)
    }
    return end - body < 4 + length ? -1 : body + 4 + length
  }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value))
}

/** Whether the bit `bit`, a power of two, is set in `value`; both below 2^53. */
function hasBit(value: number, bit: number): boolean {
  return Math.floor(value / bit) % 2 === 1
}
