/**
 * TLS for the transports of Node: the channels live in a thread of their own, started when the first is needed, and are seen
 * here as connections over rings.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import { Deferred, Effect, type Scope } from 'effect'
import { ChannelError } from './byte-link.ts'
import { ringLink, type SharedRings } from './ring-link.ts'
import { startThreadBeside } from './thread.ts'
import { HANDSHAKE_MILLIS } from './tls-session.ts'
import type { ThreadAddress, TlsNews, TlsOrder, TlsRequest } from './tls-request.ts'
import type { Connection, Listener, ListenTls, ConnectTls } from './transport.ts'

/** Between two looks at a ring that had nothing to give, or no room. */
const LOOK = '1 millis'

/** How long a channel may take to be let go; its thread keeps shorter times. */
const CLOSE_PATIENCE = '5 seconds'

const died = (reason: string) => new ChannelError('TLS', 'EIO', `its thread has ended: ${reason}`)

const errorOf = ({ operation, code, message, message211 }: Extract<TlsNews, { type: 'failed' }>): ChannelError => {
  const detail = operation === '' ? message : message.slice(operation.length + 2)
  return new ChannelError(operation, code, detail, message211)
}

type Request = TlsRequest extends infer Each ? (Each extends TlsRequest ? Omit<Each, 'port'> : never) : never

/** A channel of the thread, as long as its scope is open. */
interface Remote {
  readonly port: MessagePort
  /** Asks it to end, once; done when it has. */
  readonly close: (drain: boolean) => Effect.Effect<void>
}

/** Ends a channel by its port, whoever asks first. */
const closerOf = (port: MessagePort, closed: Deferred.Deferred<void>) => {
  let asked = false
  return (drain: boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!asked) port.postMessage({ type: 'close', drain } satisfies TlsOrder)
      asked = true
      return Effect.asVoid(Effect.timeoutOption(Deferred.await(closed), CLOSE_PATIENCE))
    })
}

const connectionOver = (rings: SharedRings, close: Remote['close']): Connection => {
  const link = ringLink(rings)
  return {
    link,
    shared: { kind: 'rings', ...rings },
    returnPath: true,
    ready: Effect.sleep(LOOK),
    endWrites: Effect.sync(() => link.endWrites()),
    finished: Effect.never,
    close: close(true),
  }
}

/** See the head of this file. */
export class TlsChannels {
  #thread: Worker | undefined
  /** What to tell whoever waits for the thread when it ends by itself. */
  readonly #waiting = new Set<(reason: string) => void>()

  #hire(): Worker {
    if (this.#thread !== undefined) return this.#thread
    const thread = startThreadBeside(import.meta.url, 'tls-thread')
    thread.on('error', (error) => {
      this.#thread = undefined
      for (const tell of this.#waiting) tell(error.message)
      this.#waiting.clear()
    })
    this.#thread = thread
    return thread
  }

  /** Ends the thread, with all its channels. */
  get end(): Effect.Effect<void> {
    return Effect.promise(async () => {
      await this.#thread?.terminate()
      this.#thread = undefined
    })
  }

  /** Opens a channel; `hear` is called for its news until it is closed. */
  #open(request: Request, hear: (news: TlsNews) => void, lost: (reason: string) => void) {
    return Effect.acquireRelease(
      Effect.sync((): Remote => {
        const { port1, port2 } = new MessageChannel()
        const closed = Deferred.makeUnsafe<void>()
        const end = (): void => {
          this.#waiting.delete(tell)
          Deferred.doneUnsafe(closed, Effect.void)
          port1.close()
        }
        const tell = (reason: string): void => {
          lost(reason)
          end()
        }
        this.#waiting.add(tell)
        port1.on('message', (news: TlsNews) => {
          hear(news)
          if (news.type === 'closed') end()
        })
        this.#hire().postMessage({ ...request, port: port2 } as TlsRequest, [port2])
        return { port: port1, close: closerOf(port1, closed) }
      }),
      // A source that lets go has been answered, or is not to wait for a peer that takes nothing.
      (remote) => remote.close(false),
    )
  }

  /** Connects; done when the peer is known to be the right one. Interruptible at any time. */
  connect(uri: string, address: ThreadAddress, tls: ConnectTls): Effect.Effect<Connection, ChannelError, Scope.Scope> {
    const { credentials, hostname, handshakeMillis = HANDSHAKE_MILLIS } = tls
    return Effect.gen({ self: this }, function* () {
      const connected = yield* Deferred.make<SharedRings, ChannelError>()
      const remote = yield* this.#open(
        { type: 'connect', uri, address, credentials, hostname, handshakeMillis },
        (news) => {
          if (news.type === 'connected') Deferred.doneUnsafe(connected, Effect.succeed(news.rings))
          else if (news.type === 'failed') Deferred.doneUnsafe(connected, Effect.fail(errorOf(news)))
        },
        (reason) => Deferred.doneUnsafe(connected, Effect.fail(died(reason))),
      )
      return connectionOver(yield* Deferred.await(connected), remote.close)
    })
  }

  /** Listens until the scope closes; connections are handed over when their peer is known to be one of the right ones. */
  listen(
    uri: string,
    address: ThreadAddress,
    tls: ListenTls,
    accept: (connection: Connection) => Effect.Effect<void, never, Scope.Scope>,
  ): Effect.Effect<Listener, ChannelError, Scope.Scope> {
    const { credentials, authorized, handshakeMillis = HANDSHAKE_MILLIS } = tls
    const channel = { uri, address, credentials, handshakeMillis, ...(authorized === undefined ? {} : { authorized }) }
    return Effect.gen({ self: this }, function* () {
      const bound = yield* Deferred.make<string, ChannelError>()
      const services = yield* Effect.context<Scope.Scope>()
      const take = (news: Extract<TlsNews, { type: 'accepted' }>): void => {
        const taken = Effect.flatMap(accepted(news), accept)
        Effect.runForkWith(services)(Effect.forkScoped(taken))
      }
      yield* this.#open(
        { type: 'listen', ...channel },
        (news) => {
          if (news.type === 'bound') Deferred.doneUnsafe(bound, Effect.succeed(news.uri))
          else if (news.type === 'failed') Deferred.doneUnsafe(bound, Effect.fail(errorOf(news)))
          else if (news.type === 'accepted') take(news)
          else if (news.type === 'turned-away') tls.turnedAway?.(news.reason)
        },
        (reason) => Deferred.doneUnsafe(bound, Effect.fail(died(reason))),
      )
      return { uri: yield* Deferred.await(bound) }
    })
  }
}

/** A connection of a listener. What it has still to say is said when its scope closes. */
const accepted = ({ rings, port }: Extract<TlsNews, { type: 'accepted' }>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const closed = Deferred.makeUnsafe<void>()
      port.on('message', () => {
        Deferred.doneUnsafe(closed, Effect.void)
        port.close()
      })
      return closerOf(port, closed)
    }),
    (close) => close(true),
  ).pipe(Effect.map((close) => connectionOver(rings, close)))
