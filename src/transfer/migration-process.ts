/**
 * One process that can send and receive a guest: the core with hands. Commands and facts go through one queue into the
 * core, one at a time; what it answers is carried out in order. Everything slow (connecting, moving pages, asking) runs
 * beside the queue and comes back as a fact, so that a command is answered at once whatever is going on.
 */
import { Cause, Clock, Deferred, Effect, Exit, PubSub, Queue, Ref, Schema, Scope, Stream } from 'effect'
import type { ReplicationRole } from '../../machines/index.ts'
import type { ChannelError } from '../channel/byte-link.ts'
import { closeDescriptor, type DescriptorTable } from '../channel/descriptor.ts'
import { Transport, type ConnectTls, type Connection } from '../channel/transport.ts'
import {
  checkpointDelayMillis,
  imagesState,
  incomingStatus,
  outgoingStatus,
  start,
  step,
  transferMethods,
  type CoreInput,
  type CoreOptions,
  type CoreOutput,
  type CoreState,
  type Fact,
  type GuestNews,
  type HostNews,
  type IncomingNews,
  type Intent,
  type ManagerEvent,
  pathOf,
  type OutgoingNews,
} from '../core/index.ts'
import type { ListenTlsParameters, PostcopySettings } from '../core/intent.ts'
import type { MigrationStats } from '../qapi/index.ts'
import { Credentials } from './credentials.ts'
import { DataPlane, type EngineHandle } from './data-plane.ts'
import { makeGuestNetwork, NO_FIGURES, type GuestNetworkOptions, type NetworkFigures } from './colo/guest-network.ts'
import { loadDevices, makeLockStep, saveDevices } from './colo/lock-step.ts'
import { deviceFile, writeDeviceFile, type DeviceFileError } from './device-file.ts'
import { globalState, guestState, IDENTITY_BYTES } from './dialect.ts'
import type { GuestDrives } from './disk/guest-drives.ts'
import type { ReplicationNode } from './disk/replicated-disk.ts'
import { makeDriveKeeper } from './drive-keeper.ts'
import type { GuestHost } from './guest-host.ts'
import { answerQuestion, askFence, inquire, readQuestion } from './inquiry.ts'
import type { IncomingOrder, IncomingReport, Loading, OutgoingOrder, OutgoingReport } from './order.ts'
import { isPostcopyIntent, makePostcopyShell } from './postcopy/postcopy-shell.ts'

/** A command was refused; it has changed nothing. Class and text as QMP has them. */
export class CommandRefused extends Schema.TaggedError<CommandRefused>('CommandRefused')('CommandRefused', {
  command: Schema.String,
  class: Schema.String,
  desc: Schema.String,
}) {
  override get message(): string {
    return `${this.command}: ${this.desc}`
  }
}

/** An event with the time at which it happened. */
export interface TimedEvent {
  readonly atMillis: number
  readonly event: ManagerEvent
}

/** What a process says, in the order in which it says it: a manager relies on events that precede their answer. */
export type ProcessOutput =
  | ({ readonly kind: 'event' } & TimedEvent)
  | {
      readonly kind: 'answer'
      /** The number that `submit` gave. */
      readonly ticket: number
      readonly result: { readonly value: unknown } | { readonly refused: CommandRefused }
    }

/** What this runtime really carries out; the core refuses to switch on anything else. */
export const runtimeCapabilities = [
  'xbzrle',
  'auto-converge',
  'block',
  'compress',
  'events',
  'return-path',
  'pause-before-switchover',
  'postcopy-ram',
  'release-ram',
  'x-colo',
  'zero-blocks',
  'x-multifd',
] as const

/** How long a command whose channel broke may take to end, so that its status can be named as the cause. */
const FINISH_PATIENCE = '500 millis'

/** How a process is made. */
export interface MigrationProcessOptions extends Omit<
  CoreOptions,
  'supportedCapabilities' | 'descriptors' | 'fence' | 'replication'
