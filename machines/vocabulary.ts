/**
 * What all charts share: the events they accept, the context they keep, the guards they ask and the actions they
 * name. An action does nothing here. Its name is the output: an event for the manager (`emit…`) or an intent that
 * somebody else carries out. So a chart stays pure and the same chart serves a runtime, a test and an explorer.
 */
import { and, not, or, setup, stateIn } from 'xstate'
import type { ColoMessage, ColoMode, MigrationStatus } from './status.ts'

/** Run states a guest can be in before a migration stops it, and so can return to. */
export type StoppableRunState =
  'running' | 'paused' | 'prelaunch' | 'suspended' | 'io-error' | 'shutdown' | 'postmigrate'

/** Run states in which a stopped guest can leave the source, and so arrive: the destination takes over the source's. */
export type StoppedRunState = Exclude<StoppableRunState, 'running'>

/** Whose channel it is: a process may send one guest and receive another in the course of its life. */
export type MigrationSide = 'outgoing' | 'incoming'

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
  /** The run state in which the migration, or a checkpoint, found the guest when it stopped it; on a secondary, the source's. */
  readonly before: StoppableRunState
  /** Whether an arriving guest may be started (`-S` and `stop` on a waiting destination say no). */
  readonly autostart: boolean
  /** A primary in COLO: a checkpoint was asked for while another was going on. Several such wishes are one. */
  readonly checkpointDue: boolean
  /** A secondary in COLO: the primary was lost while a checkpoint was being put in use. */
  readonly pairLost: boolean
}

/** Commands of the manager that a chart decides on. */
export type CommandEvent =
  | { readonly type: 'migrate' }
  | { readonly type: 'migrate-incoming' }
  | { readonly type: 'migrate_cancel' }
  | { readonly type: 'migrate-continue' }
  | { readonly type: 'migrate-start-postcopy' }
  | { readonly type: 'migrate-recover' }
  | { readonly type: 'migrate-pause' }
  | { readonly type: 'migrate-resume' }
  | {
      readonly type: 'migrate-set-capabilities'
      readonly pause: boolean
      readonly postcopy: boolean
      readonly colo: boolean
    }
  | { readonly type: 'x-colo-lost-heartbeat' }
  | { readonly type: 'xen-save-devices-state' }
  /** xen-set-replication with `enable`, and the role that it names. */
  | { readonly type: 'replication.start'; readonly role: ReplicationRole }
  /** xen-set-replication without `enable`: stop, or stop and take over. */
  | { readonly type: 'replication.stop' }
  | { readonly type: 'replication.failover' }
  /** xen-colo-do-checkpoint, or a checkpoint of COLO. */
  | { readonly type: 'replication.checkpoint' }
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
  /** The destination has loaded all that was sent and waits for the end mark, or in postcopy for the leave to run. */
  | { readonly type: 'outgoing.prepared' }
  /** The end mark has been handed to a channel that cannot answer. */
  | { readonly type: 'outgoing.committed' }
  /** The destination has taken the leave to run that comes with, or behind, the postcopy package. */
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
  /** COLOMessage checkpoint-ready is here: the secondary has all of the first pass. */
  | { readonly type: 'outgoing.colo-ready' }
  /** x-checkpoint-delay has passed, or was changed. */
  | { readonly type: 'outgoing.checkpoint-due' }
  /** The output of the two guests differs, or the secondary's did not come in time. */
  | { readonly type: 'outgoing.output-differs' }
  /** COLOMessage checkpoint-reply is here. */
  | { readonly type: 'outgoing.checkpoint-reply' }
  /** Pages are sent (7.2) or put together (2.11), and so are the devices: the size of the rest is known. */
  | { readonly type: 'outgoing.vmstate-saved' }
  /** All of the checkpoint has been handed to the channel. */
  | { readonly type: 'outgoing.vmstate-sent' }
  /** COLOMessage vmstate-received is here. */
  | { readonly type: 'outgoing.vmstate-received' }
  /** COLOMessage vmstate-loaded is here. */
  | { readonly type: 'outgoing.vmstate-loaded' }
  /** Nothing of a checkpoint is being worked on any more, so that a failover may go on. */
  | { readonly type: 'outgoing.interrupted' }

