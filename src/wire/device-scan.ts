/**
 * Device sections in a run of them that no description goes with: those of a postcopy package, and of a COLO checkpoint.
 * A section carries no length, so its end is guessed: a footer with the section's id, behind which something plausible
 * comes. A guest can put bytes into a payload that look like that. For display only; never decide anything by it.
 */
import { COMMAND_NUMBERS, SECTION_COMMAND, SECTION_EOF, SECTION_FOOTER, SECTION_FULL } from './constants.ts'
import { readText, readU16, readU32 } from './bytes.ts'
import type { DeviceSlice } from './vm-description.ts'

/** What QEMU's own sections stay below. */
const SECTION_ID_MAX = 0xffff
const VERSION_MAX = 0xffff
const COMMAND_MAX = Object.keys(COMMAND_NUMBERS['3.1']).length

/** The section whose header stands at `at` and is all there, with printable name and small numbers; else undefined. */
function sectionAt(bytes: Uint8Array, at: number, end: number): Omit<DeviceSlice, 'length'> | undefined {
  if (end - at < 6 || bytes[at] !== SECTION_FULL) return undefined
  const nameLength = bytes[at + 5]!
  const payload = at + 6 + nameLength + 8
  if (nameLength === 0 || payload > end) return undefined
  const idstr = readText(bytes, at + 6, nameLength)
  const section = {
    id: readU32(bytes, at + 1),
    idstr,
    instance: readU32(bytes, payload - 8),
    version: readU32(bytes, payload - 4),
  }
  const isPlausible = section.id <= SECTION_ID_MAX && section.version <= VERSION_MAX && /^[ -~]+$/.test(idstr)
  return isPlausible ? { section, at: payload } : undefined
}

/** Whether the run may end or go on at `at`. */
function isPlausibleNext(bytes: Uint8Array, at: number, end: number): boolean {
  if (at === end) return true
  if (bytes[at] === SECTION_EOF) return at + 1 === end
  if (bytes[at] === SECTION_COMMAND && end - at >= 5) {
    const number = readU16(bytes, at + 1)
    return number >= 1 && number <= COMMAND_MAX
  }
  return sectionAt(bytes, at, end) !== undefined
}

/** The place of the footer that ends the payload at `at`, as far as can be told. */
function footerBehind(bytes: Uint8Array, at: number, end: number, id: number): number | undefined {
  for (let place = at; place + 5 <= end; place++) {
    place = bytes.indexOf(SECTION_FOOTER, place)
    if (place < 0 || place + 5 > end) return undefined
    if (readU32(bytes, place + 1) === id && isPlausibleNext(bytes, place + 5, end)) return place
  }
  return undefined
}

/**
 * The device sections of `bytes`, a package's or a checkpoint's, as far as they can be told; see the head of this file.
 * Stops where nothing plausible comes.
 */
export function scanDevices(bytes: Uint8Array): DeviceSlice[] {
  const slices: DeviceSlice[] = []
  let at = 0
  for (;;) {
    const found = sectionAt(bytes, at, bytes.length)
    if (found === undefined) return slices
    const footer = footerBehind(bytes, found.at, bytes.length, found.section.id)
    if (footer === undefined) return slices
    slices.push({ ...found, length: footer - found.at })
    at = footer + 5
  }
}
