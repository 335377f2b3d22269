/**
 * The server's side of one QMP session: negotiation, commands, answers with their `id`, events in order. It works on
 * messages; lines, sockets and limits are somebody else's.
 */
import { Cause, Deferred, Effect, Fiber, Queue, Result, Stream, type Scope } from 'effect'
import type { Profile } from '../../machines/index.ts'
import type { MigrationProcess } from '../transfer/migration-process.ts'
import { allowsOutOfBand, knownCommands, knownEvents, qmpSchema, isSessionCommand } from './introspection.ts'
import { errorMessage, eventMessage, greeting, versionInfo, type JsonObject } from './message.ts'
import { plainArguments, requestOf, withId, type Request } from './request.ts'

/** Why a command is refused, in QMP's form. */
export interface SessionRefusal {
  readonly class: string
  readonly desc: string
}

/** Commands that a host adds to those of the schema; by convention their names begin with `x-switchover-`. */
export type ExtraCommands = Readonly<Record<string, (args: JsonObject) => Effect.Effect<unknown, SessionRefusal>>>

/** Requests that are taken from a client and not yet answered; at this many, reading stops. As in QEMU. */
export const IN_FLIGHT_MAX = 8

/** How a session is made. */
export interface SessionOptions {
  readonly process: MigrationProcess
  readonly profile: Profile
  /** Sends one message to the client. Must not wait for the client: whatever is sent is sent in order. */
  readonly send: (message: JsonObject) => Effect.Effect<void>
  /** Waited for before each request: done when the client has taken enough of what was sent. Default: always. */
  readonly ready?: Effect.Effect<void>
  readonly extra?: ExtraCommands
  /** What `query-name` tells. Default: no name. */
  readonly name?: string
}

/** A session that takes the client's messages one after the other. */
export interface Session {
  /** Takes a message; waits while {@link IN_FLIGHT_MAX} requests are unanswered. */
  readonly receive: (message: unknown) => Effect.Effect<void>
  /** Answers input that is no JSON, in its turn. */
  readonly receiveBroken: (desc: string) => Effect.Effect<void>
  /** Takes no more; done when all that was taken has been answered, and all events up to then are told. */
  readonly finish: Effect.Effect<void>
}

/** A command that the process has been asked to carry out. Without a message nobody is told the answer. */
interface Asked {
  readonly message?: unknown
  readonly answered: Deferred.Deferred<void>
}

type Received = { readonly message: unknown } | { readonly broken: string }

const generic = (desc: string): SessionRefusal => ({ class: 'GenericError', desc })
const notFound = (desc: string): SessionRefusal => ({ class: 'CommandNotFound', desc })

/** Reads `enable` of qmp_capabilities: whether out-of-band is asked for, or what is wrong. */
const enabledOf = (profile: Profile, given: JsonObject): Result.Result<boolean, SessionRefusal> => {
  const enable = profile === '7.2' ? given['enable'] : undefined
  if (enable !== undefined && !Array.isArray(enable))
    return Result.fail(generic("Invalid parameter type for 'enable', expected: array"))
  const list: readonly unknown[] = enable ?? []
  for (const [index, name] of list.entries()) {
    if (typeof name !== 'string')
      return Result.fail(generic(`Invalid parameter type for 'enable[${index}]', expected: string`))
    if (name !== 'oob') return Result.fail(generic(`Parameter 'null' does not accept value '${name}'`))
  }
  const stray = Object.keys(given).find((key) => profile === '2.11' || key !== 'enable')
  if (stray !== undefined) return Result.fail(generic(`Parameter '${stray}' is unexpected`))
  return Result.succeed(list.length > 0)
}

/**
 * Opens a session and sends the greeting. It ends with the scope.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const process = yield* makeMigrationProcess({ guest })
 *   const session = yield* openSession({ process, profile: '2.11', send: (message) => Console.log(encodeLine(message)) })
 *   yield* session.receive({ execute: 'qmp_capabilities' })
 *   yield* session.receive({ execute: 'query-status', id: 1 }) // {"return": {"status": "running", ...}, "id": 1}
 * })
 */
