/**
 * `migrate_cancel` in every status: it ends the run as cancelled in bounded time with the guest back, or changes nothing
 * where there is nothing left to cancel; and whatever was cancelled, the next run with other parameters moves the whole
 * guest (I2, I5, I6, I7).
 */
import { join } from 'node:path'
import { Effect } from 'effect'
import type { Test } from 'tap'
import { outgoingStatus, runState } from '../core/index.ts'
import { smallGuest } from './testing/guests.ts'
import { makeBlackhole, makeListener, refusedAddress } from './testing/listeners.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  assertReturned,
  makeDestination,
  makeSource,
  type Source,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { makeRelay, type Rule } from './testing/relay.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { isIn } from './testing/watch.ts'

const guest = smallGuest()

/** A limit at which a run of the test's guest lasts many times longer than the test. */
const CRAWL = { 'max-bandwidth': 100_000, 'downtime-limit': 1 }
/** Converges after one window of 100 ms, with most of the memory still to be sent. */
const SWITCH_AT_ONCE = { 'max-bandwidth': 1_000_000, 'downtime-limit': 2_000_000 }

const statusesOf = (source: Source): string[] => {
  const seen = source.watch.history.map(outgoingStatus)
  return seen.filter((status, index) => status !== seen[index - 1])
}

/** Cancels the run that is under way. */
const assertCancels = (t: Test, source: Source, label: string) =>
  Effect.gen(function* () {
    yield* source.execute('migrate_cancel')
    t.equal(yield* source.settled, 'cancelled', `${label}: ends cancelled`)
    t.equal((yield* source.query).status, 'cancelled', `${label}: a query says so`)
    yield* assertReturned(t, source, label)
  })

/** The next run, to a fresh destination, moves everything. */
const assertSecondRunMoves = (t: Test, source: Source) =>
  Effect.gen(function* () {
    yield* source.setCapability('pause-before-switchover', false)
    yield* source.set({ 'max-bandwidth': 200_000_000, 'downtime-limit': 100 })
    const destination = yield* makeDestination(guest)
    t.equal(yield* source.migrate(destination.uri), 'completed', 'the second run completes')
    const { ram } = yield* source.query
    t.ok(Number(ram?.normal) >= guest.memoryBytes / 4096, 'its bitmap was full at first')
    yield* assertMoved(t, source, destination, 'second run')
  })

realTest('in setup, while the connection is neither made nor refused', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.execute('migrate', { uri: yield* makeBlackhole })
    yield* source.watch.until('setup', isIn('setup.connecting'))
    yield* assertCancels(t, source, 'setup')
    t.same(statusesOf(source), ['none', 'setup', 'cancelling', 'cancelled'])
    yield* assertSecondRunMoves(t, source)
  }),
)

realTest('in active', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const destination = yield* makeDestination(guest)
    yield* source.set(CRAWL)
    yield* source.execute('migrate', { uri: destination.uri })
    yield* source.watch.until('a page to be sent', (state) => Number(state.outgoing?.ram?.normal ?? 0) > 0)
    yield* assertCancels(t, source, 'active')
    t.same(statusesOf(source), ['none', 'setup', 'active', 'cancelling', 'cancelled'])
    yield* assertGivenUp(t, destination, 'active')
    yield* assertSecondRunMoves(t, source)
  }),
)

realTest('in active, with a destination that takes the connection and never reads', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const uri = yield* makeListener(() => {}, join(yield* temporaryDirectory, 'never-reads.sock'))
    yield* source.execute('migrate', { uri })
    yield* source.watch.until('a page to be sent', (state) => Number(state.outgoing?.ram?.normal ?? 0) > 0)
    yield* source.progresses
    yield* assertCancels(t, source, 'never reads')
    yield* assertSecondRunMoves(t, source)
  }),
)

