/**
 * Postcopy over a socket between threads: a guest that writes all the time goes on at the destination long before its
 * memory is there, and what it misses comes when it is asked for.
 */
import { Effect } from 'effect'
import { outgoingStatus } from '../../core/index.ts'
import { smallGuest } from '../testing/guests.ts'
import { assertMoved, makeDestination, makeSource, type Party } from '../testing/party.ts'
import { realTest } from '../testing/real-test.ts'

const guest = smallGuest({ memoryBytes: 48 * 2 ** 20, workingSetBytes: 40 * 2 ** 20 })

/** A limit at which precopy would never end, as the guest writes three times as much. */
const CRAWL = { 'max-bandwidth': 4_000_000, 'downtime-limit': 1 }

const switchOn = (party: Party) =>
  Effect.asVoid(
    party.execute('migrate-set-capabilities', {
      capabilities: ['events', 'postcopy-ram'].map((capability) => ({ capability, state: true })),
    }),
  )

realTest('a guest that writes faster than precopy sends has moved, whole, with what it asked for', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* switchOn(source)
    const destination = yield* makeDestination(guest, 'tcp:127.0.0.1:0', switchOn)
    yield* source.set(CRAWL)
    yield* source.execute('migrate', { uri: destination.uri })
    yield* source.watch.until('a page to be sent', (state) => Number(state.outgoing?.ram?.normal ?? 0) > 0)
    yield* source.execute('migrate-start-postcopy')
    t.equal(yield* source.settled, 'completed')
    const passed = source.watch.history.map(outgoingStatus)
    t.ok(passed.includes('postcopy-active'), 'by way of postcopy-active')
    const { ram } = yield* source.query
    t.ok(Number(ram?.['postcopy-requests']) > 0, `${ram?.['postcopy-requests']} requests`)
    yield* assertMoved(t, source, destination, 'postcopy')
  }),
)
