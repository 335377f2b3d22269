/**
 * The decision core: `(state, input) -> (state, outputs)`. It does no input or output, owns no clock and asks nobody:
 * the charts decide, the rest is bookkeeping. The same core runs behind a QMP socket, in a test and in an explorer.
 */
import type { ChartEvent } from '../../machines/index.ts'
import { commandOf } from './command.ts'
import { describeState, outgoingStatus, type CoreState } from './core-state.ts'
import { accepts, decide, over, type Step } from './decide.ts'
import type { Fact } from './fact.ts'

/** What the core can be told. `nowMillis` is the caller's clock; only differences of it are used. */
export type CoreInput =
  | { readonly type: 'command'; readonly name: string; readonly arguments?: unknown; readonly nowMillis: number }
  | { readonly type: 'fact'; readonly fact: Fact; readonly nowMillis: number }

/**
 * One step.
 *
 * @example
 * const [state, outputs] = step(start(), { type: 'command', name: 'migrate', arguments: { uri: 'tcp:host:4444' }, nowMillis: 0 })
 * outputs // event MIGRATION (if events is on), intent open-channel, reply {}
 */
export const step = (state: CoreState, input: CoreInput): Step =>
  input.type === 'command'
    ? commandOf(input.name)(state, input.arguments, input.nowMillis)
    : takeFact(state, input.fact, input.nowMillis)

const unexpected = (state: CoreState, fact: Fact): Step => [
  state,
  [{ type: 'unexpected', fact: fact.type, run: fact.run, state: describeState(state) }],
]

const isCurrent = (state: CoreState, fact: Fact): boolean =>
  fact.type.startsWith('guest.') ||
  fact.run === (fact.type.startsWith('outgoing.') ? state.outgoingNumber : state.incomingNumber)

const takeFact = (state: CoreState, fact: Fact, nowMillis: number): Step => {
  if (!isCurrent(state, fact)) return unexpected(state, fact)
  switch (fact.type) {
    case 'outgoing.progress':
      if (state.outgoing === undefined || over.has(outgoingStatus(state))) return unexpected(state, fact)
      return [
        {
          ...state,
          outgoing: { ...state.outgoing, ram: fact.ram, expectedDowntimeMillis: fact.expectedDowntimeMillis },
        },
        [],
      ]
    case 'outgoing.pass':
      if (over.has(outgoingStatus(state))) return unexpected(state, fact)
      return [
        state,
        state.capabilities['events'] === true
          ? [{ type: 'event', event: { event: 'MIGRATION_PASS', data: { pass: fact.pass } } }]
          : [],
      ]
    default: {
      const event = chartEventOf(fact)
      if (!accepts(state, event)) return unexpected(state, fact)
      return decide(noted(state, fact), event, nowMillis)
    }
  }
}

/** The fact as the charts know it. */
const chartEventOf = (fact: Exclude<Fact, { type: 'outgoing.progress' | 'outgoing.pass' }>): ChartEvent => {
  switch (fact.type) {
    case 'outgoing.connected':
      return { type: fact.type, returnPath: fact.returnPath }
    case 'incoming.ended':
      return { type: fact.type, running: fact.running }
    default:
      return { type: fact.type }
  }
}

/** Figures and first causes that a fact brings, noted before the charts decide on it. */
const noted = (state: CoreState, fact: Fact): CoreState => {
  const reason = 'reason' in fact ? ('side' in fact ? `${fact.reason} (${fact.side})` : fact.reason) : undefined
  if (fact.type === 'outgoing.setup-done' && state.outgoing !== undefined)
    return { ...state, outgoing: { ...state.outgoing, setupMillis: fact.setupMillis } }
  if (reason === undefined) return state
  // The first cause alone would not say that nobody knows where the guest runs, which is what an operator has to act on.
  if (fact.type === 'outgoing.outcome-unknown' && state.outgoing?.error !== undefined)
    return { ...state, outgoing: { ...state.outgoing, error: `${state.outgoing.error}; ${reason}` } }
  if (fact.type.startsWith('outgoing.') && state.outgoing !== undefined && state.outgoing.error === undefined)
    return { ...state, outgoing: { ...state.outgoing, error: reason } }
  if (fact.type.startsWith('incoming.') && state.incoming !== undefined && state.incoming.error === undefined)
    return { ...state, incoming: { ...state.incoming, error: reason } }
  return state
}
