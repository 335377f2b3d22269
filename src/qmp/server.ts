/**
 * A QMP server over unix and tcp sockets, for one process. As in QEMU, one client is served at a time; the next waits,
 * connected and without a greeting, until the first has left, and then negotiates for itself.
 *
 * Limits, all with a name in {@link QmpServerOptions}: what one value may take, what may be under way to a client that does
 * not read (then it is disconnected, with a line in the log: events are never dropped one by one or merged), and how many
 * clients may wait (a further one is disconnected at once). The sessions only listen to the process, so no client, however
 * slow, holds up a migration.
 *
 * Effect's socket server accepts at once what the system hands it, so the waiting happens here and not in the kernel's
 * backlog; a client cannot tell the difference.
 */
import { connect } from 'node:net'
import { lstatSync, rmSync } from 'node:fs'
import { NodeSocket, NodeSocketServer } from '@effect/platform-node'
import { Context, Deferred, Effect, Fiber, Layer, Option, Schema, Semaphore, type Scope } from 'effect'
import { readerBytes, type Socket, type SocketError } from 'effect/socket/Socket'
import type { SocketServer } from 'effect/socket/SocketServer'
import type { MigrationProcess } from '../transfer/migration-process.ts'
import { parseQmpAddress, socketOptions, type QmpAddress } from './address.ts'
import { JsonReader, type JsonLimits } from './json-reader.ts'
import { makeOutbox } from './outbox.ts'
import { openSession, type ExtraCommands } from './session.ts'

