/** Scripts for a pair of cores in lock-step: the moments of a checkpoint, and what can end the pair at each. */
import type { CommandCall } from '../arbitraries/command-calls.ts'
import type { CoreAction } from '../arbitraries/core-actions.ts'
import { defaultCorePlan, type CorePlan } from '../worlds/core-world.ts'
import type { CoreScript } from './core-scripts.ts'

const old: CorePlan = { ...defaultCorePlan, colo: true }
const recent: CorePlan = { ...old, profile: '7.2' }
const fenced: CorePlan = { ...recent, fence: true }

type Side = 'source' | 'destination'
const pair: CoreAction = { do: 'pair up' }
const until = (state: string): CoreAction => ({ do: 'until', state })
const to = (who: Side, call: CommandCall): CoreAction => ({ do: 'command', to: who, call })
const heartbeat = (who: Side): CoreAction => to(who, { name: 'x-colo-lost-heartbeat' })
const checkpoint = to('source', { name: 'migrate-set-parameters', arguments: { 'x-checkpoint-delay': 100 } })
const send = (who: Side): CoreAction => ({ do: 'send', who })
const diverge = (who: Side): CoreAction => ({ do: 'diverge', who })
const crash = (who: Side): CoreAction => ({ do: 'crash', who })
const next: CoreAction = { do: 'next', index: 0 }
const cut: CoreAction = { do: 'cut', fate: 'dropped' }
const settle = until('nothing more')

const primary = (phase: string): CoreAction => until(`primary.lockstep.${phase}`)
const secondary = (phase: string): CoreAction => until(`secondary:secondary.lockstep.${phase}`)

/** Where the primary of a pair is while a checkpoint goes on. */
const phases = ['requesting', 'stopping', 'saving', 'sending', 'sent', 'received']

/** See the head of this file. */
export const lockStepScripts: readonly CoreScript[] = [
  {
    name: 'packets that agree, and some that do not',
    plan: recent,
    actions: [
      pair,
      send('source'),
      send('destination'),
      diverge('source'),
      send('source'),
      send('destination'),
      settle,
    ],
  },
  {
    name: 'a packet that has no like',
    plan: recent,
    actions: [pair, send('source'), { do: 'lose', who: 'source' }, settle],
  },
  { name: 'what is held leaves with a checkpoint', plan: old, actions: [pair, send('source'), checkpoint, settle] },
  ...(['source', 'destination'] as const).map((who): CoreScript => ({
    name: `a failover of the ${who} while the other lives`,
    plan: recent,
    actions: [pair, send('source'), heartbeat(who), settle],
  })),
  ...phases.map((phase): CoreScript => ({
    name: `the primary dies in ${phase}, the secondary takes over`,
    plan: recent,
    actions: [
      pair,
      send('source'),
      checkpoint,
      primary(phase),
      crash('source'),
      settle,
      heartbeat('destination'),
      settle,
    ],
  })),
  ...phases.map((phase): CoreScript => ({
    name: `the secondary dies in ${phase}, the primary goes on`,
    plan: old,
    actions: [
      pair,
      send('source'),
      checkpoint,
      primary(phase),
      crash('destination'),
      settle,
      heartbeat('source'),
      settle,
    ],
  })),
  {
    name: 'a failover while a checkpoint is being loaded',
    plan: recent,
    actions: [pair, send('source'), checkpoint, secondary('loading.applying'), next, heartbeat('destination'), settle],
  },
  {
    name: 'a failover while a checkpoint is being loaded, 2.11',
    plan: old,
    actions: [pair, send('source'), checkpoint, secondary('loading.applying'), next, heartbeat('destination'), settle],
  },
  {
    name: 'a failover after a load that failed',
    plan: old,
    actions: [pair, checkpoint, { do: 'fail-load', how: 'intact' }, settle, heartbeat('destination'), settle],
  },
  {
    name: 'a load that fails under a primary that dies',
    plan: recent,
    actions: [
      pair,
      send('source'),
      checkpoint,
      { do: 'fail-load', how: 'intact' },
      primary('received'),
      crash('source'),
      settle,
      heartbeat('destination'),
      settle,
    ],
  },
  {
    name: 'a channel that breaks between pages and devices',
    plan: recent,
    actions: [
      pair,
      send('source'),
      checkpoint,
      primary('sending'),
      secondary('staging'),
      next,
      cut,
      settle,
      heartbeat('destination'),
      settle,
    ],
  },
  {
    name: 'a load of which only a part is in use',
    plan: recent,
    actions: [pair, checkpoint, { do: 'fail-load', how: 'torn' }, settle, heartbeat('source'), settle],
  },
  { name: 'a channel that breaks, and nobody is told anything', plan: old, actions: [pair, cut, settle] },
  {
    name: 'a failover in the first moment',
    plan: old,
    actions: [{ do: 'migrate' }, until('colo'), heartbeat('source')],
  },
  {
    name: 'stopped in lock-step, then a checkpoint',
    plan: old,
    actions: [pair, to('source', { name: 'stop' }), checkpoint, settle],
  },
  {
    name: 'a stopped guest goes into lock-step',
    plan: old,
    actions: [to('source', { name: 'stop' }), pair, settle],
  },
  {
    name: 'cont during a checkpoint',
    plan: recent,
    actions: [
      pair,
      checkpoint,
      primary('saving'),
      // The delay passes, vmstate-send arrives, memory is saved: the devices are not.
      next,
      next,
      next,
      to('source', { name: 'cont' }),
      send('source'),
      primary('running'),
      crash('source'),
      settle,
      heartbeat('destination'),
      settle,
    ],
  },
  { name: 'the guest shuts down', plan: recent, actions: [pair, { do: 'shut-down', who: 'source' }, settle] },
  { name: 'a cancel', plan: recent, actions: [pair, to('source', { name: 'migrate_cancel' }), settle] },
  ...[old, recent].map((plan): CoreScript => ({
    name: `behind a pause, ${plan.profile}`,
    plan: { ...plan, pause: true },
    actions: [
      { do: 'migrate' },
      until('pre-switchover.precopy'),
      to('source', { name: 'migrate-continue', arguments: { state: 'pre-switchover' } }),
      primary('running'),
    ],
  })),
  {
    name: 'a fence that confirms, on either side',
    plan: fenced,
    actions: [pair, heartbeat('destination'), heartbeat('source'), settle],
  },
  {
    name: 'a fence that cannot confirm',
    plan: fenced,
    actions: [pair, { do: 'fail-fence', on: true }, heartbeat('destination'), settle],
  },
  {
    name: 'alone, then with another secondary',
    plan: recent,
    actions: [
      pair,
      send('source'),
      crash('destination'),
      settle,
      heartbeat('source'),
      settle,
      pair,
      checkpoint,
      settle,
    ],
  },
]
