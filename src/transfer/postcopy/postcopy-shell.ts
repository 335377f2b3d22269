/**
 * The intents of postcopy, carried out by a process: the package of a source, and what becomes of a run whose channel broke.
 * Its old channel is let go, a new one is opened or waited for, and a new engine goes on where the one before ended; the run
 * itself, with its figures and its missing pages, stays.
 */
import { Deferred, Effect, Exit, Scope } from 'effect'
import type { ChannelError } from '../../channel/byte-link.ts'
import type { Connection, Listener, Transport } from '../../channel/transport.ts'
import type { Fact, Intent } from '../../core/index.ts'
import type { PostcopySettings } from '../../core/intent.ts'
import type { MigrationStats } from '../../qapi/index.ts'
import { saveDevices } from '../colo/lock-step.ts'
import type { GuestNetwork } from '../colo/guest-network.ts'
import type { EngineHandle } from '../data-plane.ts'
import type { GuestHost } from '../guest-host.ts'
import type { IncomingOrder, OutgoingOrder } from '../order.ts'

/** What of an outgoing run postcopy works on. */
interface OutgoingRun {
  readonly number: number
  readonly scope: Scope.Closeable
  readonly identity: Uint8Array
  connection?: Connection | undefined
  engine?: EngineHandle<OutgoingOrder> | undefined
  /** Set by the setup: postcopy may come. */
  postcopy?: PostcopySettings | undefined
  /** The figures that were reported last. */
  ram?: MigrationStats | undefined
}

/** What of an incoming run postcopy works on. */
interface IncomingRun {
  readonly number: number
  readonly scope: Scope.Closeable
  identity?: Uint8Array | undefined
  connection?: Connection | undefined
  engine?: EngineHandle<IncomingOrder> | undefined
  /** Where it listens. */
  listener?: Scope.Closeable | undefined
  /** That is where a manager has said that the source will come to, to go on with a broken postcopy. */
  listensAgain?: boolean
  /** The next connection is that source. */
  awaitsSource?: boolean
}

/** What the process lends. */
export interface PostcopyHost {
  readonly guest: GuestHost
  readonly network: GuestNetwork | undefined
  readonly outgoing: () => OutgoingRun | undefined
  readonly incoming: () => IncomingRun | undefined
  /** A further connection of a QEMU is taken by its engine itself, which therefore stays. */
  readonly isPeerQemu: boolean
  readonly tell: (fact: Fact) => void
  readonly worded: (error: ChannelError) => string
  readonly beside: <E>(
    where: Scope.Scope,
    effect: Effect.Effect<void, E, Scope.Scope | Transport>,
  ) => Effect.Effect<unknown>
  /** What the guest has written to its disks is in the images; or why not. */
  readonly flushed: Effect.Effect<string | undefined | void>
  readonly connect: (
    intent: Extract<Intent, { type: 'reopen-channel' }>,
  ) => Effect.Effect<Connection, ChannelError, Scope.Scope>
  readonly listen: (
    intent: Extract<Intent, { type: 'listen-again' }>,
  ) => Effect.Effect<Listener, ChannelError, Scope.Scope>
  /** Starts an engine on the connection of the run. */
  readonly startOutgoing: () => Effect.Effect<EngineHandle<OutgoingOrder> | undefined>
  readonly startIncoming: () => Effect.Effect<EngineHandle<IncomingOrder> | undefined>
}

const intents = [
  'start-postcopy',
  'send-package',
  'reopen-channel',
  'resume',
  'break-channel',
  'close-channel',
  'listen-again',
  'resume-load',
] as const

/** An intent of postcopy. */
export type PostcopyIntent = Extract<Intent, { type: (typeof intents)[number] }>

export const isPostcopyIntent = (intent: Intent): intent is PostcopyIntent =>
  intents.some((type) => type === intent.type)

