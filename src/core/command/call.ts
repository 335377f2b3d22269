/** What every command is made of: a function from a state and its checked arguments to the next state and the outputs. */
import type { ChartEvent } from '../../../machines/index.ts'
import type { CoreState } from '../core-state.ts'
import { decide, type Step } from '../decide.ts'
import { refuse, refuseUnsupported, type Refusal } from '../output.ts'
import { unsupportedCommand } from '../wording.ts'

/** Arguments that the schema has been held against. */
export type Arguments = Readonly<Record<string, unknown>>

/** A command. Whether it is allowed is asked of the charts. */
export type Command = (state: CoreState, given: Arguments, nowMillis: number) => Step

/** The commands of a file, by name. */
export type CommandTable = Readonly<Record<string, Command>>

/** Success without an effect, or the answer to a question. */
export const replied = (state: CoreState, value: unknown = {}): Step => [state, [{ type: 'reply', value }]]

/** A refusal; a text alone is one of class GenericError. */
export const refused = (state: CoreState, refusal: Refusal | string): Step => [
  state,
  [typeof refusal === 'string' ? refuse(refusal) : refusal],
]

/** Lets the charts take the event and answers success behind what came of it, as QEMU does. */
export const done = (state: CoreState, event: ChartEvent, nowMillis: number): Step => {
  const [next, outputs] = decide(state, event, nowMillis)
  return [next, [...outputs, { type: 'reply', value: {} }]]
}

/** The refusal of a command that no runtime carries out yet. */
export const unsupported = (state: CoreState, name: string): Step =>
  refused(state, refuseUnsupported(name, unsupportedCommand(name)))
