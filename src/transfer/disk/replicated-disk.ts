/**
 * A disk that is replicated to another host, as a node that xen-set-replication and COLO work with: the primary's writes go
 * to its own image and over a connection into the secondary's. What is on its way is waited for before a checkpoint, so
 * that the secondary's disk is never behind its memory.
 */
import { Deferred, Effect, type Scope } from 'effect'
import type { ChannelError } from '../../channel/byte-link.ts'
import { Transport, type Connection } from '../../channel/transport.ts'
import type { GuestDiskWrite } from '../../memory/index.ts'
import { packetLink, type PacketLink } from '../colo/packet-link.ts'
import { DiskError } from './disk.ts'
import { makeHolder } from './holder.ts'
import { lockImage } from './image-lock.ts'
import { MirrorReader, encodeAcknowledgement, encodeWrite, readAcknowledgement } from './mirror-frame.ts'
import { openImage } from './open-image.ts'
import { SecondaryDisk, type SecondaryDiskFiles } from './secondary-disk.ts'

/** A replicating node of a process. */
export interface ReplicationNode {
  readonly role: 'primary' | 'secondary'
  /** Locks the files and sets the node up; refused, everything is as before. */
  readonly start: Effect.Effect<void, DiskError>
  /** Both sides' disks are one again: a secondary drops what its guest has written by itself. */
  readonly checkpoint: Effect.Effect<void, DiskError>
  /** Lets the other side go; a secondary drops its overlays. */
  readonly stop: Effect.Effect<void, DiskError>
  /** Goes on alone: a secondary makes what its guest has written part of its image, while that goes on writing. */
  readonly failover: Effect.Effect<void, DiskError>
  /** What was written so far is on the other side's disk. */
  readonly drained: Effect.Effect<void, DiskError>
  /** A write of this side's guest. */
  readonly write: (write: GuestDiskWrite) => void
  /** From here on `take` is told of each write that could not be replicated, once. */
  readonly onError: (take: (reason: string) => void) => void
}

const asDiskError = (error: unknown): DiskError =>
  error instanceof DiskError ? error : new DiskError(error instanceof Error ? error.message : String(error))

const attempt = (use: () => void): Effect.Effect<void, DiskError> => Effect.try({ try: use, catch: asDiskError })

/** The image of a primary, mirrored to where the secondary takes writes. */
export const primaryDisk = (options: {
  readonly path: string
  /** Where the secondary takes the writes: `tcp:` or `unix:`. */
  readonly mirrorUri: string
}): Effect.Effect<ReplicationNode, DiskError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const mirror = yield* makeHolder
    const { path, mirrorUri } = options
    yield* lockImage(path)
    const image = yield* Effect.acquireRelease(
      Effect.try({ try: () => openImage({ path, format: 'raw' }, { writable: true }), catch: asDiskError }),
      (opened) => Effect.sync(() => opened.close()),
    )
    let link: PacketLink | undefined
    let sent = 0
    let acknowledged = 0
    let report: (reason: string) => void = () => {}
    let waiting: { readonly until: number; readonly done: Deferred.Deferred<void, DiskError> }[] = []

    const lost = (reason: string): void => {
      if (link === undefined) return
      link = undefined
      for (const { done } of waiting) Deferred.doneUnsafe(done, Effect.fail(new DiskError(reason)))
      waiting = []
      report(reason)
    }
    const settle = (): void => {
      for (const { until, done } of waiting) if (acknowledged >= until) Deferred.doneUnsafe(done, Effect.void)
      waiting = waiting.filter(({ until }) => acknowledged < until)
    }
    const connect = Effect.gen(function* () {
      const connection = yield* transport.connect(mirrorUri, { returnPath: true })
      const read = readAcknowledgement((count) => {
        acknowledged = count
        settle()
      })
      sent = 0
      acknowledged = 0
      link = yield* packetLink(connection, { take: read, lost })
    }).pipe(Effect.mapError((error: ChannelError) => asDiskError(error)))
    const letGo = Effect.suspend(() => {
      link = undefined
      return mirror.end
    })

    const drained = Effect.suspend(() => {
      if (link === undefined || acknowledged >= sent) return Effect.void
      const done = Deferred.makeUnsafe<void, DiskError>()
      waiting.push({ until: sent, done })
      return Deferred.await(done)
    })
    return {
      role: 'primary',
      start: mirror.begin(connect),
      checkpoint: drained,
      stop: Effect.andThen(drained, letGo),
      failover: letGo,
      drained,
      write: ({ byteOffset, bytes }) => {
        image.write(bytes, byteOffset)
        if (link === undefined) return
        sent++
        link.send(encodeWrite({ byteOffset, bytes }))
      },
      onError: (take) => {
        report = take
      },
    }
  })

/** The disk of a secondary, which takes the primary's writes at `mirrorUri`. Its guest does not run before `start`. */
export const secondaryDisk = (
  options: SecondaryDiskFiles & {
    readonly mirrorUri: string
    /** Told where it listens: a port of 0 has become a real one. */
    readonly listens?: (uri: string) => void
  },
): Effect.Effect<ReplicationNode, DiskError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const mirror = yield* makeHolder
    yield* lockImage(options.path)
    const disk = yield* Effect.acquireRelease(
      Effect.try({ try: () => new SecondaryDisk(options), catch: asDiskError }),
      (opened) => Effect.sync(() => opened.close()),
    )
    yield* lockImage(options.activePath)
    yield* lockImage(options.hiddenPath)
    let through = false
    let report: (reason: string) => void = () => {}

    const accept = (connection: Connection): Effect.Effect<void, never, Scope.Scope> =>
      Effect.gen(function* () {
        const reader = new MirrorReader(disk.imageBytes)
        let count = 0
        let answers: PacketLink | undefined
        const take = (bytes: Uint8Array): void => {
          try {
            for (const write of reader.feed(bytes)) {
              disk.writeFromPrimary(write.byteOffset, write.bytes)
              count++
            }
          } catch (error) {
            report(asDiskError(error).message)
            throw error
          }
          answers?.send(encodeAcknowledgement(count))
        }
        // A primary that goes away is for lock-step to notice.
        answers = yield* packetLink(connection, { take, lost: () => {} })
      })
    yield* mirror.begin(
      transport.listen(options.mirrorUri, accept).pipe(
        Effect.map((listener) => options.listens?.(listener.uri)),
        Effect.mapError((error: ChannelError) => asDiskError(error)),
      ),
    )
    const commit = Effect.gen(function* () {
      for (;;) {
        yield* attempt(() => {
          through = disk.commitSome()
        })
        if (through) return
        yield* Effect.yieldNow
      }
    })
    const checkpoint = attempt(() => disk.checkpoint())
    return {
      role: 'secondary',
      start: checkpoint,
      checkpoint,
      stop: Effect.andThen(mirror.end, checkpoint),
      failover: Effect.andThen(mirror.end, commit),
      drained: Effect.void,
      write: ({ byteOffset, bytes }) =>
        through ? disk.writeThrough(byteOffset, bytes) : disk.write(byteOffset, bytes),
      onError: (take) => {
        report = take
      },
    }
  })
