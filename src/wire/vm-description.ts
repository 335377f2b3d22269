/**
 * The VM description: the JSON behind EOF that says how long each device section was (QEMU's migration/savevm.c and
 * migration/vmstate.c, `vmdesc`). A device section carries no length of its own, so this is what a reader without the
 * devices' own definitions splits the device tail by.
 */
import { SECTION_EOF, SECTION_FOOTER, SECTION_FULL, SECTION_VM_DESCRIPTION } from './constants.ts'
import { readText, readU32, textBytes, writeBytes, writeU32, writeU8 } from './bytes.ts'
import { StreamError, hex } from './stream-error.ts'
import type { Section } from './section.ts'

/** One device as the description has it, in stream order, with what a reader needs of it. */
export interface DeviceDescription {
  readonly name: string
  readonly instance: number
  /** Payload bytes of the device's section. */
  readonly length: number
}

export interface VmDescription {
  /** Target page size in bytes, if the JSON says. */
  readonly pageSize: number | undefined
  readonly devices: readonly DeviceDescription[]
  /** The JSON, parsed, and as it came. */
  readonly json: unknown
  readonly bytes: Uint8Array
}

/** Deepest nesting of subsections that is followed; QEMU's own devices stay below five. */
const NESTING_MAX = 64

class WrongShape extends Error {}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WrongShape(`an object at ${path}`)
  return value as Record<string, unknown>
}

function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new WrongShape(`a list at ${path}`)
  return value
}

function count(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new WrongShape(`a whole number at ${path}`)
  }
  return value
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new WrongShape(`a string at ${path}`)
  return value
}

/**
 * Bytes of a device's or a subsection's payload. A struct field's size includes all it nests, so fields are not
 * descended into; a subsection adds its own header: type byte, counted name, version.
 */
function payloadLength(device: Record<string, unknown>, path: string, depth: number): number {
  if (depth > NESTING_MAX) throw new WrongShape(`at most ${NESTING_MAX} nested subsections at ${path}`)
  let length = 0
  for (const entry of list(device['fields'], `${path}.fields`)) {
    const field = record(entry, `${path}.fields`)
    const repeat = field['array_len'] === undefined ? 1 : count(field['array_len'], `${path}.fields.array_len`)
    length += count(field['size'], `${path}.fields.size`) * repeat
  }
  for (const entry of list(device['subsections'], `${path}.subsections`)) {
    const subsection = record(entry, `${path}.subsections`)
    const name = text(subsection['vmsd_name'], `${path}.subsections.vmsd_name`)
    length += 1 + 1 + name.length + 4 + payloadLength(subsection, `${path}.${name}`, depth + 1)
  }
  return count(length, `${path}.length`)
}

/**
 * Read the JSON bytes of a VM description. Throws StreamError, with `offset` as the place of the first byte, if they are
 * no JSON or not of the description's shape.
 */
export function readVmDescription(bytes: Uint8Array, offset: number): VmDescription {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const top = record(json, 'the top')
    const devices: DeviceDescription[] = []
    for (const entry of list(top['devices'], 'devices')) {
      const device = record(entry, 'devices')
      const name = text(device['name'], 'devices.name')
      const instance = count(device['instance_id'], `${name}.instance_id`)
      devices.push({ name, instance, length: payloadLength(device, name, 0) })
    }
    const pageSize = top['page_size'] === undefined ? undefined : count(top['page_size'], 'page_size')
    return { pageSize, devices, json, bytes }
  } catch (cause) {
    const expected = cause instanceof WrongShape ? cause.message : 'JSON'
    throw new StreamError(offset, 'Bad vmdescription section', expected, `${bytes.length} bytes that are not that`)
  }
}

/** A device section cut out of a device tail: `bytes[at .. at + length)` is its payload. */
export interface DeviceSlice {
  readonly section: Section
  readonly at: number
  readonly length: number
}

/**
 * Split `tail[0 .. end)`, the run of FULL sections from the first FULL to the EOF byte inclusive, by its description.
 * Exact: header, footer and EOF have to be where the lengths say. `offset` is the tail's place in the stream, for errors.
 * Throws StreamError at the first disagreement.
 */
export function splitDeviceTail(
  tail: Uint8Array,
  end: number,
  devices: readonly DeviceDescription[],
  footers: boolean,
  offset: number,
): DeviceSlice[] {
  const slices: DeviceSlice[] = []
  const need = (at: number, bytes: number, expected: string): void => {
    if (at + bytes > end) {
      const place = offset + Math.min(at, end)
      throw new StreamError(place, 'Device section and its description disagree', expected, 'the end of the tail')
    }
  }
  let at = 0
  for (const device of devices) {
    const wanted = `section ${device.name} instance ${device.instance}`
    need(at, 6, wanted)
    const nameLength = tail[at + 5]!
    need(at, 14 + nameLength, wanted)
    const section: Section = {
      id: readU32(tail, at + 1),
      idstr: readText(tail, at + 6, nameLength),
      instance: readU32(tail, at + 6 + nameLength),
      version: readU32(tail, at + 10 + nameLength),
    }
    if (tail[at] !== SECTION_FULL || section.idstr !== device.name || section.instance !== device.instance) {
      throw new StreamError(
        offset + at,
        'Device section and its description disagree',
        `FULL of ${wanted}`,
        `type ${hex(tail[at]!)} of section ${section.idstr} instance ${section.instance}`,
      )
    }
    const payloadAt = at + 14 + nameLength
    at = payloadAt + device.length
    if (footers) {
      need(at, 5, `footer of ${wanted}`)
      if (tail[at] !== SECTION_FOOTER || readU32(tail, at + 1) !== section.id) {
        throw new StreamError(
          offset + at,
          `Mismatched section id in footer for ${section.idstr}`,
          `footer ${hex(section.id)}`,
          `type ${hex(tail[at]!)} id ${hex(readU32(tail, at + 1))}`,
        )
      }
      at += 5
    }
    slices.push({ section, at: payloadAt, length: device.length })
  }
  if (at !== end - 1 || tail[at] !== SECTION_EOF) {
    throw new StreamError(offset + at, 'Device section and its description disagree', 'EOF at the end', 'more bytes')
  }
  return slices
}

/** One device section of our own: what {@link writeVmDescription} has to know of it. */
export interface DescribedDevice {
  readonly idstr: string
  readonly instance: number
  readonly version: number
  /** Payload bytes. */
  readonly length: number
}

/** A name as a JSON string in ASCII. */
function asciiJson(name: string): string {
  return JSON.stringify(name).replaceAll(
    /[\u007f-\u00ff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * The JSON of our own description: every device in the form that QEMU gives to devices without a field list, one buffer
 * named `data`. In stream order, one per FULL section.
 */
export function describeDevices(devices: readonly DescribedDevice[], pageSize = 4096): string {
  const entries = devices.map(
    ({ idstr, instance, version, length }) =>
      `{"name": ${asciiJson(idstr)}, "instance_id": ${instance}, "version": ${version}, "size": ${length}, ` +
      `"fields": [{"name": "data", "size": ${length}, "type": "buffer"}]}`,
  )
  return `{"page_size": ${pageSize}, "devices": [${entries.join(', ')}]}`
}

/** The VMDESCRIPTION record for a description of {@link describeDevices}, or for the bytes of any other JSON. */
export function writeVmDescription(buffer: Uint8Array, at: number, description: string | Uint8Array): number {
  const json = typeof description === 'string' ? textBytes(description) : description
  return writeBytes(buffer, writeU32(buffer, writeU8(buffer, at, SECTION_VM_DESCRIPTION), json.length), json)
}
