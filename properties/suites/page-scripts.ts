/**
 * Scripts about the ways a page can go: guests that clear, rewrite and touch pages, with every method on, and with parameters
 * that change while a run lasts.
 */
import type { RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'
import type { RuntimeScript } from './runtime-scripts.ts'

const migrate: RuntimeAction = { do: 'migrate' }
const cancel: RuntimeAction = { do: 'cancel' }
const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const query: RuntimeAction = { do: 'command', to: 'source', call: { name: 'query-migrate' } }
const parameters = (values: object): RuntimeAction => ({
  do: 'command',
  to: 'source',
  call: { name: 'migrate-set-parameters', arguments: values },
})

/** So slow that a few differences fill a window: there are many passes. */
const busy: Plan = {
  ...defaultPlan,
  maxBandwidth: 30_000,
  pagesPerSecond: 300,
  wipeEvery: 20,
  downtimeLimitMillis: 1,
  seed: 3,
}

/** A guest that writes to every page of its memory. */
const everywhere: Plan = { ...busy, workingSetPages: busy.pages, maxBandwidth: 80_000 }

/** Everything is written a few times while it waits to be sent, so that the next pass finds it as it was sent. */
const twice: Plan = { ...everywhere, wipeEvery: 0, pagesPerSecond: 40, maxBandwidth: 60_000 }

const xbzrle = (plan: Plan, cachePages: number): Plan => ({
  ...plan,
  capabilities: ['xbzrle'],
  parameters: { 'xbzrle-cache-size': cachePages * 4096 },
})

/** Long enough for a second to end, over which rates are taken; then the guest may go. */
const letGo: readonly RuntimeAction[] = [
  advance(5000),
  query,
  parameters({ 'downtime-limit': 300, 'max-bandwidth': 0 }),
  advance(400),
]

/** See the head of this file. */
export const pageScripts: readonly RuntimeScript[] = [
  { name: 'differences, all pages cached', plan: xbzrle(busy, 64), actions: [migrate, ...letGo] },
  { name: 'differences, pages written twice before they go', plan: xbzrle(twice, 64), actions: [migrate, ...letGo] },
  { name: 'differences, a cache that is too small', plan: xbzrle(everywhere, 4), actions: [migrate, ...letGo] },
  {
    name: 'differences, a cache that grows and shrinks',
    plan: xbzrle(everywhere, 1),
    actions: [
      migrate,
      ...[16, 2, 32, 1, 8].flatMap((pages) => [advance(1000), parameters({ 'xbzrle-cache-size': pages * 4096 })]),
      ...letGo,
    ],
  },
  {
    name: 'differences, cancelled and begun again',
    plan: xbzrle(busy, 32),
    actions: [migrate, advance(3000), cancel, advance(50), migrate, ...letGo],
  },
]
