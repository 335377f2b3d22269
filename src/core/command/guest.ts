/** The commands of the monitor that a migration meets: the guest's run state, and the process. */
import { incomingStatus, isColoBroken, runState, type CoreState } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import type { CoreOutput, ShutdownReason } from '../output.ts'
import * as wording from '../wording.ts'
import { done, refused, replied, type Command, type CommandTable } from './call.ts'

const stop: Command = (state, _given, nowMillis) => {
  const event = { type: 'stop' } as const
  return accepts(state, event) ? done(state, event, nowMillis) : replied(state)
}

const cont: Command = (state, _given, nowMillis) => {
  const event = { type: 'cont' } as const
  if (accepts(state, event)) return done(state, event, nowMillis)
  const guest = runState(state)
  if (guest === 'finish-migrate' || (guest === 'colo' && isColoBroken(state)))
    return refused(state, wording.notFinalized)
  if (guest !== 'running' && incomingStatus(state) === 'failed') return refused(state, wording.guestIncomplete)
  if (guest === 'shutdown' || guest === 'internal-error') return refused(state, wording.resetRequired)
  return replied(state)
}

const queryStatus: Command = (state) => {
  const status = runState(state)
  return replied(state, { running: status === 'running', singlestep: false, status })
}

/** SHUTDOWN; 2.11 does not say why. */
const shutdown = (state: CoreState, reason: ShutdownReason): CoreOutput => {
  const guest = reason === 'guest-shutdown'
  return { type: 'event', event: { event: 'SHUTDOWN', data: state.profile === '7.2' ? { guest, reason } : { guest } } }
}

const ends: CoreOutput = { type: 'intent', intent: { type: 'quit' } }

const quit: Command = (state) => [state, [shutdown(state, 'host-qmp-quit'), ends, { type: 'reply', value: {} }]]

/** Somebody tells the process to end from outside, or the guest has shut down: it is said before anything comes of it. */
export const takeShutdownFact = (
  state: CoreState,
  type: 'guest.shutdown' | 'host.signal',
  nowMillis: number,
): Step | undefined => {
  if (type === 'host.signal') return [state, [shutdown(state, 'host-signal'), ends]]
  if (!accepts(state, { type })) return undefined
  const [next, outputs] = decide(state, { type }, nowMillis)
  return [next, [shutdown(state, 'guest-shutdown'), ...outputs]]
}

/** The power button is pressed. No guest of ours looks at it, as none does that has no ACPI. */
const powerDown: Command = (state) => [
  state,
  [
    { type: 'event', event: { event: 'POWERDOWN' } },
    { type: 'reply', value: {} },
  ],
]

/** The guest begins anew. One that has been stopped is then as one that was never started. */
const reset: Command = (state, _given, nowMillis) => {
  const event = { type: 'system_reset' } as const
  const [next, outputs] = accepts(state, event) ? decide(state, event, nowMillis) : ([state, []] as const)
  const data = state.profile === '7.2' ? { guest: false, reason: 'host-qmp-system-reset' as const } : { guest: false }
  return [
    next,
    [
      { type: 'intent', intent: { type: 'reset-guest' } },
      { type: 'event', event: { event: 'RESET', data } },
      ...outputs,
      { type: 'reply', value: {} },
    ],
  ]
}

/** No guest of ours has a SPICE display, which is what QEMU without one says. The ports are never looked at then. */
const clientMigrateInfo: Command = (state, given) =>
  given['protocol'] === 'spice'
    ? refused(state, { type: 'refusal', class: 'DeviceNotActive', desc: 'SPICE is not in use' })
    : refused(state, wording.notSpice(state.profile))

/** See the head of this file. */
export const guestCommands: CommandTable = {
  client_migrate_info: clientMigrateInfo,
  'query-status': queryStatus,
  stop,
  cont,
  system_powerdown: powerDown,
  system_reset: reset,
  quit,
}
