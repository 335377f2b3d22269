/**
 * COLO between two processes, with a client of the guest's service: after each checkpoint the secondary is the primary of
 * that moment; whichever side is killed, the other goes on, and the client is told everything once and nothing else.
 */
import { Effect } from 'effect'
import type { Profile } from '../../machines/index.ts'
import { formatGuestSpec, type WritingGuestSpec } from '../memory/index.ts'
import { effectTest } from '../qmp/testing/served.ts'
import type { HashedCheckpoint } from './colo-options.ts'
import { coloSide, makeColoPair, pairUp, type ColoSide } from './testing/colo-pair.ts'

const spec: WritingGuestSpec = {
  kind: 'write',
  seed: 3,
  pagesPerSecond: 2000,
  workingSetBytes: 2 ** 20,
  memoryBytes: 2 ** 21,
  packetsPerSecond: 1000,
}

/** Hashes of a side until there are so many. */
const hashed = (side: ColoSide, count: number) =>
  Effect.gen(function* () {
    const all: HashedCheckpoint[] = []
    while (all.length < count) {
      yield* side.event('RESUME')
      all.push(...(yield* side.checkpoints))
    }
    return all
  })

const hashOf = ({ counter, sha256 }: HashedCheckpoint): string => `${counter} ${sha256}`

const CHECKPOINTS = { '7.2': 200, '2.11': 60 } as const

for (const [profile, count] of Object.entries(CHECKPOINTS) as readonly (readonly [Profile, number])[])
  effectTest(`${profile}: ${count} checkpoints; the primary is killed, and the service goes on`, (t) =>
    Effect.gen(function* () {
      const { primary, secondary, client } = yield* makeColoPair({
        profile,
        spec,
        delayMillis: 2,
        args: ['--hash-checkpoints'],
      })
      const ours = yield* hashed(primary, count)
      yield* primary.kill
      const theirs = yield* secondary.checkpoints
      t.ok(theirs.length >= count - 1)
      const last = yield* Effect.sync(() => client.told.length)
      yield* secondary.qmp.execute('x-colo-lost-heartbeat')
      yield* secondary.event('RESUME')
      t.same(theirs.slice(0, count - 1).map(hashOf), ours.slice(0, count - 1).map(hashOf))
      t.ok(new Set(ours.map(hashOf)).size > count / 2, 'the guest was running meanwhile')
      yield* client.hearsMore(200)
      t.same(client.complaints, [])
      t.equal(client.hosts, 2)
      t.same(client.unlike(spec), [], 'all of it is what one guest would have said')
      t.comment(`told ${last} by the primary, ${client.told.length - last} by the secondary`)
      t.match(yield* secondary.qmp.execute('query-status'), { status: 'running' })
    }),
  )

effectTest('the secondary is killed and the primary told; then a new secondary takes over from it', (t) =>
  Effect.gen(function* () {
    const { primary, secondary, client, uplink } = yield* makeColoPair({ profile: '7.2', spec, delayMillis: 20 })
    yield* client.hearsMore(200)
    yield* secondary.kill
    yield* primary.qmp.execute('x-colo-lost-heartbeat')
    yield* primary.event('MIGRATION', ({ data }) => data['status'] === 'completed')
    yield* primary.event('RESUME')
    yield* client.hearsMore(200)
    const places = ['--uplink', uplink, '--incoming', 'defer']
    const next = yield* coloSide([
      '--profile',
      '7.2',
      '--guest',
      formatGuestSpec(spec),
      '--hash-checkpoints',
      ...places,
    ])
    yield* pairUp(primary, next)
    yield* hashed(next, 5)
    yield* client.hearsMore(200)
    yield* primary.kill
    yield* next.qmp.execute('x-colo-lost-heartbeat')
    yield* next.event('MIGRATION', ({ data }) => data['status'] === 'completed')
    yield* client.hearsMore(200)
    t.same(client.complaints, [])
    t.equal(client.hosts, 2)
    t.same(client.unlike(spec), [])
    t.match(yield* next.qmp.execute('query-status'), { status: 'running' })
  }),
)

effectTest('with a fence a side is told only when the other is cut off; without its word nothing changes', (t) =>
  Effect.gen(function* () {
    const pair = yield* makeColoPair({
      profile: '7.2',
      spec,
      delayMillis: 20,
      primaryArgs: ['--fence', 'exit 0'],
      secondaryArgs: ['--fence', 'exit 1'],
    })
    yield* pair.client.hearsMore(100)
    const refused = yield* Effect.flip(pair.secondary.qmp.execute('x-colo-lost-heartbeat'))
    t.match(String(refused), /fence/)
    yield* pair.client.hearsMore(100)
    t.match(yield* pair.primary.qmp.execute('query-migrate'), { status: 'colo' })
    yield* pair.primary.qmp.execute('x-colo-lost-heartbeat')
    yield* pair.primary.event('MIGRATION', ({ data }) => data['status'] === 'completed')
    yield* pair.client.hearsMore(100)
    t.same(pair.client.complaints, [])
  }),
)
