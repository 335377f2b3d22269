/** Scripts about a guest with a disk that moves with it: written to in the bulk phase and after, cancelled, cut, begun again. */
import type { RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'
import type { RuntimeScript } from './runtime-scripts.ts'

const migrate: RuntimeAction = { do: 'migrate' }
const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const query: RuntimeAction = { do: 'command', to: 'source', call: { name: 'query-migrate' } }
const limit = (maxBandwidth: number, downtimeLimit: number): RuntimeAction => ({
  do: 'command',
  to: 'source',
  call: {
    name: 'migrate-set-parameters',
    arguments: { 'max-bandwidth': maxBandwidth, 'downtime-limit': downtimeLimit },
  },
})

/** Four chunks a second, of a disk of three to which a sector is written now and then. */
const disk: Plan = {
  ...defaultPlan,
  diskChunks: 3,
  diskWritesPerSecond: 3,
  capacityBytes: 256 * 1024,
  maxBandwidth: 4 * 2 ** 20,
  downtimeLimitMillis: 10,
  capabilities: ['block'],
}

const flagged: Plan = { ...disk, diskWritesPerSecond: 0, capabilities: ['block', 'zero-blocks'] }

/** Has it end, whatever the guest does. */
const letGo: readonly RuntimeAction[] = [query, limit(0, 2_000_000), advance(500)]

/** See the head of this file. */
export const diskScripts: readonly RuntimeScript[] = [
  { name: 'a disk that is written to', plan: disk, actions: [migrate, advance(2500), query, ...letGo] },
  { name: 'chunks of zeroes', plan: flagged, actions: [migrate, advance(2500), ...letGo] },
  {
    name: 'written to much in the bulk phase',
    plan: { ...disk, diskWritesPerSecond: 100 },
    actions: [migrate, advance(700), query, advance(1500), ...letGo],
  },
  {
    name: 'cancelled in the bulk phase, begun again',
    plan: disk,
    actions: [migrate, advance(400), { do: 'cancel' }, advance(500), migrate, advance(1500), ...letGo],
  },
  {
    name: 'cut behind the bulk phase, begun again',
    plan: disk,
    actions: [migrate, advance(1800), { do: 'cut', fate: 'dropped' }, advance(300), migrate, advance(1500), ...letGo],
  },
]
