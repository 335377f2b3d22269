/**
 * What all charts share: the events they accept, the context they keep, the guards they ask and the actions they
 * name. An action does nothing here. Its name is the output: an event for the manager (`emit…`) or an intent that
 * somebody else carries out. So a chart stays pure and the same chart serves a runtime, a test and an explorer.
 */
import { and, not, or, setup, stateIn } from 'xstate'
import type { MigrationStatus } from './status.ts'

/** Run states a guest can be in before a migration stops it, and so can return to. */
export type StoppableRunState =
  'running' | 'paused' | 'prelaunch' | 'suspended' | 'io-error' | 'shutdown' | 'postmigrate'

/** Run states in which a stopped guest can leave the source, and so arrive: the destination takes over the source's. */
export type StoppedRunState = Exclude<StoppableRunState, 'running'>

/** What the charts remember beside their states. Every member has a finite domain, so that a chart can be explored. */
export interface ChartContext {
  /** Capability `pause-before-switchover`. */
  readonly pause: boolean
  /** Capability `postcopy-ram`. */
  readonly postcopy: boolean
  /** Capability `x-colo`. */
  readonly colo: boolean
  /** Whether the channel of this run has a way back from the destination. */
  readonly returnPath: boolean
  /** `migrate-start-postcopy` was accepted in this run. */
  readonly startPostcopy: boolean
  /** The run state in which the migration found the guest when it stopped it. */
  readonly before: StoppableRunState
  /** Whether an arriving guest may be started (`-S` and `stop` on a waiting destination say no). */
  readonly autostart: boolean
}

/** Commands of the manager that a chart decides on. */
export type CommandEvent =
  | { readonly type: 'migrate' }
  | { readonly type: 'migrate-incoming' }
  | { readonly type: 'migrate_cancel' }
  | { readonly type: 'migrate-continue' }
  | { readonly type: 'migrate-start-postcopy' }
  | { readonly type: 'migrate-recover' }
  | { readonly type: 'migrate-resume' }
  | {
      readonly type: 'migrate-set-capabilities'
      readonly pause: boolean
      readonly postcopy: boolean
      readonly colo: boolean
    }
  | { readonly type: 'x-colo-lost-heartbeat' }
  | { readonly type: 'xen-save-devices-state' }
  | { readonly type: 'stop' }
  | { readonly type: 'cont' }
  | { readonly type: 'system_reset' }

/** What the side that sends a guest learns about the world. */
export type OutgoingFact =
  /** The URI names no transport. */
  | { readonly type: 'outgoing.refused' }
  /** The channel to the destination stands. */
  | { readonly type: 'outgoing.connected'; readonly returnPath: boolean }
  /** It could not be opened. */
  | { readonly type: 'outgoing.connect-failed' }
  /** A failover device has to be unplugged first (7.2). */
  | { readonly type: 'outgoing.unplug-wait' }
  /** Header and section starts are on their way. */
  | { readonly type: 'outgoing.setup-done' }
  /** What is still dirty can be sent within the downtime limit. */
  | { readonly type: 'outgoing.converged' }
  /** It cannot, and postcopy was asked for. */
  | { readonly type: 'outgoing.postcopy' }
  /** Memory and devices have been handed to the channel; nothing is committed yet. */
  | { readonly type: 'outgoing.flushed' }
  /** The destination has loaded all that was sent and waits for the end mark. */
  | { readonly type: 'outgoing.prepared' }
  /** The end mark has been handed to a channel that cannot answer. */
  | { readonly type: 'outgoing.committed' }
  /** The postcopy package is on its way: from here the destination may run. */
  | { readonly type: 'outgoing.package-sent' }
  /** The destination says that it has taken over. */
  | { readonly type: 'outgoing.loaded' }
  /** The channel, the destination or a local step failed. */
  | { readonly type: 'outgoing.failed' }
  /** Postcopy found the channel again (7.2). */
  | { readonly type: 'outgoing.resumed' }
  /** An inquiry after a lost channel: the destination runs the guest. */
  | { readonly type: 'outgoing.outcome-running' }
  /** It does not and never will (it said so, or it is known to be dead). */
  | { readonly type: 'outgoing.outcome-not-running' }
  /** Nobody can tell. */
  | { readonly type: 'outgoing.outcome-unknown' }
  /** Everything that belonged to the run has been let go. */
  | { readonly type: 'outgoing.ended' }
  /** The secondary is ready for checkpoints. */
  | { readonly type: 'outgoing.colo-ready' }
  | { readonly type: 'outgoing.checkpoint-begin' }
  | { readonly type: 'outgoing.checkpoint-end' }