> {
  readonly guest: GuestHost
  /** Takes and gives back the image locks; called in the order the charts say. Default: nothing to lock. */
  readonly images?: { readonly acquire: Effect.Effect<void>; readonly release: Effect.Effect<void> }
  /** The guest's own disks, which it writes to and which block migration moves. Default none. */
  readonly drives?: GuestDrives
  /** Where the guest's packets go. Default: nobody hears them, and nothing is compared in COLO. */
  readonly network?: Omit<GuestNetworkOptions, 'differs'>
  /** The disks that are replicated; the guest writes to the first, if there is one. Default: QEMU built without replication. */
  readonly disks?: readonly ReplicationNode[]
  /**
   * How long the other side of a COLO pair may take to answer before it counts as lost. Default 10 seconds. Between two
   * checkpoints a secondary waits ten times as long, or ten times its own x-checkpoint-delay where that is longer.
   */
  readonly coloPatienceMillis?: number
  /** Called at each checkpoint of COLO, while the guest stands still with the state that is the checkpoint's. */
  readonly onCheckpoint?: (role: ReplicationRole) => Effect.Effect<void>
  /**
   * Confirms that the other side is dead or cut off: a destination whose channel was lost in the one moment in which it may
   * have taken over; the other side of a COLO pair, before this one goes on alone. Default: nobody can tell, and in COLO
   * the operator's word is taken.
   */
  readonly fence?: Effect.Effect<boolean>
  /** Descriptors that the process was started with, the same table that its transports have. Default none. */
  readonly descriptors?: DescriptorTable
  /** Writes the file of xen-save-devices-state. Default: a file of this machine. */
  readonly writeFile?: (filename: string, bytes: Uint8Array) => Effect.Effect<void, DeviceFileError>
  /**
   * Who is at the other end. A process of ours can be asked what became of a run; a QEMU cannot, and each of its further
   * connections is a channel of the same migration. Default: ours.
   */
  readonly peer?: 'switchover' | 'qemu'
  /** Names a run to its destination; 16 bytes. Default: random. */
  readonly identity?: () => Uint8Array
}

/** A running process. */
export interface MigrationProcess {
  /** Carries out one command; the answer is what QMP calls `return`. */
  readonly execute: (name: string, args?: unknown) => Effect.Effect<unknown, CommandRefused>
  /** Events from the time of subscription on, in order, none merged or lost. */
  readonly events: Stream.Stream<TimedEvent>
  /** Hands over a command without waiting; its answer comes among the outputs, with this number. */
  readonly submit: (name: string, args?: unknown) => number
  /** Events and answers from now on, in order. */
  readonly outputs: Effect.Effect<PubSub.Subscription<ProcessOutput>, never, Scope.Scope>
  readonly state: Effect.Effect<CoreState>
  /** Every state the core has been in since the stream is run, in order, beginning with the present one. */
  readonly states: Stream.Stream<CoreState>
  /** What became of the guest's packets so far; all 0 where it has no network. */
  readonly network: () => NetworkFigures
  /** Where this process listens for a migration, once it does. */
  readonly address: Effect.Effect<string>
  /** Ends when `quit` was accepted. */
  readonly ended: Effect.Effect<void>
  /** Tells the core something the guest did, or that the process is told to end by a signal. */
  readonly guestFact: (type: GuestNews['type'] | HostNews['type']) => Effect.Effect<void>
}

type Job = {
  readonly input: DistributiveOmit<CoreInput, 'nowMillis'>
  readonly ticket: number
  readonly answer?: Deferred.Deferred<unknown, CommandRefused>
}
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** What belongs to one outgoing run; all of it goes with its scope. */
interface OutgoingRun {
  readonly number: number
  readonly scope: Scope.Closeable
  readonly identity: Uint8Array
  /** What its channel is secured with, and so a later one to the same place. */
  readonly tls: { readonly tls?: ConnectTls }
  connection?: Connection | undefined
  /** Those of multifd, beside it. */
  channels?: readonly Connection[]
  engine?: EngineHandle<OutgoingOrder> | undefined
  /** Set by the setup: postcopy may come. */
  postcopy?: PostcopySettings | undefined
  /** The figures that were reported last. */
  ram?: MigrationStats | undefined
  /** A channel without a way back has told how it ended. */
  verdict?: { readonly ended: boolean; readonly reason: string }
}

/** What belongs to one incoming run. */
interface IncomingRun {
  readonly number: number
  readonly scope: Scope.Closeable
  connection?: Connection | undefined
  engine?: EngineHandle<IncomingOrder> | undefined
  /** Its source has come: who comes later asks what became of the run, or goes on with it. */
  isTaken?: boolean
  /** What its stream may be sent by. */
  loading?: Loading
  /** Where it listens now, if no longer where it began to. */
  listener?: Scope.Closeable | undefined
  /** That is where a manager has said that the source will come to, to go on with a broken postcopy. */
  listensAgain?: boolean
  /** The next connection is that source. */
  awaitsSource?: boolean
  /** Further connections of the same migration. */
  readonly channels: Connection[]
  channelCount: number
  identity?: Uint8Array
  /** Set when the devices are here, done when the guest has taken or refused them. */
  devicesTaken?: Deferred.Deferred<void> | undefined
}

