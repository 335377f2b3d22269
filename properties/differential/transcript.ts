/** What was seen while a sequence was carried out: everything that was said, and what each step came to. */
import type { Answer } from '../../src/peer/peer.ts'
import type { Call, Step } from './step.ts'

/** One message, on the time base of its transcript. */
export interface TranscriptLine {
  readonly seconds: number
  readonly direction: '->' | '<-'
  readonly message: unknown
}

/** All that passed between the manager and one process. `name`: `src`, `dst`, `dst2` and so on. */
export interface PartyTranscript {
  readonly name: string
  readonly lines: readonly TranscriptLine[]
}

/** How a process stands when nothing is under way. */
export type PartyRest =
  | {
      readonly status: string
      /** The members of query-migrate's answer, sorted; those of `ram` as `ram.…`. */
      readonly members: readonly string[]
      readonly runState: string
    }
  | 'gone'
  /** It does not answer any more. */
  | 'silent'

/** How a pair stands after a step. */
export interface Rest {
  readonly source: PartyRest
  /** The destination that was started last. */
  readonly destination?: PartyRest
  /** It was still on its way when patience ran out. */
  readonly unsettled: boolean
}

/** A command and what it came to. */
export interface CallOutcome {
  readonly call: Call
  readonly answer: Answer
  /** Events of the party between command and answer. */
  readonly eventsBefore: readonly string[]
}

/** What a step came to. */
export interface StepOutcome {
  readonly step: Step
  readonly calls: readonly CallOutcome[]
  /** Events by party, in order: `STOP`, `MIGRATION active`. */
  readonly events: Readonly<Record<string, readonly string[]>>
  /** Undefined after a step that does not wait. */
  readonly rest?: Rest
}

/** See the head of this file. */
export interface Transcript {
  readonly system: string
  readonly steps: readonly StepOutcome[]
  readonly parties: readonly PartyTranscript[]
  readonly lastWords: string
}
