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

const compress = (plan: Plan, values: Plan['parameters'], ...others: readonly string[]): Plan => ({
  ...plan,
  capabilities: ['compress', ...others],
  parameters: { 'compress-threads': 3, 'decompress-threads': 2, ...values },
})

const multifd = (plan: Plan, channels: number, ...others: readonly string[]): Plan => ({
  ...plan,
  capabilities: ['x-multifd', ...others],
  parameters: { 'x-multifd-channels': channels, 'x-multifd-page-count': 3 },
})

/** Pages that compress well are written again and again. */
const written: Plan = { ...everywhere, wipeEvery: 7 }

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
  {
    name: 'compressed, one thread each',
    plan: compress(written, { 'compress-threads': 1 }),
    actions: [migrate, ...letGo],
  },
  {
    name: 'compressed, with other levels and numbers of threads on the way',
    plan: compress(written, {}),
    actions: [
      migrate,
      ...[9, 0, 4].flatMap((level) => [
        advance(800),
        parameters({ 'compress-level': level, 'compress-threads': level + 1, 'decompress-threads': 5 }),
      ]),
      ...letGo,
    ],
  },
  {
    name: 'compressed at first, then differences',
    plan: compress(busy, { 'xbzrle-cache-size': 64 * 4096 }, 'xbzrle'),
    actions: [migrate, ...letGo],
  },
  {
    name: 'compressed, cut and begun again',
    plan: compress(written, {}),
    actions: [migrate, advance(900), { do: 'cut', fate: 'dropped' }, advance(300), migrate, ...letGo],
  },
  { name: 'two channels', plan: multifd(everywhere, 2), actions: [migrate, ...letGo] },
  {
    name: 'three channels, with other packets on the way',
    plan: multifd(everywhere, 3),
    actions: [
      migrate,
      ...[1, 200, 2].flatMap((pages) => [advance(700), parameters({ 'x-multifd-page-count': pages })]),
      ...letGo,
    ],
  },
  {
    name: 'three channels, cancelled, and then two',
    plan: multifd(everywhere, 3),
    actions: [migrate, advance(900), cancel, advance(50), parameters({ 'x-multifd-channels': 2 }), migrate, ...letGo],
  },
  { name: 'channels and differences', plan: multifd(twice, 2, 'xbzrle'), actions: [migrate, ...letGo] },
  {
    name: 'a destination that waits for more channels than come',
    plan: { ...multifd(everywhere, 2), destinationParameters: { 'x-multifd-channels': 4 } },
    actions: [migrate, advance(12_000)],
  },
  {
    name: 'a destination that takes fewer channels than come',
    plan: { ...multifd(everywhere, 3), destinationParameters: { 'x-multifd-channels': 1 } },
    actions: [migrate, advance(12_000)],
  },
]
