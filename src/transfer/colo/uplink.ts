/**
 * Where the guest's packets leave its host for the client of the service. A host that begins to serve asks first how far
 * the client is, as a TCP peer says with each acknowledgement: what it was told is not told again, and nothing is left out.
 */
import { Deferred, Effect, type Scope } from 'effect'
import { ChannelError } from '../../channel/byte-link.ts'
import { Transport } from '../../channel/transport.ts'
import type { GuestPacket } from '../../memory/index.ts'
import { encodePackets } from './packet-frame.ts'
import { packetLink } from './packet-link.ts'

/** An uplink that stands. */
export interface AttachedUplink {
  /** How many packets the client has been told, that is: the number of the one that it waits for. */
  readonly told: number
  /** Hands packets over, in order. */
  readonly send: (packets: readonly GuestPacket[]) => void
}

/** See the head of this file. */
export interface Uplink {
  readonly attach: Effect.Effect<AttachedUplink, ChannelError, Scope.Scope>
}

/** Bytes of the client's greeting: the number of the packet that it waits for, big-endian. */
export const GREETING_BYTES = 8

/** How long a client may take to greet. */
const PATIENCE = '2 seconds'

/** A client at a `tcp:` or `unix:` address: it greets with a u64, then gets packets as frames of epoch 0. */
export const clientUplink = (uri: string): Effect.Effect<Uplink, never, Transport> =>
  Effect.map(Transport, (transport) => ({
    attach: Effect.gen(function* () {
      const connection = yield* transport.connect(uri, { returnPath: true })
      const greeted = yield* Deferred.make<number, ChannelError>()
      const greeting = new Uint8Array(GREETING_BYTES)
      let held = 0
      const link = yield* packetLink(connection, {
        take: (bytes) => {
          const count = Math.min(bytes.length, GREETING_BYTES - held)
          greeting.set(bytes.subarray(0, count), held)
          held += count
          if (held < GREETING_BYTES) return
          const told = new DataView(greeting.buffer).getBigUint64(0)
          Deferred.doneUnsafe(greeted, Effect.succeed(Number(told)))
        },
        lost: (reason) => {
          Deferred.doneUnsafe(greeted, Effect.fail(new ChannelError('attach', 'EPIPE', reason)))
        },
      })
      const told = yield* Deferred.await(greeted).pipe(
        Effect.timeoutOrElse({
          duration: PATIENCE,
          orElse: () => Effect.fail(new ChannelError('attach', 'ETIMEDOUT', 'the client has not greeted')),
        }),
      )
      return { told, send: (packets: readonly GuestPacket[]) => link.send(encodePackets(packets)) }
    }),
  }))
