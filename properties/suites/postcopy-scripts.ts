/** Postcopy, as a person would try it: with faults of the guest all along, broken at every stage, mended, and given up. */
import type { RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'
import type { RuntimeScript } from './runtime-scripts.ts'

const migrate: RuntimeAction = { do: 'migrate' }
const mend: RuntimeAction = { do: 'mend' }
const dropped: RuntimeAction = { do: 'cut', fate: 'dropped' }
const delivered: RuntimeAction = { do: 'cut', fate: 'delivered' }
const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const command = (to: 'source' | 'destination', name: string, args?: unknown): RuntimeAction => ({
  do: 'command',
  to,
  call: { name, ...(args === undefined ? {} : { arguments: args }) },
})

/** Postcopy begins when the first pages have gone; what is missing takes half a second. */
export const postcopyPlan: Plan = {
  ...defaultPlan,
  postcopy: true,
  maxBandwidth: 100_000,
  workingSetPages: 28,
  pagesPerSecond: 900,
}
const inPostcopy72: Plan = {
  ...postcopyPlan,
  profile: '7.2',
  parameters: { 'max-postcopy-bandwidth': 60_000 },
}
/** In which it is in postcopy, and far from its end. */
const underWay = advance(280)

/** See the head of this file. */
export const postcopyScripts: readonly RuntimeScript[] = [
  { name: 'postcopy', plan: postcopyPlan, actions: [migrate] },
  { name: 'postcopy, 7.2, slowly', plan: inPostcopy72, actions: [migrate] },
  { name: 'postcopy on a slow channel', plan: { ...inPostcopy72, latencyMillis: 20 }, actions: [migrate] },
  {
    name: 'postcopy behind a pause',
    plan: { ...postcopyPlan, pause: true },
    actions: [migrate, advance(300), { do: 'continue', state: 'pre-switchover' }],
  },
  {
    name: 'postcopy after xbzrle',
    plan: { ...postcopyPlan, postcopy: false, capabilities: ['xbzrle', 'postcopy-ram'] },
    actions: [migrate, advance(1500), command('source', 'migrate-start-postcopy')],
  },
  {
    name: 'a stopped guest stays stopped',
    plan: postcopyPlan,
    actions: [command('source', 'stop'), migrate],
  },
  { name: 'release-ram', plan: { ...postcopyPlan, capabilities: ['release-ram'] }, actions: [migrate] },
  {
    name: 'release-ram, mended',
    plan: { ...inPostcopy72, capabilities: ['release-ram'] },
    actions: [migrate, underWay, dropped, advance(50), mend],
  },
  {
    name: 'a destination that cannot do postcopy',
    plan: { ...postcopyPlan, postcopy: false },
    actions: [
      command('source', 'migrate-set-capabilities', { capabilities: [{ capability: 'postcopy-ram', state: true }] }),
      migrate,
    ],
  },
  {
    name: 'devices that are refused give the guest back',
    plan: { ...postcopyPlan, otherGuest: true },
    actions: [migrate],
  },
  {
    name: 'devices that are refused give the guest back, 7.2',
    plan: { ...inPostcopy72, otherGuest: true },
    actions: [migrate],
  },
  {
    name: 'broken in 2.11: the guest is lost',
    plan: { ...postcopyPlan, latencyMillis: 20 },
    actions: [migrate, advance(240), dropped],
  },
  { name: 'broken, mended', plan: inPostcopy72, actions: [migrate, underWay, dropped, advance(50), mend] },
  {
    name: 'broken behind what was sent, mended',
    plan: inPostcopy72,
    actions: [migrate, underWay, delivered, advance(50), mend],
  },
  {
    name: 'broken on a slow channel, mended',
    plan: { ...inPostcopy72, latencyMillis: 30 },
    actions: [migrate, advance(330), dropped, advance(100), mend],
  },
  {
    name: 'an idle guest, broken, mended',
    plan: { ...inPostcopy72, pagesPerSecond: 0 },
    actions: [migrate, underWay, dropped, advance(50), mend],
  },
  {
    name: 'broken twice, mended twice',
    plan: inPostcopy72,
    actions: [migrate, underWay, dropped, advance(50), mend, advance(60), dropped, advance(50), mend],
  },
  {
    name: 'broken, mended late',
    plan: inPostcopy72,
    actions: [migrate, underWay, dropped, advance(1000), mend, advance(200)],
  },
  {
    name: 'paused by the source’s operator, mended',
    plan: inPostcopy72,
    actions: [migrate, underWay, command('source', 'migrate-pause'), advance(50), mend],
  },
  {
    name: 'paused by the destination’s operator, mended',
    plan: inPostcopy72,
    actions: [migrate, underWay, command('destination', 'migrate-pause'), advance(50), mend],
  },
  {
    name: 'nobody there to mend it with, then somebody',
    plan: inPostcopy72,
    actions: [
      migrate,
      underWay,
      dropped,
      advance(50),
      command('source', 'migrate', { uri: 'tcp:nowhere:1', resume: true }),
      advance(50),
      mend,
    ],
  },
  {
    name: 'limits change in postcopy',
    plan: inPostcopy72,
    actions: [migrate, underWay, command('source', 'migrate-set-parameters', { 'max-postcopy-bandwidth': 0 })],
  },
  {
    name: 'the destination dies in postcopy',
    plan: inPostcopy72,
    actions: [migrate, underWay, { do: 'crash', who: 'destination' }],
  },
]