/** What the side that receives a guest learns about the world. */
export type IncomingFact =
  | { readonly type: 'incoming.listen-failed' }
  | { readonly type: 'incoming.connected' }
  | { readonly type: 'incoming.advised' }
  | { readonly type: 'incoming.discarding' }
  | { readonly type: 'incoming.listening' }
  | { readonly type: 'incoming.running' }
  /** The guest that postcopy brought is started. */
  | { readonly type: 'incoming.start'; readonly running: boolean; readonly stopped?: StoppedRunState }
  /** All that precedes the end mark is loaded. */
  | { readonly type: 'incoming.prepared' }
  /** The end mark is here. `running`: whether the stream recorded a running guest; if not, `stopped` is how it was. */
  | { readonly type: 'incoming.ended'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.failed' }
  | { readonly type: 'incoming.lost' }
  | { readonly type: 'incoming.recovering' }
  | { readonly type: 'incoming.recovered' }
  /** The stream announced COLO and all of it is loaded; how the source found its guest. */
  | { readonly type: 'incoming.colo'; readonly running: boolean; readonly stopped?: StoppedRunState }
  /** COLOMessage checkpoint-request is here. */
  | { readonly type: 'incoming.checkpoint-request' }
  /** COLOMessage vmstate-send is here. */
  | { readonly type: 'incoming.vmstate-send' }
  /** COLOMessage vmstate-size is here: in 7.2 all pages were, too. */
  | { readonly type: 'incoming.vmstate-size' }
  /** All of the checkpoint is here, nothing of it is in use. */
  | { readonly type: 'incoming.vmstate-staged' }
  /** It is in use: pages and devices of one epoch. How the source found its guest. */
  | { readonly type: 'incoming.vmstate-loaded'; readonly running: boolean; readonly stopped?: StoppedRunState }
  /** Only a part of it could be taken: what is in memory is no state of any guest. */
  | { readonly type: 'incoming.torn' }
  /** As on the other side; a load that is going on cannot be interrupted. */
  | { readonly type: 'incoming.interrupted' }

/** What a fence says that was asked to make sure that the other side cannot run the guest. */
export type FailoverFact = { readonly type: 'failover.fenced' } | { readonly type: 'failover.not-fenced' }

/** The role of a process in block replication, which is part of the configuration of its nodes. */
export type ReplicationRole = 'primary' | 'secondary'

/** What became of an operation on all nodes of a process. */
export type ReplicationFact =
  /** What was asked for is done on every node. */
  | { readonly type: 'replication.done' }
  /** It could not be done on one. */
  | { readonly type: 'replication.refused' }
  /** A write of the guest could not be replicated. */
  | { readonly type: 'replication.io-error' }
  /** What a secondary that took over had buffered is in its disk, on every node; or could not be put there. */
  | { readonly type: 'replication.committed' }
  | { readonly type: 'replication.commit-failed' }

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
  /** colo, failover -> guest: stop for a checkpoint or a failover. */
  | { readonly type: 'vm.colo-stop' }
  /** colo, failover -> guest: go on as before. */
  | { readonly type: 'vm.colo-resume' }
  /** failover -> guest: the secondary's guest is the one guest now. */
  | { readonly type: 'vm.take-over' }
  /** incoming -> guest: the rest of it will never come. */
  | { readonly type: 'vm.lose' }
  /** incoming -> guest: all of it is here. */
  | { readonly type: 'vm.arrive'; readonly running: boolean; readonly stopped?: StoppedRunState }
  /** outgoing, guest -> images: hand the images over. */
  | { readonly type: 'images.release' }
  /** incoming, outgoing, guest -> images: take the images. */
  | { readonly type: 'images.acquire' }
  /** failover -> images: a secondary's copies are the service's images now. */
  | { readonly type: 'images.claim' }
  /** colo -> images: open the secondary's own copy. */
  | { readonly type: 'images.mirror' }
  /** outgoing -> outgoing: the next phase of the same step, after the others have taken theirs. */
  | { readonly type: 'outgoing.proceed' }
  /** incoming -> incoming: the same. */
  | { readonly type: 'incoming.proceed' }
  /** outgoing, incoming -> colo, failover: COLO begins, in this role. */
  | { readonly type: 'colo.begin-primary' }
  | { readonly type: 'colo.begin-secondary' }
  /** colo -> colo: the next phase of the same step. */
  | { readonly type: 'colo.proceed' }
  /** colo -> failover: what was being loaded is loaded, or cannot be. */
  | { readonly type: 'colo.load-over' }
  /** failover -> outgoing, incoming: COLO is over, this side keeps the guest. */
  | { readonly type: 'colo.leave' }
  /** failover -> colo: the role ends, behind the status. */
  | { readonly type: 'colo.exit' }
  /** outgoing -> colo: quirk h8, the run was replaced by another. */
  | { readonly type: 'colo.forget' }
  /** failover -> failover: the next phase of the same step. */
  | { readonly type: 'failover.proceed' }
  /** replication -> colo: the disks are as the checkpoint has them. */
  | { readonly type: 'replication.settled' }
  /** replication -> colo, incoming: writes are missing, or a checkpoint could not be made. */
  | { readonly type: 'replication.lost' }

/** Everything a chart can be told. */
export type ChartEvent =
  | CommandEvent
  | OutgoingFact
  | IncomingFact
  | FailoverFact
  | ReplicationFact
  | DevicesFact
  | GuestFact
  | SynchronisationEvent

type TypeOfPlain<E> = E extends { readonly type: infer T } ? (keyof E extends 'type' ? T : never) : never

/** The types of the events that have no other member. */
export type PlainEventType = TypeOfPlain<ChartEvent>

/** The event of a type that says all. */
export const plainEvent = (type: PlainEventType): ChartEvent =>
  // The union has more members than the compiler compares with a union of types.
  ({ type }) as ChartEvent

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
  checkpointDue: false,
  pairLost: false,
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
    /** Without a way back nothing can be asked: the secondary's word that it is ready is the first that is heard of it. */
    coloAtOnce: ({ context }) => context.colo && !context.returnPath,
    /** A role in COLO, that no failover has been asked to end. */
    inColo: or([stateIn({ colo: 'primary' }), stateIn({ colo: 'secondary' })]),
    outOfColo: stateIn({ colo: 'unknown' }),
    coloPrimary: stateIn({ colo: 'primary' }),
    coloEntering: stateIn({ colo: { primary: { lockstep: 'entering' } } }),
    coloLoading: stateIn({ colo: { secondary: { lockstep: 'loading' } } }),
    coloBroken: or([stateIn({ colo: { primary: 'broken' } }), stateIn({ colo: { secondary: 'broken' } })]),
    checkpointDue: ({ context }) => context.checkpointDue,
    pairLost: ({ context }) => context.pairLost,
    failoverWaits: or([stateIn({ failover: 'relaunch' }), stateIn({ failover: 'require' })]),
    disksStart: or([
      stateIn({ replication: { primary: 'starting' } }),
      stateIn({ replication: { secondary: 'starting' } }),
    ]),
    replicates: stateIn({ replication: { secondary: 'replicating' } }),
    startsPrimary: ({ event }) => event.type === 'replication.start' && event.role === 'primary',
    returnPath: ({ context }) => context.returnPath,
    migrateAllowed: not(
      or([stateIn({ guest: 'inmigrate' }), stateIn({ guest: 'postmigrate' }), stateIn({ guest: 'colo' })]),
    ),
    migrateAllowedWhileLeft: not(or([stateIn({ guest: 'inmigrate' }), stateIn({ guest: 'colo' })])),
    incomingPostcopy: inIncomingPostcopy,
    isWhole: not(stateIn({ incoming: 'failed' })),
    beforeRunning: ({ context }) => context.before === 'running',
    beforePaused: ({ context }) => context.before === 'paused',
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
    /** COLO_EXIT. */
    emitColoExit: (
      _machine,
      _params: { readonly mode: Exclude<ColoMode, 'unknown'>; readonly reason: 'request' | 'error' },
    ) => {},

    /** Intents of the sending side, in the order in which a run meets them. */
    openChannel: () => {},
    beginSetup: () => {},
    iterate: () => {},
    completePrecopy: () => {},
    startPostcopy: () => {},
    sendPackage: () => {},
    commit: () => {},
    inquire: () => {},
    teardown: () => {},
    reopenChannel: () => {},
    resume: () => {},
    /** Intents of the receiving side. */
    listen: () => {},
    load: () => {},
    acknowledge: () => {},
    reject: () => {},
    listenAgain: () => {},
    resumeLoad: () => {},
    /** Intents of both. */
    breakChannel: (_machine, _params: { readonly side: MigrationSide }) => {},
    closeChannel: (_machine, _params: { readonly side: MigrationSide }) => {},
    stopGuest: () => {},
    startGuest: () => {},
    releaseImages: () => {},
    acquireImages: () => {},
    saveDevices: () => {},
    /** Intents of COLO, in the order of a checkpoint, the primary's first. */
    enterColo: () => {},
    armCheckpoint: () => {},
    sendMessage: (_machine, _params: { readonly message: ColoMessage }) => {},
    saveCheckpoint: () => {},
    sendVmstate: () => {},
    stageCheckpoint: () => {},
    loadCheckpoint: () => {},
    /** What a guest sends is kept; what a checkpoint covers may leave; from here on everything leaves at once. */
    holdOutput: () => {},
    releaseOutput: () => {},
    openOutput: () => {},
    /** Intents of a failover. */
    fence: () => {},
    interruptCheckpoint: () => {},
    closeColo: (_machine, _params: { readonly role: ReplicationRole }) => {},
    /** Quirk q9. */
    loseFailover: () => {},
    mirrorImages: () => {},
    replicate: (_machine, _params: { readonly operation: 'start' | 'checkpoint' | 'stop' | 'failover' }) => {},

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
  /** A state of the source has arrived: its guest was running, or stopped in a way that has a name. */
  sourceState: chart.assign({
    before: ({ event, context }) =>
      'running' in event ? (event.running ? 'running' : (stoppedAs(event) ?? 'paused')) : context.before,
  }),
  checkpointDue: (value: boolean) => chart.assign({ checkpointDue: value }),
  pairLost: (value: boolean) => chart.assign({ pairLost: value }),
} as const

