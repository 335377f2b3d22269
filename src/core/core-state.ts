/**
 * The whole state of one core: plain data, so that an embedder can store it, send it elsewhere and go on from it. The
 * statuses in it are the charts' own (`chart.value`); nothing here repeats them.
 */
import { initialTransition, type StateValue } from 'xstate'
import {
  initialContext,
  processMachine,
  type ChartContext,
  type ColoMode,
  type FailoverStatus,
  type Profile,
  type ProcessMachine,
  type QuirkId,
  type ReplicationRole,
} from '../../machines/index.ts'
import { capabilities, type MigrationStats } from '../qapi/index.ts'
import type { PhaseBytes, Progress } from './fact.ts'
import { defaultParameters, type Parameters } from './parameters.ts'
import type { StoredObject, StoredObjects } from './stored-object.ts'
import type { Throttle } from './throttle.ts'

/** How a core is started. */
export interface CoreOptions {
  /** Default `2.11`. */
  readonly profile?: Profile
  /** Default none. */
  readonly quirks?: readonly QuirkId[]
  /** Started with `-incoming`. `defer` waits for migrate-incoming. Default: not at all. */
  readonly incoming?: 'defer'
  /** False: started with `-S`. Default true. */
  readonly autostart?: boolean
  /**
   * Capabilities that whoever carries out the intents really has. Switching on another is refused by name, so that
   * nothing is accepted and then ignored. Default: all of the profile.
   */
  readonly supportedCapabilities?: readonly string[]
  /** Names of descriptors that were given to the process, which `fd:` may use. Default none. */
  readonly descriptors?: readonly string[]
  /** Objects that the process was started with, by id; `object-add` brings others. Default none. */
  readonly objects?: StoredObjects
  /** Why this guest cannot be migrated, each as its device says it. Default: it can. */
  readonly blockers?: readonly string[]
  /** The nodes that can replicate, each with its role. Default: as QEMU built without replication. */
  readonly replication?: readonly ReplicationRole[]
  /**
   * True: whoever carries out the intents can confirm that the other side of a COLO pair is dead or cut off, and has to
   * before this side goes on alone. Default false: that is the operator's duty.
   */
  readonly fence?: boolean
}

export type { ReplicationRole }

/** What else differs between processes, and does not change in the life of one. */
export type Equipment = Required<Pick<CoreOptions, 'descriptors' | 'blockers'>>

/** A role in COLO. */
export type ColoRole = Exclude<ColoMode, 'unknown'>

/** A command whose answer depends on a fact that has not come yet. */
export type PendingReply =
  /** `before` is the number to go back to if the listener fails. */
  | {
      readonly ticket: number
      readonly command: 'migrate-incoming'
      readonly run: number
      readonly before: number
    }
  /** `uri` is where it waited before, to go back to if the listener fails. */
  | {
      readonly ticket: number
      readonly command: 'migrate-recover'
      readonly run: number
      readonly uri: string
    }
  | {
      readonly ticket: number
      readonly command: 'xen-save-devices-state'
      readonly filename: string
      readonly live: boolean
      /** The guest was at rest when the command came, so that the images go with a live save. */
      readonly releases: boolean
    }
  /** Credentials are being loaded. */
  | { readonly ticket: number; readonly command: 'object-add'; readonly id: string; readonly object: StoredObject }
  /** The fence is being asked. */
  | { readonly ticket: number; readonly command: 'x-colo-lost-heartbeat' }
  /** The nodes are at work. */
  | { readonly ticket: number; readonly command: 'xen-set-replication' | 'xen-colo-do-checkpoint' }

/** An operation that all replicating nodes have been told to carry out. */
export interface ReplicationWork {
  /** Its number, which the facts about it name. */
  readonly number: number
  readonly operation: 'start' | 'checkpoint' | 'stop' | 'failover'
  /** The nodes that have not reported yet. */
  readonly waiting: readonly number[]
  readonly done: readonly number[]
  /** Why the first that could not do it could not. */
  readonly refused?: string
  /** The command that waits for it, if a command has asked. */
  readonly ticket?: number
}

