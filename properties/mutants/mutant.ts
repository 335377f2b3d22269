/** A seeded bug: a system that is wrong in one way, and the properties that have to notice. */

/** See the head of this file. Mutants are put in from outside; nothing that is shipped to be used has a way to be wrong. */
export interface Mutant<System> {
  readonly id: string
  /** What it does wrong, in one sentence. */
  readonly title: string
  readonly system: System
  /** Identifiers of the properties that kill it, each by itself. */
  readonly killedBy: readonly string[]
}
