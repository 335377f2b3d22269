/**
 * What live processes say, as lines of recordings: each message is kept, so that a page that is opened later sees all of it,
 * and told to the pages that are open.
 */
import { Clock, Effect, PubSub, Stream, type Duration, type Scope } from 'effect'
import type { QmpClient, Tap } from '../qmp/client.ts'
import { encodeLine } from '../qmp/message.ts'
import { connectSocketClient, type ConnectError } from '../qmp/socket-client.ts'
import type { LiveMessage } from './live-message.ts'

/** Messages that are kept for pages that are opened later; beyond it the oldest are forgotten. */
export const messagesMax = 200_000

/** Messages as they come. */
export interface LiveLog {
  readonly clients: ReadonlyMap<string, QmpClient>
  /** What was said so far, then what is said; ends when every process is gone. */
  readonly messages: Stream.Stream<LiveMessage>
}

/** How processes are watched. */
export interface WatchOptions {
  /** Addresses of their QMP servers, by the party's name. */
  readonly processes: ReadonlyMap<string, string>
  /** How often each is asked for its figures. */
  readonly poll: Duration.Input
  /** Switch the capability `events` on, without which a status is only seen when it is asked for. */
  readonly switchEventsOn: boolean
}

const END = Symbol('end')

/** Asks for figures until the process is gone; an answer is in the log, a refusal too. */
const askAgainAndAgain = (client: QmpClient, poll: Duration.Input) =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.ignore(client.execute('query-migrate'))
      yield* Effect.ignore(client.execute('query-status'))
      yield* Effect.sleep(poll)
    }
  }).pipe(Effect.raceFirst(client.closed))

/** Connects to the processes and listens until the scope ends. */
export const watchProcesses = ({
  processes,
  poll,
  switchEventsOn,
}: WatchOptions): Effect.Effect<LiveLog, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    // A page that does not keep up loses the oldest messages, and nobody else is held up by it.
    const news = yield* PubSub.sliding<LiveMessage | typeof END>(messagesMax)
    const said: LiveMessage[] = []
    const startedMillis = yield* Clock.currentTimeMillis
    const clock = yield* Clock.Clock
    const tapFor =
      (party: string): Tap =>
      (direction, message) => {
        const t = (clock.currentTimeMillisUnsafe() - startedMillis) / 1000
        const line = encodeLine({ t, dir: direction, msg: message }).trimEnd()
        said.push({ party, line })
        if (said.length > messagesMax) said.shift()
        PubSub.publishUnsafe(news, { party, line })
      }
    const clients = new Map<string, QmpClient>()
    for (const [party, address] of processes)
      clients.set(party, yield* connectSocketClient(address, { tap: tapFor(party) }))
    if (switchEventsOn)
      for (const client of clients.values())
        yield* Effect.ignore(
          client.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }),
        )
    yield* Effect.forEach(clients.values(), (client) => askAgainAndAgain(client, poll), {
      concurrency: 'unbounded',
      discard: true,
    }).pipe(Effect.andThen(PubSub.publish(news, END)), Effect.forkScoped)
    // Subscribing first and then looking at what was said, without a pause in between, loses and repeats nothing.
    const messages = Stream.unwrap(
      Effect.map(PubSub.subscribe(news), (subscription) =>
        Stream.concat(
          Stream.fromIterable([...said]),
          Stream.fromSubscription(subscription).pipe(Stream.takeWhile((each): each is LiveMessage => each !== END)),
        ),
      ),
    )
    return { clients, messages }
  })
