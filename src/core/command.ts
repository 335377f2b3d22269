/**
 * The commands of the schema, and those of the monitor that belong to a migration. Each is a function from a state and
 * its checked arguments to the next state and the outputs; whether it is allowed is asked of the charts.
 */
import type { ChartEvent } from '../../machines/index.ts'
import { capabilities as capabilitiesOf, checkParameters, type MigrationCapabilityStatus } from '../qapi/index.ts'
import { checkArguments } from './arguments.ts'
import { incomingStatus, outgoingStatus, runState, type CoreState } from './core-state.ts'
import { migrationInfo } from './migration-info.ts'
import { refuse, type CoreOutput, type Refusal } from './output.ts'
import { defaultParameters, transferParameters, type Parameters, type ParameterValue } from './parameters.ts'
import { accepts, decide, type Step } from './decide.ts'
import { problemOf } from './uri.ts'
import * as wording from './wording.ts'

type Arguments = Readonly<Record<string, unknown>>
type Command = (state: CoreState, given: Arguments, nowMillis: number) => Step

const replied = (state: CoreState, value: unknown = {}): Step => [state, [{ type: 'reply', value }]]
const refused = (state: CoreState, refusal: Refusal | string): Step => [
  state,
  [typeof refusal === 'string' ? refuse(refusal) : refusal],
]

/** Lets the charts take the event and answers success behind what came of it, as QEMU does. */
const done = (state: CoreState, event: ChartEvent, nowMillis: number): Step => {
  const [next, outputs] = decide(state, event, nowMillis)
  return [next, [...outputs, { type: 'reply', value: {} }]]
}

const isOn = (state: CoreState, capability: string): boolean => state.capabilities[capability] === true

const migrate: Command = (state, given, nowMillis) => {
  const event = { type: 'migrate' } as const
  if (!accepts(state, event))
    return refused(state, wording.migrateRefusal(state, outgoingStatus(state), runState(state)))
  if (given['blk'] === true || given['inc'] === true)
    return refused(state, isOn(state, 'block') ? wording.optionsConflict : wording.unsupportedCapability('block'))
  const uri = String(given['uri'])
  const problem = problemOf(uri, 'outgoing')
  if (problem !== undefined) return refusedUri(state, uri, problem, nowMillis)
  return done(withNewRun(state, uri, nowMillis), event, nowMillis)
}

const withNewRun = (state: CoreState, uri: string, nowMillis: number): CoreState => ({
  ...state,
  outgoingNumber: state.outgoingNumber + 1,
  outgoing: {
    uri,
    startedMillis: nowMillis,
    setupMillis: 0,
    expectedDowntimeMillis: transferParameters(state).downtimeLimitMillis,
  },
})

/** A URI that names no transport changes nothing. QEMU publishes setup and failed first (quirk q6). */
const refusedUri = (state: CoreState, uri: string, problem: string, nowMillis: number): Step => {
  if (!state.quirks.includes('q6')) return refused(state, problem)
  const [begun, first] = decide(withNewRun(state, uri, nowMillis), { type: 'migrate' }, nowMillis)
  const [failed, second] = decide(begun, { type: 'outgoing.refused' }, nowMillis)
  const [ended, third] = decide(failed, { type: 'outgoing.ended' }, nowMillis)
  const events = [...first, ...second, ...third].filter((output) => output.type === 'event')
  return [ended, [...events, refuse(problem)]]
}

const migrateIncoming: Command = (state, given, nowMillis) => {
  const uri = String(given['uri'])
  const event = { type: 'migrate-incoming' } as const
  if (!state.startedWith.incoming) return refused(state, wording.notIncoming(state.profile))
  if (!accepts(state, event)) return refused(state, wording.incomingStarted)
  const problem = problemOf(uri, 'incoming')
  if (problem !== undefined) return refused(state, problem)
  const next = { ...state, incomingNumber: state.incomingNumber + 1, incoming: { uri } }
  return done(next, event, nowMillis)
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
  return accepts(state, event) ? done(state, event, nowMillis) : refused(state, wording.postcopyTooEarly)
}

