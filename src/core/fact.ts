/**
 * What the shell tells the core about the world. A fact belongs to a run: one that arrives late, for a run that is
 * over, is refused and edits nothing. Most facts are events of the charts with a reason or a figure added; a few are
 * for the books only (`outgoing.progress`, `outgoing.pass`).
 */
import type { StoppedRunState } from '../../machines/index.ts'
import type { CompressionStats72, MigrationStats } from '../qapi/index.ts'
import type { DirtyPeriod } from './throttle.ts'

/** Where the cause of a failure lies, as seen from the side that reports it. */
export type FailureSide = 'source' | 'destination' | 'channel'

/** Bytes of a run by what the guest did meanwhile. Their sum is `ram.transferred`. */
export interface PhaseBytes {
  readonly precopyBytes: number
  readonly downtimeBytes: number
  readonly postcopyBytes: number
}

/** Counters of the block devices that are being migrated. */
export interface DiskFigures {
  readonly transferred: number
  readonly remaining: number
  readonly total: number
}

/** Counters of XBZRLE, of which either version makes its own. */
export interface XbzrleFigures {
  /** Pages that were sent as differences. */
  readonly deltas: number
  /** Bytes of their records, headers and all. */
  readonly deltaBytes: number
  /** Pages that were cached and had not changed: nothing was sent. */
  readonly unchanged: number
  /** Pages that were cached and whose difference was no smaller: they were sent whole. */
  readonly overflow: number
  /** Pages of which no copy was cached. */
  readonly cacheMiss: number
  /** Of the pages of the last period, the share that was not cached. */
  readonly cacheMissRate: number
  /** Bytes of the cached pages of the last period to what they came to. */
  readonly encodingRate: number
}

/**
 * The figures of a run so far. What a runtime does not do it leaves out. The first report of a run has to come before
 * `outgoing.setup-done`: from then on `query-migrate` has the member `ram`.
 */
export interface Progress {
  readonly ram: MigrationStats
  /** Milliseconds the guest would stand still if it were stopped now. */
  readonly expectedDowntimeMillis: number
  /** Without it the core attributes what was sent since the last report to what the guest does when the report comes. */
  readonly phases?: PhaseBytes
  /** Without it the core divides the pages since the last report by the time since then. */
  readonly pagesPerSecond?: number
  readonly multifdBytes?: number
  readonly xbzrle?: XbzrleFigures
  /** Absent where no block device is being migrated (any more). */
  readonly disk?: DiskFigures
  readonly compression?: CompressionStats72
}