/** The named synchronisations, as actions. */
export const synchronise = {
  finishMigrate: chart.raise({ type: 'vm.finish-migrate' }),
  restore: chart.raise({ type: 'vm.restore' }),
  run: chart.raise({ type: 'vm.run' }),
  postmigrate: chart.raise({ type: 'vm.postmigrate' }),
  coloStop: chart.raise({ type: 'vm.colo-stop' }),
  coloResume: chart.raise({ type: 'vm.colo-resume' }),
  lose: chart.raise({ type: 'vm.lose' }),
  arrive: chart.raise(({ event }) => {
    const stopped = stoppedAs(event)
    const running = 'running' in event && event.running
    return stopped === undefined ? { type: 'vm.arrive', running } : { type: 'vm.arrive', running, stopped }
  }),
  takeOver: chart.raise({ type: 'vm.take-over' }),
  release: chart.raise({ type: 'images.release' }),
  acquire: chart.raise({ type: 'images.acquire' }),
  mirror: chart.raise({ type: 'images.mirror' }),
  claim: chart.raise({ type: 'images.claim' }),
  outgoingProceeds: chart.raise({ type: 'outgoing.proceed' }),
  incomingProceeds: chart.raise({ type: 'incoming.proceed' }),
  beginPrimary: chart.raise({ type: 'colo.begin-primary' }),
  beginSecondary: chart.raise({ type: 'colo.begin-secondary' }),
  coloProceeds: chart.raise({ type: 'colo.proceed' }),
  loadOver: chart.raise({ type: 'colo.load-over' }),
  coloLeave: chart.raise({ type: 'colo.leave' }),
  coloExit: chart.raise({ type: 'colo.exit' }),
  coloForget: chart.raise({ type: 'colo.forget' }),
  failoverProceeds: chart.raise({ type: 'failover.proceed' }),
  checkpointDisks: chart.raise({ type: 'replication.checkpoint' }),
  disksSettled: chart.raise({ type: 'replication.settled' }),
  disksLost: chart.raise({ type: 'replication.lost' }),
} as const
