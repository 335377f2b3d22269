/**
 * Commands: what the source tells the destination between sections (QEMU's migration/savevm.c, `qemu_savevm_send_*`
 * and `loadvm_process_command`). The numbers are those of 3.1 and later; 2.11 knows 1 to 7 of them. PACKAGED announces
 * a nested run of sections that follows the command and is not counted in its length.
 */
import { COMMAND_NUMBER, PAGE_BYTES, SECTION_COMMAND } from './constants.ts'
import {
  countedName,
  readText,
  readU32,
  readU64,
  requireRoom,
  writeBytes,
  writeU16,
  writeU32,
  writeU64,
  writeU8,
} from './bytes.ts'
import { hex } from './stream-error.ts'

/** A run of bytes of a RAM block; both numbers are multiples of 4096. */
export interface RamRange {
  readonly start: number
  readonly length: number
}

export type Command =
  | { readonly name: 'OPEN_RETURN_PATH' }
  /** Asks for a PONG with the same u32. */
  | { readonly name: 'PING'; readonly value: number }
  /** Postcopy may come. The page sizes are absent where only dirty bitmaps are sent in postcopy. */
  | {
      readonly name: 'POSTCOPY_ADVISE'
      readonly pageSizes?: {
        /** All page sizes of all blocks, or-ed together, in bytes. */
        readonly summary: number
        /** Target page size in bytes. */
        readonly target: number
      }
    }
  | { readonly name: 'POSTCOPY_LISTEN' }
  | { readonly name: 'POSTCOPY_RUN' }
  /** Ranges that the destination has to treat as missing: dirtied again, or never sent. */
  | { readonly name: 'POSTCOPY_RAM_DISCARD'; readonly block: string; readonly ranges: readonly RamRange[] }
  /** `length` bytes of nested stream follow the command. */
  | { readonly name: 'PACKAGED'; readonly length: number }
  | { readonly name: 'ENABLE_COLO' }
  | { readonly name: 'POSTCOPY_RESUME' }
  /** Asks for the bitmap of received pages of one block, after a broken postcopy. */
  | { readonly name: 'RECV_BITMAP'; readonly block: string }

/** Why a command was refused, for the decoder to put into its own error. */
export interface CommandFault {
  readonly message: string
  readonly expected: string
  readonly found: string
}

function wrongLength(name: Command['name'], length: number, expected: string): CommandFault {
  return {
    message: `${name} received with bad length`,
    expected: `${expected} bytes of payload`,
    found: `${length}`,
  }
}

/** The counted name that ends exactly at `end`, or undefined. */
function wholeName(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at >= end || bytes[at] === 0 || at + 1 + bytes[at]! !== end) return undefined
  return readText(bytes, at + 1, bytes[at]!)
}

function readDiscard(bytes: Uint8Array, at: number, length: number): Command | CommandFault {
  const end = at + length
  if (length < 1 + 2 + 1 + 16) return wrongLength('POSTCOPY_RAM_DISCARD', length, 'at least 20')
  if (bytes[at] !== 0) {
    return { message: 'Unknown POSTCOPY_RAM_DISCARD version', expected: 'version 0', found: `${bytes[at]}` }
  }
  const nameLength = bytes[at + 1]!
  const behindName = at + 2 + nameLength
  if (nameLength === 0 || behindName >= end || bytes[behindName] !== 0) {
    return { message: 'Bad block name in POSTCOPY_RAM_DISCARD', expected: 'a name closed by 00', found: 'none' }
  }
  const rangesAt = behindName + 1
  if (end - rangesAt < 16 || (end - rangesAt) % 16 !== 0) {
    return wrongLength('POSTCOPY_RAM_DISCARD', length, `${rangesAt - at} and a multiple of 16`)
  }
  const ranges: RamRange[] = []
  for (let next = rangesAt; next < end; next += 16) {
    const range = { start: readU64(bytes, next), length: readU64(bytes, next + 8) }
    if (
      !Number.isSafeInteger(range.start + range.length) ||
      range.start % PAGE_BYTES !== 0 ||
      range.length % PAGE_BYTES !== 0
    ) {
      return {
        message: 'Bad range in POSTCOPY_RAM_DISCARD',
        expected: `multiples of ${hex(PAGE_BYTES)} below 2^53`,
        found: `${hex(range.start)} and ${hex(range.length)}`,
      }
    }
    ranges.push(range)
  }
  return { name: 'POSTCOPY_RAM_DISCARD', block: readText(bytes, at + 2, nameLength), ranges }
}

