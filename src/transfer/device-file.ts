/**
 * The file of xen-save-devices-state: a migration stream of devices alone. Magic and version, no configuration, each
 * device a whole section with its footer, the end mark; no description. Source: reference of the semantics, 4.14.
 */
import { open } from 'node:fs/promises'
import { Effect, Schema } from 'effect'
import { systemText } from '../channel/system-error.ts'
import { writeEof, writeFooter, writeHeader, writeSectionFull } from '../wire/index.ts'
import { deviceSections, type DeviceState } from './dialect.ts'

/** The file could not be opened, and is as it was; or not be written, and is incomplete. */
export class DeviceFileError extends Schema.TaggedError<DeviceFileError>('DeviceFileError')('DeviceFileError', {
  at: Schema.Literals(['open', 'write']),
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.at}: ${this.reason}`
  }
}

/** Bytes around a section's payload: marks, id, name (up to 255), instance and version, footer. */
const FRAMING_BYTES_MAX = 5 + 256 + 8 + 5

/** The bytes of the file. */
export const deviceFile = (devices: readonly DeviceState[]): Uint8Array => {
  const sections = deviceSections(devices)
  const room = sections.reduce((bytes, { payload }) => bytes + payload.length + FRAMING_BYTES_MAX, 16)
  const buffer = new Uint8Array(room)
  let at = writeHeader(buffer, 0)
  for (const { section, payload } of sections) {
    at = writeSectionFull(buffer, at, section)
    buffer.set(payload, at)
    at = writeFooter(buffer, at + payload.length, section.id)
  }
  return buffer.subarray(0, writeEof(buffer, at))
}

const failure = (at: 'open' | 'write', error: unknown): DeviceFileError =>
  new DeviceFileError({ at, reason: systemText(error) })

/** Writes a file, whole, over whatever it held before; mode 0660 where it is new. The bytes are on the disk then. */
export const writeDeviceFile = (filename: string, bytes: Uint8Array): Effect.Effect<void, DeviceFileError> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({ try: () => open(filename, 'w', 0o660), catch: (error) => failure('open', error) }),
    (file) =>
      Effect.tryPromise({
        try: async () => {
          await file.writeFile(bytes)
          await file.datasync()
        },
        catch: (error) => failure('write', error),
      }),
    (file) => Effect.promise(() => file.close()),
  )
