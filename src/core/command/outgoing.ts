/** The commands of the side that sends its guest. Source: reference of the semantics, 4.7, 4.9, 4.10, 4.12. */
import { hasQuirk, isOn, outgoingStatus, runState, type CoreState, type OutgoingRun } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import { countedSoFar } from '../figures.ts'
import { migrationInfo } from '../migration-info.ts'
import { refuse, type Refusal } from '../output.ts'
import { transferMethods, transferParameters } from '../parameters.ts'
import { unthrottled } from '../throttle.ts'
import { tlsProblem } from '../tls.ts'
import { descriptorOf, namesTransport, parseUri, problemOf } from '../uri.ts'
import * as wording from '../wording.ts'
import { blockRefusal } from './capabilities.ts'
import { withoutDescriptor } from './descriptors.ts'
import { done, refused, replied, unsupported, type Arguments, type Command, type CommandTable } from './call.ts'

const migrate: Command = (state, given, nowMillis) => {
  if (given['resume'] === true) return resume(state, given, nowMillis)
  const event = { type: 'migrate' } as const
  if (!accepts(state, event)) return refused(state, wording.migrateRefusal(outgoingStatus(state), runState(state)))
  const [blocker] = state.equipment.blockers
  if (blocker !== undefined) return refused(state, blocker)
  const withBlock = given['blk'] === true || given['inc'] === true
  const conflict = withBlock ? optionsRefusal(state) : undefined
  if (conflict !== undefined) return refused(state, conflict)
  if (outgoingStatus(state) === 'colo') return replacesLockStep(state, nowMillis)
  const uri = String(given['uri'])
  const begun = withNewRun(withBlock ? withOptions(state, given) : state, runTo(state, uri, given, nowMillis))
  const problem = problemOf(uri, 'outgoing', state.equipment)
  if (problem !== undefined) return refusedUri(state, begun, problem, nowMillis)
  const unsecured = tlsProblem(state, 'client', uri)
  if (unsecured !== undefined) return refused(state, unsecured)
  if (!canHaveChannels(state, uri)) return refusedUri(state, begun, wording.multifdNeedsSockets, nowMillis)
  return done(withoutDescriptor(begun, descriptorOf(uri)), event, nowMillis)
}

/** Quirk h8: only the one who registers what the run would yank notices the run that there is. */
const replacesLockStep = (state: CoreState, nowMillis: number): Step => {
  const [next, outputs] = decide(state, { type: 'migrate' }, nowMillis)
  return [next, [...outputs, refuse(wording.duplicateYank)]]
}

/** Channels of multifd are further connections to the same place. */
const canHaveChannels = (state: CoreState, uri: string): boolean =>
  transferMethods(state).multifd === undefined || ['tcp', 'unix'].includes(parseUri(uri)?.transport ?? '')

/** 7.2 only: a postcopy whose channel broke goes on over a new one. The same run, with all its figures. */
const resume: Command = (state, given, nowMillis) => {
  const event = { type: 'migrate-resume' } as const
  const { outgoing } = state
  if (!accepts(state, event) || outgoing === undefined)
    return refused(state, outgoingStatus(state) === 'postcopy-paused' ? wording.busy : wording.noPausedMigration)
  const uri = String(given['uri'])
  const problem = problemOf(uri, 'outgoing', state.equipment) ?? tlsProblem(state, 'client', uri)
  if (problem !== undefined) return refused(state, problem)
  return done({ ...withoutDescriptor(state, descriptorOf(uri)), outgoing: { ...outgoing, uri } }, event, nowMillis)
}

const optionsRefusal = (state: CoreState): Refusal | string | undefined => {
  if (state.profile === '7.2' && isOn(state, 'x-colo')) return wording.noDisksInColo
  if (isOn(state, 'block') || state.parameters['block-incremental'] === true) return wording.optionsConflict
  return blockRefusal(state)
}

/** `blk` and `inc` are the capability `block` and the parameter `block-incremental`, for one run. */
const withOptions = (state: CoreState, given: Arguments): CoreState => ({
  ...state,
  capabilities: { ...state.capabilities, block: true },
  parameters: given['inc'] === true ? { ...state.parameters, 'block-incremental': true } : state.parameters,
})

