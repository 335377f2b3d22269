/** The commands about capabilities; what excludes what stands in `combinations`. Source: reference of the semantics, 4.2, 4.3, 8.3. */
import type { ChartEvent } from '../../../machines/index.ts'
import { capabilities as capabilitiesOf, type MigrationCapabilityStatus } from '../../qapi/index.ts'
import { exclusionOf, type Switches } from '../combinations.ts'
import { hasQuirk, isOn, type CoreState } from '../core-state.ts'
import { accepts, decide } from '../decide.ts'
import { refuseUnsupported, type Refusal } from '../output.ts'
import * as wording from '../wording.ts'
import { done, refused, replied, type Command, type CommandTable } from './call.ts'

/** All or nothing: the list over what is on now is checked as a whole, then applied as a whole. */
const setCapabilities: Command = (state, given, nowMillis) => {
  const changes = given['capabilities'] as readonly MigrationCapabilityStatus[]
  const merged: Switches = { ...state.capabilities, ...Object.fromEntries(changes.map((c) => [c.capability, c.state])) }
  const event = steering(merged)
  if (!accepts(state, event)) return refused(state, wording.busy)
  const missing = changes.find((change) => change.state && !supports(state, change.capability))
  if (missing !== undefined) return refused(state, unsupportedRefusal(missing.capability))
  const conflict = exclusionOf(state.profile, merged, state.parameters)
  if (conflict === undefined) return done({ ...state, capabilities: merged }, event, nowMillis)
  // Quirk q1: the check works on the live array, so a refused call is applied all the same.
  const applies = hasQuirk(state, 'q1')
  return refused(applies ? { ...decide(state, event, nowMillis)[0], capabilities: merged } : state, conflict)
}

const supports = (state: CoreState, capability: string): boolean => state.supportedCapabilities.includes(capability)

/** Block migration is the one capability that QEMU itself can be built without, and has words for it. */
const unsupportedRefusal = (capability: string): Refusal =>
  refuseUnsupported(
    capability,
    capability === 'block' ? wording.noBlockMigration : wording.unsupportedCapability(capability),
  )

/** Why `block` cannot be switched on; undefined where it can. */
export const blockRefusal = (state: CoreState): Refusal | undefined =>
  supports(state, 'block') ? undefined : unsupportedRefusal('block')

const steering = (merged: Switches): ChartEvent => ({
  type: 'migrate-set-capabilities',
  pause: merged['pause-before-switchover'] === true,
  postcopy: merged['postcopy-ram'] === true,
  colo: merged['x-colo'] === true,
})

/** In enum order; a QEMU without block migration does not list it. */
const queryCapabilities: Command = (state) =>
  replied(
    state,
    capabilitiesOf(state.profile)
      .filter((capability) => capability !== 'block' || supports(state, 'block'))
      .map((capability) => ({ capability, state: isOn(state, capability) })),
  )

/** See the head of this file. */
export const capabilityCommands: CommandTable = {
  'migrate-set-capabilities': setCapabilities,
  'query-migrate-capabilities': queryCapabilities,
}