const setCapabilities: Command = (state, given, nowMillis) => {
  const changes = given['capabilities'] as readonly MigrationCapabilityStatus[]
  const merged = { ...state.capabilities, ...Object.fromEntries(changes.map((c) => [c.capability, c.state])) }
  const event = steering(merged)
  if (!accepts(state, event)) return refused(state, wording.busy)
  const missing = changes.find((c) => c.state && !state.supportedCapabilities.includes(c.capability))
  if (missing !== undefined) return refused(state, wording.unsupportedCapability(missing.capability))
  if (state.profile === '2.11' && merged['postcopy-ram'] === true && merged['compress'] === true)
    return refused(
      // Quirk q1: the check works on the live array, so a refused call is applied all the same.
      state.quirks.includes('q1') ? { ...decide(state, event, nowMillis)[0], capabilities: merged } : state,
      wording.postcopyWithCompress,
    )
  return done({ ...state, capabilities: merged }, event, nowMillis)
}

const steering = (merged: Readonly<Record<string, boolean>>): ChartEvent => ({
  type: 'migrate-set-capabilities',
  pause: merged['pause-before-switchover'] === true,
  postcopy: merged['postcopy-ram'] === true,
  colo: merged['x-colo'] === true,
})

const queryCapabilities: Command = (state) =>
  replied(
    state,
    capabilitiesOf(state.profile).map((capability) => ({ capability, state: isOn(state, capability) })),
  )

/** All or nothing: the given values over the current ones are checked together, then applied together. */
const setParameters: Command = (state, given) => {
  const changes: Record<string, ParameterValue> = {}
  for (const [name, value] of Object.entries(given)) changes[name] = value === null ? '' : (value as ParameterValue)
  const merged: Parameters = { ...state.parameters, ...changes }
  const violation = checkParameters(merged, { profile: state.profile })
  if (violation !== undefined) return refused(state, wording.outOfRange(state.profile, violation))
  return applied({ ...state, parameters: merged })
}

const applied = (state: CoreState): Step => {
  const reply: CoreOutput = { type: 'reply', value: {} }
  if (!wording.isBusy(outgoingStatus(state))) return [state, [reply]]
  const intent = { type: 'set-parameters', run: state.outgoingNumber, parameters: transferParameters(state) } as const
  return [state, [{ type: 'intent', intent }, reply]]
}

/** The schema's own order, so that an answer reads like QEMU's. */
const queryParameters: Command = (state) => {
  const known = Object.keys(defaultParameters(state.profile))
  return replied(state, Object.fromEntries(known.map((name) => [name, state.parameters[name]])))
}

const setDowntime: Command = (state, given, nowMillis) => {
  const seconds = Number(given['value'])
  if (!(seconds >= 0 && seconds <= 2000))
    return refused(state, "Parameter 'downtime_limit' expects an integer in the range of 0 to 2000 seconds")
  return setParameters(state, { 'downtime-limit': Math.trunc(seconds * 1000) }, nowMillis)
}

const setSpeed: Command = (state, given, nowMillis) =>
  setParameters(state, { 'max-bandwidth': given['value'] }, nowMillis)

/** Rounded down to a power of two, as the schema says; 2.11's code refuses what is none. */
const setCacheSize: Command = (state, given, nowMillis) => {
  const value = given['value'] as number | bigint
  const rounded = value > 0 ? 2n ** BigInt(BigInt(value).toString(2).length - 1) : BigInt(value)
  return setParameters(
    state,
    { 'xbzrle-cache-size': rounded <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(rounded) : rounded },
    nowMillis,
  )
}

const lostHeartbeat: Command = (state, _given, nowMillis) => {
  const event = { type: 'x-colo-lost-heartbeat' } as const
  return accepts(state, event) ? done(state, event, nowMillis) : refused(state, wording.coloOff)
}