export const openSession = (options: SessionOptions): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { process, profile, send, ready = Effect.void, extra = {}, name: guestName } = options
    const builtIn = { replication: (yield* process.state).replication !== undefined }
    let negotiated = false
    let oobEnabled = false
    const asked = new Map<number, Asked>()
    // One request is being worked on, the others wait here.
    const inbox = yield* Queue.bounded<Received, Cause.Done>(IN_FLIGHT_MAX - 1)
    const overtaking = yield* Queue.bounded<Received, Cause.Done>(IN_FLIGHT_MAX - 1)

    const reply = (message: unknown, result: Result.Result<unknown, SessionRefusal>): Effect.Effect<void> =>
      send(
        withId(
          message,
          Result.isSuccess(result)
            ? { return: result.success }
            : errorMessage(result.failure.class, result.failure.desc),
        ),
      )

    const outputs = yield* process.outputs
    yield* Effect.forkScoped(
      Stream.fromSubscription(outputs).pipe(
        Stream.runForEach((output) => {
          if (output.kind === 'event')
            return negotiated ? send(eventMessage({ ...output.event }, output.atMillis)) : Effect.void
          const request = asked.get(output.ticket)
          if (request === undefined) return Effect.void
          asked.delete(output.ticket)
          const result =
            'value' in output.result ? Result.succeed(output.result.value) : Result.fail(output.result.refused)
          const told = 'message' in request ? reply(request.message, result) : Effect.void
          return Effect.andThen(told, Deferred.succeed(request.answered, undefined))
        }),
      ),
    )
    yield* send(greeting(profile))

    /** Asks the process; done when the answer has been sent, behind the events that precede it. */
    const ask = (message: unknown, { name, arguments: given }: Request): Effect.Effect<void> =>
      Effect.gen(function* () {
        const answered = yield* Deferred.make<void>()
        const args = given === undefined ? undefined : plainArguments(profile, name, given)
        asked.set(process.submit(name, args), { message, answered })
        yield* Deferred.await(answered)
      })

    /** The process answers in order: behind this nothing that has happened is still to be told. */
    const caughtUp = Effect.gen(function* () {
      const answered = yield* Deferred.make<void>()
      asked.set(process.submit('query-status'), { answered })
      yield* Deferred.await(answered)
    })

    const negotiate = (given: JsonObject): Result.Result<unknown, SessionRefusal> => {
      const enabled = enabledOf(profile, given)
      if (Result.isFailure(enabled)) return enabled
      if (negotiated) return Result.fail(notFound('Capabilities negotiation is already complete, command ignored'))
      negotiated = true
      oobEnabled = enabled.success
      return Result.succeed({})
    }

    const introspect = (name: string): unknown => {
      switch (name) {
        case 'query-version':
          return versionInfo(profile)
        case 'query-commands':
          return [...knownCommands(profile, builtIn), ...Object.keys(extra)].map((known) => ({ name: known }))
        case 'query-events':
          return knownEvents(profile).map((known) => ({ name: known }))
        case 'query-qmp-schema':
          return qmpSchema(profile, builtIn, Object.keys(extra))
        default:
          return guestName === undefined ? {} : { name: guestName }
      }
    }

    const own = (name: string, given: JsonObject): Result.Result<unknown, SessionRefusal> => {
      if (name === 'qmp_capabilities') return negotiate(given)
      const [stray] = Object.keys(given)
      return stray === undefined
        ? Result.succeed(introspect(name))
        : Result.fail(generic(`Parameter '${stray}' is unexpected`))
    }

    const carryOut = (message: unknown, request: Request): Effect.Effect<void> => {
      const { name, arguments: given = {} } = request
      if (!negotiated && name !== 'qmp_capabilities')
        return reply(message, Result.fail(notFound("Expecting capabilities negotiation with 'qmp_capabilities'")))
      const added = Object.hasOwn(extra, name) ? extra[name] : undefined
      if (request.outOfBand && !allowsOutOfBand(profile, name)) {
        const isKnown = added !== undefined || knownCommands(profile, builtIn).includes(name)
        const refusal = isKnown
          ? generic(`The command ${name} does not support OOB`)
          : notFound(`The command ${name} has not been found`)
        return reply(message, Result.fail(refusal))
      }
      if (isSessionCommand(profile, name)) return reply(message, own(name, given))
      if (added !== undefined) return Effect.flatMap(Effect.result(added(given)), (result) => reply(message, result))
      return ask(message, request)
    }

    const handle = (received: Received): Effect.Effect<void> => {
      if ('broken' in received) return reply(undefined, Result.fail(generic(received.broken)))
      const request = requestOf(received.message, oobEnabled)
      return typeof request === 'string'
        ? reply(received.message, Result.fail(generic(request)))
        : carryOut(received.message, request)
    }

    /** Takes what is in a queue, one after the other, until the queue ends. */
    const work = (queue: Queue.Queue<Received, Cause.Done>, when: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const received = yield* Queue.take(queue)
        yield* when
        yield* handle(received)
      }).pipe(Effect.forever, Effect.ignore, Effect.forkScoped)
    const workers = [yield* work(inbox, ready), yield* work(overtaking, Effect.void)]

    return {
      receive: (message) =>
        Effect.suspend(() => {
          const request = oobEnabled ? requestOf(message, true) : ''
          const overtakes = typeof request !== 'string' && request.outOfBand
          return Effect.asVoid(Queue.offer(overtakes ? overtaking : inbox, { message }))
        }),
      receiveBroken: (broken) => Effect.asVoid(Queue.offer(inbox, { broken })),
      finish: Queue.end(inbox).pipe(
        Effect.andThen(Queue.end(overtaking)),
        Effect.andThen(Fiber.awaitAll(workers)),
        Effect.andThen(Effect.suspend(() => (negotiated ? caughtUp : Effect.void))),
      ),
    }
  })
