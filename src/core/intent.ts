/**
 * What the core wants done. Intents are data, in the order in which they have to be carried out; whoever carries one out
 * reports back with facts of the same `run`. Each comment names the fact that answers it.
 */

/** The parameters of a run that the data plane obeys; each change takes effect within one window of 100 ms. */
export interface TransferParameters {
  /** Bytes a second; 0 means no limit. */
  readonly maxBandwidth: number
  /** Milliseconds. 0 means: no convergence test, one pass and then the switchover. */
  readonly downtimeLimitMillis: number
}

/** TLS, where parameter `tls-creds` names credentials that the process has. An empty host name is that of the URI. */
export interface TlsParameters {
  readonly credentials: string
  readonly hostname: string
}

/** One thing to do. */
export type Intent =
  /** outgoing.connected or outgoing.connect-failed. */
  | {
      readonly type: 'open-channel'
      readonly run: number
      readonly uri: string
      /** Insist on a way back where a transport may do without (`exec:`, `fd:`): capability `return-path`. */
      readonly returnPath: boolean
      readonly tls?: TlsParameters
    }
  /** Start the dirty log, write header and section starts: outgoing.setup-done or outgoing.failed. */
  | { readonly type: 'begin-setup'; readonly run: number; readonly parameters: TransferParameters }
  /** Passes until outgoing.converged or outgoing.failed; outgoing.pass and outgoing.progress on the way. */
  | { readonly type: 'iterate'; readonly run: number }
  | { readonly type: 'set-parameters'; readonly run: number; readonly parameters: TransferParameters }
  /** Last pass and devices, without a limit: outgoing.flushed, then outgoing.prepared where there is a way back. */
  | { readonly type: 'complete-precopy'; readonly run: number; readonly guestWasRunning: boolean }
  /** Write the end mark: outgoing.loaded, outgoing.committed where there is no way back, or outgoing.failed. */
  | { readonly type: 'commit'; readonly run: number }
  /** Find out whether the destination runs the guest: one of the outgoing.outcome facts, in bounded time. */
  | { readonly type: 'inquire'; readonly run: number; readonly uri: string }
  /** Let go of everything that belongs to the run: outgoing.ended, always. */
  | { readonly type: 'teardown'; readonly run: number }
  /** Enter postcopy (the runtime of this version carries out precopy only). */
  | { readonly type: 'send-package'; readonly run: number }
  /** incoming.bound, then incoming.connected; or incoming.listen-failed. */
  | { readonly type: 'listen'; readonly run: number; readonly uri: string; readonly tls?: TlsParameters }
  /** Read the stream: incoming.prepared, incoming.ended, incoming.failed or incoming.lost. */
  | { readonly type: 'load'; readonly run: number }
  /** Tell the source that the guest runs here. */
  | { readonly type: 'acknowledge'; readonly run: number }
  /** Tell the source that it does not and never will. */
  | { readonly type: 'reject'; readonly run: number }
  | { readonly type: 'stop-guest' }
  | { readonly type: 'start-guest' }
  /**
   * Take this part of its time from the guest (1 to 99; 0: none), until told otherwise: of each slice of
   * 10 / (1 - percentage / 100) milliseconds it runs 10. It holds for a guest that is stopped and started again, too.
   */
  | { readonly type: 'throttle-guest'; readonly percentage: number }
  | { readonly type: 'release-images' }
  | { readonly type: 'acquire-images' }
  /**
   * Write the state of all devices, without memory and disks, to a file: devices.saved or devices.save-failed. The state
   * is read before the next intent is carried out (the guest may run on after it); writing it may take its time. What the
   * file held before is gone; a file that cannot be opened is left alone.
   */
  | { readonly type: 'save-devices'; readonly run: number; readonly filename: string; readonly live: boolean }
  /** Start, checkpoint or stop block replication of a node (its place in the options of the core). */
  | {
      readonly type: 'replicate'
      readonly node: number
      readonly operation: 'start' | 'checkpoint' | 'stop' | 'failover'
    }
  /** Close a descriptor that was meant for `fd:` and has not been used. */
  | { readonly type: 'close-descriptor'; readonly name: string }
  /** The process is asked to end. */
  | { readonly type: 'quit' }
