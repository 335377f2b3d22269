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
const pipe: CorePlan = { ...defaultCorePlan, returnPath: false }
const guest = (type: 'guest.shutdown' | 'guest.suspended' | 'guest.io-error'): CoreAction => ({
  do: 'fact',
  fact: { type, run: 0 },
})
const goesOn = source('migrate-continue', { state: 'pre-switchover' })

/** A guest that stands still for a reason of its own leaves as it is, and comes back as it was. */
const stoppedGuests = (
  [
    ['has shut down', defaultCorePlan, [guest('guest.shutdown')]],
    ['is asleep', defaultCorePlan, [guest('guest.suspended')]],
    ['met an I/O error', defaultCorePlan, [guest('guest.io-error')]],
    ['was never started', { ...defaultCorePlan, paused: true }, []],
  ] as const satisfies readonly (readonly [string, CorePlan, readonly CoreAction[]])[]
).flatMap(([what, plan, actions]): readonly CoreScript[] => [
  { name: `a guest that ${what}`, plan, actions: [...actions, migrate] },
  {
    name: `a guest that ${what}, cancelled in pre-switchover`,
    plan: { ...plan, pause: true },
    actions: [...actions, migrate, until('pre-switchover.precopy'), cancel, until('cancelled'), source('cont')],
  },
])

/** The same moments behind a pause as without one, and on a channel without a way back. */
const switchovers: readonly CoreScript[] = (
  [
    ['', defaultCorePlan, [migrate], 'active'],
    [', after a pause', paused, [migrate, until('pre-switchover.precopy'), goesOn], 'device'],
  ] as const
).flatMap(([suffix, plan, way, status]): readonly CoreScript[] => [
  {
    name: `cut in the last pass${suffix}`,
    plan,
    actions: [...way, until(`${status}.completing`), dropped],
  },
  {
    name: `cut while the destination loads${suffix}`,
    plan,
    actions: [...way, until(`${status}.preparing`), dropped],
  },
  {
    name: `cancelled while the destination loads${suffix}`,
    plan,
    actions: [...way, until(`${status}.preparing`), cancel],
  },
  {
    name: `cut before the end mark arrives, nobody answers${suffix}`,
    plan,
    actions: [...way, until(`${status}.committing`), dropped, { do: 'refuse', on: true }],
  },
  {
    name: `through a pipe${suffix}`,
    plan: { ...plan, returnPath: false },
    actions: way,
  },
])

const inPostcopy = { ...postcopy, profile: '7.2' } as const
const recover: CoreAction = {
  do: 'command',
  to: 'destination',
  call: { name: 'migrate-recover', arguments: { uri: 'tcp:destination-1:4444' } },
}
const resume = source('migrate', { uri: 'tcp:destination-1:4444', resume: true })
const settles = [next, next, next]
const paused72 = [migrate, until('postcopy-active.running'), dropped, until('postcopy-paused.broken'), ...settles]

/** A channel that breaks with the leave to run; and in 7.2 one that breaks behind it, and what mends it. */
const brokenPostcopies: readonly CoreScript[] = [
  ...(['2.11', '7.2'] as const).flatMap((profile): readonly CoreScript[] => {
    const plan = { ...postcopy, profile }
    const leaves = [migrate, until('postcopy-active.committing')]
    return [
      { name: `postcopy, ${profile}, cut behind the leave to run`, plan, actions: [...leaves, delivered] },
      { name: `postcopy, ${profile}, cut with the leave to run`, plan, actions: [...leaves, dropped] },
      {
        name: `postcopy, ${profile}, cut with the leave to run, nobody answers`,
        plan,
        actions: [...leaves, dropped, { do: 'refuse', on: true }],
      },
      {
        name: `postcopy, ${profile}, cut behind the leave to run, the guest here, and asked`,
        plan,
        actions: [...leaves, next, next, next, dropped],
      },
      { name: `cancelled with the leave to run, ${profile}`, plan, actions: [...leaves, cancel] },
      { name: `cancelled while it is asked for, ${profile}`, plan, actions: [...leaves, dropped, next, cancel] },
    ]
  }),
  { name: 'a broken postcopy is resumed', plan: inPostcopy, actions: [...paused72, recover, ...settles, resume] },
  { name: 'a broken postcopy, nobody to resume it with', plan: inPostcopy, actions: [...paused72, resume] },
  {
    name: 'a broken postcopy is cut again',
    plan: inPostcopy,
    actions: [
      ...paused72,
      recover,
      ...settles,
      resume,
      until('postcopy-recover'),
      dropped,
      ...settles,
      recover,
      ...settles,
      resume,
    ],
  },
  {
    name: 'a postcopy is paused by its operator, and resumed',
    plan: inPostcopy,
    actions: [
      migrate,
      until('postcopy-active.running'),
      source('migrate-pause'),
      ...settles,
      recover,
      ...settles,
      resume,
    ],
  },
  { name: 'a cancel of a broken postcopy', plan: inPostcopy, actions: [...paused72, cancel] },
]

/** See the head of this file. */
export const coreScripts: readonly CoreScript[] = [
  ...stoppedGuests,
  ...switchovers,
  {
    name: 'a stopped guest, started behind the end mark and stopped over there',
    plan: defaultCorePlan,
    actions: [
      source('stop'),
      migrate,
      until('active.committing'),
      source('cont'),
      { do: 'command', to: 'destination', call: { name: 'stop' } },
    ],
  },
  {
    name: 'a pipe that breaks behind the end mark',
    plan: pipe,
    actions: [migrate, until('active.committing'), dropped],
  },
  {
    name: 'cut behind the end mark, after a pause',
    plan: paused,
    actions: [migrate, until('pre-switchover.precopy'), goesOn, until('device.committing'), delivered],
  },
  {
    name: 'cut with the end mark, after a pause',
    plan: paused,
    actions: [migrate, until('pre-switchover.precopy'), goesOn, until('device.committing'), dropped],
  },
  {
    name: 'cancelled behind the end mark, after a pause',
    plan: paused,
    actions: [migrate, until('pre-switchover.precopy'), goesOn, until('device.committing'), cancel],
  },
  {
    name: 'sent again after it has left, and cancelled',
    plan: paused,
    actions: [
      migrate,
      until('pre-switchover.precopy'),
      goesOn,
      until('completed.settled'),
      migrate,
      until('pre-switchover.precopy'),
      cancel,
    ],
  },
  {
    name: 'postcopy behind a pause',
    plan: { ...postcopy, pause: true },
    actions: [migrate, until('pre-switchover.postcopy'), goesOn],
  },
  {
    name: 'cancelled on the way to postcopy',
    plan: { ...postcopy, pause: true },
    actions: [migrate, until('pre-switchover.postcopy'), cancel],
  },
  {
    name: 'postcopy, cut with the package',
    plan: postcopy,
    actions: [migrate, until('postcopy-active.packaging'), dropped],
  },
  {
    name: 'devices saved for another toolstack, then a migration',
    plan: defaultCorePlan,
    actions: [
      source('stop'),
      source('xen-save-devices-state', { filename: '/devices' }),
      next,
      source('cont'),
      migrate,
    ],
  },
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
    actions: [migrate, until('postcopy-active.running'), dropped],
  },
  {
    name: 'cancelled in postcopy',
    plan: postcopy,
    actions: [migrate, until('postcopy-active.running'), cancel],
  },
  ...brokenPostcopies,
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