/** What the side that receives a guest learns about the world. */
export type IncomingFact =
  | { readonly type: 'incoming.listen-failed' }
  | { readonly type: 'incoming.connected' }
  | { readonly type: 'incoming.advised' }
  | { readonly type: 'incoming.discarding' }
  | { readonly type: 'incoming.listening' }
  | { readonly type: 'incoming.running' }
  /** The guest that postcopy brought is started. */
  | { readonly type: 'incoming.start'; readonly running: boolean }
  /** All that precedes the end mark is loaded. */
  | { readonly type: 'incoming.prepared' }
  /** The end mark is here. `running`: whether the stream recorded a running guest; if not, `stopped` is how it was. */
  | { readonly type: 'incoming.ended'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.failed' }
  | { readonly type: 'incoming.lost' }
  | { readonly type: 'incoming.recovering' }
  | { readonly type: 'incoming.recovered' }
  /** The stream announced COLO. */
  | { readonly type: 'incoming.colo' }
  | { readonly type: 'incoming.checkpoint-begin' }
  | { readonly type: 'incoming.checkpoint-end' }

/** What becomes of xen-save-devices-state. */
export type DevicesFact =
  /** The file is complete. `live`: the images are for another process now, if the guest is at rest. */
  { readonly type: 'devices.saved'; readonly live: boolean }

/** What the guest itself does. */
export type GuestFact =
  | { readonly type: 'guest.shutdown' }
  | { readonly type: 'guest.suspended' }
  | { readonly type: 'guest.wakeup' }
  | { readonly type: 'guest.io-error' }

/** The named synchronisations: raised by one chart of a process, taken by another in the same step. */
export type SynchronisationEvent =
  /** outgoing -> guest: stop for the switchover. */
  | { readonly type: 'vm.finish-migrate' }
  /** guest -> guest: run, now that the images are held. */
  | { readonly type: 'vm.run' }
  /** outgoing -> guest: return to the run state before the switchover. */
  | { readonly type: 'vm.restore' }
  /** outgoing -> guest: the guest has left, or may have. */
  | { readonly type: 'vm.postmigrate' }
  /** outgoing, incoming -> guest: stop for a checkpoint or a failover. */
  | { readonly type: 'vm.colo-stop' }
  /** outgoing, incoming -> guest: run on after a checkpoint or a failover. */
  | { readonly type: 'vm.colo-resume' }
  /** incoming -> guest: all of it is here. */
  | { readonly type: 'vm.arrive'; readonly running: boolean; readonly stopped?: StoppedRunState }
  /** outgoing, guest -> images: hand the images over. */
  | { readonly type: 'images.release' }
  /** incoming, outgoing, guest -> images: take the images. */
  | { readonly type: 'images.acquire' }
  /** outgoing -> outgoing: the next phase of the same step, after the others have taken theirs. */
  | { readonly type: 'outgoing.proceed' }
  /** incoming -> incoming: the same. */
  | { readonly type: 'incoming.proceed' }

/** Everything a chart can be told. */
export type ChartEvent = CommandEvent | OutgoingFact | IncomingFact | DevicesFact | GuestFact | SynchronisationEvent

/** Where a state of a chart comes from. */
export interface StateMeta {
  /** Schema member, or the place in QEMU's documentation or source that defines it. */
  readonly source: string
}

/** The context of a process that has just started. */
export const initialContext: ChartContext = {
  pause: false,
  postcopy: false,
  colo: false,
  returnPath: false,
  startPostcopy: false,
  before: 'running',
  autostart: true,
}

/** The run state in which an event says that a stopped guest arrives. */
const stoppedAs = (event: ChartEvent): StoppedRunState | undefined =>
  'running' in event && !event.running && 'stopped' in event ? event.stopped : undefined

const inIncomingPostcopy = or([
  stateIn({ incoming: { 'postcopy-active': 'running' } }),
  stateIn({ incoming: 'completed' }),
])

/** The vocabulary of all charts, as XState's `setup`. */
export const chart = setup({
  types: {
    context: {} as ChartContext,
    events: {} as ChartEvent,
    meta: {} as StateMeta,
  },
  guards: {
    pause: ({ context }) => context.pause,
    postcopy: ({ context }) => context.postcopy,
    postcopyStarted: ({ context }) => context.postcopy && context.startPostcopy,
    pausesForPostcopy: ({ context }) => context.pause && context.postcopy && context.startPostcopy,
    colo: ({ context }) => context.colo,
    returnPath: ({ context }) => context.returnPath,
    migrateAllowed: not(
      or([stateIn({ guest: 'inmigrate' }), stateIn({ guest: 'postmigrate' }), stateIn({ guest: 'colo' })]),
    ),
    migrateAllowedWhileLeft: not(or([stateIn({ guest: 'inmigrate' }), stateIn({ guest: 'colo' })])),
    incomingPostcopy: inIncomingPostcopy,
    beforeRunning: ({ context }) => context.before === 'running',
    beforePrelaunch: ({ context }) => context.before === 'prelaunch',
    beforeSuspended: ({ context }) => context.before === 'suspended',
    beforeIoError: ({ context }) => context.before === 'io-error',
    beforeShutdown: ({ context }) => context.before === 'shutdown',
    beforePostmigrate: ({ context }) => context.before === 'postmigrate',
    arrivesRunning: ({ context, event }) => 'running' in event && event.running && context.autostart,
    arrivesPrelaunch: ({ event }) => stoppedAs(event) === 'prelaunch',
    arrivesPostmigrate: ({ event }) => stoppedAs(event) === 'postmigrate',
    arrivesShutdown: ({ event }) => stoppedAs(event) === 'shutdown',
    arrivesSuspended: ({ event }) => stoppedAs(event) === 'suspended',
    arrivesIoError: ({ event }) => stoppedAs(event) === 'io-error',
    startsRunning: and([
      ({ context, event }) => 'running' in event && event.running && context.autostart,
      inIncomingPostcopy,
    ]),
    savesLiveStopped: and([
      ({ event }) => event.type === 'devices.saved' && event.live,
      not(
        or([
          stateIn({ guest: 'running' }),
          stateIn({ guest: 'colo' }),
          stateIn({ guest: 'finish-migrate' }),
          stateIn({ guest: 'inmigrate' }),
        ]),
      ),
    ]),
  },
  actions: {
    /** MIGRATION, if the capability `events` is on or `unconditional` is set. */
    emitMigration: (_machine, _params: { readonly status: MigrationStatus; readonly unconditional?: boolean }) => {},
    emitStop: () => {},
    emitResume: () => {},

    /** Intents of the sending side, in the order in which a run meets them. */
    openChannel: () => {},
    beginSetup: () => {},
    iterate: () => {},
    completePrecopy: () => {},
    sendPackage: () => {},
    commit: () => {},
    inquire: () => {},
    teardown: () => {},
    /** Intents of the receiving side. */
    listen: () => {},
    load: () => {},
    acknowledge: () => {},
    reject: () => {},
    /** Intents of both. */
    stopGuest: () => {},
    startGuest: () => {},
    releaseImages: () => {},
    acquireImages: () => {},
    saveDevices: () => {},

    setCapabilities: () => {},
  },
})

/** Assignments, named so that a chart reads as a list of what happens. */
export const remember = {
  capabilities: chart.assign(({ event, context }) =>
    event.type === 'migrate-set-capabilities'
      ? { pause: event.pause, postcopy: event.postcopy, colo: event.colo }
      : context,
  ),
  newRun: chart.assign({ startPostcopy: false, returnPath: false }),
  returnPath: chart.assign({
    returnPath: ({ event }) => event.type === 'outgoing.connected' && event.returnPath,
  }),
  postcopyStart: chart.assign({ startPostcopy: true }),
  autostart: (value: boolean) => chart.assign({ autostart: value }),
  before: (state: StoppableRunState) => chart.assign({ before: state }),
} as const

/** The named synchronisations, as actions. */
export const synchronise = {
  finishMigrate: chart.raise({ type: 'vm.finish-migrate' }),
  restore: chart.raise({ type: 'vm.restore' }),
  run: chart.raise({ type: 'vm.run' }),
  postmigrate: chart.raise({ type: 'vm.postmigrate' }),
  coloStop: chart.raise({ type: 'vm.colo-stop' }),
  coloResume: chart.raise({ type: 'vm.colo-resume' }),
  arrive: chart.raise(({ event }) => {
    const stopped = stoppedAs(event)
    const running = 'running' in event && event.running
    return stopped === undefined ? { type: 'vm.arrive', running } : { type: 'vm.arrive', running, stopped }
  }),
  arriveRunning: chart.raise({ type: 'vm.arrive', running: true }),
  release: chart.raise({ type: 'images.release' }),
  acquire: chart.raise({ type: 'images.acquire' }),
  outgoingProceeds: chart.raise({ type: 'outgoing.proceed' }),
  incomingProceeds: chart.raise({ type: 'incoming.proceed' }),
} as const
