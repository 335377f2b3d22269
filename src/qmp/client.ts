/**
 * The client's side of a QMP session over any duplex of messages: commands, each with its own answer; events as they come.
 * It drives our own server and a real QEMU alike. Everything that passes can be recorded. Sockets: see `socket-client`.
 */
import { Deferred, Duration, Effect, Option, PubSub, Schema, Stream, type Scope } from 'effect'
import { isJsonObject, type JsonObject } from './message.ts'
import { hasTypedReturn, peerReturns, type PeerArguments, type PeerReturn } from './peer-returns.ts'

/** The server refused a command. */
export class QmpRefusal extends Schema.TaggedError<QmpRefusal>('QmpRefusal')('QmpRefusal', {
  command: Schema.String,
  class: Schema.String,
  desc: Schema.String,
}) {
  override get message(): string {
    return `${this.command}: ${this.desc}`
  }
}

/** The session ended, or said something that is no QMP. */
export class QmpBroken extends Schema.TaggedError<QmpBroken>('QmpBroken')('QmpBroken', { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** The answer to a command did not come in time. Whether the command takes effect is not known; its answer is ignored. */
export class QmpTimedOut extends Schema.TaggedError<QmpTimedOut>('QmpTimedOut')('QmpTimedOut', {
  command: Schema.String,
  millis: Schema.Number,
}) {
  override get message(): string {
    return `${this.command}: no answer within ${this.millis} ms`
  }
}

/** Where the client's messages go, and where the server's come from. */
export interface QmpDuplex {
  readonly send: (message: JsonObject) => Effect.Effect<void>
  /** Ends when the server is gone. */
  readonly messages: Stream.Stream<unknown>
}

/** Called with every message that passes, in both directions. */
export type Tap = (direction: '->' | '<-', message: unknown) => void

/** An event, as it stood on the wire. */
export interface QmpEvent {
  readonly event: string
  readonly data: JsonObject
  /** Milliseconds since 1970, by the server's clock; undefined if it did not say. */
  readonly atMillis: number | undefined
}

/** How one command is carried out. */
export interface ExecuteOptions {
  /** How long to wait for the answer. Default: for ever. */
  readonly timeout?: Duration.Input
  /** Ask with `exec-oob`; the session has to have it enabled. Default false. */
  readonly outOfBand?: boolean
}

type TimeLimit<O extends ExecuteOptions> = O extends { readonly timeout: Duration.Input } ? QmpTimedOut : never

/** A session with a server. */
export interface QmpClient {
  /**
   * Carries out a command. The answers of the queries of a migration are checked and typed, with room for what a newer
   * server may say; an answer that does not fit is a {@link QmpBroken}.
   *
   * @example
   * const { status } = yield* client.execute('query-migrate')
   * yield* client.execute('migrate', { uri: 'tcp:host:4444' }, { timeout: '5 seconds' })
   */
  readonly execute: <N extends string, O extends ExecuteOptions = Record<never, never>>(
    name: N,
    args?: PeerArguments<N>,
    options?: O,
  ) => Effect.Effect<PeerReturn<N>, QmpRefusal | QmpBroken | TimeLimit<O>>
  /** Events from the subscription on, as they stood on the wire: with this, none is missed that a command brings about. */
  readonly events: Effect.Effect<PubSub.Subscription<JsonObject>, never, Scope.Scope>
  /** Events from the time the stream is run on. It ends with the session. */
  readonly eventStream: Stream.Stream<QmpEvent>
  /** What the server said of itself. */
  readonly greeting: JsonObject
  /** Ends when the server is gone. */
  readonly closed: Effect.Effect<void>
}

/** How a session is begun. */
export interface ClientOptions {
  /** Capabilities to ask for, of those that the greeting offers: `oob`. Default none. */
  readonly enable?: readonly string[]
}

const refusalOf = (command: string, error: unknown): QmpRefusal => {
  const { class: errorClass, desc } = isJsonObject(error) ? error : {}
  return new QmpRefusal({ command, class: String(errorClass), desc: String(desc) })
}

/** An event message as a {@link QmpEvent}. */
export const eventOf = (message: JsonObject): QmpEvent => {
  const { event, data, timestamp } = message
  const { seconds, microseconds } = isJsonObject(timestamp) ? timestamp : {}
  return {
    event: String(event),
    data: isJsonObject(data) ? data : {},
    atMillis: seconds === undefined ? undefined : Number(seconds) * 1000 + Number(microseconds ?? 0) / 1000,
  }
}

interface Asked {
  readonly command: string
  readonly answer: Deferred.Deferred<unknown, QmpRefusal | QmpBroken>
}

const gone = new QmpBroken({ reason: 'the server closed the session' })

const checkedAnswer = <N extends string>(name: N, answer: unknown): Effect.Effect<PeerReturn<N>, QmpBroken> => {
  // `hasTypedReturn` is what PeerReturn tells apart; the compiler does not see that through a type parameter.
  if (!hasTypedReturn(name)) return Effect.succeed(answer as PeerReturn<N>)
  const schema: Schema.Codec<unknown, unknown> = peerReturns[name]
  return Schema.decodeUnknownEffect(schema)(answer).pipe(
    Effect.map((decoded) => decoded as PeerReturn<N>),
    Effect.mapError(
      (error) => new QmpBroken({ reason: `${name} answered what its schema does not know: ${error.message}` }),
    ),
  )
}

/**
 * Takes the greeting, negotiates, and gives the session; it ends with the scope. Each command has an `id`, so an answer
 * finds its command even if it comes out of order; an answer without one belongs to the oldest command.
 */
export const connectClient = (
  duplex: QmpDuplex,
  tap: Tap = () => {},
  options: ClientOptions = {},
): Effect.Effect<QmpClient, QmpRefusal | QmpBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const events = yield* PubSub.unbounded<JsonObject>()
    const closed = yield* Deferred.make<void>()
    const greeted = yield* Deferred.make<JsonObject, QmpBroken>()
    /** In the order of asking. A command that has run out of time stays, so that its answer is not another's. */
    const waiting = new Map<number, Asked>()
    let lastId = 0

    const answeredBy = (message: JsonObject): Asked | undefined => {
      const id = 'id' in message ? message['id'] : waiting.keys().next().value
      if (typeof id !== 'number') return undefined
      const asked = waiting.get(id)
      waiting.delete(id)
      return asked
    }
    const take = (message: unknown): Effect.Effect<unknown> => {
      tap('<-', message)
      if (!isJsonObject(message)) return Effect.void
      if ('QMP' in message) return Deferred.succeed(greeted, message)
      if ('event' in message) return PubSub.publish(events, message)
      if (!('error' in message) && !('return' in message)) return Effect.void
      const asked = answeredBy(message)
      if (asked === undefined) return Effect.void
      return 'error' in message
        ? Deferred.fail(asked.answer, refusalOf(asked.command, message['error']))
        : Deferred.succeed(asked.answer, message['return'])
    }
    const end = Effect.gen(function* () {
      yield* Deferred.succeed(closed, undefined)
      yield* Deferred.fail(greeted, gone)
      for (const { answer } of waiting.values()) yield* Deferred.fail(answer, gone)
      waiting.clear()
      yield* PubSub.shutdown(events)
    })
    yield* Effect.forkScoped(Stream.runForEach(duplex.messages, take).pipe(Effect.ensuring(end)))

    const ask = (name: string, args: JsonObject | undefined, outOfBand: boolean) =>
      Effect.gen(function* () {
        if (yield* Deferred.isDone(closed)) return yield* gone
        const answer = yield* Deferred.make<unknown, QmpRefusal | QmpBroken>()
        const id = ++lastId
        const message = {
          [outOfBand ? 'exec-oob' : 'execute']: name,
          ...(args === undefined ? {} : { arguments: args }),
          id,
        }
        tap('->', message)
        waiting.set(id, { command: name, answer })
        yield* duplex.send(message)
        return yield* Deferred.await(answer)
      })

    const execute = <N extends string, O extends ExecuteOptions>(name: N, args?: JsonObject, how?: O) =>
      Effect.gen(function* () {
        const asking = ask(name, args, how?.outOfBand === true)
        const limit = how?.timeout
        if (limit === undefined) return yield* checkedAnswer(name, yield* asking)
        const answer = yield* Effect.timeoutOption(asking, limit)
        if (Option.isNone(answer))
          return yield* new QmpTimedOut({ command: name, millis: Duration.toMillis(Duration.fromInputUnsafe(limit)) })
        return yield* checkedAnswer(name, answer.value)
      }) as Effect.Effect<PeerReturn<N>, QmpRefusal | QmpBroken | TimeLimit<O>>

    const greeting = yield* Deferred.await(greeted)
    const { enable = [] } = options
    yield* ask('qmp_capabilities', enable.length === 0 ? undefined : { enable }, false)
    return {
      execute,
      events: PubSub.subscribe(events),
      eventStream: Stream.map(Stream.fromPubSub(events), eventOf),
      greeting,
      closed: Deferred.await(closed),
    }
  })
