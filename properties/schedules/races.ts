/** The races that have gone wrong in the field, as far as the runtime has what they are about. */
import { coloRuntimePlan } from '../arbitraries/colo-commands.ts'
import { stillPlan } from '../suites/runtime-scripts.ts'
import { defaultColoPlan } from '../worlds/pair-service.ts'
import type { Race } from './race.ts'

const cancel = { party: 'source', name: 'migrate_cancel' }
/** A guest so small that a pass is a few fibers' work. */
const small = { ...stillPlan, pages: 8 }
const heartbeat = (party: string) => ({ party, name: 'x-colo-lost-heartbeat' })
const colo = { ...coloRuntimePlan, colo: defaultColoPlan }

const cancels = (id: string, title: string, plan: Race['plan'], at: string): Race => ({
  id,
  title,
  plan,
  before: [{ do: 'migrate' }],
  commands: [cancel],
  at,
  decisionsMax: 7,
})

/** See the head of this file. */
export const races: readonly Race[] = [
  ...['completing', 'preparing', 'committing'].map((phase) =>
    cancels(`cancel-${phase}`, `cancel against completion, from ${phase} on`, small, `active.${phase}`),
  ),
  cancels('cancel-completed', 'cancel against the end of a run that has completed', small, 'completed.ending'),
  cancels('cancel-pause', 'cancel against pre-switchover', { ...small, pause: true }, 'active.iterating'),
  cancels('cancel-paused', 'cancel in pre-switchover', { ...small, pause: true }, 'pre-switchover.precopy'),
  {
    id: 'heartbeat-entering',
    title: 'lost heartbeat at the source while COLO is being entered',
    plan: colo,
    before: [{ do: 'pair up' }],
    commands: [heartbeat('source')],
    at: 'colo',
    decisionsMax: 5,
  },
  ...(['primary.lockstep.sending', 'secondary.lockstep.staging'] as const).map((state): Race => {
    const who = state.startsWith('primary') ? 'source' : 'destination'
    return {
      id: `heartbeat-${state.split('.').at(-1)}`,
      title: `lost heartbeat at the ${who} against a checkpoint, from ${state} on`,
      plan: colo,
      before: [{ do: 'pair up' }, { do: 'until', who, state }],
      commands: [heartbeat(who === 'source' ? 'source' : 'destination-1')],
      decisionsMax: 7,
    }
  }),
]
