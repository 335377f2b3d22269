/**
 * What a manager does to a pair, as data: the same sequence is carried out on any implementation. Addresses are symbols,
 * because each implementation listens at places of its own.
 */

import type { Role } from '../../src/peer/peer.ts'

/** Stands for the place where a destination listens; one that does is seen to before the source is sent there. */
export const DESTINATION = '@destination'
/** Stands for a place where nobody listens. */
export const NOWHERE = '@nowhere'

/** Stands for a file that can be written, of the run at hand. */
export const FILE = '@file'

/** A command with its arguments, as QMP has them. */
export interface Call {
  readonly name: string
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** One thing to do. */
export type Step =
  /** A command; the step is over when the pair is at rest again. */
  | { readonly do: 'call'; readonly to: Role; readonly call: Call }
  /**
   * Commands that do not wait for each other: what they come to depends on the moment, so implementations are not
   * compared, but held against the charts. `until`: the first is sent, then one of these events waited for on the
   * source, then the rest.
   */
  | { readonly do: 'race'; readonly to: Role; readonly calls: readonly Call[]; readonly until?: readonly string[] }
  /** Waits for an event of one side. Whoever waits for what does not come waits at most `patienceMillis`. */
  | { readonly do: 'await'; readonly on: Role; readonly events: readonly string[]; readonly patienceMillis: number }
  /** Time for a race to be lost in: never needed for anything to work. */
  | { readonly do: 'delay'; readonly micros: number }
  /** A command, without waiting for anything but its answer. */
  | { readonly do: 'send'; readonly to: Role; readonly call: Call }
  /** query-migrate, several on their way at any time, until the run is over. */
  | { readonly do: 'poll'; readonly pipelined: number; readonly patienceMillis: number }

/** A sequence is carried out from its first step to its last. */
export type Sequence = readonly Step[]

const callText = ({ name, arguments: given }: Call): string =>
  given === undefined ? name : `${name} ${JSON.stringify(given)}`

/** A step as one line. */
export const stepText = (step: Step): string => {
  switch (step.do) {
    case 'call':
      return `${step.to}: ${callText(step.call)}`
    case 'send':
      return `${step.to}, without a wait: ${callText(step.call)}`
    case 'race':
      return `${step.to}, at once: ${step.calls.map(callText).join(step.until === undefined ? ' | ' : ` | (${step.until.join(' or ')}) | `)}`
    case 'await':
      return `await ${step.events.join(' or ')} on the ${step.on}`
    case 'delay':
      return `after ${step.micros} µs`
    case 'poll':
      return `query-migrate until it is over, ${step.pipelined} at a time`
  }
}

/** The commands that a step consists of. */
export const callsOf = (step: Step): readonly Call[] =>
  step.do === 'call' || step.do === 'send' ? [step.call] : step.do === 'race' ? step.calls : []

/** How many commands a sequence gives; a wait is none. */
export const commandCount = (sequence: Sequence): number =>
  sequence.reduce((sum, step) => sum + (step.do === 'poll' ? 1 : callsOf(step).length), 0)
