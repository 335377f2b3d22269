/**
 * A connection that carries bytes in both directions for a fiber: what is sent waits in a queue until the link takes it, and
 * what comes is handed over as it comes. One fiber looks after both, because a connection has one way to wake somebody.
 */
import { Deferred, Effect, type Scope } from 'effect'
import { ChannelError } from '../../channel/byte-link.ts'
import type { Connection } from '../../channel/transport.ts'

/** Bytes that may wait for a link that takes nothing; more is a peer that has stopped reading. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024
const READ_BYTES = 64 * 1024

/** The sending end. */
export interface PacketLink {
  /** Queues bytes; what is queued when the link is lost is lost with it. */
  readonly send: (bytes: Uint8Array) => void
}

/** What comes of a link. */
export interface PacketLinkHandler {
  /** Bytes as they come. What it throws loses the link, for that reason. */
  readonly take: (bytes: Uint8Array) => void
  /** The link is of no use any more. Called once, not when the scope closes. */
  readonly lost: (reason: string) => void
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Looks after a connection until the scope closes or it is lost. */
export const packetLink = (
  connection: Connection,
  handler: PacketLinkHandler,
): Effect.Effect<PacketLink, never, Scope.Scope> =>
  Effect.gen(function* () {
    const queue: Uint8Array[] = []
    let queuedBytes = 0
    let wake = Deferred.makeUnsafe<void>()
    const buffer = new Uint8Array(READ_BYTES)

    /** Whether anything moved. @throws ChannelError */
    const move = (): boolean => {
      let moved = false
      while (queue.length > 0) {
        const [first] = queue
        const count = connection.link.writev([first!])
        if (count === 0) break
        moved = true
        queuedBytes -= count
        if (count === first!.length) queue.shift()
        else queue[0] = first!.subarray(count)
      }
      const count = connection.link.read(buffer, 0, buffer.length)
      if (count < 0) throw new ChannelError('read', 'EOF', 'the other side closed the connection')
      if (count > 0) handler.take(buffer.slice(0, count))
      return moved || count > 0
    }

    const run = Effect.gen(function* () {
      for (;;) {
        const woken = wake
        const result = yield* Effect.exit(Effect.sync(move))
        if (result._tag === 'Failure') {
          const [reason] = result.cause.reasons
          handler.lost(reasonOf(reason !== undefined && 'defect' in reason ? reason.defect : result.cause))
          return yield* connection.close
        }
        if (!result.value) yield* Effect.race(connection.ready, Deferred.await(woken))
        wake = Deferred.makeUnsafe<void>()
      }
    })
    yield* Effect.forkScoped(run)
    return {
      send: (bytes) => {
        if (queuedBytes + bytes.length > QUEUE_BYTES_MAX) return handler.lost('the other side has stopped reading')
        queue.push(bytes)
        queuedBytes += bytes.length
        Deferred.doneUnsafe(wake, Effect.void)
      },
    }
  })
