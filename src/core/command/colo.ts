/** The commands of COLO. Source: reference of the semantics, 3.1, 3.5, 8.4. */
import { incomingStatus, outgoingStatus, type CoreState, type ReplicationRole } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import type { CoreOutput } from '../output.ts'
import * as wording from '../wording.ts'
import { refused, replied, type Command, type CommandTable } from './call.ts'

/** COLOMode is derived, not stored: who is in colo in which direction. */
const roleOf = (state: CoreState): ReplicationRole | undefined =>
  outgoingStatus(state) === 'colo' ? 'primary' : incomingStatus(state) === 'colo' ? 'secondary' : undefined

const lostHeartbeat: Command = (state, _given, nowMillis) => {
  const event = { type: 'x-colo-lost-heartbeat' } as const
  const role = roleOf(state)
  if (role === undefined || !accepts(state, event)) return refused(state, wording.coloOff)
  const [next, outputs] = decide(state, event, nowMillis)
  const told = state.profile === '7.2' ? withExit(outputs, role) : outputs
  return [{ ...next, leftColo: role }, [...told, { type: 'reply', value: {} }]]
}

/** 7.2 says that COLO was left when the status has changed and before the guest runs on. */
const withExit = (outputs: readonly CoreOutput[], mode: ReplicationRole): readonly CoreOutput[] => {
  const exit: CoreOutput = { type: 'event', event: { event: 'COLO_EXIT', data: { mode, reason: 'request' } } }
  const starts = outputs.findIndex((output) => output.type === 'intent' && output.intent.type === 'start-guest')
  return starts === -1 ? [...outputs, exit] : [...outputs.slice(0, starts), exit, ...outputs.slice(starts)]
}

/** 7.2 only. */
const queryColoStatus = (state: CoreState): Step =>
  replied(state, {
    mode: roleOf(state) ?? 'none',
    'last-mode': state.leftColo ?? 'none',
    reason: state.leftColo === undefined ? 'none' : 'request',
  })

/** See the head of this file. */
export const coloCommands: CommandTable = {
  'x-colo-lost-heartbeat': lostHeartbeat,
  'query-colo-status': queryColoStatus,
}
