/**
 * The file of xen-save-devices-state: a migration stream of devices alone. Magic and version, no configuration, each
 * device a whole section with its footer, the end mark; no description. Source: reference of the semantics, 4.14.
 */
import { open } from 'node:fs/promises'
import { Effect, Schema } from 'effect'
import { systemText } from '../channel/system-error.ts'
import { writeEof, writeHeader } from '../wire/index.ts'
import { deviceBytesOf, written } from './device-bytes.ts'
import type { DeviceState } from './dialect.ts'

/** The file could not be opened, and is as it was; or not be written, and is incomplete. */
export class DeviceFileError extends Schema.TaggedError<DeviceFileError>('DeviceFileError')('DeviceFileError', {
  at: Schema.Literals(['open', 'write']),
  reason: Schema.String,
}) {
  override get message(): string {
    return `${this.at}: ${this.reason}`
  }
}

/** The bytes of the file. */
export const deviceFile = (devices: readonly DeviceState[]): Uint8Array =>
  Buffer.concat([
    written(16, (bytes) => writeHeader(bytes, 0)),
    deviceBytesOf(devices),
    written(1, (bytes) => writeEof(bytes, 0)),
  ])

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
