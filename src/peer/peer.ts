/** What a sequence is carried out on: processes that speak QMP. A pair is made anew for every sequence. */
/** Which side is spoken to. */
export type Role = 'source' | 'destination'

/** What a command came to. */
export type Answer =
  | { readonly type: 'return'; readonly value: unknown }
  | { readonly type: 'error'; readonly class: string; readonly desc: string }
  /** The process is gone. */
  | { readonly type: 'gone' }
  /** None within {@link ANSWER_PATIENCE_MILLIS}. */
  | { readonly type: 'silence' }

/** How long an answer may take. QEMU's monitor is blocked while it stops a guest, for some milliseconds. */
export const ANSWER_PATIENCE_MILLIS = 4000

/** Called with every message that passes. */
export type PeerTap = (direction: '->' | '<-', message: unknown) => void

/** A process, with a session that has been negotiated. */
export interface PeerSession {
  /** Sends at once; answers come in the order of the commands. */
  readonly execute: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<Answer>
  /** The process has ended, or the session with it. */
  readonly isGone: () => boolean
}

/** The processes of one run of a sequence. */
export interface Peers {
  /** A source with its guest running, or a destination that waits for migrate-incoming. */
  readonly start: (role: Role, tap: PeerTap) => Promise<PeerSession>
  /** The n-th place of this run, as a URI that both `migrate` and `migrate-incoming` take. */
  readonly address: (number: number) => string
  /** A place for a file of this run. */
  readonly file: string
  /** What the processes said beside QMP, for the report. */
  readonly lastWords: () => string
  /** Ends every process and leaves nothing behind. */
  readonly close: () => Promise<void>
}

/** An implementation. */
export interface PeerSystem {
  readonly name: string
  readonly open: () => Promise<Peers>
}
