/**
 * What a system of your own has to offer so that it can be checked: two processes that take QEMU's commands by name, tell
 * their events, and say whether their guest runs. How they do it, in which language and over which socket, is yours.
 */
import type { Profile } from '../../machines/index.ts'

/** What a command is answered: `return`, or an error with a class and a sentence, as QMP has them. */
export type SystemAnswer =
  { readonly return: unknown } | { readonly error: { readonly class: string; readonly desc: string } }

/** An event as QMP has it; of those named `MIGRATION` the status is looked at. */
export interface SystemEvent {
  readonly event: string
  readonly data?: unknown
}

/** One process. */
export interface SystemParty {
  /**
   * Carries a command out and answers it: `migrate`, `migrate_cancel`, `migrate-continue`, `migrate-set-capabilities`,
   * `query-migrate`, `query-migrate-capabilities`, `stop`, `cont`, with the arguments and replies of QEMU's schema. What it
   * does not know it refuses. `query-migrate` without a migration is `{}`.
   */
  readonly execute: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<SystemAnswer>
  /** All events since the start, the oldest first. */
  readonly events: () => readonly SystemEvent[]
  /** Whether the vCPUs of its guest run. */
  readonly isRunning: () => Promise<boolean>
  /** A digest of the guest's memory, if it can be told. */
  readonly memory?: () => Promise<string>
}

/** A source whose guest runs, and a destination that waits for it. */
export interface SystemPair {
  readonly source: SystemParty
  readonly destination: SystemParty
  /** Where the destination waits: what `migrate` is given. */
  readonly uri: string
  /** Lets the pair work for so many milliseconds, of simulated time (then runs can be repeated exactly) or of the wall's. */
  readonly advance: (millis: number) => Promise<void>
  /** Breaks the connection between the two, if it can be broken. */
  readonly cut?: () => Promise<void>
  /** Ends both; nothing may be left. */
  readonly close: () => Promise<void>
}

/** A system, as a module’s default export for `switchover check --module FILE`. */
export interface SystemUnderTest {
  readonly name: string
  /** Whose statuses it has. Default `2.11`. */
  readonly profile?: Profile
  /** A new pair; everything of an older one is gone. */
  readonly make: () => Promise<SystemPair>
  /** How long a migration may take before it counts as one that does not end. Default 10 s. */
  readonly patienceMillis?: number
}
