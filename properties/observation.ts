/**
 * What was seen of a system while a suite drove it: one timeline of everything that parties did and said, what the wires
 * carried, and how it all stood at the end. Properties look at nothing else, so the same property holds a core in a pure
 * world and processes on a simulated network to account.
 */
import type { CoreInput, CoreOutput, CoreState, ManagerEvent } from '../src/core/index.ts'
import type { Direction } from '../src/channel/simulated-network.ts'

/** `source`, or a destination by its number: `destination-1`. */
export type Party = string

/** The core of a party went from one state to the next (which may be the same). */
export interface StateSeen {
  readonly kind: 'state'
  readonly party: Party
  readonly atMillis: number
  readonly before: CoreState
  readonly after: CoreState
  /** Known in a world that steps the core itself. */
  readonly input?: CoreInput
  readonly outputs?: readonly CoreOutput[]
}

/** What a command came to. */
export type Answer =
  | { readonly type: 'reply'; readonly value: unknown }
  | { readonly type: 'refusal'; readonly class: string; readonly desc: string }
  /** There was none within {@link ANSWER_PATIENCE_MILLIS}. */
  | { readonly type: 'none' }

/** How long a command may go unanswered, in virtual time. */
export const ANSWER_PATIENCE_MILLIS = 1000

/** A command, with the states just before it was given and just after it was answered. */
export interface CommandSeen {
  readonly kind: 'command'
  readonly party: Party
  readonly atMillis: number
  readonly name: string
  readonly arguments: unknown
  readonly answer: Answer
  /** Another command was given before this one was answered. */
  readonly raced?: boolean
  readonly before: CoreState
  readonly after: CoreState
}

/** An event that a manager got, and what query-migrate answered directly behind it. */
export interface EventSeen {
  readonly kind: 'event'
  readonly party: Party
  readonly atMillis: number
  readonly event: ManagerEvent
  readonly query?: unknown
  /** Number of the last run when that was answered. */
  readonly queryRun?: number
}

/** The vCPU was really started or stopped; `state` is the core's at that moment. */
export interface GuestSeen {
  readonly kind: 'guest'
  readonly party: Party
  readonly atMillis: number
  readonly action: 'start' | 'stop'
  readonly state: CoreState
}

/** A part of its time was really taken from the guest, or given back. */
export interface ThrottleSeen {
  readonly kind: 'throttle'
  readonly party: Party
  readonly atMillis: number
  readonly percentage: number
  /** Operations that the guest had done by then. */
  readonly operations: number
}

/** The image locks were really taken or released. */
export interface ImagesSeen {
  readonly kind: 'images'
  readonly party: Party
  readonly atMillis: number
  /** `mirror`: copies of its own were opened, which nobody else locks. */
  readonly action: 'acquire' | 'release' | 'mirror'
}

/** Before a guest that arrived was started: the pages in which it differs from the one that was stopped. */
export interface ArrivalSeen {
  readonly kind: 'arrival'
  readonly party: Party
  readonly atMillis: number
  readonly differing: readonly string[]
  /** And those in which it differs from what the wire carried last. */
  readonly overtaken: readonly string[]
}

/** Pages that the sending engine holds for sent although the wire carried other bytes. */
export interface StaleSeen {
  readonly kind: 'stale'
  readonly party: Party
  readonly atMillis: number
  readonly pages: readonly string[]
}

/** Pages of which the sending engine keeps a copy that is not what the destination has been sent. */
export interface MisrememberedSeen {
  readonly kind: 'misremembered'
  readonly party: Party
  readonly atMillis: number
  readonly pages: readonly string[]
}

/** An engine was looked after again and again at one moment: it waits for something by asking for it all the time. */
export interface SpinSeen {
  readonly kind: 'spin'
  readonly engine: 'outgoing' | 'incoming'
  readonly atMillis: number
}

/** A packet left a guest's host for the client. */
export interface OutputSeen {
  readonly kind: 'output'
  readonly party: Party
  readonly atMillis: number
  /** Its number; the first that a guest ever sends is 0. */
  readonly number: number
  readonly content: string
  /** Why it could leave: nothing is held back; the other guest has sent the same; a checkpoint covers it. */
  readonly cause: 'open' | 'agreed' | 'checkpoint'
  /**
   * What it is to the client: new; what it was told before (and drops); something else than it was told; behind something
   * that it was never told; or nothing, and what it was told is no part of what the guest knows.
   */
  readonly fate: 'told' | 'again' | 'contradicts' | 'skips' | 'lost'
}

/** A guest of a pair was started: from which moment its memory and its devices are. */
export interface EpochSeen {
  readonly kind: 'epoch'
  readonly party: Party
  readonly atMillis: number
  readonly memory: string
  readonly devices: string
  /** All of it is of one moment. */
  readonly whole: boolean
}

/** A secondary has put a checkpoint in use. */
export interface LoadSeen {
  readonly kind: 'load'
  readonly party: Party
  readonly atMillis: number
}

/** Something was broken on purpose, or mended. */
export interface FaultSeen {
  readonly kind: 'fault'
  readonly atMillis: number
  /** `load`: a checkpoint that cannot be loaded; `compare`: the connection on which packets are compared is cut. */
  readonly fault: 'cut' | 'crash' | 'refuse' | 'freeze' | 'thaw' | 'load' | 'compare'
  readonly party?: Party
}

