/**
 * What the core wants done. Intents are data, in the order in which they have to be carried out; whoever carries one out
 * reports back with facts of the same `run`. Each comment names the fact that answers it.
 */

import type { ColoMessage, MigrationSide, ReplicationRole, StoppableRunState } from '../../machines/index.ts'

/** The parameters of a run that the data plane obeys; each change takes effect within one window of 100 ms. */
export interface TransferParameters {
  /** Bytes a second, over all channels; 0 means no limit. */
  readonly maxBandwidth: number
  /** Milliseconds. 0 means: no convergence test, one pass and then the switchover. */
  readonly downtimeLimitMillis: number
  /** Bytes of pages that the XBZRLE cache may hold: a power of two, at least one page. */
  readonly xbzrleCacheBytes: number
  /** Effort of zlib for compressed pages, 0 (none) to 9. */
  readonly compressLevel: number
  /** Threads that compress pages, 1 to 255. */
  readonly compressThreads: number
  /** Whether a page waits for a thread that can compress it; otherwise it goes as it is. */
  readonly compressWaitThread: boolean
  /** Pages that a channel of multifd is given together, 1 to 10000. */
  readonly multifdPageCount: number
  /** Effort of the compression of multifd. */
  readonly multifdLevel: number
  /**
   * Bytes a second in postcopy; 0 means no limit. 2.11 has no such parameter: there is no limit then, unless
   * `max-bandwidth` is set again in postcopy.
   */
  readonly maxPostcopyBandwidth?: number
}

/** Postcopy may come in this run. */
export interface PostcopySettings {
  /** It was asked for already. */
  readonly isStarted: boolean
  /** The source does not keep what the destination has: `release-ram`. */
  readonly releasesRam: boolean
  /** A broken channel can be mended: what has been sent may be needed again. */
  readonly canResume: boolean
}

/** What pages can go out as, beside plain and zero pages. It does not change while a run lasts. */
export interface TransferMethods {
  /** Pages that are sent again go as differences. */
  readonly xbzrle: boolean
  /** Pages go compressed; together with xbzrle only in the first pass over memory. */
  readonly compress: boolean
  /** Pages go over further channels. */
  readonly multifd?: MultifdMethod
}

export interface MultifdMethod {
  /** Channels beside the main one, 1 to 255. */
  readonly channels: number
  readonly compression: 'none' | 'zlib' | 'zstd'
}

/** The parameters that whoever receives obeys. */
export interface LoadParameters {
  /** Threads that decompress pages, 1 to 255. */
  readonly decompressThreads: number
}

/** How disks are moved with a run. */
export interface DiskOptions {
  /** Only what the active layer of each image holds; what it is backed by is at the destination: `block-incremental`. */
  readonly incremental: boolean
  /** A chunk of zeroes is sent as a flag: capability `zero-blocks`. */
  readonly zeroBlocks: boolean
}

/** TLS of a channel that is opened, where parameter `tls-creds` names credentials that the process has. */
export interface ConnectTlsParameters {
  /** The id of the credentials. */
  readonly credentials: string
  /** Whom the certificate of the destination has to be for; empty where nothing is verified. */
  readonly hostname: string
}

/** TLS of channels that are taken. */
export interface ListenTlsParameters {
  readonly credentials: string
  /** The distinguished name of the one client that may come; without it any whose certificate is trusted. */
  readonly authorized?: string
}

/** Where credentials are and what they are for: the properties of `tls-creds-x509`. */
export interface CredentialsOptions {
  readonly dir: string
  readonly endpoint: 'client' | 'server'
  /** Whether the peer has to show a certificate that is trusted. */
  readonly verifyPeer: boolean
  /** Whether the certificates are looked at when they are loaded. */
  readonly sanityCheck: boolean
}

/** Whose lock-step an intent belongs to; `run` is the number of the outgoing run of a primary, the incoming of a secondary. */
export interface ColoPlace {
  readonly role: ReplicationRole
  readonly run: number
}