/** Facts of the side that sends, without the run they belong to. */
export type OutgoingNews =
  | { readonly type: 'outgoing.connected'; readonly returnPath: boolean }
  | { readonly type: 'outgoing.connect-failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'outgoing.setup-done'; readonly setupMillis: number }
  /**
   * A sync of the dirty bitmap: `pass` counts from 1 in each run. `period` is what happened since it was last given; it is
   * given at the first sync over a second later, but never with bytes that nobody dirtied (the bitmap of the setup), and not
   * while disks are copied in bulk.
   */
  | { readonly type: 'outgoing.pass'; readonly pass: number; readonly period?: DirtyPeriod }
  | ({ readonly type: 'outgoing.progress' } & Progress)
  | { readonly type: 'outgoing.unplug-wait' }
  | { readonly type: 'outgoing.converged' }
  /** Postcopy was asked for, and all that postcopy cannot send has been sent. */
  | { readonly type: 'outgoing.postcopy' }
  | { readonly type: 'outgoing.package-sent' }
  | { readonly type: 'outgoing.resumed' }
  | { readonly type: 'outgoing.flushed' }
  | { readonly type: 'outgoing.prepared' }
  | { readonly type: 'outgoing.committed' }
  | { readonly type: 'outgoing.loaded' }
  | { readonly type: 'outgoing.failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'outgoing.outcome-running' }
  | { readonly type: 'outgoing.outcome-not-running'; readonly reason: string }
  | { readonly type: 'outgoing.outcome-unknown'; readonly reason: string }
  | { readonly type: 'outgoing.ended' }
  /** COLO messages that arrived, and what became of the intents of a checkpoint. */
  | { readonly type: 'outgoing.colo-ready' }
  | { readonly type: 'outgoing.checkpoint-due' }
  | { readonly type: 'outgoing.output-differs' }
  | { readonly type: 'outgoing.checkpoint-reply' }
  | { readonly type: 'outgoing.vmstate-saved' }
  | { readonly type: 'outgoing.vmstate-sent' }
  | { readonly type: 'outgoing.vmstate-received' }
  | { readonly type: 'outgoing.vmstate-loaded' }
  | { readonly type: 'outgoing.interrupted' }

/** Facts of the side that receives, without the run they belong to. */
export type IncomingNews =
  /** A listener stands at this address; a port of 0 has become a real one. */
  | { readonly type: 'incoming.bound'; readonly uri: string }
  | { readonly type: 'incoming.listen-failed'; readonly reason: string }
  /** Somebody who was not the source was sent away; the listener waits on. */
  | { readonly type: 'incoming.turned-away'; readonly reason: string }
  | { readonly type: 'incoming.connected' }
  | { readonly type: 'incoming.advised' }
  | { readonly type: 'incoming.discarding' }
  | { readonly type: 'incoming.listening' }
  | { readonly type: 'incoming.running' }
  | { readonly type: 'incoming.start'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.prepared' }
  | { readonly type: 'incoming.ended'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.recovering' }
  | { readonly type: 'incoming.recovered' }
  /** All of a stream that announced COLO is loaded; how the source found its guest. */
  | { readonly type: 'incoming.colo'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.checkpoint-request' }
  | { readonly type: 'incoming.vmstate-send' }
  | { readonly type: 'incoming.vmstate-size' }
  | { readonly type: 'incoming.vmstate-staged' }
  | { readonly type: 'incoming.vmstate-loaded'; readonly running: boolean; readonly stopped?: StoppedRunState }
  | { readonly type: 'incoming.torn'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'incoming.interrupted' }
  | { readonly type: 'incoming.failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'incoming.lost'; readonly reason: string; readonly side: FailureSide }

/** What the guest did by itself. */
export type GuestNews =
  | { readonly type: 'guest.shutdown' }
  | { readonly type: 'guest.suspended' }
  | { readonly type: 'guest.wakeup' }
  | { readonly type: 'guest.io-error' }

/** Somebody tells the process to end, past QMP: a signal. */
export type HostNews = { readonly type: 'host.signal' }

/** What became of xen-save-devices-state; `run` is that of the intent. */
export type DevicesNews =
  | { readonly type: 'devices.saved' }
  /** `reason` says, for `open`, why: the core puts the path before it. */
  | { readonly type: 'devices.save-failed'; readonly at: 'open' | 'write'; readonly reason: string }

/** What became of load-credentials; `run` is that of the intent. */
export type ObjectNews =
  { readonly type: 'object.loaded' } | { readonly type: 'object.load-failed'; readonly reason: string }

/** What a fence says; `run` is that of the intent. */
export type FailoverNews =
  { readonly type: 'failover.fenced' } | { readonly type: 'failover.not-fenced'; readonly reason: string }

/**
 * What happened to a replicating node; `node` is its place in the options of the core. `run` is that of the intent, and 0
 * for an error that comes by itself.
 */
export type ReplicationNews =
  | {
      readonly type: 'replication.done' | 'replication.committed'
      readonly node: number
    }
  | {
      readonly type: 'replication.refused' | 'replication.io-error' | 'replication.commit-failed'
      readonly node: number
      readonly reason: string
    }

/**
 * A fact as the core takes it. `run` is the number the core gave with the intent that led to it; 0 for facts of the guest,
 * of the host and of replication.
 */
export type Fact = (
  OutgoingNews | IncomingNews | DevicesNews | ObjectNews | FailoverNews | ReplicationNews | GuestNews | HostNews
) & {
  readonly run: number
}
