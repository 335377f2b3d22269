/** The commands about parameters, and their old aliases. Source: reference of the semantics, 4.4, 4.5, 4.11, 8.3. */
import { checkParameters, parameterFacts, toInteger, toUnsigned } from '../../qapi/index.ts'
import { hasQuirk, incomingStatus, outgoingStatus, type CoreState } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import { cacheSize } from '../figures.ts'
import type { Intent } from '../intent.ts'
import type { CoreOutput } from '../output.ts'
import { loadParameters, overlay, transferParameters } from '../parameters.ts'
import * as wording from '../wording.ts'
import { refused, replied, type Command, type CommandTable } from './call.ts'

/** All or nothing: the given values over the current ones are checked together, then applied together. */
const setParameters: Command = (state, given, nowMillis) => {
  const merged = overlay(state.profile, state.parameters, given, state.quirks)
  const wraps = state.profile === '7.2' || hasQuirk(state, 's4')
  const violation = checkParameters(merged, { profile: state.profile, wrapNegative: wraps })
  if (violation !== undefined) return refused(state, wording.outOfRange(state.profile, violation))
  const cache = merged['xbzrle-cache-size']
  const unsigned = typeof cache === 'number' || typeof cache === 'bigint' ? toUnsigned(cache) : 0
  const [next, outputs] = applied({ ...state, parameters: { ...merged, 'xbzrle-cache-size': unsigned } })
  return given['x-checkpoint-delay'] === undefined ? [next, outputs] : checkpointNow(next, outputs, nowMillis)
}

/** A new time between two checkpoints counts from now, with a checkpoint now, also where it is the old one. */
const checkpointNow = (state: CoreState, outputs: readonly CoreOutput[], nowMillis: number): Step => {
  const event = { type: 'outgoing.checkpoint-due' } as const
  if (!accepts(state, event)) return [state, outputs]
  const [next, more] = decide(state, event, nowMillis)
  return [next, [...more, ...outputs]]
}

/** What a run obeys takes effect at once: the data plane is told. */
const applied = (state: CoreState): Step => {
  const told: Intent[] = []
  const parameters = { ...transferParameters(state), ...fixedCache(state) }
  if (wording.isBusy(outgoingStatus(state)))
    told.push({ type: 'set-parameters', run: state.outgoingNumber, parameters })
  if (loading.has(incomingStatus(state)))
    told.push({ type: 'set-load-parameters', run: state.incomingNumber, parameters: loadParameters(state) })
  return [state, [...told.map((intent): CoreOutput => ({ type: 'intent', intent })), { type: 'reply', value: {} }]]
}

/** The statuses in which a stream is read. */
const loading: ReadonlySet<string> = new Set(['active', 'postcopy-active'])

/** Quirk s6: the new size is stored before it is compared with the old, so that the cache stays as it is. */
const fixedCache = (state: CoreState): { readonly xbzrleCacheBytes?: number } => {
  const bytes = state.outgoing?.xbzrleCacheBytes
  return hasQuirk(state, 's6') && bytes !== undefined ? { xbzrleCacheBytes: bytes } : {}
}

/** In the schema's own order, so that an answer reads like QEMU's. */
const queryParameters: Command = (state) =>
  replied(
    state,
    Object.fromEntries(
      parameterFacts(state.profile).flatMap(({ name }) => {
        const value = state.parameters[name]
        return value === undefined ? [] : [[name, name === 'xbzrle-cache-size' ? signedIn211(state) : value]]
      }),
    ),
  )

/** 2.11 tells the size as a signed integer, as its schema says; 7.2 as what it is. */
const signedIn211 = (state: CoreState) =>
  state.profile === '2.11' ? cacheSize(state) : state.parameters['xbzrle-cache-size']

const setDowntime: Command = (state, given, nowMillis) => {
  const seconds = Number(given['value'])
  if (!(seconds >= 0 && seconds <= 2000)) return refused(state, wording.downtimeSeconds)
  return setParameters(state, { 'downtime-limit': Math.trunc(seconds * 1000) }, nowMillis)
}

const setSpeed: Command = (state, given, nowMillis) =>
  setParameters(state, { 'max-bandwidth': given['value'] }, nowMillis)

/** Rounded down to a power of two, as the schema says; 2.11's code refuses what is none (quirk s1). */
const setCacheSize: Command = (state, given, nowMillis) => {
  const value = BigInt(given['value'] as number | bigint)
  const rounds = value > 0n && !hasQuirk(state, 's1')
  const size = rounds ? 2n ** BigInt(value.toString(2).length - 1) : value
  return setParameters(state, { 'xbzrle-cache-size': toInteger(size) }, nowMillis)
}

/** See the head of this file. */
export const parameterCommands: CommandTable = {
  'migrate-set-parameters': setParameters,
  'query-migrate-parameters': queryParameters,
  migrate_set_downtime: setDowntime,
  migrate_set_speed: setSpeed,
  'migrate-set-cache-size': setCacheSize,
  'query-migrate-cache-size': (state) => replied(state, cacheSize(state)),
}