/** What is known of the disks that can replicate, beside their chart. */
export interface Replication {
  readonly nodes: readonly ReplicationRole[]
  /** How many operations there were. */
  readonly operations: number
  readonly work?: ReplicationWork
  /** Why the chart is in `error`. */
  readonly error?: string
}

/** What is known about the last outgoing run. */
export interface OutgoingRun {
  readonly uri: string
  readonly startedMillis: number
  readonly setupMillis: number
  /** When the guest was stopped for the switchover. */
  readonly stoppedMillis?: number
  /** Set when the run is over, together with its status. */
  readonly totalMillis?: number
  readonly downtimeMillis?: number
  /** When a guest that left in postcopy was free to run on the destination. */
  readonly switchedMillis?: number
  readonly expectedDowntimeMillis: number
  /** The size that the XBZRLE cache began with, if that is not to change (quirk s6). */
  readonly xbzrleCacheBytes?: number
  readonly ram?: MigrationStats
  /** The rest of the last report, with what the core makes of it where the report is silent. */
  readonly figures?: Omit<Progress, 'ram' | 'expectedDowntimeMillis'> & {
    readonly reportedMillis: number
    readonly phases: PhaseBytes
  }
  /** What auto-converge takes from the guest; back to nothing with the end of the run. */
  readonly throttle: Throttle
  /** What `blk` and `inc` have switched on for this run only. */
  readonly temporary?: { readonly incremental: boolean }
  /** The first cause of a failure, and the side it lies on. */
  readonly error?: string
}

/** The state of a core. */
export interface CoreState {
  readonly profile: Profile
  readonly quirks: readonly QuirkId[]
  readonly startedWith: {
    readonly incoming: boolean
    readonly autostart: boolean
    readonly replication: boolean
    readonly fence: boolean
  }
  readonly supportedCapabilities: readonly string[]
  readonly chart: { readonly value: StateValue; readonly context: ChartContext }
  readonly capabilities: Readonly<Record<string, boolean>>
  readonly parameters: Parameters
  /** The number of the last outgoing run; 0 before the first. */
  readonly outgoingNumber: number
  readonly outgoing?: OutgoingRun
  /** The number of the last incoming run whose listener did not fail; 0 before the first. */
  readonly incomingNumber: number
  /** The highest number an incoming run has ever had, so that none is used twice. */
  readonly incomingNumbers: number
  /** `address` is where it listens, once it does. */
  readonly incoming?: {
    readonly uri: string
    readonly address?: string
    readonly error?: string
    /** Why the last one that came and was not the source was sent away. */
    readonly turnedAway?: string
  }
  readonly equipment: Equipment
  readonly objects: StoredObjects
  /** The number of the last deferred answer. */
  readonly tickets: number
  readonly pending: readonly PendingReply[]
  /** Absent where replication is not built in. */
  readonly replication?: Replication
  /** The role in COLO that this process had last and why it left it, for 7.2's query-colo-status. */
  readonly leftColo?: { readonly mode: ColoRole; readonly reason: 'request' | 'error' }
  /** Quirk s5: the counters of the runs before this one. */
  readonly countedBefore?: MigrationStats
}

const machines = new Map<string, ProcessMachine>()

/** The chart that decides for a state. Built once a variant. */
export const machineOf = (state: Pick<CoreState, 'profile' | 'quirks' | 'startedWith'>): ProcessMachine => {
  const key = JSON.stringify([state.profile, state.quirks, state.startedWith])
  const known = machines.get(key)
  if (known !== undefined) return known
  const machine = processMachine({
    profile: state.profile,
    quirks: new Set(state.quirks),
    ...state.startedWith,
  })
  machines.set(key, machine)
  return machine
}

/**
 * The state of a process that has just been started.
 *
 * @example
 * const state = start({ profile: '2.11' })
 * outgoingStatus(state) // 'none'
 */