/** One thing to do. */
export type Intent =
  /** outgoing.connected or outgoing.connect-failed. */
  | {
      readonly type: 'open-channel'
      readonly run: number
      readonly uri: string
      /**
       * Insist on a way back where a transport may do without (`exec:`, `fd:`): capabilities `return-path`, `postcopy-ram`
       * and `x-colo`.
       */
      readonly returnPath: boolean
      /** Channels of multifd to the same place, each opened when the one before it stands. */
      readonly channels: number
      readonly tls?: ConnectTlsParameters
    }
  /**
   * Start the dirty log, write header and section starts: outgoing.setup-done or outgoing.failed. With `postcopy` the
   * destination is told of it; a channel without a way back is then a failure.
   */
  | {
      readonly type: 'begin-setup'
      readonly run: number
      readonly parameters: TransferParameters
      readonly methods: TransferMethods
      /** Announce that lock-step follows. */
      readonly colo: boolean
      /** Move the disks too: capability `block`. */
      readonly disks?: DiskOptions
      readonly postcopy?: PostcopySettings
    }
  /** Passes until outgoing.converged or outgoing.failed; outgoing.pass and outgoing.progress on the way. */
  | { readonly type: 'iterate'; readonly run: number }
  /** Postcopy is asked for: outgoing.postcopy instead of outgoing.converged, as soon as the destination is ready for it. */
  | { readonly type: 'start-postcopy'; readonly run: number }
  | { readonly type: 'set-parameters'; readonly run: number; readonly parameters: TransferParameters }
  /** Last pass and devices, without a limit: outgoing.flushed, then outgoing.prepared where there is a way back. */
  | { readonly type: 'complete-precopy'; readonly run: number; readonly runState: StoppableRunState }
  /**
   * Write the end mark: outgoing.loaded, outgoing.committed where there is no way back, or outgoing.failed. In postcopy
   * the leave to run: outgoing.package-sent when the destination has it, while what it misses follows; then
   * outgoing.loaded, or outgoing.failed.
   */
  | { readonly type: 'commit'; readonly run: number }
  /** Find out whether the destination runs the guest: one of the outgoing.outcome facts, in bounded time. */
  | { readonly type: 'inquire'; readonly run: number; readonly uri: string }
  /** Let go of everything that belongs to the run: outgoing.ended, always. */
  | { readonly type: 'teardown'; readonly run: number }
  /**
   * Postcopy: the last sync, what the destination has to forget, and the devices: outgoing.prepared when it has loaded them
   * and waits for the leave to run, or outgoing.failed, in bounded time. A QEMU cannot wait: it gets the devices with the
   * leave, and all that precedes them is prepared at once.
   */
  | { readonly type: 'send-package'; readonly run: number; readonly runState: StoppableRunState }
  /** A new channel for a postcopy whose channel broke: outgoing.connected or outgoing.connect-failed. */
  | {
      readonly type: 'reopen-channel'
      readonly run: number
      readonly uri: string
      readonly tls?: ConnectTlsParameters
    }
  /** Ask on it what has arrived and send the rest: outgoing.resumed or outgoing.failed, in bounded time. */
  | { readonly type: 'resume'; readonly run: number; readonly parameters: TransferParameters }
  /** Break the channel of a postcopy as a network would: outgoing.failed or incoming.lost, if it stands. */
  | { readonly type: 'break-channel'; readonly side: MigrationSide; readonly run: number }
  /** Let go of a broken channel, and keep all else of the run. Nothing is read from it or written to it any more. */
  | { readonly type: 'close-channel'; readonly side: MigrationSide; readonly run: number }
  /** incoming.bound, then incoming.connected; or incoming.listen-failed. */
  | { readonly type: 'listen'; readonly run: number; readonly uri: string; readonly tls?: ListenTlsParameters }
  /**
   * Read the stream: incoming.prepared, incoming.ended, incoming.failed or incoming.lost; where `postcopy` is allowed
   * also incoming.advised, incoming.discarding, incoming.listening, incoming.running and incoming.start. A stream that was
   * sent by other methods than these is refused, but for differences, which every receiver takes.
   */
  | {
      readonly type: 'load'
      readonly run: number
      readonly parameters: LoadParameters
      readonly methods: TransferMethods
      readonly postcopy: boolean
    }
  | { readonly type: 'set-load-parameters'; readonly run: number; readonly parameters: LoadParameters }
  /**
   * Wait for the source of a postcopy whose channel broke, here and no longer elsewhere: incoming.bound, then
   * incoming.recovering; or incoming.listen-failed.
   */
  | { readonly type: 'listen-again'; readonly run: number; readonly uri: string; readonly tls?: ListenTlsParameters }
  /** Tell it what has arrived, ask again for what the guest waits for, read on: incoming.recovered or incoming.lost. */
  | { readonly type: 'resume-load'; readonly run: number }
  /** Tell the source that the guest runs here. */
  | { readonly type: 'acknowledge'; readonly run: number }
  /** Tell the source that it does not and never will. */
  | { readonly type: 'reject'; readonly run: number }
  | { readonly type: 'stop-guest' }
  | { readonly type: 'start-guest' }
  /** The guest begins anew, in whatever memory there is; whether it runs does not change. */
  | { readonly type: 'reset-guest' }
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
  /** Open the secondary's own copies of the images; the service's images stay where they are. */
  | { readonly type: 'mirror-images' }
  /**
   * Lock-step begins on the channel of the run: from here on it carries COLO messages in both directions. The primary
   * waits for checkpoint-ready (outgoing.colo-ready), the secondary for each message in turn. What arrives is told as a
   * fact, whatever it is; a channel that is lost, or on which an answer is overdue, is outgoing.failed or incoming.lost.
   */
  | ({ readonly type: 'enter-colo' } & ColoPlace)
  /** outgoing.checkpoint-due when this time has passed; an earlier one that has not come is forgotten. */
  | { readonly type: 'arm-checkpoint'; readonly run: number; readonly delayMillis: number }
  | ({ readonly type: 'send-colo-message'; readonly message: ColoMessage } & ColoPlace)
  /**
   * Behind vmstate-send: all that was written since the last checkpoint, then the devices, read while the guest stands
   * still. `runState` is where the checkpoint found the guest. outgoing.vmstate-saved, and outgoing.pass for the sync.
   */
  | { readonly type: 'save-checkpoint'; readonly run: number; readonly runState: StoppableRunState }
  /** vmstate-size and that many bytes: outgoing.vmstate-sent. */
  | { readonly type: 'send-vmstate'; readonly run: number }
  /** Put aside what comes, in bounds: incoming.vmstate-size, then incoming.vmstate-staged. */
  | { readonly type: 'stage-checkpoint'; readonly run: number }
  /**
   * Put it in use, all of it or nothing: incoming.vmstate-loaded; incoming.failed if nothing was; incoming.torn if a part
   * was, which ends this side.
   */
  | { readonly type: 'load-checkpoint'; readonly run: number }
  /**
   * Let go of the checkpoint that is being sent or received, and of what is put aside: outgoing.interrupted or
   * incoming.interrupted, at once, also when nothing is going on and when the channel is lost. A load goes on.
   */
  | ({ readonly type: 'interrupt-checkpoint' } & ColoPlace)
  /** Close the channel, so that the other side learns of it, and drop what is put aside. */
  | ({ readonly type: 'close-colo' } & ColoPlace)
  /** Make sure that the other side cannot run the guest: failover.fenced, or failover.not-fenced, in bounded time. */
  | ({ readonly type: 'fence' } & ColoPlace)
  /**
   * From here on what the guest sends is kept. A primary lets out what the secondary's guest has sent too, and tells of
   * what differs or does not come (outgoing.output-differs); a secondary's never leaves.
   */
  | { readonly type: 'hold-output'; readonly role: ReplicationRole }
  /** What the guest sent until it was stopped for the checkpoint may leave. */
  | { readonly type: 'release-output' }
  /** This side is alone: what is kept leaves, as far as no client was told of it, and what comes leaves at once. */
  | { readonly type: 'open-output' }
  /**
   * Start, checkpoint or stop block replication of a node (its place in the options of the core): replication.done or
   * replication.refused with the same number, and replication.io-error whenever a write is missed. A failover of a
   * secondary reports replication.committed or replication.commit-failed.
   */
  | {
      readonly type: 'replicate'
      readonly run: number
      readonly node: number
      readonly operation: 'start' | 'checkpoint' | 'stop' | 'failover'
    }
  /** Load credentials for TLS and keep them under this id: object.loaded or object.load-failed. */
  | {
      readonly type: 'load-credentials'
      readonly run: number
      readonly id: string
      readonly options: CredentialsOptions
    }
  /** Forget them. */
  | { readonly type: 'unload-credentials'; readonly id: string }
  /** Close a descriptor that was meant for `fd:` and has not been used. */
  | { readonly type: 'close-descriptor'; readonly name: string }
  /** The process is asked to end. */
  | { readonly type: 'quit' }
