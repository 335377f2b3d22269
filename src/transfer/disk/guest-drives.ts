/**
 * The drives of a process: the disks that its guest has, opened for writing and locked for as long as the process holds its
 * images, and given up when it hands them over. The guest writes to the first. A write that fails is kept, so that it is not
 * lost to a guest that goes on when there is room again; until it is done the disk is not what the guest takes it for.
 */
import { Effect, Semaphore, type Scope } from 'effect'
import type { GuestDiskWrite } from '../../memory/index.ts'
import { DiskError } from './disk.ts'
import { describeDisk, openGuestDisks, type DiskImage, type GuestDisk, type SharedGuestDisk } from './guest-disk.ts'
import { makeHolder } from './holder.ts'
import { lockImage } from './image-lock.ts'

/** Drives of a guest: what has room in the stream with the longest names. */
export const DRIVES_MAX = 15

/** A drive as it is asked for. */
export interface Drive {
  /** What the migration stream calls it: 1 to 255 bytes. */
  readonly name: string
  readonly image: DiskImage
}

/** See the head of this file. */
export interface GuestDrives {
  readonly disks: readonly SharedGuestDisk[]
  /** Locks and opens all images, or none; nothing is done where that is so. */
  readonly acquire: Effect.Effect<void, DiskError>
  /** Lets go of them. Writes that failed stay to be done. */
  readonly release: Effect.Effect<void>
  /** A write of the guest. */
  readonly write: (write: GuestDiskWrite) => void
  /** All that the guest has written is in the images, which are acquired if need be. */
  readonly settle: Effect.Effect<void, DiskError>
  /** The same, and it is on the medium. */
  readonly flush: Effect.Effect<void, DiskError>
  /** From here on `take` is told of the first write that could not be done, and of the first after a `settle`. */
  readonly onError: (take: (reason: string) => void) => void
}

const asDiskError = (error: unknown): DiskError =>
  error instanceof DiskError ? error : new DiskError(error instanceof Error ? error.message : String(error))

const attempt = <A>(use: () => A): Effect.Effect<A, DiskError> => Effect.try({ try: use, catch: asDiskError })

/** Describes the drives; they are neither opened for writing nor locked before `acquire`. */
export const makeGuestDrives = (drives: readonly Drive[]): Effect.Effect<GuestDrives, DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    if (drives.length > DRIVES_MAX)
      return yield* Effect.fail(new DiskError(`Expected at most ${DRIVES_MAX} drives, found ${drives.length}`))
    const disks = yield* attempt(() => drives.map(({ name, image }) => describeDisk(name, image)))
    const holder = yield* makeHolder
    const one = yield* Semaphore.make(1)
    let opened: readonly GuestDisk[] | undefined
    let waiting: GuestDiskWrite[] = []
    let report: (reason: string) => void = () => {}

    const open = Effect.gen(function* () {
      for (const { image } of disks) if ('path' in image) yield* lockImage(image.path)
      opened = yield* Effect.acquireRelease(
        attempt(() => openGuestDisks(disks, { writable: true })),
        (all) =>
          Effect.sync(() => {
            opened = undefined
            for (const disk of all) disk.close()
          }),
      )
    })
    const acquired = Effect.suspend(() => (opened === undefined ? holder.begin(open) : Effect.void))
    const writeNow = ({ bytes, byteOffset }: GuestDiskWrite): void => {
      const disk = opened?.[0]
      if (disk === undefined) throw new DiskError('The guest writes to a disk that this process does not hold')
      disk.write(bytes, byteOffset)
    }
    const settled = Effect.andThen(
      acquired,
      attempt(() => {
        for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
          writeNow(next)
          waiting = waiting.slice(1)
        }
      }),
    )
    return {
      disks,
      acquire: one.withPermit(acquired),
      release: one.withPermit(holder.end),
      write: (write) => {
        try {
          // In order: a later write to the same place must not come first.
          if (waiting.length > 0) waiting.push(write)
          else writeNow(write)
        } catch (error) {
          waiting.push(write)
          report(asDiskError(error).message)
        }
      },
      settle: one.withPermit(settled),
      flush: one.withPermit(
        Effect.andThen(
          settled,
          attempt(() => opened?.forEach((disk) => disk.flush())),
        ),
      ),
      onError: (take) => {
        report = take
      },
    }
  })
