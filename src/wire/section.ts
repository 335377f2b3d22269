/**
 * Section framing: START, PART and END of what is sent in rounds, FULL of what is sent once, the footer that closes
 * each, and EOF (QEMU's docs/devel/migration.rst, "Stream structure"; migration/savevm.c, `save_section_header`).
 * Section ids are free: a reader learns them from START and FULL.
 */
import { SECTION_END, SECTION_EOF, SECTION_FOOTER, SECTION_FULL, SECTION_PART, SECTION_START } from './constants.ts'
import { countedName, writeBytes, writeU32, writeU8 } from './bytes.ts'

/** The header of a START or FULL section. All numbers are u32. */
export interface Section {
  readonly id: number
  /** Name of what the section carries, 1 to 255 bytes: `ram`, `timer`, `0000:00:02.0/vga`. */
  readonly idstr: string
  readonly instance: number
  readonly version: number
}

function writeNamedSection(buffer: Uint8Array, at: number, type: number, section: Section): number {
  let next = writeU32(buffer, writeU8(buffer, at, type), section.id)
  next = writeBytes(buffer, next, countedName(section.idstr))
  return writeU32(buffer, writeU32(buffer, next, section.instance), section.version)
}

/** Opens the first round of an iterable section. Its payload and a footer have to follow, as after every writer here. */
export function writeSectionStart(buffer: Uint8Array, at: number, section: Section): number {
  return writeNamedSection(buffer, at, SECTION_START, section)
}

/** Opens one further round. */
export function writeSectionPart(buffer: Uint8Array, at: number, sectionId: number): number {
  return writeU32(buffer, writeU8(buffer, at, SECTION_PART), sectionId)
}

/** Opens the last round. */
export function writeSectionEnd(buffer: Uint8Array, at: number, sectionId: number): number {
  return writeU32(buffer, writeU8(buffer, at, SECTION_END), sectionId)
}

/** Opens a device section. The payload carries no length: the reader knows it, or finds it in the VM description. */
export function writeSectionFull(buffer: Uint8Array, at: number, section: Section): number {
  return writeNamedSection(buffer, at, SECTION_FULL, section)
}

/** Closes any section. */
export function writeFooter(buffer: Uint8Array, at: number, sectionId: number): number {
  return writeU32(buffer, writeU8(buffer, at, SECTION_FOOTER), sectionId)
}

/** Ends the run of sections; only the VM description may follow. */
export function writeEof(buffer: Uint8Array, at: number): number {
  return writeU8(buffer, at, SECTION_EOF)
}
