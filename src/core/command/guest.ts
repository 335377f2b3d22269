/** The commands of the monitor that a migration meets: the guest's run state, and the process. */
import { incomingStatus, isColoBroken, runState, type CoreState } from '../core-state.ts'
import { accepts } from '../decide.ts'
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
  if (guest === 'shutdown' || guest === 'internal-error') return refused(state, wording.resetRequired)
  if (guest !== 'running' && incomingStatus(state) === 'failed') return refused(state, wording.guestIncomplete)
  return replied(state)
}

const queryStatus: Command = (state) => {
  const status = runState(state)
  return replied(state, { running: status === 'running', singlestep: false, status })
}

/** 2.11 does not say why. */
const shutdownData = (state: CoreState) =>
  state.profile === '7.2' ? { guest: false, reason: 'host-qmp-quit' as const } : { guest: false }

const quit: Command = (state) => [
  state,
  [
    { type: 'event', event: { event: 'SHUTDOWN', data: shutdownData(state) } },
    { type: 'intent', intent: { type: 'quit' } },
    { type: 'reply', value: {} },
  ],
]

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
  quit,
}