const runTo = (state: CoreState, uri: string, given: Arguments, nowMillis: number): OutgoingRun => ({
  uri,
  startedMillis: nowMillis,
  setupMillis: 0,
  expectedDowntimeMillis: transferParameters(state).downtimeLimitMillis,
  throttle: unthrottled,
  ...(hasQuirk(state, 's6') ? { xbzrleCacheBytes: transferParameters(state).xbzrleCacheBytes } : {}),
  ...(given['blk'] === true || given['inc'] === true ? { temporary: { incremental: given['inc'] === true } } : {}),
})

const withNewRun = (state: CoreState, outgoing: OutgoingRun): CoreState => ({
  ...state,
  ...countedSoFar(state),
  outgoingNumber: state.outgoingNumber + 1,
  outgoing,
})

/** A URI that cannot be used changes nothing. QEMU publishes setup and failed first (quirk q6). */
const refusedUri = (state: CoreState, begun: CoreState, problem: string, nowMillis: number): Step => {
  if (!hasQuirk(state, 'q6')) return refused(state, problem)
  const isNamed = namesTransport(begun.outgoing?.uri ?? '')
  const run = begun.outgoing
  const told: CoreState = isNamed && run !== undefined ? { ...begun, outgoing: { ...run, error: problem } } : begun
  const [setup, first] = decide(told, { type: 'migrate' }, nowMillis)
  const [failed, second] = decide(setup, { type: 'outgoing.refused' }, nowMillis)
  const [ended, third] = decide(failed, { type: 'outgoing.ended' }, nowMillis)
  const events = [...first, ...second, ...third].filter((output) => output.type === 'event')
  const keepsBlock = !isNamed && hasQuirk(state, 's2')
  const { capabilities, parameters } = keepsBlock ? begun : ended
  return [{ ...ended, capabilities, parameters }, [...events, refuse(problem)]]
}

/**
 * Success wherever a cancel has an effect or nothing is left to cancel. Where it is impossible to honour (the
 * destination runs the guest) it is refused, so that success always means: ends cancelled, or completed if it came too
 * late (I6).
 */
const migrateCancel: Command = (state, _given, nowMillis) => {
  const event = { type: 'migrate_cancel' } as const
  if (accepts(state, event)) return done(state, event, nowMillis)
  const status = outgoingStatus(state)
  if (status.startsWith('postcopy-')) return refused(state, wording.postcopyCannotCancel)
  if (status === 'colo') return refused(state, wording.coloCannotCancel)
  return replied(state)
}

/** Accepts the name of whatever status is current, as QEMU does, and acts in pre-switchover only. */
const migrateContinue: Command = (state, given, nowMillis) => {
  const current = outgoingStatus(state)
  const event = { type: 'migrate-continue' } as const
  if (given['state'] !== current) return refused(state, wording.notExpectedState(current))
  return accepts(state, event) ? done(state, event, nowMillis) : replied(state)
}

const migrateStartPostcopy: Command = (state, _given, nowMillis) => {
  if (!isOn(state, 'postcopy-ram')) return refused(state, wording.postcopyOff)
  const event = { type: 'migrate-start-postcopy' } as const
  if (!accepts(state, event)) return refused(state, wording.postcopyTooEarly)
  // Postcopy sends its pages on one channel, and a run has its channels from its start.
  if (transferMethods(state).multifd !== undefined) return unsupported(state, 'migrate-start-postcopy with x-multifd')
  return done(state, event, nowMillis)
}

/** 7.2 only: breaks the channel of a postcopy on purpose, once the guest is free to run at the destination. */
const migratePause: Command = (state, _given, nowMillis) => {
  const event = { type: 'migrate-pause' } as const
  return accepts(state, event) ? done(state, event, nowMillis) : refused(state, wording.pauseOnlyPostcopy)
}

/** See the head of this file. */
export const outgoingCommands: CommandTable = {
  migrate,
  migrate_cancel: migrateCancel,
  'migrate-continue': migrateContinue,
  'migrate-start-postcopy': migrateStartPostcopy,
  'migrate-pause': migratePause,
  'query-migrate': (state, _given, nowMillis) => replied(state, migrationInfo(state, nowMillis)),
}