/** What went over the socket of a process, in the order in which it did. */
export interface MessageSeen {
  readonly kind: 'message'
  readonly party: Party
  readonly atMillis: number
  readonly message:
    | { readonly type: 'command'; readonly name: string; readonly arguments: unknown }
    | { readonly type: 'answer'; readonly answer: Answer }
    | { readonly type: 'event'; readonly event: ManagerEvent }
}

/** One line of the timeline. */
export type Seen =
  | MessageSeen
  | StateSeen
  | CommandSeen
  | EventSeen
  | GuestSeen
  | ThrottleSeen
  | ImagesSeen
  | ArrivalSeen
  | StaleSeen
  | MisrememberedSeen
  | SpinSeen
  | OutputSeen
  | EpochSeen
  | LoadSeen
  | FaultSeen

/** Bytes that a source wrote at a moment, to whichever connection. */
export interface CarriedSeen {
  readonly atMillis: number
  readonly bytes: number
}

/** What one connection carried from a source to a destination, read as a migration stream. */
export interface StreamSeen {
  readonly connection: number
  /** All bytes that the source handed over. */
  readonly bytes: Uint8Array
  /** How many of them are the stream, where checkpoints of COLO follow. */
  readonly streamBytes?: number
  /** Whether the stream ends with its last byte, and is whole. */
  readonly complete: boolean
  /** Why it is no migration stream. */
  readonly error?: string
  readonly normalPages: number
  readonly zeroPages: number
  /** Pages that were carried as differences, and the bytes of their records. */
  readonly deltaPages: number
  readonly deltaBytes: number
  /** Pages that were carried compressed, and the bytes of their records. */
  readonly compressedPages: number
  readonly compressedBytes: number
  /** Bytes of the channels of multifd beside it. */
  readonly channelBytes: number
  /** Different pages that were carried at least once, of all there are. */
  readonly distinctPages: number
  readonly totalPages: number
  /** The same of a disk, in chunks of 1 MiB; both 0 where none is moved. */
  readonly distinctChunks: number
  readonly totalChunks: number
  /** Bytes of page records and of the marks behind them. */
  readonly ramBytes: number
  /** Run of the source that wrote it; 0 for a question after a lost channel. */
  readonly run: number
}

/** How often a party's ends of its connections were let go. */
export interface EndFigures {
  readonly connection: number
  readonly direction: Direction
  readonly party: Party
  readonly open: boolean
  readonly releases: number
}

/** A party when nothing more was to come. */
export interface PartyEnd {
  readonly party: Party
  readonly state: CoreState
  readonly crashed: boolean
  /** Whether its vCPU runs. */
  readonly running: boolean
  /** Numbers of packets that are held back although nothing holds them. */
  readonly stuckPackets?: readonly number[]
  /** Pages in which its memory is not what its guest has computed; undefined where no guest ever was. */
  readonly wrongPages?: readonly string[]
  /** Page faults of its guest, where it may have had any. */
  readonly faults?: FaultsSeen
  /** What a last query-migrate said. */
  readonly query: unknown
}

/** Page faults of a guest that ran before all of its memory was there. */
export interface FaultsSeen {
  readonly noted: number
  readonly ended: number
  /** Pages that it waits for. */
  readonly outstanding: readonly string[]
  /** Pages that are not here. */
  readonly missing: number
}

/** How it stood when nothing more was to come, or patience had run out. */
export interface EndSeen {
  readonly atMillis: number
  readonly parties: readonly PartyEnd[]
  /** Parties that are still busy. */
  readonly unsettled: readonly Party[]
  /** A run had everything it needed, nothing was frozen, and it came to an end by a cancel only. */
  readonly rescued: boolean
  /** Ends of connections before the parties were shut down. */
  readonly ends: readonly EndFigures[]
  /** The same, and places still listened at, after all parties were shut down. */
  readonly endsAfter: readonly EndFigures[]
  readonly listeningAfter: readonly string[]
  /** The network was left frozen. */
  readonly partitioned: boolean
}

/** A page that a destination asked for. */
export interface RequestSeen {
  readonly connection: number
  readonly page: string
}

/** What a connection carried while the guest ran at the destination. */
export interface PostcopyRateSeen {
  readonly connection: number
  readonly bytes: number
  /** From the first byte to the last. */
  readonly millis: number
  /** 0: none. */
  readonly limitBytesPerSecond: number
}

/** A broken postcopy goes on at a destination, whose guest waits for these pages. */
export interface ResumptionSeen {
  readonly connection: number
  readonly outstanding: readonly string[]
}

/** Everything that was seen in one run of a system. */
export interface Observation {
  /** Absent where nobody looks at the way back. */
  readonly requests?: readonly RequestSeen[]
  readonly resumptions?: readonly ResumptionSeen[]
  readonly postcopyRates?: readonly PostcopyRateSeen[]
  readonly timeline: readonly Seen[]
  readonly streams: readonly StreamSeen[]
  readonly carried: readonly CarriedSeen[]
  readonly end: EndSeen
}

/** The lines of one kind. */
export const linesOf = <K extends Seen['kind']>(
  observation: Observation,
  kind: K,
): readonly Extract<Seen, { kind: K }>[] =>
  observation.timeline.filter((line): line is Extract<Seen, { kind: K }> => line.kind === kind)

/** The parties, in the order in which they were started. */
export const partiesOf = (observation: Observation): readonly Party[] =>
  observation.end.parties.map(({ party }) => party)

/** Whether a party's host lost power: from then on nobody can hold it to anything. */
export const hasCrashed = (observation: Observation, party: Party): boolean =>
  observation.end.parties.some((each) => each.party === party && each.crashed)