export const start = (options: CoreOptions = {}): CoreState => {
  const profile = options.profile ?? '2.11'
  const quirks = [...(options.quirks ?? [])].sort()
  const startedWith = {
    incoming: options.incoming !== undefined,
    autostart: options.autostart ?? true,
    replication: (options.replication ?? []).length > 0,
    fence: options.fence ?? false,
  }
  const all = capabilities(profile)
  const [snapshot] = initialTransition(machineOf({ profile, quirks, startedWith }))
  return {
    profile,
    quirks,
    startedWith,
    supportedCapabilities: options.supportedCapabilities ?? all,
    chart: { value: snapshot.value, context: { ...initialContext, autostart: startedWith.autostart } },
    capabilities: Object.fromEntries(all.map((capability) => [capability, false])),
    parameters: defaultParameters(profile),
    outgoingNumber: 0,
    incomingNumber: 0,
    incomingNumbers: 0,
    objects: options.objects ?? {},
    equipment: {
      descriptors: options.descriptors ?? [],
      blockers: options.blockers ?? [],
    },
    tickets: 0,
    pending: [],
    ...(options.replication === undefined ? {} : { replication: { nodes: options.replication, operations: 0 } }),
  }
}

const top = (value: StateValue | undefined): string =>
  value === undefined ? '' : typeof value === 'string' ? value : Object.keys(value)[0]!

const region = (state: CoreState, name: string): StateValue | undefined =>
  typeof state.chart.value === 'string' ? undefined : state.chart.value[name]

/** MigrationStatus of the outgoing side. */
export const outgoingStatus = (state: CoreState): string => top(region(state, 'outgoing'))

/** MigrationStatus of the incoming side. */
export const incomingStatus = (state: CoreState): string => top(region(state, 'incoming'))

/** The run state of the guest. */
export const runState = (state: CoreState): string => top(region(state, 'guest'))

/** Who holds the images: `inactive`, `held` or `released`. */
export const imagesState = (state: CoreState): string => top(region(state, 'images'))

/** The role in COLO. */
export const coloMode = (state: CoreState): ColoMode => top(region(state, 'colo')) as ColoMode

/** FailoverStatus of this side. */
export const failoverStatus = (state: CoreState): FailoverStatus => top(region(state, 'failover')) as FailoverStatus

/** Whether this side has come out of lock-step without an operator's word: neither side serves until there is one. */
export const isColoBroken = (state: CoreState): boolean => pathOf(state, 'colo')[1] === 'broken'

/** Whether a capability is on. */
export const isOn = (state: CoreState, capability: string): boolean => state.capabilities[capability] === true

/** Whether a quirk is reproduced. */
export const hasQuirk = (state: CoreState, quirk: QuirkId): boolean => state.quirks.includes(quirk)

/** A chart of the process. The last one is there only where disks can be replicated. */
export type Region = 'guest' | 'images' | 'incoming' | 'outgoing' | 'colo' | 'failover' | 'replication'

/** The state of a region and those below it, outermost first: `['active', 'iterating']`. */
export const pathOf = (state: CoreState, name: Region): readonly string[] => {
  const path: string[] = []
  let value = region(state, name)
  while (value !== undefined && typeof value !== 'string') {
    const outer = top(value)
    path.push(outer)
    value = value[outer]
  }
  return value === undefined ? path : [...path, value]
}

/** Whether nothing is left of an outgoing run that has ended. */
export const isSettled = (state: CoreState): boolean => {
  const phase = pathOf(state, 'outgoing')[1]
  return phase === undefined || phase === 'settled' || phase === 'survived'
}

/** The states of all regions in one word each, as refusals name them: `outgoing.active.iterating`. */
export const describeState = (state: CoreState): string =>
  JSON.stringify(state.chart.value).replaceAll(/["{}]/g, '').replaceAll(':', '.')

/** The state as one line of JSON; integers beyond 2^53 survive. */
export const serialise = (state: CoreState): string =>
  JSON.stringify(state, (_key, value: unknown) => (typeof value === 'bigint' ? { $bigint: value.toString() } : value))

/** The inverse of {@link serialise}. */
export const deserialise = (text: string): CoreState =>
  JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && '$bigint' in value ? BigInt(String(value.$bigint)) : value,
  ) as CoreState
