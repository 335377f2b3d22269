/**
 * The decision core: `(state, input) -> (state, outputs)`. It does no input or output, owns no clock and asks nobody:
 * the charts decide, the rest is bookkeeping. The same core runs behind a QMP socket, in a test and in an explorer.
 */
import { plainEvent, type ChartEvent, type ColoMessage } from '../../machines/index.ts'
import { commandOf } from './command.ts'
import { takeFailoverFact } from './command/colo.ts'
import { withDescriptor } from './command/descriptors.ts'
import { takeDevicesFact } from './command/devices.ts'
import { takeObjectFact } from './command/objects.ts'
import { takeShutdownFact } from './command/guest.ts'
import { takeReplicationFact } from './command/replication.ts'
import { describeState, hasQuirk, isColoBroken, isOn, outgoingStatus, pathOf, type CoreState } from './core-state.ts'
import { accepts, decide, over, throttleGuest, type Step } from './decide.ts'
import type { Fact } from './fact.ts'
import { noteProgress, passNumber } from './figures.ts'
import { refuse, type CoreOutput, type Refusal, type Reply } from './output.ts'
import { answer, pendingFence, pendingListener, pendingSave } from './pending.ts'
import { evaluate, throttleSettings } from './throttle.ts'
import { descriptorOf } from './uri.ts'
import * as wording from './wording.ts'

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

const isCurrent = (state: CoreState, fact: Fact): boolean => {
  if (/^(guest|host|object|replication)\./.test(fact.type)) return true
  if (fact.type.startsWith('devices.')) return pendingSave(state, fact.run) !== undefined
  if (fact.type.startsWith('failover.')) return pendingFence(state, fact.run) !== undefined
  return fact.run === (fact.type.startsWith('outgoing.') ? state.outgoingNumber : state.incomingNumber)
}

const takeFact = (state: CoreState, fact: Fact, nowMillis: number): Step => {
  if (!isCurrent(state, fact)) return unexpected(state, fact)
  switch (fact.type) {
    case 'outgoing.progress':
      if (state.outgoing === undefined || over.has(outgoingStatus(state))) return unexpected(state, fact)
      return [{ ...state, outgoing: noteProgress(state, state.outgoing, fact, nowMillis) }, []]
    case 'outgoing.pass':
      if (over.has(outgoingStatus(state))) return unexpected(state, fact)
      return takePass(state, fact)
    case 'incoming.bound':
      return listens(state, fact.uri)
    case 'incoming.turned-away':
      if (state.incoming === undefined) return unexpected(state, fact)
      return [{ ...state, incoming: { ...state.incoming, turnedAway: fact.reason } }, []]
    case 'object.loaded':
    case 'object.load-failed':
      return takeObjectFact(state, fact) ?? unexpected(state, fact)
    case 'host.signal':
    case 'guest.shutdown':
      return takeShutdownFact(state, fact.type, nowMillis) ?? unexpected(state, fact)
    case 'devices.saved':
    case 'devices.save-failed':
      return takeDevicesFact(state, fact, nowMillis)
    case 'failover.fenced':
    case 'failover.not-fenced':
      return takeFailoverFact(state, fact, nowMillis)
    case 'replication.done':
    case 'replication.refused':
    case 'replication.io-error':
    case 'replication.committed':
    case 'replication.commit-failed':
      return takeReplicationFact(state, fact, nowMillis) ?? unexpected(state, fact)
    default: {
      const event = chartEventOf(fact)
      if (!accepts(state, event)) return unexpected(state, fact)
      const [next, outputs] = decide(noted(state, fact), event, nowMillis)
      return settleListener(withMessageNoted(state, next, fact), outputs, fact)
    }
  }
}

/** The period is judged before the pass is told of, as in QEMU. */
const takePass = (state: CoreState, { pass, period }: Extract<Fact, { type: 'outgoing.pass' }>): Step => {
  const run = state.outgoing
  const event = isOn(state, 'events') ? [passEvent(state, pass)] : []
  const judges = period !== undefined && isOn(state, 'auto-converge') && outgoingStatus(state) === 'active'
  if (!judges || run === undefined) return [state, event]
  const throttle = evaluate(run.throttle, period, throttleSettings(state))
  const raises = throttle.percentage !== run.throttle.percentage
  return [
    { ...state, outgoing: { ...run, throttle } },
    [...(raises ? [throttleGuest(throttle.percentage)] : []), ...event],
  ]
}

const passEvent = (state: CoreState, pass: number): CoreOutput => ({
  type: 'event',
  event: { event: 'MIGRATION_PASS', data: { pass: passNumber(state, pass) } },
})

/** A listener stands: the command that asked for it is answered. */
const listens = (state: CoreState, uri: string): Step => {
  const noted = state.incoming === undefined ? state : { ...state, incoming: { ...state.incoming, address: uri } }
  return answerListener(noted, [], { type: 'reply', value: {} }, state.incomingNumber)
}

/** A listener that failed, or one that was never told about and has a connection already, answers the command too. */
const settleListener = (state: CoreState, outputs: readonly CoreOutput[], fact: Fact): Step => {
  if (fact.type === 'incoming.connected' || fact.type === 'incoming.recovering')
    return answerListener(state, outputs, { type: 'reply', value: {} }, fact.run)
  if (fact.type !== 'incoming.listen-failed') return [state, outputs]
  const pending = pendingListener(state, fact.run)
  if (pending?.command === 'migrate-recover') return recoveryRefused(state, outputs, fact, pending.uri)
  const before = pending?.before ?? state.incomingNumber
  const kept = withDescriptor(state, descriptorOf(state.incoming?.uri ?? ''))
  const [answered, all] = answerListener(kept, outputs, refuse(fact.reason), fact.run)
  // A command that is refused has changed nothing, however late it learns of it (I8).
  const { incoming, ...rest } = answered
  return [before === 0 || incoming === undefined ? { ...rest, incomingNumber: before } : answered, all]
}

