/** What a validation comes to: one of four verdicts, as plain data that can be printed as JSON. */
import type { Profile, QuirkId } from '../../machines/index.ts'

/** A line of a recording. */
export interface Place {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** What the line says, in words. */
  readonly observed: string
}

/** A quirk that an explanation needs. */
export interface QuirkUse {
  readonly id: QuirkId
  readonly title: string
  /** Where the explanation ends without it. */
  readonly neededAt: Place
}

/** Why a scenario was rejected. */
export interface Rejection extends Place {
  /** The last line of the longest accepted prefix; 0 if there is none. */
  readonly acceptedThrough: number
  /** What could have been there instead, sorted. */
  readonly allowed: readonly string[]
  /** What is wrong, where it is not the line itself but what it says together with another party's recording. */
  readonly because: string | undefined
  /** The line of the other party. */
  readonly against: Place | undefined
}

/** The names of the verdicts. */
export type VerdictName = 'conforms' | 'conforms-with-quirks' | 'rejected' | 'not-covered'

/** What was judged. */
export interface Judged {
  readonly scenario: string
  readonly profile: Profile
  readonly parties: readonly {
    readonly name: string
    readonly file: string
    /** The last line that was judged; what follows a quit is not. */
    readonly lineLast: number
  }[]
}

/** The verdict on a scenario. */
export type Verdict = Judged &
  (
    | { readonly verdict: 'conforms' }
    | { readonly verdict: 'conforms-with-quirks'; readonly quirks: readonly QuirkUse[] }
    | { readonly verdict: 'rejected'; readonly rejection: Rejection }
    | { readonly verdict: 'not-covered'; readonly reason: string; readonly place: Place }
  )
