/**
 * One decision of the charts, with what follows from it: the actions they name become events and intents, and the books
 * of the run are kept. Nothing else in the core changes a status.
 */
import { createActor, type ActionExecutor, type AnyActorRef, type AnyTransitionDefinition } from 'xstate'
import type { ChartEvent, MigrationSide, ProcessMachine, Profile } from '../../machines/index.ts'
import {
  coloMode,
  failoverStatus,
  isOn,
  machineOf,
  outgoingStatus,
  pathOf,
  runState,
  type CoreState,
  type OutgoingRun,
  type ReplicationWork,
} from './core-state.ts'
import type { DiskOptions, Intent, PostcopySettings } from './intent.ts'
import type { CoreOutput } from './output.ts'
import { coloIntentOf } from './colo-intent.ts'
import { loadParameters, transferMethods, transferParameters } from './parameters.ts'
import { pendingSave } from './pending.ts'
import { unthrottled } from './throttle.ts'
import { connectTls, listenTls } from './tls.ts'

/** A new state and what came of it. */
export type Step = readonly [state: CoreState, outputs: readonly CoreOutput[]]

type Snapshot = ReturnType<ProcessMachine['resolveState']>

/** The charts' own form of a state, kept for as long as the state is: making it anew is half of what a step costs. */
const snapshots = new WeakMap<CoreState['chart'], Snapshot>()

const snapshotOf = (state: CoreState): Snapshot => {
  const known = snapshots.get(state.chart)
  if (known !== undefined) return known
  const made = machineOf(state).resolveState(state.chart)
  snapshots.set(state.chart, made)
  return made
}

/** Whether the charts take an event in this state. */
export const accepts = (state: CoreState, event: ChartEvent): boolean => snapshotOf(state).can(event)

/** An actor that is never started, as XState asks for one; its own `transition` makes one for each event. */
const actors = new WeakMap<ProcessMachine, AnyActorRef>()

const actorOf = (machine: ProcessMachine): AnyActorRef => {
  const known = actors.get(machine)
  if (known !== undefined) return known
  const made = createActor(machine)
  actors.set(machine, made)
  return made
}

const nothing = (): void => {}

/** Told of the transitions that the charts of a core take in a step, in their order. */
export type ChartWatcher = (profile: Profile, transitions: readonly AnyTransitionDefinition[]) => void

const watchers = new Set<ChartWatcher>()

/**
 * Watches the charts of every core in this program, to see which of their edges something takes. Ends with a call of what
 * it gives.
 */
export const watchCharts = (watcher: ChartWatcher): (() => void) => {
  watchers.add(watcher)
  return () => void watchers.delete(watcher)
}

/** A step that is watched: XState tells of the steps within it. */
const watched = (state: CoreState, event: ChartEvent) => {
  const machine = machineOf(state)
  if (watchers.size === 0) return transition(machine, snapshotOf(state), event)
  const taken: AnyTransitionDefinition[] = []
  const inspection = actorOf(machine).system.inspect((inspected) => {
    if (inspected.type === '@xstate.microstep') taken.push(...inspected._transitions)
  })
  const result = transition(machine, snapshotOf(state), event)
  inspection.unsubscribe()
  for (const watcher of watchers) watcher(state.profile, taken)
  return result
}

/** The charts' answer to an event: where it leads, and the actions it names. Nothing is carried out. */
const transition = (machine: ProcessMachine, from: Snapshot, event: ChartEvent) => {
  const actions: Parameters<ActionExecutor>[0][] = []
  const self = actorOf(machine)
  const to = machine.transition(from, event, {
    self,
    id: '',
    sessionId: '',
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: (action) => {
      actions.push(action)
    },
  })
  return [to, actions] as const
}

/** Lets the charts decide, and turns the actions they name into outputs. */
export const decide = (state: CoreState, event: ChartEvent, nowMillis: number): Step => {
  const [snapshot, actions] = watched(state, event)
  const before = state
  let next: CoreState = { ...state, chart: { value: snapshot.value, context: snapshot.context } }
  snapshots.set(next.chart, snapshot)
  const outputs: CoreOutput[] = []
  for (const action of actions) {
    const intent = intentOf(action.type, action.params, next)
    if (intent !== undefined) outputs.push({ type: 'intent', intent })
    else if (action.type === 'replicate') {
      const { operation } = action.params as { readonly operation: ReplicationWork['operation'] }
      const [working, intents] = setToWork(next, operation)
      next = working
      outputs.push(...intents)
    } else if (action.type === 'emitColoExit') {
      const data = action.params as NonNullable<CoreState['leftColo']>
      outputs.push({ type: 'event', event: { event: 'COLO_EXIT', data } })
    } else if (action.type === 'emitStop') outputs.push({ type: 'event', event: { event: 'STOP' } })
    else if (action.type === 'emitResume') outputs.push({ type: 'event', event: { event: 'RESUME' } })
    else if (action.type === 'emitMigration') {
      const params = action.params as { readonly status: string; readonly unconditional?: boolean }
      if (params.unconditional || next.capabilities['events'] === true)
        outputs.push({ type: 'event', event: { event: 'MIGRATION', data: { status: params.status } } })
    }
  }
  next = closeBooks(before, markTimes(before, markExit(before, next), nowMillis), nowMillis)
  return withoutThrottle(next, outputs)
}

