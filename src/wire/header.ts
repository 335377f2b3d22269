/**
 * File header and configuration section: the first bytes of every stream (QEMU's docs/devel/migration.rst, "Stream
 * structure"; migration/savevm.c, `qemu_savevm_state_header` and `vmstate_configuration`). A stream of a machine type
 * up to 2.3 has no configuration section, and then no footers either.
 */
import {
  CAPABILITY_COUNT_MAX,
  MACHINE_NAME_BYTES_MAX,
  SECTION_CONFIGURATION,
  SECTION_SUBSECTION,
  STREAM_MAGIC,
  STREAM_VERSION,
} from './constants.ts'
import { countedName, textBytes, writeBytes, writeU32, writeU8 } from './bytes.ts'

/** What the source says about itself before the first section. */
export interface Configuration {
  /** Versioned machine type, such as `pc-i440fx-7.2`; 1 to 255 bytes. */
  readonly machine: string
  /** Bits of the target page; sent only where it differs from the processor's minimum (never on x86). */
  readonly targetPageBits?: number
  /** Capabilities that both sides must have set alike; in 7.2 only `x-ignore-shared` is ever among them. */
  readonly capabilities?: readonly string[]
  /** 16 raw bytes; with the capability `validate-uuid`. */
  readonly uuid?: Uint8Array
}

export const TARGET_PAGE_BITS_NAME = 'configuration/target-page-bits'
export const CAPABILITIES_NAME = 'configuration/capabilities'
export const UUID_NAME = 'configuration/uuid'

/** Most bytes of {@link writeHeader} and {@link writeConfiguration} together. */
export const CONFIGURATION_BYTES_MAX =
  8 + 5 + MACHINE_NAME_BYTES_MAX + 3 * (2 + 255 + 4) + 4 + 4 + CAPABILITY_COUNT_MAX * 256 + 16

/** Magic and version, 8 bytes. Returns the offset behind them; RangeError if there is no room (so do all writers). */
export function writeHeader(buffer: Uint8Array, at: number): number {
  return writeU32(buffer, writeU32(buffer, at, STREAM_MAGIC), STREAM_VERSION)
}

function writeSubsectionHeader(buffer: Uint8Array, at: number, name: string): number {
  const behind = writeBytes(buffer, writeU8(buffer, at, SECTION_SUBSECTION), countedName(name))
  return writeU32(buffer, behind, 1)
}

/** The configuration section with its subsections, in the order QEMU sends and expects them. */
export function writeConfiguration(buffer: Uint8Array, at: number, configuration: Configuration): number {
  const machine = textBytes(configuration.machine)
  if (machine.length === 0 || machine.length > MACHINE_NAME_BYTES_MAX) {
    throw new RangeError(`A machine name has 1 to ${MACHINE_NAME_BYTES_MAX} bytes, not ${machine.length}`)
  }
  let next = writeU32(buffer, writeU8(buffer, at, SECTION_CONFIGURATION), machine.length)
  next = writeBytes(buffer, next, machine)
  if (configuration.targetPageBits !== undefined) {
    next = writeSubsectionHeader(buffer, next, TARGET_PAGE_BITS_NAME)
    next = writeU32(buffer, next, configuration.targetPageBits)
  }
  if (configuration.capabilities !== undefined) {
    if (configuration.capabilities.length > CAPABILITY_COUNT_MAX) {
      throw new RangeError(`At most ${CAPABILITY_COUNT_MAX} capabilities, not ${configuration.capabilities.length}`)
    }
    next = writeSubsectionHeader(buffer, next, CAPABILITIES_NAME)
    next = writeU32(buffer, next, configuration.capabilities.length)
    for (const capability of configuration.capabilities) next = writeBytes(buffer, next, countedName(capability))
  }
  if (configuration.uuid !== undefined) {
    if (configuration.uuid.length !== 16) throw new RangeError(`A uuid has 16 bytes, not ${configuration.uuid.length}`)
    next = writeSubsectionHeader(buffer, next, UUID_NAME)
    next = writeBytes(buffer, next, configuration.uuid)
  }
  return next
}
