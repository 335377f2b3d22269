/**
 * The destination is another process, and is killed at moments that a seed picks among the things that happen: reports,
 * passes, bytes on the wire, statuses, the answer to the question, the end mark. The run fails with a reason, and the
 * source's guest runs on with its memory intact, every time (I1, I2, I9, I10, I11).
 */
import { Effect, Queue, type Scope } from 'effect'
import type { Test } from 'tap'
import { runState, type CoreState } from '../core/index.ts'
import { sha256 } from '../memory/node.ts'
import { programOfSpec, Replica, smallGuest } from './testing/guests.ts'
import { makeDestinationProcess, warmCompileCache, type DestinationProcess } from './testing/destination-process.ts'
import { assertFailedAndReturned, assertReturned, makeSource, type Source } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { makeRelay, type Rule } from './testing/relay.ts'
import type { Random } from './testing/seed.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { isIn, within } from './testing/watch.ts'

const guest = smallGuest()

/** Slow enough that much happens, and never so few dirty pages at the end of a pass that the run converges. */
const SLOW = { 'max-bandwidth': 40_000_000, 'downtime-limit': 1 }
const FAST = { 'max-bandwidth': 0, 'downtime-limit': 300 }

/** When to kill. */
interface Moment {
  readonly label: string
  readonly parameters: Readonly<Record<string, number>>
  readonly pause?: boolean
  /** What a relay between the two keeps back, to make the moment last. */
  readonly rule?: Omit<Rule, 'action' | 'before'>
  /** Comes true when it is time. `run` is the run's number. */
  readonly when: (seen: {
    readonly source: Source
    readonly destination: DestinationProcess
    readonly run: number
  }) => Effect.Effect<unknown, Error>
  /** The guest may have moved before it was killed with its new host. */
  readonly mayComplete?: boolean
}

const inRun =
  (run: number, predicate: (state: CoreState) => boolean) =>
  (state: CoreState): boolean =>
    state.outgoingNumber === run && predicate(state)

const status =
  (path: string): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(path, inRun(run, isIn(path)))

const afterReport =
  (count: number): Moment['when'] =>
  ({ source, run }) => {
    const reports = new Set<unknown>()
    return source.watch.until(
      `${count} reports`,
      inRun(run, ({ outgoing }) => outgoing?.ram !== undefined && reports.add(outgoing.ram).size >= count),
    )
  }

const afterPass =
  (pass: number): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(
      `pass ${pass}`,
      inRun(run, ({ outgoing }) => Number(outgoing?.ram?.['dirty-sync-count'] ?? 0) >= pass),
    )

const atPercent =
  (percent: number): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(
      `${percent} %`,
      inRun(run, ({ outgoing }) => Number(outgoing?.ram?.transferred ?? 0) >= (percent / 100) * guest.memoryBytes),
    )

/** Nothing but the relay's rule: the bytes in front of its place have been passed on, and no more will be. */
const whenReached: Moment['when'] = () => Effect.void

const runsThere: Moment['when'] = ({ destination }) =>
  within(
    'the guest to run at the destination',
    Effect.gen(function* () {
      for (;;) {
        const answer = yield* destination.client.execute('query-status')
        if ((answer as { readonly running: boolean }).running) return
      }
    }),
  )

const both =
  (first: Moment['when'], second: Moment['when']): Moment['when'] =>
  (seen) =>
    Effect.andThen(first(seen), second(seen))

const back = (bytes: number) => ({ direction: 'back', from: 'start', bytes }) as const
const afterQuestion = (bytes: number) => ({ direction: 'forward', from: 'question', bytes }) as const

const moments = (random: Random): Moment[] => {
  const times = <A>(count: number, make: () => A): A[] => Array.from({ length: count }, make)
  return [
    { label: 'setup', parameters: SLOW, when: status('setup') },
    { label: 'active', parameters: SLOW, when: status('active') },
    ...times(2, () => {
      const count = random.integer(1, 8)
      return { label: `report ${count}`, parameters: SLOW, when: afterReport(count) }
    }),
    ...times(2, () => {
      const pass = random.integer(1, 4)
      return { label: `pass ${pass}`, parameters: SLOW, when: afterPass(pass) }
    }),
    ...times(2, () => {
      const percent = random.integer(2, 99)
      return { label: `active at ${percent} %`, parameters: SLOW, when: atPercent(percent) }
    }),
    ...times(2, () => {
      const bytes = random.integer(1, guest.memoryBytes)
      const rule = { direction: 'forward', from: 'start', bytes } as const
      return { label: `${bytes} bytes on the wire`, parameters: FAST, rule, when: whenReached }
    }),
    { label: 'pre-switchover', parameters: FAST, pause: true, when: status('pre-switchover') },
    { label: 'device', parameters: FAST, pause: true, rule: back(8), when: status('device.preparing') },
    { label: 'behind the last page', parameters: FAST, rule: back(8), when: status('active.preparing') },
    ...times(2, () => {
      const bytes = -random.integer(1, 4200)
      return {
        label: `${bytes} bytes from the question`,
        parameters: FAST,
        rule: afterQuestion(bytes),
        when: whenReached,
      }
    }),
    { label: 'the answer has come', parameters: FAST, rule: afterQuestion(0), when: status('active.committing') },
    ...times(2, () => {
      const bytes = random.integer(1, 295)
      return {
        label: `${bytes} bytes of the end are there`,
        parameters: FAST,
        rule: afterQuestion(bytes),
        when: status('active.committing'),
      }
    }),
    {
      label: 'the guest runs there, and the source has not heard of it',
      parameters: FAST,
      rule: back(16),
      when: both(status('active.committing'), runsThere),
    },
    { label: 'the end mark', parameters: FAST, when: status('active.committing'), mayComplete: true },
  ]
}