/** Builds the intent. */
export const throttleGuest = (percentage: number): CoreOutput => ({
  type: 'intent',
  intent: { type: 'throttle-guest', percentage },
})

/** The statuses in which pages are sent, and a guest may be throttled. */
const sending: ReadonlySet<string> = new Set(['active', 'pre-switchover', 'device', 'postcopy-active'])

/** However a run ends, its guest is given back all of its time, and before it runs on. */
const withoutThrottle = (state: CoreState, outputs: readonly CoreOutput[]): Step => {
  const run = state.outgoing
  if (run === undefined || run.throttle.percentage === 0 || sending.has(outgoingStatus(state))) return [state, outputs]
  return [{ ...state, outgoing: { ...run, throttle: unthrottled } }, [throttleGuest(0), ...outputs]]
}

/** A role in COLO ends with a failover, or because what was loaded is no state of any guest. */
const markExit = (before: CoreState, state: CoreState): CoreState => {
  const mode = coloMode(before)
  if (mode === 'unknown' || coloMode(state) !== 'unknown') return state
  return { ...state, leftColo: { mode, reason: failoverStatus(state) === 'completed' ? 'request' : 'error' } }
}

/** Every replicating node is told to do the same; what comes of it is told node by node. */
const setToWork = (
  state: CoreState,
  operation: ReplicationWork['operation'],
): readonly [CoreState, readonly CoreOutput[]] => {
  const { replication } = state
  if (replication === undefined) return [state, []]
  const number = replication.operations + 1
  const waiting = replication.nodes.map((_, node) => node)
  const work: ReplicationWork = { number, operation, waiting, done: [] }
  const intents = waiting.map((node): CoreOutput => ({
    type: 'intent',
    intent: { type: 'replicate', run: number, node, operation },
  }))
  return [{ ...state, replication: { ...replication, operations: number, work } }, intents]
}

const intentOf = (action: string, params: unknown, state: CoreState): Intent | undefined => {
  const run = state.outgoingNumber
  const arrival = state.incomingNumber
  switch (action) {
    case 'openChannel':
      return {
        type: 'open-channel',
        run,
        uri: state.outgoing?.uri ?? '',
        returnPath: isOn(state, 'return-path') || isOn(state, 'postcopy-ram') || state.chart.context.colo,
        channels: transferMethods(state).multifd?.channels ?? 0,
        ...connectTls(state, state.outgoing?.uri ?? ''),
      }
    case 'beginSetup':
      return {
        type: 'begin-setup',
        run,
        parameters: transferParameters(state),
        methods: transferMethods(state),
        colo: state.chart.context.colo,
        ...diskOptions(state),
        ...postcopySettings(state),
      }
    case 'iterate':
      return { type: 'iterate', run }
    case 'completePrecopy':
      return { type: 'complete-precopy', run, runState: state.chart.context.before }
    case 'startPostcopy':
      return { type: 'start-postcopy', run }
    case 'sendPackage':
      return { type: 'send-package', run, runState: state.chart.context.before }
    case 'reopenChannel': {
      const uri = state.outgoing?.uri ?? ''
      return { type: 'reopen-channel', run, uri, ...connectTls(state, uri) }
    }
    case 'resume':
      return { type: 'resume', run, parameters: transferParameters(state) }
    case 'breakChannel':
    case 'closeChannel': {
      const { side } = params as { readonly side: MigrationSide }
      const type = action === 'breakChannel' ? 'break-channel' : 'close-channel'
      return { type, side, run: side === 'outgoing' ? run : arrival }
    }
    case 'commit':
      return { type: 'commit', run }
    case 'inquire':
      return { type: 'inquire', run, uri: state.outgoing?.uri ?? '' }
    case 'teardown':
      return { type: 'teardown', run }
    case 'listen':
      return { type: 'listen', run: arrival, uri: state.incoming?.uri ?? '', ...listenTls(state) }
    case 'load':
      return {
        type: 'load',
        run: arrival,
        parameters: loadParameters(state),
        methods: transferMethods(state),
        postcopy: isOn(state, 'postcopy-ram'),
      }
    case 'listenAgain':
      return { type: 'listen-again', run: arrival, uri: state.incoming?.uri ?? '', ...listenTls(state) }
    case 'resumeLoad':
      return { type: 'resume-load', run: arrival }
    case 'acknowledge':
      return { type: 'acknowledge', run: arrival }
    case 'reject':
      return { type: 'reject', run: arrival }
    case 'stopGuest':
      return { type: 'stop-guest' }
    case 'startGuest':
      return { type: 'start-guest' }
    case 'releaseImages':
      return { type: 'release-images' }
    case 'acquireImages':
      return { type: 'acquire-images' }
    case 'mirrorImages':
      return { type: 'mirror-images' }
    case 'saveDevices':
      return saveIntent(state)
    case 'releaseOutput':
      return { type: 'release-output' }
    case 'openOutput':
      return { type: 'open-output' }
    default:
      return coloIntentOf(action, params, state)
  }
}

