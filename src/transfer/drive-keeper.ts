/** What a process does with its guest's drives as its migrations come and go. A process without drives has nothing to do. */
import { Effect } from 'effect'
import type { Fact } from '../core/index.ts'
import type { GuestDrives } from './disk/guest-drives.ts'
import { noDisks, type EngineDisks } from './disk-loader.ts'
import type { GuestHost } from './guest-host.ts'

export const makeDriveKeeper = (options: {
  readonly drives: GuestDrives | undefined
  readonly guest: GuestHost
  readonly tell: (fact: Fact) => void
}) => {
  const { drives, guest, tell } = options
  const failed = (): void => tell({ type: 'guest.io-error', run: 0 })
  drives?.onError(failed)
  if (drives === undefined)
    return {
      disks: [],
      startGuest: guest.start,
      flushed: Effect.void,
      toFill: Effect.succeed(noDisks),
      acquire: Effect.void,
      release: Effect.void,
    }
  return {
    disks: drives.disks,
    /** A guest does not run on disks that it cannot write to: it is stopped as one that met an error. */
    startGuest: drives.settle.pipe(
      Effect.andThen(guest.start),
      Effect.catch(() => Effect.sync(failed)),
    ),
    /** Everything that the guest wrote is on its disks; or the reason why not. */
    flushed: drives.flush.pipe(
      Effect.as(undefined),
      Effect.catch(({ message }) => Effect.succeed(message)),
    ),
    /** The disks that a source may fill: locked from now on, unless the source has them itself and nothing is to be filled. */
    toFill: drives.acquire.pipe(
      Effect.as<EngineDisks>({ disks: drives.disks }),
      Effect.catch(({ message }) => Effect.succeed<EngineDisks>({ disks: drives.disks, refusal: message })),
    ),
    /** Where it fails, the guest does not start. */
    acquire: Effect.ignore(drives.acquire),
    release: drives.release,
  }
}
