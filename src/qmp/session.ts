/**
 * The server's side of one QMP session: negotiation, commands, answers with their `id`, events in order. It works on
 * messages; lines, sockets and limits are somebody else's.
 */
import { Effect, Stream, type Scope } from 'effect'
import type { Profile } from '../../machines/index.ts'
import type { MigrationProcess } from '../transfer/migration-process.ts'
import { errorMessage, eventMessage, greeting, isJsonObject, type JsonObject } from './message.ts'

/** Commands that a host adds to those of the schema; by convention their names begin with `x-switchover-`. */
export type ExtraCommands = Readonly<Record<string, (args: JsonObject) => Effect.Effect<unknown>>>

/** How a session is made. */
export interface SessionOptions {
  readonly process: MigrationProcess
  readonly profile: Profile
  /** Sends one message to the client. */
  readonly send: (message: JsonObject) => Effect.Effect<void>
  readonly extra?: ExtraCommands
}

/** A session that takes the client's messages one after the other. */
export interface Session {
  readonly receive: (message: unknown) => Effect.Effect<void>
}

/** What a request must look like; the text of the refusal if it does not. */
const problemOf = (message: unknown): string | undefined => {
  if (!isJsonObject(message)) return 'QMP input must be a JSON object'
  const unknown = Object.keys(message).find((key) => !['execute', 'arguments', 'id'].includes(key))
  if (unknown !== undefined) return `QMP input member '${unknown}' is unexpected`
  if (message['execute'] === undefined) return "QMP input lacks member 'execute'"
  if (typeof message['execute'] !== 'string') return "QMP input member 'execute' must be a string"
  if (message['arguments'] !== undefined && !isJsonObject(message['arguments']))
    return "QMP input member 'arguments' must be an object"
  return undefined
}

const withId = (request: unknown, reply: JsonObject): JsonObject =>
  isJsonObject(request) && 'id' in request ? { ...reply, id: request['id'] } : reply

/** Opens a session and sends the greeting. It ends with the scope. */
export const openSession = (options: SessionOptions): Effect.Effect<Session, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { process, profile, send, extra = {} } = options
    let negotiated = false
    const requests = new Map<number, unknown>()
    const outputs = yield* process.outputs
    yield* Effect.forkScoped(
      Stream.fromSubscription(outputs).pipe(
        Stream.runForEach((output) => {
          if (output.kind === 'event')
            return negotiated ? send(eventMessage({ ...output.event }, output.atMillis)) : Effect.void
          if (!requests.has(output.ticket)) return Effect.void
          const request = requests.get(output.ticket)
          requests.delete(output.ticket)
          const reply =
            'value' in output.result
              ? { return: output.result.value }
              : errorMessage(output.result.refused.class, output.result.refused.desc)
          return send(withId(request, reply))
        }),
      ),
    )
    yield* send(greeting(profile))

    const negotiate = (request: JsonObject, name: string): JsonObject => {
      if (name === 'qmp_capabilities') {
        if (negotiated)
          return errorMessage('CommandNotFound', 'Capabilities negotiation is already complete, command ignored')
        negotiated = true
        return { return: {} }
      }
      return errorMessage('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'")
    }

    return {
      receive: (message) =>
        Effect.gen(function* () {
          const problem = problemOf(message)
          if (problem !== undefined || !isJsonObject(message))
            return yield* send(
              withId(message, errorMessage('GenericError', problem ?? 'QMP input must be a JSON object')),
            )
          const name = String(message['execute'])
          if (!negotiated || name === 'qmp_capabilities') return yield* send(withId(message, negotiate(message, name)))
          const own = Object.hasOwn(extra, name) ? extra[name] : undefined
          if (own !== undefined) {
            const args = isJsonObject(message['arguments']) ? message['arguments'] : {}
            return yield* send(withId(message, { return: yield* own(args) }))
          }
          requests.set(process.submit(name, message['arguments']), message)
        }),
    }
  })