const diskOptions = ({ capabilities, parameters }: CoreState): { readonly disks?: DiskOptions } =>
  capabilities['block'] === true
    ? {
        disks: {
          incremental: parameters['block-incremental'] === true,
          zeroBlocks: capabilities['zero-blocks'] === true,
        },
      }
    : {}

const postcopySettings = (state: CoreState): { readonly postcopy?: PostcopySettings } =>
  isOn(state, 'postcopy-ram')
    ? {
        postcopy: {
          isStarted: state.chart.context.startPostcopy,
          releasesRam: isOn(state, 'release-ram'),
          canResume: state.profile === '7.2',
        },
      }
    : {}

/** The save that has just been asked for. */
const saveIntent = (state: CoreState): Intent | undefined => {
  const save = pendingSave(state, state.tickets)
  return save && { type: 'save-devices', run: save.ticket, filename: save.filename, live: save.live }
}

/**
 * Downtime counts from where the migration takes the guest, running or not; in postcopy to where the destination may run
 * it, which is long before the end.
 */
const markTimes = (before: CoreState, state: CoreState, nowMillis: number): CoreState => {
  const run = state.outgoing
  if (run === undefined) return state
  if (runState(state) === 'finish-migrate' && runState(before) !== 'finish-migrate')
    return { ...state, outgoing: { ...run, stoppedMillis: nowMillis } }
  const entered = pathOf(state, 'outgoing').join() === 'postcopy-active,running'
  return entered && run.switchedMillis === undefined
    ? { ...state, outgoing: { ...run, switchedMillis: nowMillis } }
    : state
}

/** The statuses in which a run is over. */
export const over: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled'])

/**
 * A run that has just ended gets its final figures in the same step that changes the status: a query never sees one
 * without the other (I12).
 */
const closeBooks = (before: CoreState, state: CoreState, nowMillis: number): CoreState => {
  const run = state.outgoing
  const status = outgoingStatus(state)
  if (run === undefined || status === outgoingStatus(before) || !over.has(status)) return state
  const finished = {
    ...run,
    // A run that ends within the millisecond it began in has lasted; 0 would read as "not known yet".
    totalMillis: Math.max(1, nowMillis - run.startedMillis),
    ...(status === 'completed' ? { downtimeMillis: downtime(before, run, nowMillis) } : {}),
    ...(status === 'completed' && run.ram !== undefined
      ? { ram: { ...run.ram, remaining: 0, 'dirty-pages-rate': 0 } }
      : {}),
  }
  return withoutTemporary({ ...state, outgoing: finished })
}

/** A primary that has left COLO keeps its guest: the migration has cost no downtime in the end. */
const downtime = (before: CoreState, run: OutgoingRun, nowMillis: number): number =>
  outgoingStatus(before) === 'colo' ? 0 : (run.switchedMillis ?? nowMillis) - (run.stoppedMillis ?? nowMillis)

/** What `blk` and `inc` have switched on goes with the run. */
const withoutTemporary = (state: CoreState): CoreState => {
  const temporary = state.outgoing?.temporary
  if (temporary === undefined) return state
  return {
    ...state,
    capabilities: { ...state.capabilities, block: false },
    parameters: temporary.incremental ? { ...state.parameters, 'block-incremental': false } : state.parameters,
  }
}
