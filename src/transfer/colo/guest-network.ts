/**
 * The network card's way out: what a guest sends leaves at once, waits, or stays here, as the role of its process says.
 *
 * A primary lets out what the secondary's guest has sent too and what a checkpoint covers. A secondary's packets go to the
 * primary to be compared and stay here, so that they can leave after a failover. A checkpoint carries the packets that wait
 * at the primary: to whoever takes over they are as good as sent by its own guest.
 */
import { Clock, Effect, Exit, Schedule, Scope } from 'effect'
import type { ChannelError } from '../../channel/byte-link.ts'
import { Transport, type Connection } from '../../channel/transport.ts'
import type { GuestPacket } from '../../memory/index.ts'
import { PacketComparer, type ComparerOptions } from './packet-comparer.ts'
import { encodePacket, encodePackets, PacketReader } from './packet-frame.ts'
import { packetLink, type PacketLink } from './packet-link.ts'
import type { AttachedUplink, Uplink } from './uplink.ts'

/** How a network is made. */
export interface GuestNetworkOptions {
  /** Default: nobody listens, packets are counted and forgotten. */
  readonly uplink?: Uplink
  /** Where a primary takes its secondary's packets; a port of 0 is a free one. Default: nothing is compared. */
  readonly compareUri?: string
  readonly comparer?: ComparerOptions
  /** A checkpoint is needed: the output differs, or waits too long. */
  readonly differs: () => void
}

/** What a checkpoint carries of a network. */
export interface NetworkState {
  /** Where the primary compares; empty where it does not. */
  readonly compareUri: string
  readonly held: readonly GuestPacket[]
}

/** The bytes of a state: a length and that many bytes of the address, then the packets as frames. */
export const encodeNetworkState = ({ compareUri, held }: NetworkState): Uint8Array<ArrayBuffer> => {
  const uri = new TextEncoder().encode(compareUri)
  const packets = encodePackets(held)
  const bytes = new Uint8Array(2 + uri.length + packets.length)
  new DataView(bytes.buffer).setUint16(0, uri.length)
  bytes.set(uri, 2)
  bytes.set(packets, 2 + uri.length)
  return bytes
}

/** The state of these bytes; undefined if they hold none. */
export const decodeNetworkState = (bytes: Uint8Array): NetworkState | undefined => {
  if (bytes.length < 2) return undefined
  const packetsAt = 2 + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(0)
  if (packetsAt > bytes.length) return undefined
  const reader = new PacketReader()
  try {
    const held = reader.feed(bytes.subarray(packetsAt)).map(({ packet }) => packet)
    return reader.held > 0 ? undefined : { compareUri: new TextDecoder().decode(bytes.subarray(2, packetsAt)), held }
  } catch {
    return undefined
  }
}

/** What a network has done so far. */
export interface NetworkFigures {
  /** Packets that left because the other guest had sent the same, because of a checkpoint, and without being held. */
  readonly agreed: number
  readonly covered: number
  readonly open: number
  /** Packets that nobody could take any more. */
  readonly dropped: number
}

/** Nothing yet. */
export const NO_FIGURES: NetworkFigures = { agreed: 0, covered: 0, open: 0, dropped: 0 }

/** See the head of this file. */
export interface GuestNetwork {
  /** A packet of this side's guest. */
  readonly take: (packet: GuestPacket) => void
  /** From here on packets wait, in this role. */
  readonly hold: (role: 'primary' | 'secondary') => Effect.Effect<void>
  /** What a checkpoint has to carry; what waits is covered by it. The guest stands still. */
  readonly save: Effect.Effect<NetworkState>
  /** The secondary has put that checkpoint in use. */
  readonly release: Effect.Effect<void>
  /** A guest arrives, or a secondary puts a checkpoint in use. */
  readonly load: (state: NetworkState) => Effect.Effect<void>
  /** This side is alone: everything leaves, as far as the client was not told of it. */
  readonly open: Effect.Effect<void>
  readonly figures: () => NetworkFigures
}

/** Packets that wait for a client; beyond that the oldest are dropped, as a switch would. */
const WAITING_MAX = 65_536
/** How often the age of what waits is looked at. */
const LOOK = '20 millis'
const RETRIES = Schedule.spaced('50 millis')

type Gate = 'open' | 'primary' | 'secondary'