/** See the head of this file. */
export const makePostcopyShell = (host: PostcopyHost) => {
  const { guest, network, tell } = host
  /** Until when the channel that broke is being let go, by side. */
  const closing = { outgoing: Deferred.makeUnsafe<void>(), incoming: Deferred.makeUnsafe<void>() }

  const sendPackage = ({ runState, run }: Extract<Intent, { type: 'send-package' }>) =>
    Effect.gen(function* () {
      const problem = yield* host.flushed
      if (problem !== undefined) return tell({ type: 'outgoing.failed', reason: problem, side: 'source', run })
      const devices = yield* saveDevices(guest, network, runState)
      host.outgoing()?.engine?.order({ type: 'package', devices })
    })

  const breakChannel = (side: 'outgoing' | 'incoming') =>
    Effect.sync(() => {
      if (side === 'outgoing') host.outgoing()?.engine?.order({ type: 'break' })
      else host.incoming()?.engine?.order({ type: 'break' })
    })

  const closeChannel = (side: 'outgoing' | 'incoming') =>
    Effect.gen(function* () {
      const done = Deferred.makeUnsafe<void>()
      closing[side] = done
      const run = side === 'outgoing' ? host.outgoing() : host.incoming()
      if (run === undefined || host.isPeerQemu) return yield* Deferred.succeed(done, undefined)
      const { engine, connection } = run
      run.engine = undefined
      run.connection = undefined
      const incoming = side === 'incoming' ? host.incoming() : undefined
      if (incoming?.listensAgain === true) incoming.awaitsSource = true
      yield* host.beside(
        run.scope,
        Effect.gen(function* () {
          engine?.order({ type: 'abort' })
          if (engine !== undefined) yield* engine.over
          if (connection !== undefined) yield* connection.close
          yield* Deferred.succeed(done, undefined)
        }),
      )
    })

  const reopen = (intent: Extract<Intent, { type: 'reopen-channel' }>) =>
    Effect.gen(function* () {
      const run = host.outgoing()
      if (run === undefined) return
      yield* host.beside(
        run.scope,
        Deferred.await(closing.outgoing).pipe(
          Effect.andThen(host.connect(intent)),
          Effect.map((connection) => {
            run.connection = connection
            tell({ type: 'outgoing.connected', returnPath: connection.returnPath, run: run.number })
          }),
          Effect.catch((error: ChannelError) =>
            Effect.sync(() =>
              tell({ type: 'outgoing.connect-failed', reason: host.worded(error), side: 'channel', run: run.number }),
            ),
          ),
        ),
      )
    })

  const resume = ({ parameters, run: number }: Extract<Intent, { type: 'resume' }>) =>
    Effect.gen(function* () {
      const run = host.outgoing()
      const { postcopy, ram, identity } = run ?? {}
      const engine = yield* host.startOutgoing()
      if (
        run === undefined ||
        engine === undefined ||
        postcopy === undefined ||
        ram === undefined ||
        identity === undefined
      )
        return tell({ type: 'outgoing.failed', reason: 'nothing is left to resume', side: 'source', run: number })
      run.engine = engine
      engine.order({ type: 'resume', parameters, postcopy, identity, ram })
    })

  /** Where it listened before it listens no more: it may be the same place. */
  const listenAgain = (intent: Extract<Intent, { type: 'listen-again' }>) =>
    Effect.gen(function* () {
      const run = host.incoming()
      if (run === undefined) return
      const before = run.listener
      const listener = yield* Scope.fork(run.scope)
      run.listener = listener
      yield* host.beside(
        listener,
        Effect.gen(function* () {
          yield* Deferred.await(closing.incoming)
          if (before !== undefined) yield* Scope.close(before, Exit.void)
          run.listensAgain = true
          run.awaitsSource = true
          const { uri } = yield* host.listen(intent)
          tell({ type: 'incoming.bound', uri, run: intent.run })
        }).pipe(
          Effect.catch((error: ChannelError) =>
            Effect.sync(() => {
              run.listener = undefined
              tell({ type: 'incoming.listen-failed', reason: host.worded(error), run: intent.run })
            }),
          ),
        ),
      )
    })

  const resumeLoad = Effect.gen(function* () {
    const run = host.incoming()
    if (run === undefined || host.isPeerQemu) return
    const engine = yield* host.startIncoming()
    if (engine === undefined) return
    run.engine = engine
    engine.order({ type: 'resume', identity: run.identity })
  })

  const perform = (intent: PostcopyIntent): Effect.Effect<void> => {
    switch (intent.type) {
      case 'start-postcopy':
        return Effect.sync(() => host.outgoing()?.engine?.order({ type: 'start-postcopy' }))
      case 'send-package':
        return sendPackage(intent)
      case 'break-channel':
        return breakChannel(intent.side)
      case 'close-channel':
        return Effect.asVoid(closeChannel(intent.side))
      case 'reopen-channel':
        return reopen(intent)
      case 'resume':
        return resume(intent)
      case 'listen-again':
        return listenAgain(intent)
      case 'resume-load':
        return resumeLoad
    }
  }

  /** A source that comes to go on with a broken postcopy: whether this connection is one, which it then is alone. */
  const takes = (run: IncomingRun, connection: Connection): boolean => {
    if (run.awaitsSource !== true) return false
    run.awaitsSource = false
    run.connection = connection
    tell({ type: 'incoming.recovering', run: run.number })
    return true
  }

  return { perform, takes }
}