const killAt = (
  t: Test,
  moment: Moment,
  source: Source,
  destination: DestinationProcess,
): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { label, pause = false, rule } = moment
    yield* source.setCapability('pause-before-switchover', pause)
    yield* source.set(moment.parameters)
    const relay =
      rule === undefined ? undefined : yield* makeRelay(destination.uri, { ...rule, action: 'hold', before: 'arrives' })
    const run = (yield* source.process.state).outgoingNumber + 1
    yield* source.execute('migrate', { uri: relay?.uri ?? destination.uri })
    if (pause && label !== 'pre-switchover') {
      yield* source.watch.until('pre-switchover', inRun(run, isIn('pre-switchover')))
      yield* source.execute('migrate-continue', { state: 'pre-switchover' })
    }
    if (relay !== undefined) yield* within(`the relay to have seen ${label}`, relay.reached)
    yield* moment.when({ source, destination, run })
    destination.kill()
    const status = yield* source.settled
    t.equal((yield* destination.exited).signal, 'SIGKILL', `${label}: killed`)
    if (moment.mayComplete && status === 'completed') {
      t.equal(runState(yield* source.process.state), 'postmigrate', `${label}: the guest went down with its new host`)
      yield* source.execute('cont')
      yield* source.progresses
      t.equal(yield* source.differing, 0, `${label}: what an operator takes back is intact`)
    } else yield* assertFailedAndReturned(t, source, label)
  }).pipe(Effect.scoped)

/** After all that, a destination that is left alone. */
const assertLivingOneGetsTheGuest = (t: Test, source: Source, destination: DestinationProcess) =>
  Effect.gen(function* () {
    yield* source.setCapability('pause-before-switchover', false)
    yield* source.set(FAST)
    t.equal(yield* source.migrate(destination.uri), 'completed', 'a destination that lives gets the guest')
    yield* destination.client.execute('stop')
    const there = (yield* destination.client.execute('x-switchover-memory')) as { counter: number; sha256: string }
    const replica = new Replica(programOfSpec(guest))
    t.equal(there.sha256, sha256(replica.at(there.counter)), 'with the right memory')
    t.ok(there.counter >= (yield* source.guest.counter), 'and nothing forgotten')
    yield* destination.client.execute('quit')
    t.match(yield* destination.exited, { code: 0 })
  })

/** Nobody can tell whether the destination is dead: nobody runs the guest until an operator says so. */
const assertUnknownWithoutFence = (t: Test, source: Source, destination: DestinationProcess) =>
  Effect.gen(function* () {
    const relay = yield* makeRelay(destination.uri, { ...back(16), action: 'hold', before: 'arrives' })
    yield* source.execute('migrate', { uri: relay.uri })
    yield* within('the end mark to be sent', relay.reached)
    destination.kill()
    t.equal(yield* source.settled, 'failed')
    t.match((yield* source.query)['error-desc'], /cannot be asked/)
    t.equal(runState(yield* source.process.state), 'postmigrate', 'the source stays stopped')
    yield* source.execute('cont')
    yield* assertReturned(t, source, 'taken back')
  })

realTest('killed at moments that a seed picks', (t, random) =>
  Effect.gen(function* () {
    const compileCache = yield* temporaryDirectory
    t.match(yield* warmCompileCache(guest, compileCache), { code: 0 }, 'a destination that is asked to quit does')
    const chosen = moments(random)
    // The next is started while the one before is migrated to; two more than there are moments.
    const ready = yield* Queue.bounded<DestinationProcess>(1)
    yield* Effect.forEach(
      [...chosen, 'left alone', 'unknown'],
      () => Effect.flatMap(makeDestinationProcess(guest, { compileCache }), (made) => Queue.offer(ready, made)),
      { discard: true },
    ).pipe(Effect.forkScoped)
    const next = within('a destination process', Queue.take(ready))
    let current: DestinationProcess | undefined
    const source = yield* makeSource(
      guest,
      Effect.sync(() => current?.isDead() === true),
    )
    for (const moment of chosen) {
      current = yield* next
      yield* killAt(t, moment, source, current)
    }
    yield* assertLivingOneGetsTheGuest(t, source, yield* next)
    yield* source.execute('cont')
    current = undefined
    yield* assertUnknownWithoutFence(t, source, yield* next)
  }),
)
