/**
 * What a source does when the channel is lost after the end mark was sent: it asks on a new connection whether the guest
 * runs there. The question is a stream of the same format, naming the run by its identity and made of a single PING; the
 * answer is SHUT 0 (it runs here) or SHUT 1 (it does not and never will). Asking is what makes the second final.
 */
import { Clock, Effect, Schedule, type Scope } from 'effect'
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import type { Connection } from '../channel/transport.ts'
import {
  ReturnPathDecoder,
  silentSink,
  StreamDecoder,
  writeCommand,
  writeConfiguration,
  writeHeader,
  writeReturnPath,
} from '../wire/index.ts'
import { deviceBytes, INQUIRY_PING, MACHINE_NAME } from './dialect.ts'

/** What was learnt about a run whose channel was lost after the commit. */
export type Outcome =
  | { readonly type: 'running' }
  | { readonly type: 'not-running'; readonly reason: string }
  | { readonly type: 'unknown'; readonly reason: string }

/** How long one question may take, and how often it is asked again. */
const PATIENCE = '1 second'
const RETRIES = Schedule.max([Schedule.spaced('100 millis'), Schedule.recurs(5)])

/** Longest question or answer. */
const MESSAGE_BYTES_MAX = 128 * 1024

const writeAll = (connection: Connection, bytes: Uint8Array): Effect.Effect<void, ChannelError> =>
  Effect.gen(function* () {
    let rest = bytes
    while (rest.length > 0) {
      const count = yield* attempt(connection.link, (link) => link.writev([rest]))
      rest = rest.subarray(count)
      if (count === 0) yield* connection.ready
    }
  })

const attempt = <A>(link: ByteLink, use: (link: ByteLink) => A): Effect.Effect<A, ChannelError> =>
  Effect.try({
    try: () => use(link),
    catch: (error) =>
      error instanceof ChannelError
        ? error
        : new ChannelError('inquire', 'EPROTO', error instanceof Error ? error.message : String(error)),
  })

/** Reads until `take` gives a value: it is handed what has arrived and says how much of it was used. */
const readUntil = <A>(
  connection: Connection,
  feed: (bytes: Uint8Array, end: number) => number,
  value: () => A | undefined,
): Effect.Effect<A, ChannelError> =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(MESSAGE_BYTES_MAX)
    let held = 0
    for (;;) {
      const found = value()
      if (found !== undefined) return found
      const count = yield* attempt(connection.link, (link) => link.read(buffer, held, buffer.length))
      if (count < 0) return yield* Effect.fail(new ChannelError('inquire', 'EOF', 'the other side closed the channel'))
      if (count === 0) {
        yield* connection.ready
        continue
      }
      const end = held + count
      const used = yield* attempt(connection.link, () => feed(buffer, end))
      buffer.copyWithin(0, used, end)
      held = end - used
    }
  })

const question = (identity: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(256)
  let at = writeConfiguration(bytes, writeHeader(bytes, 0), { machine: MACHINE_NAME, uuid: identity })
  at = writeCommand(bytes, at, { name: 'OPEN_RETURN_PATH' })
  at = writeCommand(bytes, at, { name: 'PING', value: INQUIRY_PING })
  return bytes.subarray(0, at)
}

/** Opens a channel to where the run went. */
export type Reconnect = Effect.Effect<Connection, ChannelError, Scope.Scope>

const askOnce = (reconnect: Reconnect, identity: Uint8Array) =>
  Effect.gen(function* () {
    const connection = yield* reconnect
    yield* writeAll(connection, question(identity))
    let verdict: number | undefined
    const decoder = new ReturnPathDecoder((message) => {
      if (message.name === 'SHUT') verdict = message.value
    })
    const value = yield* readUntil(
      connection,
      (bytes, end) => decoder.feed(bytes, 0, end),
      () => verdict,
    )
    return value === 0
      ? ({ type: 'running' } as const)
      : ({ type: 'not-running', reason: 'the destination says that it does not run the guest' } as const)
  }).pipe(
    Effect.scoped,
    Effect.timeoutOrElse({
      duration: PATIENCE,
      orElse: () => Effect.fail(new ChannelError('inquire', 'ETIMEDOUT', 'the destination did not answer')),
    }),
  )

/**
 * Asks until there is an answer, a few times. `fence` can confirm in between that the destination is dead, which settles it
 * as well; without a fence nobody can, and the outcome stays unknown.
 */
export const inquire = (
  reconnect: Reconnect,
  identity: Uint8Array,
  fence: Effect.Effect<boolean>,
): Effect.Effect<Outcome> =>
  askOnce(reconnect, identity).pipe(
    Effect.catch((error: ChannelError) =>
      Effect.gen(function* () {
        if (yield* fence) return { type: 'not-running', reason: 'the destination is dead' } as const
        return yield* Effect.fail(error)
      }),
    ),
    Effect.retry(RETRIES),
    Effect.catch((error: ChannelError) =>
      Effect.succeed({
        type: 'unknown',
        reason: `the channel was lost after the end mark, and the destination cannot be asked: ${error.message}`,
      } as const),
    ),
  )

/** What can be learnt of a destination that cannot be asked: that it is dead, if a fence knows. */
export const askFence = (fence: Effect.Effect<boolean>): Effect.Effect<Outcome> =>
  Effect.map(fence, (isDead) =>
    isDead
      ? { type: 'not-running', reason: 'the destination is dead' }
      : { type: 'unknown', reason: 'the channel was lost after the end mark, and a QEMU cannot be asked' },
  )

/** Reads a question from a connection that is not a migration; gives the identity that it names. */
export const readQuestion = (connection: Connection): Effect.Effect<Uint8Array, ChannelError> => {
  let identity: Uint8Array | undefined
  let asked = false
  const decoder = new StreamDecoder(
    {
      ...silentSink,
      header: (configuration) => {
        identity = configuration?.uuid
      },
      command: (command) => {
        asked ||= command.name === 'PING' && command.value === INQUIRY_PING
      },
    },
    { deviceLength: deviceBytes },
  )
  return readUntil(
    connection,
    (bytes, end) => decoder.feed(bytes, 0, end),
    () => (asked ? identity : undefined),
  ).pipe(
    Effect.timeoutOrElse({
      duration: PATIENCE,
      orElse: () => Effect.fail(new ChannelError('inquire', 'ETIMEDOUT', 'no question came')),
    }),
  )
}

/** Answers a question, and lets the answer arrive before the connection is closed. */
export const answerQuestion = (
  connection: Connection,
  runsHere: boolean,
): Effect.Effect<void, ChannelError, Scope.Scope> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(8)
    writeReturnPath(bytes, 0, { name: 'SHUT', value: runsHere ? 0 : 1 })
    yield* writeAll(connection, bytes)
    yield* connection.endWrites
    const started = yield* Clock.currentTimeMillis
    const sink = new Uint8Array(64)
    // The asker closes when it has read the answer.
    while ((yield* Clock.currentTimeMillis) - started < 500) {
      if ((yield* attempt(connection.link, (link) => link.read(sink, 0, sink.length))) < 0) return
      yield* connection.ready
    }
  })
