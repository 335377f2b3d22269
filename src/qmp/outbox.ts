/**
 * What is on its way to one client. Nothing that is sent is dropped or merged; a client that does not read is left alone
 * as long as there is room, and then it is given up as a whole.
 */
import { Cause, Deferred, Effect, Latch, Queue } from 'effect'
import { encodeLine, type JsonObject } from './message.ts'

/** Bytes under way from which on no further request is begun. */
export const BUSY_BYTES = 256 * 1024

/** An outbox; see the head of this file. */
export interface Outbox {
  readonly send: (message: JsonObject) => Effect.Effect<void>
  /** Done while little is under way. */
  readonly ready: Effect.Effect<void>
  /** Done when more than the limit is under way: the client does not read. */
  readonly overflowed: Effect.Effect<void>
  /** After this, the writing ends when everything is written. */
  readonly end: Effect.Effect<void>
  /** Writes what is sent, with the writer of the socket, which waits for the client. */
  readonly writing: <E>(
    writeAll: (lines: readonly [string, ...string[]]) => Effect.Effect<void, E>,
  ) => Effect.Effect<void, E>
}

/** An outbox that holds at most `bytesMax` and one message. */
export const makeOutbox = (bytesMax: number): Effect.Effect<Outbox> =>
  Effect.gen(function* () {
    const lines = yield* Queue.unbounded<string, Cause.Done>()
    const overflow = yield* Deferred.make<void>()
    const room = Latch.makeUnsafe(true)
    let bytes = 0
    return {
      send: (message) =>
        Effect.sync(() => {
          if (bytes > bytesMax) return void Deferred.doneUnsafe(overflow, Effect.void)
          const line = encodeLine(message)
          bytes += line.length
          if (bytes > BUSY_BYTES) room.closeUnsafe()
          Queue.offerUnsafe(lines, line)
        }),
      ready: room.await,
      overflowed: Deferred.await(overflow),
      end: Effect.asVoid(Queue.end(lines)),
      writing: (writeAll) =>
        Queue.takeAll(lines).pipe(
          Effect.flatMap((taken) =>
            Effect.map(writeAll(taken as readonly [string, ...string[]]), () => {
              for (const line of taken) bytes -= line.length
              if (bytes <= BUSY_BYTES) room.openUnsafe()
            }),
          ),
          Effect.forever,
          Effect.catchIf(Cause.isDone, () => Effect.void),
        ),
    }
  })