function empty(name: Exclude<Command['name'], 'PING'>, command: Command, length: number): Command | CommandFault {
  return length === 0 ? command : wrongLength(name, length, '0')
}

/** Read the payload `bytes[at .. at + length)` of command `number`; a fault has `message`, a command has `name`. */
export function readCommand(number: number, bytes: Uint8Array, at: number, length: number): Command | CommandFault {
  switch (number) {
    case COMMAND_NUMBER.OPEN_RETURN_PATH:
      return empty('OPEN_RETURN_PATH', { name: 'OPEN_RETURN_PATH' }, length)
    case COMMAND_NUMBER.PING:
      return length === 4 ? { name: 'PING', value: readU32(bytes, at) } : wrongLength('PING', length, '4')
    case COMMAND_NUMBER.POSTCOPY_ADVISE: {
      if (length === 0) return { name: 'POSTCOPY_ADVISE' }
      if (length !== 16) return wrongLength('POSTCOPY_ADVISE', length, '0 or 16')
      const pageSizes = { summary: readU64(bytes, at), target: readU64(bytes, at + 8) }
      if (!Number.isSafeInteger(pageSizes.summary) || pageSizes.target !== PAGE_BYTES) {
        return {
          message: 'Page sizes of POSTCOPY_ADVISE do not fit',
          expected: `a summary below 2^53 and target page size ${hex(PAGE_BYTES)}`,
          found: `${hex(pageSizes.summary)} and ${hex(pageSizes.target)}`,
        }
      }
      return { name: 'POSTCOPY_ADVISE', pageSizes }
    }
    case COMMAND_NUMBER.POSTCOPY_LISTEN:
      return empty('POSTCOPY_LISTEN', { name: 'POSTCOPY_LISTEN' }, length)
    case COMMAND_NUMBER.POSTCOPY_RUN:
      return empty('POSTCOPY_RUN', { name: 'POSTCOPY_RUN' }, length)
    case COMMAND_NUMBER.POSTCOPY_RAM_DISCARD:
      return readDiscard(bytes, at, length)
    case COMMAND_NUMBER.PACKAGED:
      return length === 4 ? { name: 'PACKAGED', length: readU32(bytes, at) } : wrongLength('PACKAGED', length, '4')
    case COMMAND_NUMBER.ENABLE_COLO:
      return empty('ENABLE_COLO', { name: 'ENABLE_COLO' }, length)
    case COMMAND_NUMBER.POSTCOPY_RESUME:
      return empty('POSTCOPY_RESUME', { name: 'POSTCOPY_RESUME' }, length)
    case COMMAND_NUMBER.RECV_BITMAP: {
      const block = wholeName(bytes, at, at + length)
      return block === undefined
        ? wrongLength('RECV_BITMAP', length, 'a block name of exactly the payload in')
        : { name: 'RECV_BITMAP', block }
    }
    default:
      return {
        message: `MIG_CMD ${hex(number)} unknown`,
        expected: 'command 1 to 10',
        found: `${hex(number)} with ${length} bytes`,
      }
  }
}

function commandPayload(buffer: Uint8Array, at: number, command: Command): number {
  switch (command.name) {
    case 'PING':
      return writeU32(buffer, at, command.value)
    case 'POSTCOPY_ADVISE':
      if (command.pageSizes === undefined) return at
      return writeU64(buffer, writeU64(buffer, at, command.pageSizes.summary), command.pageSizes.target)
    case 'POSTCOPY_RAM_DISCARD': {
      let next = writeU8(buffer, at, 0)
      next = writeU8(buffer, writeBytes(buffer, next, countedName(command.block)), 0)
      for (const range of command.ranges) {
        next = writeU64(buffer, writeU64(buffer, next, range.start), range.length)
      }
      return next
    }
    case 'PACKAGED':
      return writeU32(buffer, at, command.length)
    case 'RECV_BITMAP':
      return writeBytes(buffer, at, countedName(command.block))
    default:
      return at
  }
}

/**
 * A COMMAND with its payload. PACKAGED's nested stream is for the caller to write behind it. Throws RangeError if there
 * is no room, or for more ranges than a 16-bit length holds (QEMU itself sends at most 12).
 */
export function writeCommand(buffer: Uint8Array, at: number, command: Command): number {
  requireRoom(buffer, at, 5)
  const end = commandPayload(buffer, at + 5, command)
  const length = end - (at + 5)
  if (length > 0xffff) throw new RangeError(`The payload of ${command.name} has ${length} bytes, at most 65535 fit`)
  writeU16(buffer, writeU16(buffer, writeU8(buffer, at, SECTION_COMMAND), COMMAND_NUMBER[command.name]), length)
  return end
}
