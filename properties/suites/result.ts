/** What a suite came to, and how it is told. */
import type { Breach } from '../catalogue.ts'

/** A run that breaks a property, as short as it could be made. */
export interface Counterexample {
  /** The commands, one a line. */
  readonly commands: readonly string[]
  /** The world they were given in, in short. */
  readonly setting: string
  /** What they break. */
  readonly breaches: readonly Breach[]
  /** Makes the run again; see `parseReplayToken`. */
  readonly token: string
}

/** See the head of this file. */
export interface SuiteResult {
  readonly suite: 'core' | 'runtime' | 'lock-step'
  readonly system: string
  readonly seed: number
  /** Runs that were made before the first failure, or in all. */
  readonly runs: number
  /** How often what was met: an empty count says that the suite has looked at nothing. */
  readonly coverage: Readonly<Record<string, number>>
  readonly counterexample?: Counterexample
}

/** How a suite is run. */
export interface SuiteOptions {
  /** Random sequences. Default 100. */
  readonly runs?: number
  /** Default 1: the same sequences at every run. */
  readonly seed?: number
  /** Of a {@link Counterexample}'s token. */
  readonly path?: string
  readonly replayPath?: string
  /** Looks at this property only: `I7`. */
  readonly onlyProperty?: string
  /** Longest sequence. Default 12. */
  readonly commandsMax?: number
}

/** A counterexample as text, for a person. */
export const describeCounterexample = ({ commands, setting, breaches, token }: Counterexample): string =>
  [
    ...breaches.flatMap(({ property, violations }) => [
      `${property.id} ${property.title}: ${property.text}`,
      ...violations.slice(0, 5).map((violation) => `    ${violation}`),
    ]),
    `in ${setting}:`,
    ...commands.map((command, index) => `  ${index + 1}. ${command}`),
    `again with ${token}`,
  ].join('\n')