/** How long a destination that has loaded everything may take to take over, before it is asked on another channel. */
const VERDICT_PATIENCE = '10 seconds'

/** Quirk h10: nobody listens to what comes back, so that all is well when the last byte is written. */
const unheard = (connection: Connection): Connection => ({
  ...connection,
  returnPath: false,
  finished: Effect.void,
})

const COLO_PATIENCE_MILLIS = 10_000
/** A secondary that waits for a checkpoint waits longer than any primary that is like it would let it wait. */
const IDLE_FACTOR = 10

const randomIdentity = (): Uint8Array => crypto.getRandomValues(new Uint8Array(IDENTITY_BYTES))

const coreOptions = ({ fence, descriptors, disks, ...options }: MigrationProcessOptions): CoreOptions => ({
  ...options,
  ...(disks === undefined ? {} : { replication: disks.map(({ role }) => role) }),
  descriptors: [...(descriptors?.keys() ?? [])],
  supportedCapabilities: runtimeCapabilities,
  fence: fence !== undefined,
})

/** Starts a process. It ends, with all that belongs to it, when the scope closes. */
export const makeMigrationProcess = (
  options: MigrationProcessOptions,
): Effect.Effect<MigrationProcess, never, Transport | DataPlane | Scope.Scope> =>
  Effect.gen(function* () {
    const services = yield* Effect.context<Transport | DataPlane>()
    const transport = yield* Transport
    const dataPlane = yield* DataPlane
    const scope = yield* Effect.scope
    const { guest, fence = Effect.succeed(false), identity = randomIdentity } = options
    const jobs = yield* Queue.unbounded<Job>()
    const outputs = yield* PubSub.unbounded<ProcessOutput>()
    const states = yield* PubSub.unbounded<CoreState>()
    const address = yield* Deferred.make<string>()
    const ended = yield* Deferred.make<void>()
    const { descriptors = new Map<string, number>() } = options
    const current = yield* Ref.make(start(coreOptions(options)))
    const credentials = new Credentials()
    const { profile = '2.11', disks = [], drives, coloPatienceMillis: patienceMillis = COLO_PATIENCE_MILLIS } = options
    const worded = (error: ChannelError): string => (options.profile === '7.2' ? error.message : error.message211)
    let tickets = 0
    let outgoing: OutgoingRun | undefined
    let incoming: IncomingRun | undefined

    const tell = (fact: Fact): void => {
      Queue.offerUnsafe(jobs, { input: { type: 'fact', fact }, ticket: 0 })
    }
    const beside = <E>(where: Scope.Scope, effect: Effect.Effect<void, E, Scope.Scope | Transport | DataPlane>) =>
      effect.pipe(
        // In this order: the context brings the scope of the process along, and what is made here belongs to `where`.
        Effect.provideService(Scope.Scope, where),
        Effect.provideContext(services),
        Effect.tapCause((cause) =>
          Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError('in the background', cause),
        ),
        Effect.forkIn(where),
      )

    const network =
      options.network === undefined
        ? undefined
        : yield* makeGuestNetwork({
            ...options.network,
            differs: () => {
              if (outgoing !== undefined && profile === '7.2')
                tell({ type: 'outgoing.output-differs', run: outgoing.number })
            },
          })
    const drive = makeDriveKeeper({ drives, guest, tell })
    guest.onOutput((output) => {
      if (output.kind === 'packet') network?.take(output)
      else (disks[0] ?? drives)?.write(output)
    })
    for (const [node, disk] of disks.entries())
      disk.onError((reason) => tell({ type: 'replication.io-error', node, reason, run: 0 }))
    const lockStep = makeLockStep({
      guest,
      network,
      disks,
      fence,
      patienceMillis,
      idleMillis: () => IDLE_FACTOR * Math.max(patienceMillis, checkpointDelayMillis(Ref.getUnsafe(current))),
      onCheckpoint: options.onCheckpoint ?? (() => Effect.void),
      outgoing: () => outgoing,
      incoming: () => incoming,
      tell,
      beside,
      scope,
    })

    const outgoingReport =
      (run: OutgoingRun) =>
      (news: OutgoingReport): void => {
        const { connection } = run
        if (news.type === 'outgoing.progress') run.ram = news.ram
        const background = (effect: Effect.Effect<void>) => Effect.runForkWith(services)(beside(run.scope, effect))
        if (news.type === 'sent') {
          if (!connection?.returnPath) background(awaitFinished(run))
        } else if (news.type === 'outgoing.failed' && connection?.returnPath === false)
          background(explainFailure(run, connection, news))
        else tell({ ...news, run: run.number })
      }

    /**
     * Without a way back a broken channel is only the symptom: how the command ended is the cause. It has not read the
     * whole stream, so nobody but this side can have the guest.
     */
    const explainFailure = (
      run: OutgoingRun,
      connection: Connection,
      news: Extract<OutgoingReport, { type: 'outgoing.failed' }>,
    ) =>
      Effect.gen(function* () {
        const ending = yield* connection.finished.pipe(
          Effect.as(news.reason),
          Effect.catch((error) => Effect.succeed(error.message)),
          Effect.timeoutOrElse({ duration: FINISH_PATIENCE, orElse: () => Effect.succeed(news.reason) }),
        )
        run.verdict = { ended: true, reason: ending }
        tell({ ...news, reason: ending, run: run.number })
      })

    /** Without a way back, success of whatever takes the bytes is the commit. */
    const awaitFinished = (run: OutgoingRun) =>
      Effect.gen(function* () {
        if (run.connection === undefined) return
        const { endWrites, finished } = run.connection
        const exit = yield* Effect.exit(Effect.andThen(endWrites, finished))
        if (Exit.isSuccess(exit)) return tell({ type: 'outgoing.committed', run: run.number })
        const error = Cause.squash(exit.cause)
        const reason = error instanceof Error ? error.message : String(error)
        run.verdict = { ended: true, reason }
        tell({ type: 'outgoing.failed', reason, side: 'channel', run: run.number })
      })

    /** The main connection, and then those of multifd: the destination takes the first that it gets for the main one. */
    const openAll = (intent: Extract<Intent, { type: 'open-channel' }>, tls: OutgoingRun['tls']) =>
      Effect.gen(function* () {
        const opened = yield* transport.connect(intent.uri, { returnPath: intent.returnPath, ...tls })
        const channels: Connection[] = []
        while (channels.length < intent.channels)
          channels.push(yield* transport.connect(intent.uri, { returnPath: true, ...tls }))
        return { opened, channels }
      })

    const openChannel = (intent: Extract<Intent, { type: 'open-channel' }>) =>
      Effect.gen(function* () {
        const tls = credentials.toConnect(intent.tls)
        const run: OutgoingRun = { number: intent.run, scope: yield* Scope.make(), identity: identity(), tls }
        outgoing = run
        yield* beside(
          run.scope,
          openAll(intent, tls).pipe(
            Effect.map(({ opened, channels }) => {
              run.channels = channels
              const isUnheard = options.quirks?.includes('h10') === true && !intent.returnPath
              const connection = isUnheard ? unheard(opened) : opened
              run.connection = connection
              tell({ type: 'outgoing.connected', returnPath: connection.returnPath, run: run.number })
            }),
            Effect.catch((error) => {
              tell({ type: 'outgoing.connect-failed', reason: worded(error), side: 'channel', run: run.number })
              return Effect.void
            }),
          ),
        )
      })

    const startOutgoing = () =>
      Effect.gen(function* () {
        const run = outgoing
        if (run?.connection === undefined) return undefined
        return yield* dataPlane
          .outgoing(run.connection, guest.memory, outgoingReport(run), drive.disks, run.channels)
          .pipe(Effect.provideService(Scope.Scope, run.scope))
      })

    const beginSetup = (intent: Extract<Intent, { type: 'begin-setup' }>) =>
      Effect.gen(function* () {
        const run = outgoing
        if (run?.connection === undefined) return
        if (intent.colo && !run.connection.returnPath)
          return tell({
            type: 'outgoing.failed',
            reason: 'COLO needs a channel on which the secondary can answer',
            side: 'channel',
            run: run.number,
          })
        if (intent.postcopy !== undefined && !run.connection.returnPath)
          return tell({
            type: 'outgoing.failed',
            reason: 'Unable to open return-path for postcopy',
            side: 'channel',
            run: run.number,
          })
        const engine = yield* startOutgoing()
        run.engine = engine
        run.postcopy = intent.postcopy
        engine?.order({
          type: 'setup',
          parameters: intent.parameters,
          methods: intent.methods,
          returnPath: run.connection.returnPath,
          identity: run.identity,
          ...(intent.colo ? { colo: profile } : {}),
          ...(intent.disks === undefined ? {} : { disks: intent.disks }),
          ...(intent.postcopy === undefined ? {} : { postcopy: intent.postcopy }),
        })
      })

    const completePrecopy = (intent: Extract<Intent, { type: 'complete-precopy' }>) =>
      Effect.gen(function* () {
        const problem = yield* drive.flushed
        const { run } = intent
        if (problem !== undefined) return tell({ type: 'outgoing.failed', reason: problem, side: 'source', run })
        const devices = yield* saveDevices(guest, network, intent.runState)
        outgoing?.engine?.order({ type: 'complete', devices })
      })

    const commit = Effect.gen(function* () {
      const run = outgoing
      run?.engine?.order({ type: 'commit' })
      if (run?.connection?.returnPath === true) yield* beside(run.scope, awaitVerdict(run))
    })

    /** A channel on which nothing moves any more does not break either: without this nobody would ever run the guest. */
    const awaitVerdict = (run: OutgoingRun) =>
      Effect.map(Effect.sleep(VERDICT_PATIENCE), () => {
        // In postcopy there is a lot to be sent behind that.
        if (pathOf(Ref.getUnsafe(current), 'outgoing')[1] !== 'committing') return
        tell({
          type: 'outgoing.failed',
          reason: `the destination has not said within ${VERDICT_PATIENCE} whether it runs the guest`,
          side: 'channel',
          run: run.number,
        })
      })

    const findOutcome = (intent: Extract<Intent, { type: 'inquire' }>) =>
      Effect.gen(function* () {
        const run = outgoing
        if (run === undefined) return
        const { verdict, number } = run
        if (verdict !== undefined)
          return tell({ type: 'outgoing.outcome-not-running', reason: verdict.reason, run: number })
        const again = transport.connect(intent.uri, { returnPath: true, ...run.tls })
        const outcome = yield* options.peer === 'qemu' ? askFence(fence) : inquire(again, run.identity, fence)
        if (outcome.type === 'running') return tell({ type: 'outgoing.outcome-running', run: number })
        return tell({ type: `outgoing.outcome-${outcome.type}`, reason: outcome.reason, run: number })
      })

    const teardown = (intent: Extract<Intent, { type: 'teardown' }>) =>
      Effect.gen(function* () {
        const run = outgoing
        if (run !== undefined) yield* Scope.close(run.scope, Exit.void)
        outgoing = undefined
        tell({ type: 'outgoing.ended', run: intent.run })
      })

    const openListener = (run: IncomingRun, uri: string, tls: ListenTlsParameters | undefined) => {
      const turnedAway = (reason: string): void => {
        tell({ type: 'incoming.turned-away', reason, run: run.number })
        Effect.runForkWith(services)(Effect.logWarning(reason))
      }
      return transport.listen(uri, (connection) => accept(run, connection), credentials.toListen(tls, turnedAway))
    }

    const listen = (intent: Extract<Intent, { type: 'listen' }>) =>
      Effect.gen(function* () {
        const run: IncomingRun = { number: intent.run, scope: yield* Scope.fork(scope), channels: [], channelCount: 0 }
        // It may have to listen elsewhere in the end, and go on loading meanwhile.
        const listener = yield* Scope.fork(run.scope)
        run.listener = listener
        incoming = run
        yield* beside(
          listener,
          openListener(run, intent.uri, intent.tls).pipe(
            Effect.map((listener) => {
              Deferred.doneUnsafe(address, Effect.succeed(listener.uri))
              tell({ type: 'incoming.bound', uri: listener.uri, run: run.number })
            }),
            Effect.catch((error) => {
              tell({ type: 'incoming.listen-failed', reason: worded(error), run: run.number })
              return Scope.close(run.scope, Exit.void)
            }),
          ),
        )
      })

    /** The first connection is the migration; a later one may ask what became of it. */
    const accept = (run: IncomingRun, connection: Connection): Effect.Effect<void, never, Scope.Scope> => {
      if (postcopy.takes(run, connection)) return Effect.void
      if (!run.isTaken) {
        run.isTaken = true
        run.connection = connection
        return Effect.sync(() => tell({ type: 'incoming.connected', run: run.number }))
      }
      if (options.peer === 'qemu' || isChannel(run)) return Effect.sync(() => addChannel(run, connection))
      return Effect.gen(function* () {
        const asked = yield* readQuestion(connection)
        const same = run.identity !== undefined && Buffer.compare(asked, run.identity) === 0
        yield* answerQuestion(connection, same && (yield* settleForInquiry(run)))
      }).pipe(
        Effect.catch((error) => Effect.logDebug(`ignoring an extra connection: ${error.message}`)),
        Effect.andThen(connection.close),
        Effect.scoped,
      )
    }

    /** With multifd the connections behind the first are its channels; only when all are here can anybody ask. */
    const isChannel = (run: IncomingRun): boolean => {
      const { multifd } = transferMethods(Ref.getUnsafe(current))
      return multifd !== undefined && run.channelCount++ < multifd.channels
    }

    /** A source may open its channels before the engine is there. */
    const addChannel = (run: IncomingRun, connection: Connection): void => {
      run.channels.push(connection)
      run.engine?.order({ type: 'channel', ...connection })
    }

    /** Makes the answer final: a source that asks has lost its channel, so nothing more can arrive on it. */
    const settleForInquiry = (run: IncomingRun) =>
      Effect.gen(function* () {
        const at = pathOf(yield* Ref.get(current), 'incoming').join('.')
        if (at.startsWith('active.') || at === 'postcopy-active.listening') {
          const lost = yield* Deferred.make<unknown, CommandRefused>()
          const reason = 'the source lost the channel and asked who runs the guest'
          const fact: Fact = { type: 'incoming.lost', reason, side: 'channel', run: run.number }
          yield* Queue.offer(jobs, { input: { type: 'fact', fact }, ticket: 0, answer: lost })
          yield* Effect.exit(Deferred.await(lost))
        }
        const after = yield* Ref.get(current)
        // Whoever has taken the images has run it, or may have, even where a part of its memory will never come.
        return incomingStatus(after) === 'completed' || imagesState(after) === 'held'
      })

    const load = Effect.fnUntraced(function* ({
      methods,
      parameters,
      postcopy: mayBePostcopy,
    }: Extract<Intent, { type: 'load' }>) {
      const run = incoming
      if (run === undefined) return
      run.loading = { methods, parameters, postcopy: mayBePostcopy }
      const engine = yield* startIncoming()
      run.engine = engine
      for (const channel of run.channels) engine?.order({ type: 'channel', ...channel })
    })

    const startIncoming = Effect.fnUntraced(function* () {
      const run = incoming
      if (run?.connection === undefined || run.loading === undefined) return undefined
      const { connection, loading } = run
      const disks = yield* drive.toFill
      const engine = yield* dataPlane
        .incoming(connection, guest.memory, incomingReport(run), loading, disks)
        .pipe(Effect.provideService(Scope.Scope, run.scope))
      // The listener stays, for a source that has to ask; the channels of the stream have served their purpose.
      const closeAll = Effect.suspend(() => Effect.forEach([connection, ...run.channels], ({ close }) => close))
      yield* beside(run.scope, engine.over.pipe(Effect.andThen(closeAll), Effect.andThen(disownDisks)))
      return engine
    })

    const postcopy = makePostcopyShell({
      guest,
      network,
      outgoing: () => outgoing,
      incoming: () => incoming,
      isPeerQemu: options.peer === 'qemu',
      tell,
      worded,
      beside,
      flushed: drive.flushed,
      connect: ({ uri, tls }) => transport.connect(uri, { returnPath: true, ...credentials.toConnect(tls) }),
      listen: ({ uri, tls }) => (incoming === undefined ? Effect.never : openListener(incoming, uri, tls)),
      startOutgoing,
      startIncoming,
    })

    /** A load that has come to nothing leaves the images to others. */
    const disownDisks = Effect.gen(function* () {
      const state = yield* Ref.get(current)
      if (imagesState(state) === 'inactive' && incomingStatus(state) !== 'colo') yield* drive.release
    })

    const incomingReport =
      (run: IncomingRun) =>
      (news: IncomingReport): void => {
        if (news.type === 'identified') run.identity = news.identity
        else if (lockStep.hear(news, run.number)) return
        else if (news.type === 'arrived') {
          run.devicesTaken = Deferred.makeUnsafe<void>()
          Effect.runForkWith(services)(beside(run.scope, takeDevices(run, news, run.devicesTaken)))
        } else if (news.type !== 'received' && news.type !== 'staged' && news.type !== 'applied')
          afterDevices(run, news)
      }

    /** The end mark must not overtake the devices, which are taken by the guest's own thread. */
    const afterDevices = (run: IncomingRun, news: IncomingNews): void => {
      const fact: Fact = { ...news, run: run.number }
      const { devicesTaken } = run
      if (devicesTaken === undefined) return tell(fact)
      const later = Effect.map(Deferred.await(devicesTaken), () => tell(fact))
      Effect.runForkWith(services)(beside(run.scope, later))
    }
    const takeDevices = (
      run: IncomingRun,
      news: Extract<IncomingReport, { type: 'arrived' }>,
      taken: Deferred.Deferred<void>,
    ) =>
      Effect.gen(function* () {
        const problem = yield* loadDevices(guest, network, news.devices)
        if (problem !== undefined)
          tell({ type: 'incoming.failed', reason: problem, side: 'destination', run: run.number })
        else {
          if (news.postcopy !== true) tell({ type: 'incoming.prepared', run: run.number })
          run.engine?.order({ type: 'accept' })
        }
        run.devicesTaken = undefined
        yield* Deferred.succeed(taken, undefined)
      })

    /** The state is read here and now, while the guest stands still; only the writing takes its time. */
    const saveDevicesToFile = (intent: Extract<Intent, { type: 'save-devices' }>) =>
      Effect.gen(function* () {
        // Whatever the guest does: the toolstack that loads the file decides when it runs.
        const devices = [globalState('running'), guestState(yield* guest.saveState)]
        const { writeFile = writeDeviceFile } = options
        const { run } = intent
        yield* beside(
          scope,
          writeFile(intent.filename, deviceFile(devices)).pipe(
            Effect.match({
              onSuccess: () => tell({ type: 'devices.saved', run }),
              onFailure: ({ at, reason }) => tell({ type: 'devices.save-failed', at, reason, run }),
            }),
          ),
        )
      })

    const perform = (intent: Intent): Effect.Effect<void> => {
      switch (intent.type) {
        case 'open-channel':
          return openChannel(intent)
        case 'begin-setup':
          return beginSetup(intent)
        case 'iterate':
          return Effect.sync(() => outgoing?.engine?.order({ type: 'iterate' }))
        case 'set-parameters':
          return Effect.sync(() => outgoing?.engine?.order({ type: 'set-parameters', parameters: intent.parameters }))
        case 'complete-precopy':
          return completePrecopy(intent)
        case 'commit':
          return commit
        case 'inquire':
          return Effect.asVoid(beside(outgoing?.scope ?? scope, findOutcome(intent)))
        case 'teardown':
          return Effect.asVoid(beside(scope, teardown(intent)))
        case 'listen':
          return listen(intent)
        case 'load':
          return load(intent)
        case 'set-load-parameters':
          return Effect.sync(() =>
            incoming?.engine?.order({ type: 'set-load-parameters', parameters: intent.parameters }),
          )
        case 'acknowledge':
          return Effect.sync(() => incoming?.engine?.order({ type: 'acknowledge' }))
        case 'reject':
          return Effect.sync(() => incoming?.engine?.order({ type: 'reject' }))
        case 'stop-guest':
          return guest.stop
        case 'start-guest':
          return drive.startGuest
        case 'reset-guest':
          // A state that the guest had itself, so it takes it.
          return Effect.ignore(guest.loadState(firstState))
        case 'throttle-guest':
          return guest.throttle(intent.percentage)
        case 'acquire-images':
          return Effect.andThen(drive.acquire, options.images?.acquire ?? Effect.void)
        case 'release-images':
          return Effect.andThen(drive.release, options.images?.release ?? Effect.void)
        case 'save-devices':
          return saveDevicesToFile(intent)
        case 'load-credentials':
          return credentials.load(intent.id, intent.options).pipe(
            Effect.match({
              onSuccess: () => tell({ type: 'object.loaded', run: intent.run }),
              onFailure: ({ reason }) => tell({ type: 'object.load-failed', reason, run: intent.run }),
            }),
          )
        case 'unload-credentials':
          return Effect.sync(() => credentials.forget(intent.id))
        case 'close-descriptor':
          return closeDescriptor(descriptors, intent.name)
        case 'quit':
          return Effect.asVoid(Deferred.succeed(ended, undefined))
        default:
          return isPostcopyIntent(intent) ? postcopy.perform(intent) : lockStep.perform(intent)
      }
    }

    const answer = (job: Job, result: Extract<ProcessOutput, { kind: 'answer' }>['result']): Effect.Effect<void> =>
      Effect.gen(function* () {
        yield* PubSub.publish(outputs, { kind: 'answer', ticket: job.ticket, result })
        if (job.answer === undefined) return
        if ('value' in result) yield* Deferred.succeed(job.answer, result.value)
        else yield* Deferred.fail(job.answer, result.refused)
      })

    /** Commands that are answered by a later fact, by the core's ticket. */
    const waiting = new Map<number, Job>()
    const askerOf = (job: Job, ticket: number | undefined): Job => {
      const asker = ticket === undefined ? undefined : waiting.get(ticket)
      if (ticket !== undefined) waiting.delete(ticket)
      return asker ?? job
    }

    const deliver = (job: Job, output: CoreOutput, nowMillis: number): Effect.Effect<void> => {
      switch (output.type) {
        case 'intent':
          return perform(output.intent)
        case 'event':
          return Effect.asVoid(PubSub.publish(outputs, { kind: 'event', atMillis: nowMillis, event: output.event }))
        case 'reply':
          return answer(askerOf(job, output.ticket), { value: output.value })
        case 'refusal': {
          const asker = askerOf(job, output.ticket)
          const command = asker.input.type === 'command' ? asker.input.name : ''
          return answer(asker, {
            refused: new CommandRefused({ command, class: output.class, desc: output.desc }),
          })
        }
        case 'deferred':
          return Effect.sync(() => void waiting.set(output.ticket, job))
        case 'unexpected':
          return Effect.logDebug(`fact ${output.fact} of run ${output.run} is not taken in ${output.state}`)
      }
    }

    const takeJob = Effect.gen(function* () {
      const job = yield* Queue.take(jobs)
      const nowMillis = yield* Clock.currentTimeMillis
      const [next, made] = step(yield* Ref.get(current), { ...job.input, nowMillis })
      yield* Ref.set(current, next)
      yield* PubSub.publish(states, next)
      for (const output of made) yield* deliver(job, output, nowMillis)
      if (job.input.type === 'fact' && job.answer !== undefined) yield* Deferred.succeed(job.answer, undefined)
    })

    yield* dataPlane.ready
    const firstState = yield* guest.saveState
    if (options.incoming === undefined && options.autostart !== false) yield* drive.startGuest
    yield* Effect.forkScoped(Effect.forever(takeJob))
    // However the process ends, nothing of a run is left behind.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => (outgoing === undefined ? Effect.void : Scope.close(outgoing.scope, Exit.void))),
    )

    const submit = (name: string, args?: unknown, answered?: Deferred.Deferred<unknown, CommandRefused>): number => {
      const ticket = ++tickets
      const input = { type: 'command', name, arguments: args } as const
      Queue.offerUnsafe(jobs, answered === undefined ? { input, ticket } : { input, ticket, answer: answered })
      return ticket
    }

    return {
      execute: (name, args) =>
        Effect.gen(function* () {
          const answered = yield* Deferred.make<unknown, CommandRefused>()
          submit(name, args, answered)
          return yield* Deferred.await(answered)
        }),
      submit: (name, args) => submit(name, args),
      outputs: PubSub.subscribe(outputs),
      events: Stream.fromPubSub(outputs).pipe(
        Stream.filter((output) => output.kind === 'event'),
        Stream.map(({ atMillis, event }) => ({ atMillis, event })),
      ),
      state: Ref.get(current),
      // Subscribed before the present state is read: a step in between is seen twice rather than never.
      states: Stream.unwrap(
        Effect.gen(function* () {
          const subscription = yield* PubSub.subscribe(states)
          return Stream.concat(Stream.fromEffect(Ref.get(current)), Stream.fromSubscription(subscription))
        }),
      ),
      network: () => network?.figures() ?? NO_FIGURES,
      address: Deferred.await(address),
      ended: Deferred.await(ended),
      guestFact: (type) =>
        Effect.asVoid(Queue.offer(jobs, { input: { type: 'fact', fact: { type, run: 0 } }, ticket: 0 })),
    }
  })

/** Whether a process has nothing under way in either direction. */
export const isQuiescent = (state: CoreState): boolean =>
  ['none', 'completed', 'failed', 'cancelled'].includes(outgoingStatus(state)) &&
  ['none', 'completed', 'failed'].includes(incomingStatus(state))

export type { OutgoingNews }
