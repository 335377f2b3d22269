/**
 * Scripts that a person would write: the runs that every implementation has to get right, two runs in a row among them.
 * The kill matrix is taken over these, so that it costs seconds and always says the same.
 */
import type { RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'

/** A named script. */
export interface RuntimeScript {
  readonly name: string
  readonly plan: Plan
  readonly actions: readonly RuntimeAction[]
}

const migrate: RuntimeAction = { do: 'migrate' }
const cancel: RuntimeAction = { do: 'cancel' }
const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const source = (name: string, args?: unknown): RuntimeAction => ({
  do: 'command',
  to: 'source',
  call: { name, ...(args === undefined ? {} : { arguments: args }) },
})
const parameters = (values: object): RuntimeAction => source('migrate-set-parameters', values)
const paused: Plan = { ...defaultPlan, pause: true }

/** A guest that does nothing on a channel without a limit: few messages, always the same. */
export const stillPlan: Plan = {
  ...defaultPlan,
  pages: 16,
  workingSetPages: 1,
  pagesPerSecond: 0,
  maxBandwidth: 0,
  capacityBytes: 1 << 20,
}
/** Forward: the header, the pages, the devices with the question, the end mark. A test holds this. */
export const END_MARK_MESSAGE = 4
/** Back: two answers, then the word that the guest runs. */
export const TAKEN_OVER_MESSAGE = 3

const switches = (capability: string): RuntimeAction =>
  source('migrate-set-capabilities', { capabilities: [{ capability, state: true }] })

/** A guest that writes faster than it can be sent: it never converges by itself. */
export const tooFastPlan: Plan = {
  ...defaultPlan,
  maxBandwidth: 100_000,
  downtimeLimitMillis: 100,
  pagesPerSecond: 600,
}

/** Half a minute is enough for every step that the throttle takes. */
const THROTTLED_MILLIS = 30_000

/** See the head of this file. */
export const runtimeScripts: readonly RuntimeScript[] = [
  { name: 'one run that completes', plan: defaultPlan, actions: [migrate] },
  {
    name: 'cancelled, then again to a fresh destination',
    plan: defaultPlan,
    actions: [migrate, advance(90), cancel, advance(50), migrate],
  },
  {
    name: 'cancelled, then again with other parameters',
    plan: { ...defaultPlan, pagesPerSecond: 2000 },
    actions: [
      migrate,
      advance(300),
      cancel,
      advance(20),
      parameters({ 'max-bandwidth': 4_000_000, 'downtime-limit': 1 }),
      migrate,
      advance(80),
      parameters({ 'downtime-limit': 300 }),
    ],
  },
  {
    name: 'failed, then again to a fresh destination',
    plan: defaultPlan,
    actions: [migrate, advance(80), { do: 'cut', fate: 'dropped' }, advance(200), migrate],
  },
  {
    name: 'cancelled while connecting to a network that stands still',
    plan: defaultPlan,
    actions: [{ do: 'freeze', on: true }, migrate, advance(100), cancel, advance(100), { do: 'freeze', on: false }],
  },
  {
    name: 'a stopped guest, cancelled in pre-switchover',
    plan: paused,
    actions: [source('stop'), migrate, advance(300), cancel, advance(50)],
  },
  {
    name: 'paused, continued',
    plan: paused,
    actions: [migrate, advance(300), { do: 'continue', state: 'pre-switchover' }],
  },
  {
    name: 'nobody there',
    plan: defaultPlan,
    actions: [{ do: 'refuse', on: true }, migrate, advance(50), { do: 'refuse', on: false }, migrate],
  },
  {
    name: 'refused commands',
    plan: defaultPlan,
    actions: [
      parameters({ 'max-bandwidth': 5, 'compress-level': 10 }),
      source('migrate', { uri: 'nowhere' }),
      migrate,
      advance(50),
      source('migrate', { uri: 'tcp:nowhere:1' }),
      source('migrate-set-capabilities', { capabilities: [{ capability: 'return-path', state: true }] }),
    ],
  },
  {
    name: 'a destination of another size',
    plan: { ...defaultPlan, mismatch: true, maxBandwidth: 200_000 },
    actions: [migrate, advance(300)],
  },
  {
    name: 'a destination that dies',
    plan: defaultPlan,
    actions: [migrate, advance(60), { do: 'crash', who: 'destination' }],
  },
  {
    name: 'cancelled when the end mark is out',
    plan: defaultPlan,
    actions: [{ do: 'when', state: 'active.committing', call: { name: 'migrate_cancel' } }, migrate],
  },
  {
    name: 'auto-converge: a guest that is too fast',
    plan: tooFastPlan,
    actions: [switches('auto-converge'), migrate, advance(THROTTLED_MILLIS)],
  },
  {
    name: 'auto-converge: cancelled while throttled, then again',
    plan: tooFastPlan,
    actions: [switches('auto-converge'), migrate, advance(6000), cancel, advance(100), migrate, advance(2500), cancel],
  },
  {
    name: 'auto-converge: an idle guest that is sent slowly',
    plan: { ...tooFastPlan, pagesPerSecond: 0, maxBandwidth: 10_000 },
    actions: [switches('auto-converge'), migrate, advance(20_000)],
  },
  {
    name: 'cut behind the end mark',
    plan: stillPlan,
    actions: [{ do: 'cut-at', direction: 'forward', message: END_MARK_MESSAGE, fate: 'delivered' }, migrate],
  },
  {
    name: 'cut before the destination can say that it has taken over',
    plan: stillPlan,
    actions: [{ do: 'cut-at', direction: 'back', message: TAKEN_OVER_MESSAGE, fate: 'dropped' }, migrate],
  },
]
