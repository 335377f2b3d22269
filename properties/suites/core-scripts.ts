/** Scripts for a pair of cores: the moments at which a migration is decided, and what can go wrong at each. */
import type { CommandCall } from '../arbitraries/command-calls.ts'
import type { CoreAction } from '../arbitraries/core-actions.ts'
import { defaultCorePlan, type CorePlan } from '../worlds/core-world.ts'

/** A named script. */
export interface CoreScript {
  readonly name: string
  readonly plan: CorePlan
  readonly actions: readonly CoreAction[]
}

const migrate: CoreAction = { do: 'migrate' }
const next: CoreAction = { do: 'next', index: 0 }
const until = (state: string): CoreAction => ({ do: 'until', state })
const source = (name: string, args?: unknown): CoreAction => ({ do: 'command', to: 'source', call: callOf(name, args) })
const callOf = (name: string, args: unknown): CommandCall => (args === undefined ? { name } : { name, arguments: args })
const cancel = source('migrate_cancel')
const delivered: CoreAction = { do: 'cut', fate: 'delivered' }
const dropped: CoreAction = { do: 'cut', fate: 'dropped' }

const paused: CorePlan = { ...defaultCorePlan, pause: true }
const postcopy: CorePlan = { ...defaultCorePlan, postcopy: true }

/** See the head of this file. */
export const coreScripts: readonly CoreScript[] = [
  { name: 'one run that completes', plan: defaultCorePlan, actions: [migrate] },
  {
    name: 'cancelled, then again',
    plan: defaultCorePlan,
    actions: [migrate, until('active.iterating'), cancel, until('cancelled'), migrate],
  },
  {
    name: 'failed, then again',
    plan: defaultCorePlan,
    actions: [{ do: 'refuse', on: true }, migrate, until('failed.settled'), { do: 'refuse', on: false }, migrate],
  },
  { name: 'cancelled in the last pass', plan: defaultCorePlan, actions: [migrate, until('active.preparing'), cancel] },
  {
    name: 'cancelled behind the end mark',
    plan: defaultCorePlan,
    actions: [migrate, until('active.committing'), cancel],
  },
  { name: 'cut behind the end mark', plan: defaultCorePlan, actions: [migrate, until('active.committing'), delivered] },
  { name: 'cut with the end mark', plan: defaultCorePlan, actions: [migrate, until('active.committing'), dropped] },
  {
    name: 'a destination that dies with the end mark',
    plan: { ...defaultCorePlan, fence: true },
    actions: [migrate, until('active.committing'), { do: 'crash', who: 'destination' }],
  },
  {
    name: 'stopped and cancelled in pre-switchover',
    plan: paused,
    actions: [migrate, until('pre-switchover.precopy'), source('stop'), cancel],
  },
  {
    name: 'a stopped guest, cancelled in pre-switchover',
    plan: paused,
    actions: [source('stop'), migrate, until('pre-switchover.precopy'), cancel],
  },
  {
    name: 'started in the last pass',
    plan: defaultCorePlan,
    actions: [migrate, until('active.preparing'), source('cont')],
  },
  {
    name: 'sent again after it has left',
    plan: defaultCorePlan,
    actions: [migrate, until('completed.settled'), migrate],
  },
  { name: 'postcopy', plan: postcopy, actions: [migrate] },
  {
    name: 'postcopy, cut when the guest runs there',
    plan: postcopy,
    actions: [migrate, until('postcopy-active.running'), next, next, next, dropped],
  },
  {
    name: 'cancelled in postcopy',
    plan: postcopy,
    actions: [migrate, until('postcopy-active.running'), next, next, cancel],
  },
  {
    name: 'capabilities that exclude each other',
    plan: defaultCorePlan,
    actions: [
      source('migrate-set-capabilities', {
        capabilities: ['postcopy-ram', 'compress'].map((capability) => ({ capability, state: true })),
      }),
      migrate,
    ],
  },
  {
    name: 'two listeners',
    plan: defaultCorePlan,
    actions: [
      migrate,
      next,
      { do: 'command', to: 'destination', call: { name: 'migrate-incoming', arguments: { uri: 'tcp:x:1' } } },
    ],
  },
  {
    name: 'a cancel in 7.2, twice',
    plan: { ...paused, profile: '7.2' },
    actions: [migrate, until('pre-switchover.precopy'), cancel, cancel],
  },
]