realTest('in pre-switchover', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const destination = yield* makeDestination(guest)
    yield* source.setCapability('pause-before-switchover', true)
    yield* source.execute('migrate', { uri: destination.uri })
    const state = yield* source.watch.until('pre-switchover', isIn('pre-switchover'))
    t.equal(runState(state), 'finish-migrate', 'the guest is stopped')
    yield* assertCancels(t, source, 'pre-switchover')
    t.same(statusesOf(source), ['none', 'setup', 'active', 'pre-switchover', 'cancelling', 'cancelled'])
    yield* assertGivenUp(t, destination, 'pre-switchover')
    yield* assertSecondRunMoves(t, source)
  }),
)

/** Keeps the answer to the question from the source. */
const holdAnswer: Rule = { direction: 'back', from: 'start', bytes: 8, action: 'hold', before: 'arrives' }

for (const pause of [false, true]) {
  const status = pause ? 'device' : 'active'

  realTest(`in ${status}, completing: the last pass cannot go out`, (t) =>
    Effect.gen(function* () {
      const source = yield* makeSource(guest)
      const uri = yield* makeListener(() => {}, join(yield* temporaryDirectory, 'never-reads.sock'))
      yield* source.setCapability('pause-before-switchover', pause)
      yield* source.set(SWITCH_AT_ONCE)
      yield* source.execute('migrate', { uri })
      if (pause) {
        yield* source.watch.until('pre-switchover', isIn('pre-switchover'))
        yield* source.execute('migrate-continue', { state: 'pre-switchover' })
      }
      yield* source.watch.until('the last pass', isIn(`${status}.completing`))
      yield* assertCancels(t, source, `${status}.completing`)
      yield* assertSecondRunMoves(t, source)
    }),
  )

  realTest(`in ${status}, preparing: the destination has everything but the end mark`, (t) =>
    Effect.gen(function* () {
      const source = yield* makeSource(guest)
      const destination = yield* makeDestination(guest)
      const relay = yield* makeRelay(destination.uri, holdAnswer)
      yield* source.setCapability('pause-before-switchover', pause)
      yield* source.execute('migrate', { uri: relay.uri })
      if (pause) {
        yield* source.watch.until('pre-switchover', isIn('pre-switchover'))
        yield* source.execute('migrate-continue', { state: 'pre-switchover' })
      }
      yield* source.watch.until('the answer to be awaited', isIn(`${status}.preparing`))
      yield* destination.watch.until('all to be loaded', (state) =>
        JSON.stringify(state.chart.value).includes('prepared'),
      )
      yield* assertCancels(t, source, `${status}.preparing`)
      yield* assertGivenUp(t, destination, `${status}.preparing`)
      yield* assertSecondRunMoves(t, source)
    }),
  )

  realTest(`in ${status}, committing: too late, the run completes`, (t) =>
    Effect.gen(function* () {
      const source = yield* makeSource(guest)
      const destination = yield* makeDestination(guest)
      const relay = yield* makeRelay(destination.uri, { ...holdAnswer, bytes: 16 })
      yield* source.setCapability('pause-before-switchover', pause)
      yield* source.execute('migrate', { uri: relay.uri })
      if (pause) {
        yield* source.watch.until('pre-switchover', isIn('pre-switchover'))
        yield* source.execute('migrate-continue', { state: 'pre-switchover' })
      }
      yield* source.watch.until('the end mark to be sent', isIn(`${status}.committing`))
      yield* source.execute('migrate_cancel')
      yield* destination.watch.until('the guest to run at the destination', (state) => runState(state) === 'running')
      yield* source.execute('migrate_cancel')
      t.equal(outgoingStatus(yield* source.process.state), status, 'nothing has changed')
      relay.release()
      t.equal(yield* source.settled, 'completed')
      yield* assertMoved(t, source, destination, 'committing')
    }),
  )
}