/** Makes a network that belongs to the scope. */
export const makeGuestNetwork = (
  options: GuestNetworkOptions,
): Effect.Effect<GuestNetwork, never, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const scope = yield* Effect.scope
    const services = yield* Effect.context<Transport>()
    const clock = yield* Clock.Clock
    const now = (): number => clock.currentTimeMillisUnsafe()
    const { uplink, compareUri, differs } = options
    const counts = { ...NO_FIGURES }
    let gate: Gate = 'open'
    let comparer = new PacketComparer(options.comparer)
    /** A secondary's packets since its last checkpoint, and where they are compared. */
    let own: GuestPacket[] = []
    let epoch = 0
    let toPrimary: PacketLink | undefined
    let lockStep: Scope.Closeable | undefined
    let comparedAt = ''

    let waiting: GuestPacket[] = []
    let attached: AttachedUplink | undefined
    let attaching = false

    const fork = (effect: Effect.Effect<unknown, never, Scope.Scope>, where: Scope.Scope) =>
      Effect.runForkWith(services)(effect.pipe(Effect.provideService(Scope.Scope, where), Effect.forkIn(where)))

    const attach = (wanted: Uplink) =>
      Effect.gen(function* () {
        const made = yield* wanted.attach.pipe(Effect.retry(RETRIES), Effect.orDie)
        attached = made
        attaching = false
        const left = waiting.filter(({ number }) => number >= made.told)
        waiting = []
        if (left.length > 0) made.send(left)
      })

    const letOut = (packets: readonly GuestPacket[], why: 'agreed' | 'covered' | 'open'): void => {
      if (packets.length === 0) return
      counts[why] += packets.length
      if (uplink === undefined) return
      if (attached !== undefined) return attached.send(packets)
      waiting.push(...packets)
      counts.dropped += Math.max(0, waiting.length - WAITING_MAX)
      waiting = waiting.slice(-WAITING_MAX)
      if (attaching) return
      attaching = true
      fork(attach(uplink), scope)
    }

    const ask = (): void => {
      if (gate === 'primary' && comparer.asks(now())) differs()
    }

    const take = (packet: GuestPacket): void => {
      if (gate === 'open') return letOut([packet], 'open')
      if (gate === 'secondary') {
        own.push(packet)
        toPrimary?.send(encodePacket({ epoch, packet }))
        return
      }
      letOut(comparer.add(packet, now()), 'agreed')
      ask()
    }

    /** The host's clock, not the guest's: what waits grows old while the guest stands still (F13). */
    const watchAge = Effect.forever(Effect.andThen(Effect.sleep(LOOK), Effect.sync(ask)))

    /** Packets of the secondary of this lock-step; a secondary that was is not listened to. */
    const compare = (connection: Connection): Effect.Effect<void, never, Scope.Scope> => {
      const place = lockStep
      if (gate !== 'primary' || place === undefined) return connection.close
      const reader = new PacketReader()
      return packetLink(connection, {
        take: (bytes) => {
          for (const frame of reader.feed(bytes)) letOut(comparer.addOther(frame), 'agreed')
          ask()
        },
        // Nothing is compared any more; what waits becomes overdue.
        lost: () => {},
      }).pipe(Effect.provideService(Scope.Scope, place), Effect.andThen(Scope.addFinalizer(place, connection.close)))
    }

    const comparesAt =
      compareUri === undefined
        ? ''
        : yield* transport.listen(compareUri, compare).pipe(
            Effect.map((listener) => listener.uri),
            Effect.catch((error: ChannelError) =>
              Effect.as(Effect.logWarning(`nothing is compared: ${error.message}`), ''),
            ),
          )

    const connect = (uri: string) =>
      Effect.gen(function* () {
        const connection = yield* transport.connect(uri, { returnPath: true })
        toPrimary = yield* packetLink(connection, {
          take: () => {},
          lost: () => {
            toPrimary = undefined
          },
        })
        for (const packet of own) toPrimary.send(encodePacket({ epoch, packet }))
      }).pipe(Effect.catch((error: ChannelError) => Effect.logWarning(`nothing is compared: ${error.message}`)))

    const endLockStep = Effect.suspend(() => {
      const ending = lockStep
      lockStep = undefined
      toPrimary = undefined
      return ending === undefined ? Effect.void : Scope.close(ending, Exit.void)
    })

    const hold = (role: 'primary' | 'secondary') =>
      Effect.gen(function* () {
        yield* endLockStep
        const made = yield* Scope.fork(scope)
        lockStep = made
        gate = role
        if (role === 'secondary') {
          if (comparedAt !== '') fork(connect(comparedAt), made)
          return
        }
        comparer = new PacketComparer(options.comparer)
        fork(watchAge, made)
      })

    yield* Effect.addFinalizer(() => endLockStep)
    return {
      take,
      hold,
      save: Effect.sync(() => {
        comparer.cover()
        return { compareUri: comparesAt, held: gate === 'open' ? [...waiting] : comparer.held }
      }),
      release: Effect.sync(() => letOut(comparer.begin(), 'covered')),
      load: (state) =>
        Effect.sync(() => {
          own = [...state.held]
          comparedAt = state.compareUri
          epoch = lockStep === undefined ? 0 : epoch + 1
        }),
      open: Effect.gen(function* () {
        yield* endLockStep
        const all = gate === 'secondary' ? own : comparer.takeAll()
        own = []
        gate = 'open'
        letOut(all, 'open')
      }),
      figures: () => ({ ...counts }),
    }
  })