const stop: Command = (state, _given, nowMillis) => {
  const event = { type: 'stop' } as const
  return accepts(state, event) ? done(state, event, nowMillis) : replied(state)
}

const cont: Command = (state, _given, nowMillis) => {
  const event = { type: 'cont' } as const
  if (accepts(state, event)) return done(state, event, nowMillis)
  const guest = runState(state)
  if (guest === 'finish-migrate') return refused(state, wording.notFinalized)
  if (guest === 'shutdown' || guest === 'internal-error') return refused(state, wording.resetRequired)
  return replied(state)
}

const queryStatus: Command = (state) => {
  const status = runState(state)
  return replied(state, { running: status === 'running', singlestep: false, status })
}

const quit: Command = (state) => [
  state,
  [
    { type: 'event', event: { event: 'SHUTDOWN', data: { guest: false } } },
    { type: 'intent', intent: { type: 'quit' } },
    { type: 'reply', value: {} },
  ],
]

const clientMigrateInfo: Command = (state, given) =>
  given['protocol'] === 'spice'
    ? refused(state, { type: 'refusal', class: 'DeviceNotActive', desc: 'SPICE is not in use' })
    : refused(state, `Parameter 'protocol' expects ${state.profile === '7.2' ? "'spice'" : 'spice'}`)

const unsupported =
  (name: string): Command =>
  (state) =>
    refused(state, wording.unsupportedCommand(name))

const table: Readonly<Record<string, Command>> = {
  migrate,
  'migrate-incoming': migrateIncoming,
  migrate_cancel: migrateCancel,
  'migrate-continue': migrateContinue,
  'migrate-start-postcopy': migrateStartPostcopy,
  'migrate-set-capabilities': setCapabilities,
  'query-migrate-capabilities': queryCapabilities,
  'migrate-set-parameters': setParameters,
  'query-migrate-parameters': queryParameters,
  'query-migrate': (state, _given, nowMillis) => replied(state, migrationInfo(state, nowMillis)),
  migrate_set_downtime: setDowntime,
  migrate_set_speed: setSpeed,
  'migrate-set-cache-size': setCacheSize,
  'query-migrate-cache-size': (state) => replied(state, state.parameters['xbzrle-cache-size']),
  client_migrate_info: clientMigrateInfo,
  'x-colo-lost-heartbeat': lostHeartbeat,
  'xen-save-devices-state': unsupported('xen-save-devices-state'),
  'xen-set-replication': unsupported('xen-set-replication'),
  'query-xen-replication-status': unsupported('query-xen-replication-status'),
  'xen-colo-do-checkpoint': unsupported('xen-colo-do-checkpoint'),
  'query-status': queryStatus,
  stop,
  cont,
  quit,
}

/** Commands that left with 6.0. */
const goneIn72 = new Set([
  'migrate_set_downtime',
  'migrate_set_speed',
  'migrate-set-cache-size',
  'query-migrate-cache-size',
])

/** The commands a profile knows. */
export const commandNames = (profile: CoreState['profile']): readonly string[] =>
  Object.keys(table).filter((name) => profile === '2.11' || !goneIn72.has(name))

/** The function behind a command's name: checks the arguments before anything else, and changes nothing if it refuses. */
export const commandOf =
  (name: string) =>
  (state: CoreState, given: unknown, nowMillis: number): Step => {
    const command = commandNames(state.profile).includes(name) ? table[name] : undefined
    if (command === undefined)
      return refused(state, { type: 'refusal', class: 'CommandNotFound', desc: wording.commandNotFound(name) })
    const checked = checkArguments(state.profile, name, given)
    return typeof checked === 'string' ? refused(state, checked) : command(state, checked, nowMillis)
  }

/** Whether this process still waits for, or is loading, a guest. */
export const isIncoming = (state: CoreState): boolean => !['completed', 'failed'].includes(incomingStatus(state))
