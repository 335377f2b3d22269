/**
 * A guest that writes all the time moves by every way a page can go: over sockets, by threads, with parameters that change
 * meanwhile. What arrives is what left, and the figures say how it went.
 */
import { Effect } from 'effect'
import type { Test } from 'tap'
import type { MigrationInfo } from '../qapi/index.ts'
import { smallGuest } from './testing/guests.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  makeDestination,
  makeSource,
  type Party,
  type Services,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'

/** Of its pages many are clear, many compress well and many do not. */
const guest = smallGuest({
  wipeEvery: 4,
  pagesPerSecond: 20_000,
  memoryBytes: 4 * 2 ** 20,
  workingSetBytes: 2 ** 20,
})

const switchOn = (...capabilities: readonly string[]) => {
  const list = capabilities.map((capability) => ({ capability, state: true }))
  return (party: Party) =>
    Effect.asVoid(
      party.execute('migrate-set-capabilities', { capabilities: [...list, { capability: 'events', state: true }] }),
    )
}

/** So slow that there are passes; the rest at once when some have gone by. */
const moves = (
  t: Test,
  capabilities: readonly string[],
  changes: readonly Readonly<Record<string, number>>[],
  parameters: Readonly<Record<string, number>> = {},
): Effect.Effect<MigrationInfo, unknown, Services> =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const prepare = (party: Party) =>
      Effect.andThen(switchOn(...capabilities)(party), party.execute('migrate-set-parameters', parameters))
    const destination = yield* makeDestination(guest, 'tcp:127.0.0.1:0', (party) => Effect.asVoid(prepare(party)))
    yield* prepare(source)
    yield* source.set({ 'max-bandwidth': 12_000_000, 'downtime-limit': 1 })
    yield* source.execute('migrate', { uri: destination.uri })
    for (const [index, change] of changes.entries()) {
      yield* source.watch.until(
        `pass ${index + 3}`,
        ({ outgoing }) => Number(outgoing?.ram?.['dirty-sync-count'] ?? 0) >= index + 3,
      )
      yield* source.set(change)
    }
    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 300 })
    t.equal(yield* source.settled, 'completed')
    yield* assertMoved(t, source, destination, capabilities.join(' and '))
    return yield* source.query
  })

realTest('xbzrle, with a cache that shrinks and grows', (t) =>
  Effect.gen(function* () {
    const sizes = [1 << 20, 1 << 16, 1 << 22].map((size) => ({ 'xbzrle-cache-size': size }))
    const info = yield* moves(t, ['xbzrle'], sizes)
    const cache = info['xbzrle-cache']
    t.equal(cache?.['cache-size'], 1 << 22)
    t.ok(Number(cache?.pages) > 0, `${cache?.pages} differences in ${cache?.bytes} bytes`)
    t.ok(Number(cache?.bytes) / Number(cache?.pages) < 500, 'differences are small')
  }),
)

realTest('compress, with other threads and levels', (t) =>
  Effect.gen(function* () {
    const info = yield* moves(
      t,
      ['compress'],
      [
        { 'compress-threads': 1, 'compress-level': 9, 'decompress-threads': 3 },
        { 'compress-threads': 4, 'compress-level': 1, 'decompress-threads': 1 },
      ],
    )
    const { ram } = info
    t.ok(Number(ram?.transferred) < Number(ram?.['dirty-sync-count']) * guest.memoryBytes, 'less than the pages')
  }),
)

realTest('compress at first, then xbzrle', (t) =>
  Effect.gen(function* () {
    const info = yield* moves(t, ['compress', 'xbzrle'], [{ 'compress-threads': 2 }])
    t.ok(Number(info['xbzrle-cache']?.pages) > 0, 'differences')
  }),
)

realTest('x-multifd: three channels, with packets of another size on the way', (t) =>
  Effect.gen(function* () {
    const info = yield* moves(t, ['x-multifd'], [{ 'x-multifd-page-count': 128 }, { 'x-multifd-page-count': 1 }], {
      'x-multifd-channels': 3,
    })
    const { ram } = info
    t.ok(Number(ram?.transferred) > Number(ram?.['normal-bytes']), 'all pages, and the headers of their packets')
  }),
)

realTest('x-multifd, then xbzrle', (t) =>
  Effect.gen(function* () {
    const info = yield* moves(t, ['x-multifd', 'xbzrle'], [{ 'max-bandwidth': 6_000_000 }])
    t.ok(Number(info['xbzrle-cache']?.pages) > 0, 'differences')
  }),
)

realTest('x-multifd that only the source has on: refused, and the guest is back', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* switchOn('x-multifd')(source)
    const destination = yield* makeDestination(guest)
    t.equal(yield* source.migrate(destination.uri), 'failed')
    yield* assertFailedAndReturned(t, source, 'refused')
    yield* assertGivenUp(t, destination, 'refused')
  }),
)

realTest('compress that the destination does not have on: refused, and the guest is back', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* switchOn('compress')(source)
    const destination = yield* makeDestination(guest)
    t.equal(yield* source.migrate(destination.uri), 'failed')
    yield* assertFailedAndReturned(t, source, 'refused')
    yield* assertGivenUp(t, destination, 'refused')
    t.match(destination.watch.now().incoming?.error, 'Received an unexpected compressed page')
  }),
)
