/** The devices of a guest as a stream carries them: a whole section each, and the description that follows the end mark. */
import { describeDevices, writeFooter, writeSectionFull, writeVmDescription, type Section } from '../wire/index.ts'
import { deviceSections, type DeviceState } from './dialect.ts'

/** Bytes around a section's payload: marks, id, name (up to 255), instance and version, footer. */
const FRAMING_BYTES_MAX = 5 + 256 + 8 + 5
/** Bytes of a description without its JSON. */
const DESCRIPTION_HEAD_BYTES = 16

const described = ({ section, payload }: { readonly section: Section; readonly payload: Uint8Array }) => ({
  idstr: section.idstr,
  instance: section.instance,
  version: section.version,
  length: payload.length,
})

/** What `write` puts into a buffer of this size, which is at least as large as needed; `write` tells where it ends. */
export const written = (capacityBytes: number, write: (bytes: Uint8Array) => number): Uint8Array => {
  const bytes = new Uint8Array(capacityBytes)
  return bytes.subarray(0, write(bytes))
}

/** The sections, one behind the other. */
export const deviceBytesOf = (devices: readonly DeviceState[]): Uint8Array => {
  const sections = deviceSections(devices)
  const capacity = sections.reduce((bytes, { payload }) => bytes + payload.length + FRAMING_BYTES_MAX, 0)
  return written(capacity, (bytes) => {
    let at = 0
    for (const { section, payload } of sections) {
      at = writeSectionFull(bytes, at, section)
      bytes.set(payload, at)
      at = writeFooter(bytes, at + payload.length, section.id)
    }
    return at
  })
}

/** The VM description of these sections. */
export const descriptionBytesOf = (devices: readonly DeviceState[]): Uint8Array => {
  const json = describeDevices(deviceSections(devices).map(described))
  return written(json.length + DESCRIPTION_HEAD_BYTES, (bytes) => writeVmDescription(bytes, 0, json))
}