/** The server cannot listen. */
export class QmpListenFailed extends Schema.TaggedError<QmpListenFailed>('QmpListenFailed')('QmpListenFailed', {
  address: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.reason}`
  }
}

/** How a server is made. */
export interface QmpServerOptions {
  /** `unix:PATH` or `tcp:HOST:PORT`; port 0: the system chooses one. */
  readonly address: string
  /** What `query-name` tells. Default: no name. */
  readonly name?: string
  readonly extra?: ExtraCommands
  readonly limits?: JsonLimits
  /** Bytes under way to a client that does not read. Default 8 MiB. */
  readonly outputBytesMax?: number
  /** Clients that wait until the present one has left. Default 16. */
  readonly clientsWaitingMax?: number
}

/** How long a client that leaves, or is sent away, has to take what was still meant for it. */
const LINGER = '2 seconds'

const OUTPUT_BYTES_MAX = 8 * 1024 * 1024
const CLIENTS_WAITING_MAX = 16

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && 'reason' in error ? error.reason : error
  const inner = typeof cause === 'object' && cause !== null && 'cause' in cause ? cause.cause : error
  return inner instanceof Error ? inner.message : String(inner)
}

const isListening = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const probe = connect({ path })
    const answer = (result: boolean) => {
      probe.destroy()
      resume(Effect.succeed(result))
    }
    probe.once('connect', () => answer(true))
    probe.once('error', () => answer(false))
  })

/** Takes away the socket of a server that is no more, as QEMU does; never that of one that lives, or another file. */
const removeStaleSocket = (address: QmpAddress): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (address.transport !== 'unix') return
    if (lstatSync(address.path, { throwIfNoEntry: false })?.isSocket() !== true) return
    if (!(yield* isListening(address.path))) rmSync(address.path, { force: true })
  })

const listen = (options: QmpServerOptions) =>
  Effect.gen(function* () {
    const address = parseQmpAddress(options.address)
    if (address === undefined)
      return yield* new QmpListenFailed({ address: options.address, reason: 'expected unix:PATH or tcp:HOST:PORT' })
    yield* removeStaleSocket(address)
    // Half open: a client may say all it has to say, close its side and still get its answers.
    const server = yield* NodeSocketServer.make({ ...socketOptions(address), allowHalfOpen: true, noDelay: true }).pipe(
      Effect.mapError((error) => new QmpListenFailed({ address: options.address, reason: reasonOf(error) })),
    )
    return { server, address: actualAddress(address, server) }
  })

const actualAddress = (asked: QmpAddress, server: SocketServer['Service']): string => {
  const bound = server.address
  if (asked.transport === 'unix' || !('port' in bound)) return `unix:${asked.transport === 'unix' ? asked.path : ''}`
  const host = asked.host === '' ? '127.0.0.1' : asked.host
  return `tcp:${host.includes(':') ? `[${host}]` : host}:${bound.port}`
}

/** The other side has closed, in the ordinary way. */
const isEnd = (error: SocketError): boolean => error.reason._tag === 'SocketCloseError' && error.reason.code === 1000

/** Ends what Effect's socket leaves open: a connection that nobody has read from, or a client that takes nothing. */
const destroySocket = Effect.map(Effect.serviceOption(NodeSocket.NetSocket), (held) => {
  if (Option.isSome(held)) held.value.destroy()
})

const serveClient = (
  process: MigrationProcess,
  options: QmpServerOptions,
  socket: Socket,
  closing: Effect.Effect<void>,
): Effect.Effect<void, SocketError> =>
  Effect.gen(function* () {
    const { profile } = yield* process.state
    const bytesMax = options.outputBytesMax ?? OUTPUT_BYTES_MAX
    const pull = yield* readerBytes(socket)
    const writer = yield* socket.writer
    const outbox = yield* makeOutbox(bytesMax)
    const session = yield* openSession({
      process,
      profile,
      send: outbox.send,
      ready: outbox.ready,
      ...(options.extra === undefined ? {} : { extra: options.extra }),
      ...(options.name === undefined ? {} : { name: options.name }),
    })
    const reader = new JsonReader({ ...options.limits, profile })
    const reading = Effect.gen(function* () {
      for (const bytes of yield* pull)
        for (const item of reader.read(bytes))
          yield* item.type === 'value' ? session.receive(item.value) : session.receiveBroken(item.desc)
    }).pipe(
      Effect.forever,
      Effect.catch((error) => (isEnd(error) ? Effect.void : Effect.fail(error))),
    )
    const writing = yield* Effect.forkScoped(outbox.writing((lines) => writer.writeAll(lines)))
    const reads = yield* Effect.raceAllFirst([
      Effect.as(reading, true),
      Effect.as(closing, true),
      Effect.as(Fiber.join(writing), true),
      Effect.as(outbox.overflowed, false),
    ])
    if (!reads)
      yield* Effect.logWarning(`QMP: disconnecting a client that has not read ${bytesMax} bytes of what was sent to it`)
    const lastWords = session.finish.pipe(Effect.andThen(outbox.end), Effect.andThen(Fiber.join(writing)))
    const taken = reads && Option.isSome(yield* Effect.timeoutOption(lastWords, LINGER))
    if (!taken) yield* destroySocket
  }).pipe(Effect.scoped)

/** A server that listens. */
export interface QmpServerHandle {
  /** Where it listens: as asked for, with the port that the system chose. */
  readonly address: string
}

/**
 * Serves a process until the scope closes. A client that is connected then still gets the answers to what it has asked.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const process = yield* makeMigrationProcess({ guest })
 *   const { address } = yield* qmpServer(process, { address: 'tcp:127.0.0.1:0' })
 *   yield* Console.log(`listening on ${address}`)
 *   yield* process.ended
 * }).pipe(Effect.scoped)
 */
export const qmpServer = (
  process: MigrationProcess,
  options: QmpServerOptions,
): Effect.Effect<QmpServerHandle, QmpListenFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { server, address } = yield* listen(options)
    const waitingMax = options.clientsWaitingMax ?? CLIENTS_WAITING_MAX
    const turn = yield* Semaphore.make(1)
    const closing = yield* Deferred.make<void>()
    let clients = 0
    const takeClient = (socket: Socket) =>
      Effect.gen(function* () {
        if (clients > waitingMax) return yield* destroySocket
        clients++
        const served = Effect.gen(function* () {
          if (yield* Deferred.isDone(closing)) return yield* destroySocket
          yield* serveClient(process, options, socket, Deferred.await(closing))
        })
        yield* Semaphore.withPermit(turn, served).pipe(
          Effect.onInterrupt(() => destroySocket),
          Effect.catch((error) => Effect.logDebug(`QMP: ${error.message}`)),
          Effect.ensuring(Effect.sync(() => clients--)),
        )
      })
    yield* Effect.forkScoped(server.run(takeClient))
    yield* Effect.addFinalizer(() =>
      Deferred.succeed(closing, undefined).pipe(
        Effect.andThen(Semaphore.withPermit(turn, Effect.void)),
        Effect.timeoutOption(LINGER),
      ),
    )
    return { address }
  })

/**
 * A running QMP server as a service, for programs that are made of layers.
 *
 * @example
 * const server = QmpServer.layer(process, { address: 'unix:/run/guest.qmp' })
 * const program = Effect.gen(function* () {
 *   const { address } = yield* QmpServer
 *   yield* Console.log(address)
 *   yield* process.ended
 * }).pipe(Effect.provide(server))
 */
export class QmpServer extends Context.Service<QmpServer, QmpServerHandle>()('switchover/qmp/QmpServer') {
  static readonly layer = (
    process: MigrationProcess,
    options: QmpServerOptions,
  ): Layer.Layer<QmpServer, QmpListenFailed> => Layer.effect(QmpServer, qmpServer(process, options))
}
