/**
 * The content of PACKAGED: commands around the run of device sections that postcopy switches over with (QEMU's
 * migration/migration.c, `postcopy_start`: LISTEN, the devices, PING, RUN). No description tells the devices' lengths, so
 * a reader that does not know the devices takes them as one piece; the commands before and behind it are exact all the
 * same, because the protocol fixes them.
 */
import { SECTION_COMMAND, SECTION_FULL, type CommandVersion } from './constants.ts'
import { readU16 } from './bytes.ts'
import { readCommand, type Command } from './command.ts'
import { StreamError } from './stream-error.ts'

export interface Package {
  readonly before: readonly Command[]
  /** The device sections, verbatim: `bytes[devicesAt .. devicesEnd)`. Empty if there are none. */
  readonly devicesAt: number
  readonly devicesEnd: number
  readonly behind: readonly Command[]
}

const HEADER_BYTES = 5
/** What comes behind the devices, last first: RUN, and the PING in front of it. */
const BEHIND = [
  { name: 'POSTCOPY_RUN', bytes: HEADER_BYTES },
  { name: 'PING', bytes: HEADER_BYTES + 4 },
] as const

/** The command that is exactly `bytes[at .. end)`, or undefined. */
function commandAt(bytes: Uint8Array, at: number, end: number, version: CommandVersion): Command | undefined {
  if (end - at < HEADER_BYTES || bytes[at] !== SECTION_COMMAND) return undefined
  const length = readU16(bytes, at + 3)
  if (at + HEADER_BYTES + length !== end) return undefined
  const command = readCommand(readU16(bytes, at + 1), bytes, at + HEADER_BYTES, length, version)
  return 'name' in command ? command : undefined
}

/**
 * Take a package apart. `offset` is its place in the stream, for errors. Throws StreamError if it holds anything but
 * commands and device sections.
 */
export function readPackage(bytes: Uint8Array, offset: number, version: CommandVersion = '3.1'): Package {
  const before: Command[] = []
  let devicesAt = 0
  while (devicesAt < bytes.length && bytes[devicesAt] !== SECTION_FULL) {
    const behind = devicesAt + HEADER_BYTES + (devicesAt + 5 <= bytes.length ? readU16(bytes, devicesAt + 3) : 0)
    const command = commandAt(bytes, devicesAt, Math.min(behind, bytes.length), version)
    if (command === undefined || command.name === 'PACKAGED') {
      const found = `type ${bytes[devicesAt]} with ${bytes.length - devicesAt} bytes left`
      throw new StreamError(offset + devicesAt, 'Unexpected section in a package', 'FULL or a whole command', found)
    }
    before.push(command)
    devicesAt = behind
  }
  const behind: Command[] = []
  let devicesEnd = bytes.length
  for (const { name, bytes: length } of BEHIND) {
    const at = devicesEnd - length
    if (at < devicesAt) break
    const command = commandAt(bytes, at, devicesEnd, version)
    if (command?.name !== name) break
    behind.unshift(command)
    devicesEnd = at
  }
  return { before, devicesAt, devicesEnd, behind }
}
