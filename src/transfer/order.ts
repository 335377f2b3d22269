/** What a data-plane engine is told to do, and what it says it waits for. Both cross a thread boundary as plain data. */
import type { StoppableRunState } from '../../machines/index.ts'
import type { Connection } from '../channel/transport.ts'
import type { IncomingNews, OutgoingNews } from '../core/fact.ts'
import type {
  DiskOptions,
  LoadParameters,
  PostcopySettings,
  TransferMethods,
  TransferParameters,
} from '../core/intent.ts'
import type { MigrationStats } from '../qapi/index.ts'
import type { ColoDialect, ColoMessageName } from '../wire/index.ts'
import type { DeviceState } from './dialect.ts'

/** Orders to the sending engine. */
export type OutgoingOrder =
  | {
      readonly type: 'setup'
      readonly parameters: TransferParameters
      readonly methods: TransferMethods
      readonly returnPath: boolean
      /** 16 bytes that name this run to the destination, should it be asked about it later. */
      readonly identity: Uint8Array
      /** Lock-step follows the first stream, in this form. */
      readonly colo?: ColoDialect
      /** Move the disks too. */
      readonly disks?: DiskOptions
      /** Postcopy may come. */
      readonly postcopy?: PostcopySettings
    }
  | { readonly type: 'iterate' }
  | { readonly type: 'set-parameters'; readonly parameters: TransferParameters }
  | { readonly type: 'complete'; readonly devices: readonly DeviceState[] }
  | { readonly type: 'start-postcopy' }
  /** Postcopy: what the destination has to forget, and the devices. */
  | { readonly type: 'package'; readonly devices: readonly DeviceState[] }
  /** The end mark; in postcopy the leave to run, and then what is missing there. */
  | { readonly type: 'commit' }
  /** Goes on with a broken postcopy of this run on a channel that is new. `ram` is what was reported of it last. */
  | {
      readonly type: 'resume'
      readonly parameters: TransferParameters
      readonly postcopy: PostcopySettings
      readonly identity: Uint8Array
      readonly ram: MigrationStats
    }
  /** Break the channel. */
  | { readonly type: 'break' }
  /** End the stream and go on in lock-step. An answer that is overdue by so much ends it. */
  | { readonly type: 'lock-step'; readonly patienceMillis: number }
  | { readonly type: 'colo-message'; readonly message: ColoMessageName }
  /** What was written since the last checkpoint, and these devices; then, on its order, the size and the rest. */
  | { readonly type: 'checkpoint'; readonly devices: readonly DeviceState[] }
  | { readonly type: 'send-vmstate' }
  | { readonly type: 'abort' }

/** What a stream may be sent by, and what it is received with. */
export interface Loading {
  readonly methods: TransferMethods
  readonly parameters: LoadParameters
  /** The guest may run before all of its memory is here. */
  readonly postcopy: boolean
}

/** Orders to the receiving engine. */
export type IncomingOrder =
  /** What was loaded is good: answer the question of the source. */
  | { readonly type: 'accept' }
  /** A page that the guest waits for is missing: there is something to ask for. */
  | { readonly type: 'fault' }
  /** A broken postcopy of this run goes on. */
  | { readonly type: 'resume'; readonly identity: Uint8Array | undefined }
  /** Break the channel. */
  | { readonly type: 'break' }
  /** The guest runs here. */
  | { readonly type: 'acknowledge' }
  /** It never will. */
  | { readonly type: 'reject' }
  /** One more connection of the same migration: of it, only what is shared crosses a thread boundary. */
  | ({ readonly type: 'channel' } & Pick<Connection, 'link' | 'shared' | 'ready'>)
  /**
   * Lock-step has begun. A checkpoint that does not go on for `patienceMillis`, and one that does not begin for `idleMillis`,
   * mean that the primary is lost.
   */
  | { readonly type: 'lock-step'; readonly patienceMillis: number; readonly idleMillis: number }
  | { readonly type: 'colo-message'; readonly message: ColoMessageName }
  /** Make memory that of the checkpoint that is here: reported as `applied`, also where the channel is lost meanwhile. */
  | { readonly type: 'load' }
  | { readonly type: 'set-load-parameters'; readonly parameters: LoadParameters }
  | { readonly type: 'abort' }

/** What the sending engine tells. */
export type OutgoingReport =
  | OutgoingNews
  /** The last byte is in the channel: a channel without a way back can be closed behind it. */
  | { readonly type: 'sent' }

/** What the receiving engine tells, for the host of the guest to judge before the core hears of it. */
export type IncomingReport =
  | IncomingNews
  /** The stream names its run. */
  | { readonly type: 'identified'; readonly identity: Uint8Array }
  /** All but the end mark is loaded: the devices, for the guest to take. Answered by `accept` or `reject`. */
  | {
      readonly type: 'arrived'
      readonly devices: readonly DeviceState[]
      readonly runState: string
      /** Memory follows later. */
      readonly postcopy?: boolean
    }
  /** All of a checkpoint of COLO is here, and none of it in use. Answered by `load`. */
  | { readonly type: 'staged'; readonly devices: readonly DeviceState[]; readonly runState: StoppableRunState }
  /** Memory is that of the checkpoint. */
  | { readonly type: 'applied' }
  /** Bytes read from the channel so far. */
  | { readonly type: 'received'; readonly bytes: number }

/** What a stepper waits for. */
export type Wait =
  /** More room in the link, or more bytes from it. */
  | { readonly kind: 'link' }
  /** A point in time. */
  | { readonly kind: 'until'; readonly millis: number }
  /** The next order. */
  | { readonly kind: 'order' }
  /** Nothing: it has ended, and does not touch the link again. */
  | { readonly kind: 'over' }
