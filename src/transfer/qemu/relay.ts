/**
 * A relay between two live QEMUs: waits for the source, connects to the destination, and passes everything on, channel by
 * channel, until the destination has taken the guest. If either side goes, so does the other's connection: a source that
 * loses its channel keeps its guest.
 */
import { Cause, Clock, Deferred, Effect, Exit, Schema, Scope } from 'effect'
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import { Transport, type Connection, type ConnectTls, type ListenTls } from '../../channel/transport.ts'
import { teeSink, StreamError, type StreamSink } from '../../wire/index.ts'
import { ProtocolObserver, type ProtocolVerdict } from './protocol-observer.ts'
import { PlainRelay, RelayEngine, type RelayEnd } from './relay-engine.ts'

/** The guest did not get through; the source keeps it, unless the destination had taken it before. */
export class RelayFailed extends Schema.TaggedError<RelayFailed>('RelayFailed')('RelayFailed', {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason
  }
}

export interface RelayOptions {
  /** Where to wait for the source. */
  readonly listen: string
  readonly listenTls?: ListenTls
  /** Where the destination waits. */
  readonly connect: string
  readonly connectTls?: ConnectTls
  /** Bytes a second towards the destination; 0, the default, means no limit. */
  readonly maxBandwidth?: number
  /** Write the stream anew instead of passing on its bytes. */
  readonly reencode?: boolean
  readonly nameEveryPage?: boolean
  readonly listener?: Partial<StreamSink>
  /** Sees the bytes of the source's main stream, in order. */
  readonly tap?: (bytes: Uint8Array) => void
  /** Told where it waits, once it does. */
  readonly listening?: (uri: string) => Effect.Effect<void>
  /** Told now and then how much has been passed on. */
  readonly progress?: (bytes: number) => void
}

export interface RelayReport {
  readonly end: RelayEnd
  /** Bytes of the main stream that were passed on. */
  readonly bytes: number
  /** From the source's connection to the last answer. */
  readonly millis: number
  /** Connections beside the main one. */
  readonly channels: number
  readonly verdict: ProtocolVerdict
}

/** How often a link that is full or empty is looked at again at once, as the peer is usually busy with it; then pauses begin. */
const EAGER_LOOKS = 50
const LOOK = '1 millis'

/** Waits for a link, the n-th time in a row. */
const pause = (looks: number): Effect.Effect<void> => (looks < EAGER_LOOKS ? Effect.yieldNow : Effect.sleep(LOOK))

const connectTo = (options: RelayOptions) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    return yield* transport.connect(options.connect, {
      returnPath: true,
      ...(options.connectTls === undefined ? {} : { tls: options.connectTls }),
    })
  })

/** A further channel, for as long as the relay lasts. */
const relayChannel = (source: ByteLink, options: RelayOptions) =>
  Effect.gen(function* () {
    const { link } = yield* connectTo(options)
    const relay = new PlainRelay(source, link)
    for (let looks = 0; ; looks++) {
      if (yield* Effect.try({ try: () => relay.step(), catch: (error) => error })) looks = 0
      yield* pause(looks)
    }
  })

const relayMain = (source: ByteLink, options: RelayOptions) =>
  Effect.gen(function* () {
    const { link: destination } = yield* connectTo(options)
    const observer: ProtocolObserver = new ProtocolObserver(() => engine.itemOffset)
    const { maxBandwidth = 0, reencode = false, nameEveryPage = false, listener = {}, tap, progress } = options
    const engine: RelayEngine = new RelayEngine(
      {
        source,
        destination,
        maxBandwidth,
        reencode,
        nameEveryPage,
        listener: teeSink(listener, observer.sink),
        onAnswer: (message) => observer.answer(message),
        ...(tap === undefined ? {} : { tap }),
      },
      yield* Clock.currentTimeMillis,
    )
    let looks = 0
    for (;;) {
      const now = yield* Clock.currentTimeMillis
      const before = engine.bytesMoved
      const wait = yield* Effect.try({ try: () => engine.step(now), catch: (error) => error }).pipe(
        Effect.tapError((error) => Effect.sync(() => observer.lost(reasonOf(error)))),
      )
      progress?.(engine.bytesMoved)
      looks = engine.bytesMoved > before ? 0 : looks + 1
      if (wait.kind === 'over') return { engine, observer }
      if (wait.kind === 'until') yield* wait.millis <= now ? Effect.yieldNow : Effect.sleep(wait.millis - now)
      else yield* pause(looks)
    }
  })

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** One relay, from the listener to the end of the migration. Nothing of it is open then. */
export const relayMigration = (options: RelayOptions): Effect.Effect<RelayReport, RelayFailed, Transport> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const services = yield* Effect.context<Transport | Scope.Scope>()
    const done = yield* Deferred.make<RelayReport, unknown>()
    let channels = -1
    const accept = (connection: Connection): Effect.Effect<void, never, Scope.Scope> => {
      channels++
      const isMain = channels === 0
      const work = isMain
        ? Effect.gen(function* () {
            const started = yield* Clock.currentTimeMillis
            const { engine, observer } = yield* relayMain(connection.link, options)
            return yield* Deferred.succeed(done, {
              end: engine.end ?? 'unanswered',
              bytes: engine.bytesMoved,
              millis: (yield* Clock.currentTimeMillis) - started,
              channels,
              verdict: observer.verdict,
            })
          })
        : relayChannel(connection.link, options)
      return work.pipe(
        Effect.provideContext(services),
        // Whatever ends one channel ends the relay: half a migration is none.
        Effect.catchCause((cause) => Deferred.fail(done, Cause.squash(cause))),
        Effect.asVoid,
      )
    }
    const listener = yield* transport
      .listen(options.listen, accept, options.listenTls === undefined ? {} : { tls: options.listenTls })
      .pipe(Effect.mapError((error: ChannelError) => new RelayFailed({ reason: error.message })))
    yield* options.listening?.(listener.uri) ?? Effect.void
    const exit = yield* Effect.exit(Deferred.await(done))
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    const side = error instanceof StreamError ? ' (the source’s stream)' : ''
    return yield* new RelayFailed({ reason: `${reasonOf(error)}${side}` })
  }).pipe(Effect.scoped)
