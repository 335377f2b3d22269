/**
 * Commands: what the source tells the destination between sections (QEMU's migration/savevm.c, `qemu_savevm_send_*`
 * and `loadvm_process_command`). PACKAGED announces a nested run of sections that follows the command and is not counted
 * in its length.
 */
import { COMMAND_NUMBERS, PAGE_BYTES, SECTION_COMMAND, type CommandVersion } from './constants.ts'
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

function readAdvise(bytes: Uint8Array, at: number, length: number): Command | CommandFault {
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

type CommandName = Command['name']

const namesOf = (version: CommandVersion): ReadonlyMap<number, CommandName> =>
  new Map(Object.entries(COMMAND_NUMBERS[version]).map(([name, number]) => [number, name as CommandName]))

/** What each number means, by version. */
const names = { '2.11': namesOf('2.11'), '3.0': namesOf('3.0'), '3.1': namesOf('3.1') }

/** Read the payload `bytes[at .. at + length)` of command `number`; a fault has `message`, a command has `name`. */
export function readCommand(
  number: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  version: CommandVersion = '3.1',
): Command | CommandFault {
  const name = names[version].get(number)
  switch (name) {
    case undefined:
      return {
        message: `MIG_CMD ${hex(number)} unknown`,
        expected: `command 1 to ${names[version].size}`,
        found: `${hex(number)} with ${length} bytes`,
      }
    case 'PING':
      return length === 4 ? { name, value: readU32(bytes, at) } : wrongLength(name, length, '4')
    case 'POSTCOPY_ADVISE':
      return readAdvise(bytes, at, length)
    case 'POSTCOPY_RAM_DISCARD':
      return readDiscard(bytes, at, length)
    case 'PACKAGED':
      return length === 4 ? { name, length: readU32(bytes, at) } : wrongLength(name, length, '4')
    case 'RECV_BITMAP': {
      const block = wholeName(bytes, at, at + length)
      return block === undefined ? wrongLength(name, length, 'a block name of exactly the payload in') : { name, block }
    }
    default:
      return length === 0 ? { name } : wrongLength(name, length, '0')
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

/** Bytes that {@link writeCommand} needs for this command. */
export function commandBytes(command: Command): number {
  switch (command.name) {
    case 'PING':
    case 'PACKAGED':
      return 5 + 4
    case 'POSTCOPY_ADVISE':
      return 5 + (command.pageSizes === undefined ? 0 : 16)
    case 'POSTCOPY_RAM_DISCARD':
      return 5 + 3 + command.block.length + 16 * command.ranges.length
    case 'RECV_BITMAP':
      return 5 + 1 + command.block.length
    default:
      return 5
  }
}

/**
 * A COMMAND with its payload. PACKAGED's nested stream is for the caller to write behind it. Throws RangeError if there
 * is no room, for more ranges than a 16-bit length holds (QEMU itself sends at most 12), or for a command that `version`
 * does not know.
 */
export function writeCommand(
  buffer: Uint8Array,
  at: number,
  command: Command,
  version: CommandVersion = '3.1',
): number {
  const numbers: Partial<Record<CommandName, number>> = COMMAND_NUMBERS[version]
  const number = numbers[command.name]
  if (number === undefined) throw new RangeError(`There is no command ${command.name} in version ${version}`)
  requireRoom(buffer, at, 5)
  const end = commandPayload(buffer, at + 5, command)
  const length = end - (at + 5)
  if (length > 0xffff) throw new RangeError(`The payload of ${command.name} has ${length} bytes, at most 65535 fit`)
  writeU16(buffer, writeU16(buffer, writeU8(buffer, at, SECTION_COMMAND), number), length)
  return end
}
