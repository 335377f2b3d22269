/** A seeded bug: a system that is wrong in one way, and the properties that have to notice. */
import type { QuirkId } from '../../machines/index.ts'

/** See the head of this file. Mutants are put in from outside; nothing that is shipped to be used has a way to be wrong. */
export interface Mutant<System> {
  readonly id: string
  /** What it does wrong, in one sentence. */
  readonly title: string
  readonly system: System
  /** The known defect of a real QEMU that it is, where it is one. */
  readonly quirk?: QuirkId
  /** Identifiers of the properties that kill it, each by itself. */
  readonly killedBy: readonly string[]
}