realTest('while it is cancelling: once is enough', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const destination = yield* makeDestination(guest)
    yield* source.set(CRAWL)
    yield* source.execute('migrate', { uri: destination.uri })
    yield* source.watch.until('active', isIn('active'))
    yield* Effect.all(
      [source.execute('migrate_cancel'), source.execute('migrate_cancel'), source.execute('migrate_cancel')],
      {
        concurrency: 'unbounded',
      },
    )
    t.equal(yield* source.settled, 'cancelled')
    t.same(statusesOf(source), ['none', 'setup', 'active', 'cancelling', 'cancelled'])
    yield* assertReturned(t, source, 'cancelling')
    yield* assertSecondRunMoves(t, source)
  }),
)

realTest('in none, cancelled, failed and completed: nothing changes', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.execute('migrate_cancel')
    t.equal(outgoingStatus(yield* source.process.state), 'none')

    yield* source.set(CRAWL)
    const first = yield* makeDestination(guest)
    yield* source.execute('migrate', { uri: first.uri })
    yield* source.execute('migrate_cancel')
    t.equal(yield* source.settled, 'cancelled')
    yield* source.execute('migrate_cancel')
    t.equal(outgoingStatus(yield* source.process.state), 'cancelled')
    yield* assertReturned(t, source, 'cancelled')

    t.equal(yield* source.migrate(yield* refusedAddress), 'failed')
    yield* source.execute('migrate_cancel')
    yield* assertFailedAndReturned(t, source, 'failed')

    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 300 })
    const last = yield* makeDestination(guest)
    t.equal(yield* source.migrate(last.uri), 'completed')
    yield* source.execute('migrate_cancel')
    yield* assertMoved(t, source, last, 'completed')
  }),
)

realTest('three runs in a row: cancelled, failed, completed; each begins at nought', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const pages = guest.memoryBytes / 4096
    /** The figures that the run begins with. */
    const firstFigures = (run: number) =>
      Effect.map(
        source.watch.until('figures', (state) => state.outgoingNumber === run && state.outgoing?.ram !== undefined),
        (state) => state.outgoing?.ram,
      )
    const assertFresh = (run: number) =>
      Effect.gen(function* () {
        const ram = yield* firstFigures(run)
        t.match(ram, { normal: 0, duplicate: 0, transferred: 0, 'dirty-sync-count': 1 }, `run ${run} begins at nought`)
        t.equal(ram?.remaining, guest.memoryBytes, `run ${run}: every page is dirty`)
        const begun = source.watch.history.find((state) => state.outgoingNumber === run)
        t.equal(begun?.outgoing?.error, undefined, `run ${run}: no error of the run before`)
        t.equal(begun?.outgoing?.ram, undefined, `run ${run}: no figures of the run before`)
      })

    yield* source.set({ 'max-bandwidth': 2_000_000, 'downtime-limit': 1 })
    const first = yield* makeDestination(guest)
    yield* source.execute('migrate', { uri: first.uri })
    yield* source.watch.until('100 pages to be sent', (state) => Number(state.outgoing?.ram?.normal ?? 0) > 100)
    yield* assertCancels(t, source, 'first run')
    yield* assertFresh(1)

    yield* source.set({ 'max-bandwidth': 50_000_000, 'downtime-limit': 10 })
    const second = yield* makeDestination(guest)
    const relay = yield* makeRelay(second.uri, {
      direction: 'forward',
      from: 'start',
      bytes: 3_000_000,
      action: 'cut',
      before: 'arrives',
    })
    t.equal(yield* source.migrate(relay.uri), 'failed')
    yield* assertFailedAndReturned(t, source, 'second run')
    yield* assertFresh(2)

    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 300 })
    const third = yield* makeDestination(guest)
    t.equal(yield* source.migrate(third.uri), 'completed')
    yield* assertFresh(3)
    const { ram } = yield* source.query
    t.ok(Number(ram?.normal) + Number(ram?.duplicate) >= pages, 'the third run sent every page')
    yield* assertMoved(t, source, third, 'third run')
  }),
)
