/** The client over unix and tcp sockets, for a real QEMU as well as for our own server. */
import { NodeSocket } from '@effect/platform-node'
import { Cause, Duration, Effect, Option, Queue, Schema, Stream, type Schedule, type Scope } from 'effect'
import { readerBytes } from 'effect/socket/Socket'
import { BadQmpAddress, parseQmpAddress, socketOptions } from './address.ts'
import {
  connectClient,
  QmpTimedOut,
  type ClientOptions,
  type QmpBroken,
  type QmpClient,
  type QmpRefusal,
  type Tap,
} from './client.ts'
import { JsonReader, JsonFloat } from './json-reader.ts'
import { encodeLine, isJsonObject } from './message.ts'

/** Nobody listens there, or not for us. */
export class QmpConnectFailed extends Schema.TaggedError<QmpConnectFailed>('QmpConnectFailed')('QmpConnectFailed', {
  address: Schema.String,
  reason: Schema.String,
}) {
  override get message(): string {
    return `cannot connect to ${this.address}: ${this.reason}`
  }
}

/** Why a session did not come about. */
export type ConnectError = BadQmpAddress | QmpConnectFailed | QmpTimedOut | QmpBroken | QmpRefusal

/** How a session over a socket is begun. */
export interface SocketClientOptions extends ClientOptions {
  readonly tap?: Tap
  /** How long connecting, the greeting and the negotiation may take: a server that is busy with another client accepts and says nothing. Default 10 seconds. */
  readonly timeout?: Duration.Input
}

const CONNECT_PATIENCE = '10 seconds'

/** Messages that may wait to be looked at before reading stops. */
const MESSAGES_MAX = 64

/** A number is a number for a client: only a server has to know how it was written. */
const withPlainNumbers = (value: unknown): unknown => {
  if (value instanceof JsonFloat) return value.value
  if (Array.isArray(value)) return value.map(withPlainNumbers)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withPlainNumbers(member)]))
}

const openSocket = (address: string) =>
  Effect.gen(function* () {
    const parsed = parseQmpAddress(address)
    if (parsed === undefined) return yield* new BadQmpAddress({ address })
    const socket = yield* NodeSocket.makeNet(socketOptions(parsed))
    const pull = yield* Effect.mapError(readerBytes(socket), (error) => {
      const cause = 'cause' in error.reason ? error.reason.cause : error
      return new QmpConnectFailed({ address, reason: cause instanceof Error ? cause.message : error.message })
    })
    return { pull, writer: yield* socket.writer }
  })

/**
 * Connects to `unix:PATH` or `tcp:HOST:PORT`, negotiates, and gives the session. The connection ends with the scope.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const client = yield* connectSocketClient('unix:/run/guest.qmp')
 *   yield* client.execute('migrate', { uri: 'tcp:host:4444' })
 *   yield* client.eventStream.pipe(
 *     Stream.takeUntil(({ event, data }) => event === 'MIGRATION' && data['status'] === 'completed'),
 *     Stream.runForEach(({ event, data }) => Console.log(event, data)),
 *   )
 * }).pipe(Effect.scoped)
 */
export const connectSocketClient = (
  address: string,
  options: SocketClientOptions = {},
): Effect.Effect<QmpClient, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const { pull, writer } = yield* openSocket(address)
    const reader = new JsonReader({ profile: '7.2' })
    const messages = yield* Queue.bounded<unknown, Cause.Done>(MESSAGES_MAX)
    const reading = Effect.gen(function* () {
      for (const bytes of yield* pull)
        for (const item of reader.read(bytes))
          if (item.type === 'value') yield* Queue.offer(messages, withPlainNumbers(item.value))
          else yield* Effect.logWarning(`QMP: ${address} sent what is no JSON: ${item.desc}`)
    }).pipe(Effect.forever, Effect.ignore, Effect.ensuring(Queue.end(messages)))
    yield* Effect.forkScoped(reading)
    return yield* connectClient(
      {
        // That the connection is gone is noticed, and told, where it is read from.
        send: (message) => Effect.ignore(writer.write(encodeLine(message))),
        messages: Stream.fromQueue(messages),
      },
      options.tap,
      options,
    )
  }).pipe(
    Effect.timeoutOption(options.timeout ?? CONNECT_PATIENCE),
    Effect.flatMap((connected) => {
      if (Option.isSome(connected)) return Effect.succeed(connected.value)
      const millis = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? CONNECT_PATIENCE))
      return Effect.fail(new QmpTimedOut({ command: 'qmp_capabilities', millis }))
    }),
  )

const isLost = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  '_tag' in error &&
  (error._tag === 'QmpBroken' || error._tag === 'QmpConnectFailed' || error._tag === 'QmpTimedOut')

/**
 * Does something with a session, and does it anew with a new session when the server cannot be reached, is lost or does
 * not answer in time, as often as the schedule says. What is done may so be begun more than once: it should look at the
 * state of the server first.
 *
 * @example
 * const status = withReconnect('unix:/run/guest.qmp', Schedule.spaced('1 second'), (client) =>
 *   client.execute('query-migrate'),
 * )
 */
export const withReconnect = <A, E, R, Out, SE, SR>(
  address: string,
  schedule: Schedule.Schedule<Out, unknown, SE, SR>,
  use: (client: QmpClient) => Effect.Effect<A, E, R>,
  options: SocketClientOptions = {},
): Effect.Effect<A, E | ConnectError | SE, Exclude<R, Scope.Scope> | SR> =>
  Effect.flatMap(connectSocketClient(address, options), use).pipe(
    Effect.scoped,
    Effect.retry({ schedule, while: isLost }),
  )
