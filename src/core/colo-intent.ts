/** The intents of COLO and of a failover, made from the actions that the charts name. */
import type { ColoMessage, ReplicationRole } from '../../machines/index.ts'
import { coloMode, type CoreState } from './core-state.ts'
import type { ColoPlace, Intent } from './intent.ts'
import { checkpointDelayMillis } from './parameters.ts'

/** The role whose run an intent belongs to: that of the state, unless the action names the one that was just left. */
const placeOf = (state: CoreState, params: unknown): ColoPlace => {
  const role = (params as { readonly role?: ReplicationRole } | undefined)?.role ?? coloMode(state)
  return role === 'secondary'
    ? { role: 'secondary', run: state.incomingNumber }
    : { role: 'primary', run: state.outgoingNumber }
}

/** The intent of an action; undefined where it is none of COLO's. */
export const coloIntentOf = (action: string, params: unknown, state: CoreState): Intent | undefined => {
  const place = placeOf(state, params)
  const { run } = place
  switch (action) {
    case 'enterColo':
      return { type: 'enter-colo', ...place }
    case 'armCheckpoint':
      return { type: 'arm-checkpoint', run, delayMillis: checkpointDelayMillis(state) }
    case 'sendMessage':
      return { type: 'send-colo-message', ...place, ...(params as { readonly message: ColoMessage }) }
    case 'saveCheckpoint':
      return { type: 'save-checkpoint', run, runState: state.chart.context.before }
    case 'sendVmstate':
      return { type: 'send-vmstate', run }
    case 'stageCheckpoint':
      return { type: 'stage-checkpoint', run }
    case 'loadCheckpoint':
      return { type: 'load-checkpoint', run }
    case 'fence':
      return { type: 'fence', role: place.role, run: state.tickets }
    case 'interruptCheckpoint':
      return { type: 'interrupt-checkpoint', ...place }
    case 'holdOutput':
      return { type: 'hold-output', role: place.role }
    case 'closeColo':
      return { type: 'close-colo', ...place }
    default:
      return undefined
  }
}