/** A broken postcopy goes on waiting as it did. */
const recoveryRefused = (
  state: CoreState,
  outputs: readonly CoreOutput[],
  fact: Extract<Fact, { type: 'incoming.listen-failed' }>,
  uri: string,
): Step => {
  const kept = withDescriptor(state, descriptorOf(state.incoming?.uri ?? ''))
  const restored = { ...kept, incoming: { ...kept.incoming, uri } }
  return answerListener(restored, outputs, refuse(fact.reason), fact.run)
}

const answerListener = (
  state: CoreState,
  outputs: readonly CoreOutput[],
  output: Reply | Refusal,
  run: number,
): Step => {
  const waiting = pendingListener(state, run)
  if (waiting === undefined) return [state, outputs]
  const [next, answered] = answer(state, waiting, output)
  return [next, [...outputs, answered]]
}

type Booked =
  | 'outgoing.progress'
  | 'outgoing.pass'
  | 'incoming.bound'
  | 'incoming.turned-away'
  | `object.${string}`
  | 'guest.shutdown'
  | `host.${string}`
  | `devices.${string}`
  | `failover.${string}`
  | `replication.${string}`
type ChartFact = Exclude<Fact, { type: Booked }>

/** The fact as the charts know it. */
const chartEventOf = (fact: ChartFact): ChartEvent => {
  switch (fact.type) {
    case 'outgoing.connected':
      return { type: fact.type, returnPath: fact.returnPath }
    case 'incoming.ended':
    case 'incoming.colo':
    case 'incoming.vmstate-loaded': {
      const { type, running, stopped } = fact
      return stopped === undefined ? { type, running } : { type, running, stopped }
    }
    case 'incoming.start':
      return { type: fact.type, running: fact.running }
    default:
      return plainEvent(fact.type)
  }
}

/** COLO messages, as they are told, and where each belongs. */
const messagePlaces: Readonly<Record<string, readonly [message: ColoMessage, expectedIn: string]>> = {
  'outgoing.colo-ready': ['checkpoint-ready', 'entering'],
  'outgoing.checkpoint-reply': ['checkpoint-reply', 'requesting'],
  'outgoing.vmstate-received': ['vmstate-received', 'sent'],
  'outgoing.vmstate-loaded': ['vmstate-loaded', 'received'],
  'incoming.checkpoint-request': ['checkpoint-request', 'waiting'],
  'incoming.vmstate-send': ['vmstate-send', 'replied'],
  'incoming.vmstate-size': ['vmstate-size', 'receiving'],
}

/** A message out of its order has no reason with it: it is the reason. */
const withMessageNoted = (before: CoreState, after: CoreState, fact: Fact): CoreState => {
  const place = messagePlaces[fact.type]
  if (place === undefined || !isColoBroken(after) || isColoBroken(before)) return after
  const phase = pathOf(before, 'colo')[2]
  const expected = Object.entries(messagePlaces).find(
    ([type, [, expectedIn]]) => expectedIn === phase && type.startsWith(fact.type.split('.')[0]!),
  )?.[1][0]
  const reason = wording.unexpectedMessage(place[0], expected)
  return fact.type.startsWith('outgoing.')
    ? { ...after, ...(after.outgoing === undefined ? {} : { outgoing: { error: reason, ...after.outgoing } }) }
    : { ...after, ...(after.incoming === undefined ? {} : { incoming: { error: reason, ...after.incoming } }) }
}

/** Quirk q6: 2.11 records no reason once the channel stands. */
const isUnsaid = (state: CoreState, fact: Fact): boolean =>
  fact.type === 'outgoing.failed' && state.profile === '2.11' && hasQuirk(state, 'q6')

/** What had broken is mended. */
const withoutError = (state: CoreState, type: 'outgoing.resumed' | 'incoming.recovered'): CoreState => {
  const side = type === 'outgoing.resumed' ? 'outgoing' : 'incoming'
  const run = state[side]
  if (run?.error === undefined) return state
  const mended = Object.fromEntries(Object.entries(run).filter(([member]) => member !== 'error'))
  return { ...state, [side]: mended }
}

/** Figures and first causes that a fact brings, noted before the charts decide on it. */
const noted = (state: CoreState, fact: Fact): CoreState => {
  const reason = 'reason' in fact ? ('side' in fact ? `${fact.reason} (${fact.side})` : fact.reason) : undefined
  if (fact.type === 'outgoing.setup-done' && state.outgoing !== undefined)
    return { ...state, outgoing: { ...state.outgoing, setupMillis: fact.setupMillis } }
  if (fact.type === 'outgoing.resumed' || fact.type === 'incoming.recovered') return withoutError(state, fact.type)
  if (reason === undefined || isUnsaid(state, fact)) return state
  // The first cause alone would not say that nobody knows where the guest runs, which is what an operator has to act on.
  if (fact.type === 'outgoing.outcome-unknown' && state.outgoing?.error !== undefined)
    return { ...state, outgoing: { ...state.outgoing, error: `${state.outgoing.error}; ${reason}` } }
  // Why it is still broken, which is news to whoever tries to mend it.
  const isNews = state.outgoing?.error === undefined || /^postcopy-(paused|recover)$/.test(outgoingStatus(state))
  if (fact.type.startsWith('outgoing.') && state.outgoing !== undefined && isNews)
    return { ...state, outgoing: { ...state.outgoing, error: reason } }
  if (fact.type.startsWith('incoming.') && state.incoming !== undefined && state.incoming.error === undefined)
    return { ...state, incoming: { ...state.incoming, error: reason } }
  return state
}
