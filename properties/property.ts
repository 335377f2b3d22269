/** A named property: what must hold, in words and as a check of what was seen. */
import type { Observation } from './observation.ts'

/** What breaks a property, in one sentence that names the party, the moment and the values. */
export type Violation = string

/** See the head of this file. */
export interface Property {
  /** The identifier of the invariant: `I1` to `I32`. */
  readonly id: `I${number}`
  readonly title: string
  /** The invariant. */
  readonly text: string
  /** Every way in which an observation breaks it; none if it holds. */
  readonly check: (observation: Observation) => readonly Violation[]
}
