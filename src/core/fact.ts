/**
 * What the shell tells the core about the world. A fact belongs to a run: one that arrives late, for a run that is
 * over, is refused and edits nothing. Most facts are events of the charts with a reason or a figure added; a few are
 * for the books only (`outgoing.progress`, `outgoing.pass`).
 */
import type { MigrationStats } from '../qapi/index.ts'

/** Where the cause of a failure lies, as seen from the side that reports it. */
export type FailureSide = 'source' | 'destination' | 'channel'

/** Facts of the side that sends, without the run they belong to. */
export type OutgoingNews =
  | { readonly type: 'outgoing.connected'; readonly returnPath: boolean }
  | { readonly type: 'outgoing.connect-failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'outgoing.setup-done'; readonly setupMillis: number }
  /** A sync of the dirty bitmap: `pass` counts from 1 in each run. */
  | { readonly type: 'outgoing.pass'; readonly pass: number }
  | {
      readonly type: 'outgoing.progress'
      readonly ram: MigrationStats
      /** Milliseconds the guest would stand still if it were stopped now. */
      readonly expectedDowntimeMillis: number
    }
  | { readonly type: 'outgoing.converged' }
  | { readonly type: 'outgoing.flushed' }
  | { readonly type: 'outgoing.prepared' }
  | { readonly type: 'outgoing.committed' }
  | { readonly type: 'outgoing.loaded' }
  | { readonly type: 'outgoing.failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'outgoing.outcome-running' }
  | { readonly type: 'outgoing.outcome-not-running'; readonly reason: string }
  | { readonly type: 'outgoing.outcome-unknown'; readonly reason: string }
  | { readonly type: 'outgoing.ended' }

/** Facts of the side that receives, without the run they belong to. */
export type IncomingNews =
  | { readonly type: 'incoming.listen-failed'; readonly reason: string }
  | { readonly type: 'incoming.connected' }
  | { readonly type: 'incoming.prepared' }
  | { readonly type: 'incoming.ended'; readonly running: boolean }
  | { readonly type: 'incoming.failed'; readonly reason: string; readonly side: FailureSide }
  | { readonly type: 'incoming.lost'; readonly reason: string; readonly side: FailureSide }

/** What the guest did by itself. */
export type GuestNews =
  | { readonly type: 'guest.shutdown' }
  | { readonly type: 'guest.suspended' }
  | { readonly type: 'guest.wakeup' }
  | { readonly type: 'guest.io-error' }

/** A fact as the core takes it. `run` is the number the core gave with the intent that led to it; 0 for guest facts. */
export type Fact = (OutgoingNews | IncomingNews | GuestNews) & { readonly run: number }
