/** The vCPU's share of a host: a guest that is throttled does as much less as the percentage says, in slices of 10 ms. */
import { Effect } from 'effect'
import { TestClock } from 'effect/testing'
import * as fc from 'fast-check'
import t from 'tap'
import { GuestMemory, WritingGuest } from '../memory/index.ts'
import { fiberGuestHost } from './fiber-guest-host.ts'
import { GuestRunner } from './guest-host.ts'
import { realTest } from './testing/real-test.ts'
import { workerGuestHost } from './worker-guest-host.ts'

const memoryBytes = 16 * 4096

/** One operation a millisecond of running time. */
const makeGuest = (): WritingGuest =>
  new WritingGuest({
    seed: 1,
    pagesPerSecond: 1000,
    workingSetBytes: memoryBytes,
    memory: GuestMemory.allocate([{ name: 'ram', usedLength: memoryBytes }]),
  })

/** Lets a runner run for a while, looking at it each millisecond as the guest's thread does; gives what it did. */
const runFor = (runner: GuestRunner, fromMillis: number, millis: number): number => {
  const before = runner.guest.counter
  for (let now = fromMillis + 1; now <= fromMillis + millis; now++) runner.advance(now)
  return runner.guest.counter - before
}

t.test('a throttle of p takes p percent of the time', async (t) => {
  for (const percentage of [0, 1, 20, 50, 75, 90, 99]) {
    const runner = new GuestRunner(makeGuest())
    runner.start(5000)
    runner.throttle(5000, percentage)
    const done = runFor(runner, 5000, 10_000)
    t.ok(Math.abs(done - 100 * (100 - percentage)) <= 10, `${percentage}%: ${done} of 10000 operations`)
  }
})

t.test('in slices: it runs for 10 ms, then sleeps for as long as the percentage needs', async (t) => {
  const runner = new GuestRunner(makeGuest())
  runner.start(1000)
  runner.throttle(1000, 75)
  const slices = Array.from({ length: 8 }, (_unused, index) => runFor(runner, 1000 + 10 * index, 10))
  t.same(slices, [10, 0, 0, 0, 10, 0, 0, 0])
})

t.test('it holds for a guest that is stopped and started again, and ends with 0', async (t) => {
  const runner = new GuestRunner(makeGuest())
  runner.throttle(0, 50)
  runner.start(0)
  t.equal(runFor(runner, 0, 1000), 500)
  runner.stop(1000)
  runner.start(3000)
  t.equal(runFor(runner, 3000, 1000), 500)
  runner.throttle(4000, 0)
  t.equal(runFor(runner, 4000, 1000), 1000)
})

t.test('however often it is looked at, the guest does the same', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 99 }), fc.array(fc.integer({ min: 0, max: 100 })), (percentage, pauses) => {
      const often = new GuestRunner(makeGuest())
      const seldom = new GuestRunner(makeGuest())
      for (const runner of [often, seldom]) {
        runner.start(0)
        runner.throttle(0, percentage)
      }
      let now = 0
      for (const pause of pauses) {
        runFor(often, now, pause)
        now += pause
        seldom.advance(now)
      }
      return Math.abs(often.guest.counter - seldom.guest.counter) <= 1
    }),
  )
})

t.test('a host on a simulated clock', () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const host = yield* fiberGuestHost(makeGuest())
      yield* host.start
      yield* host.throttle(90)
      yield* TestClock.adjust('10 seconds')
      t.equal(yield* host.counter, 1000)
    }).pipe(Effect.scoped, Effect.provide(TestClock.layer())),
  ),
)

realTest('a guest in a thread of its own', (t) =>
  Effect.gen(function* () {
    const spec = { kind: 'write', seed: 1, pagesPerSecond: 100_000, workingSetBytes: 4096, memoryBytes: 4096 } as const
    const memory = GuestMemory.allocate([{ name: 'ram', usedLength: 4096 }])
    const host = yield* workerGuestHost({ kind: 'write', spec }, memory)
    const operationsIn = (millis: number) =>
      Effect.gen(function* () {
        const before = yield* host.counter
        yield* Effect.sleep(millis)
        return (yield* host.counter) - before
      })
    yield* host.start
    yield* host.throttle(99)
    const throttled = yield* operationsIn(300)
    yield* host.throttle(0)
    const free = yield* operationsIn(300)
    // A busy machine slows both; a slice of a hundredth is far from the whole all the same.
    t.ok(throttled < free / 3, `${throttled} operations throttled, ${free} not`)
  }),
)
