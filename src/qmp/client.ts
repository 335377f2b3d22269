/**
 * The client's side of a QMP session over any duplex of messages: commands in order, each with its own answer; events as
 * they come. Everything that passes can be recorded.
 */
import { Deferred, Effect, PubSub, Schema, Stream, type Scope } from 'effect'
import { isJsonObject, type JsonObject } from './message.ts'

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

/** Where the client's messages go, and where the server's come from. */
export interface QmpDuplex {
  readonly send: (message: JsonObject) => Effect.Effect<void>
  /** Ends when the server is gone. */
  readonly messages: Stream.Stream<unknown>
}

/** Called with every message that passes, in both directions. */
export type Tap = (direction: '->' | '<-', message: unknown) => void

/** A session with a server. */
export interface QmpClient {
  readonly execute: (name: string, args?: JsonObject) => Effect.Effect<unknown, QmpRefusal | QmpBroken>
  /** Events from the subscription on. */
  readonly events: Effect.Effect<PubSub.Subscription<JsonObject>, never, Scope.Scope>
  /** Ends when the server is gone. */
  readonly closed: Effect.Effect<void>
}

const refusalOf = (command: string, error: unknown): QmpRefusal => {
  const { class: errorClass, desc } = isJsonObject(error) ? error : {}
  return new QmpRefusal({ command, class: String(errorClass), desc: String(desc) })
}

/** Takes the greeting, negotiates, and gives the session; it ends with the scope. */
export const connectClient = (
  duplex: QmpDuplex,
  tap: Tap = () => {},
): Effect.Effect<QmpClient, QmpRefusal | QmpBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const events = yield* PubSub.unbounded<JsonObject>()
    const closed = yield* Deferred.make<void>()
    const greeted = yield* Deferred.make<void, QmpBroken>()
    const waiting: { readonly command: string; readonly answer: Deferred.Deferred<unknown, QmpRefusal | QmpBroken> }[] =
      []

    const take = (message: unknown): Effect.Effect<unknown> => {
      tap('<-', message)
      if (!isJsonObject(message)) return Effect.void
      if ('QMP' in message) return Deferred.succeed(greeted, undefined)
      if ('event' in message) return PubSub.publish(events, message)
      const asked = waiting.shift()
      if (asked === undefined) return Effect.void
      return 'error' in message
        ? Deferred.fail(asked.answer, refusalOf(asked.command, message['error']))
        : Deferred.succeed(asked.answer, message['return'])
    }
    const end = Effect.gen(function* () {
      const broken = new QmpBroken({ reason: 'the server closed the session' })
      yield* Deferred.fail(greeted, broken)
      for (const { answer } of waiting.splice(0)) yield* Deferred.fail(answer, broken)
      yield* Deferred.succeed(closed, undefined)
    })
    yield* Effect.forkScoped(Stream.runForEach(duplex.messages, take).pipe(Effect.ensuring(end)))

    const execute = (name: string, args?: JsonObject) =>
      Effect.gen(function* () {
        if (yield* Deferred.isDone(closed))
          return yield* Effect.fail(new QmpBroken({ reason: 'the server closed the session' }))
        const answer = yield* Deferred.make<unknown, QmpRefusal | QmpBroken>()
        const message = args === undefined ? { execute: name } : { execute: name, arguments: args }
        tap('->', message)
        waiting.push({ command: name, answer })
        yield* duplex.send(message)
        return yield* Deferred.await(answer)
      })

    yield* Deferred.await(greeted)
    yield* execute('qmp_capabilities')
    return { execute, events: PubSub.subscribe(events), closed: Deferred.await(closed) }
  })
