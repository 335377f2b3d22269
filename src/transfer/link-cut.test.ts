/**
 * The channel is cut at every place that matters, in both directions, with and without the bytes in front of the cut. One
 * side can run the guest afterwards, never both; before the end mark it is always the source, with its memory intact (I1,
 * I2, I4). After the end mark the destination is asked; where it cannot be, a fence decides, or nobody runs.
 */
import { Effect } from 'effect'
import type { Test } from 'tap'
import { incomingStatus, runState } from '../core/index.ts'
import { smallGuest } from './testing/guests.ts'
import { inventory } from './testing/inventory.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  makeDestination,
  makeSource,
  takeBack,
  type Destination,
  type Source,
} from './testing/party.ts'
import { assertNothingLeft, realTest } from './testing/real-test.ts'
import { makeRelay, type Place, type Relay, type Rule } from './testing/relay.ts'

/** Small: there are two hundred runs, and each compares all of it. */
const guest = smallGuest({ memoryBytes: 4 * 2 ** 20 })

/** One pass, then the switchover: a run takes a few milliseconds, and the guest has written in the meantime. */
const QUICK = { 'max-bandwidth': 0, 'downtime-limit': 0 }

/** Who can say what became of the guest when the channel is gone. */
type Witness = 'destination' | 'fence' | 'nobody'

interface Case extends Place {
  readonly before: Rule['before']
  readonly witness: Witness
}

const describe = ({ direction, from, bytes, before, witness }: Case): string =>
  `cut ${direction} ${from}${bytes < 0 ? '' : '+'}${bytes}, ${before}, ${witness} can tell`

/** The source of a whole test; its fence kills the destination of the moment, and then knows that it is dead. */
const makeFencedSource = Effect.gen(function* () {
  const fenced: { destination?: Destination } = {}
  const fence = Effect.suspend(() =>
    fenced.destination ? Effect.as(fenced.destination.kill, true) : Effect.succeed(false),
  )
  const source = yield* makeSource(guest, fence)
  yield* source.set(QUICK)
  return { source, fenced }
})

/** Runs one migration through a relay that cuts, and gives what stands there afterwards. */
const runCut = (source: Source, fenced: { destination?: Destination }, given: Case) =>
  Effect.gen(function* () {
    const destination = yield* makeDestination(guest)
    const relay = yield* makeRelay(destination.uri, { ...given, action: 'cut' })
    relay.newcomers = given.witness === 'destination' ? 'pass' : 'refuse'
    if (given.witness === 'fence') fenced.destination = destination
    else delete fenced.destination
    const status = yield* source.migrate(relay.uri)
    return { destination, relay, status }
  })

/** The cut came before the end mark: whatever else happened, the guest is back. */
const assertNeverLeft = (t: Test, source: Source, fenced: { destination?: Destination }, given: Case) =>
  Effect.gen(function* () {
    const { destination } = yield* runCut(source, fenced, given)
    yield* assertFailedAndReturned(t, source, describe(given))
    yield* assertGivenUp(t, destination, describe(given))
    yield* destination.kill
  }).pipe(Effect.scoped)

type Ending = 'returned' | 'moved' | 'left'

/** The cut came after the commit: exactly one side can run, or, if nobody can tell, none does by itself. */
const assertDecided = (
  t: Test,
  source: Source,
  fenced: { destination?: Destination },
  given: Case,
  allowed: Ending[],
) =>
  Effect.gen(function* () {
    const label = describe(given)
    const { destination, status } = yield* runCut(source, fenced, given)
    const there = runState(yield* source.process.state)
    const ending: Ending = status === 'completed' ? 'moved' : there === 'running' ? 'returned' : 'left'
    t.ok(allowed.includes(ending), `${label}: ${ending}`)
    if (ending === 'moved') {
      yield* assertMoved(t, source, destination, label)
      yield* takeBack(source, destination)
    } else if (ending === 'returned') {
      if (given.witness === 'fence') t.notOk(destination.isAlive(), `${label}: the fence has killed the destination`)
      else yield* assertGivenUp(t, destination, label)
      yield* assertFailedAndReturned(t, source, label)
    } else {
      t.equal(there, 'postmigrate', `${label}: the source stays stopped`)
      t.match((yield* source.query)['error-desc'], /cannot be asked/, `${label}: the outcome is said to be unknown`)
      const other = yield* destination.process.state
      t.ok(['completed', 'failed'].includes(incomingStatus(other)), `${label}: the destination knows its mind`)
      yield* takeBack(source, destination)
    }
    yield* destination.kill
    yield* source.progresses
    t.equal(yield* source.differing, 0, `${label}: the source's memory is intact`)
  }).pipe(Effect.scoped)

realTest('a cut at every 64 KiB of the bulk', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    const step = 64 * 1024
    // The first run starts the engine's threads, which are kept for the next.
    yield* assertNeverLeft(t, source, fenced, {
      direction: 'forward',
      from: 'start',
      bytes: 1,
      before: 'arrives',
      witness: 'destination',
    })
    const before = inventory()
    for (let bytes = 0; bytes < guest.memoryBytes; bytes += step)
      yield* assertNeverLeft(t, source, fenced, {
        direction: 'forward',
        from: 'start',
        bytes,
        before: (bytes / step) % 2 === 0 ? 'arrives' : 'is lost',
        witness: 'destination',
      })
    yield* assertNothingLeft(t, before, 'a source that lives on holds nothing of the runs that are over')
  }),
)

/** Lengths from the end of the question backwards: PING, footer, payload, header of the guest and of globalstate, RAM. */
const TAIL = [9, 5, 4100, 19, 5, 104, 25, 5, 8]

realTest('a cut at every boundary of the devices, and beside it', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    const boundaries = TAIL.map((_, index) => TAIL.slice(0, index + 1).reduce((sum, length) => sum + length, 0))
    const places = [0, ...boundaries]
      .flatMap((boundary) => [boundary - 1, boundary, boundary + 1])
      .filter((at) => at > 0)
    for (const [index, place] of places.entries())
      yield* assertNeverLeft(t, source, fenced, {
        direction: 'forward',
        from: 'question',
        bytes: -place,
        before: index % 2 === 0 ? 'arrives' : 'is lost',
        witness: 'destination',
      })
  }),
)

realTest('a cut of the way back before the answer to the question is whole', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    for (const bytes of [0, 1, 2, 4, 7, 8, 9, 10, 12, 15])
      for (const before of ['arrives', 'is lost'] as const)
        yield* assertNeverLeft(t, source, fenced, {
          direction: 'back',
          from: 'start',
          bytes,
          before,
          witness: 'destination',
        })
  }),
)

/** Bytes from the end of the question to the end of the stream: the end mark and the description. */
const measureEnd = (source: Source) =>
  Effect.gen(function* () {
    const destination = yield* makeDestination(guest)
    const rule: Rule = { direction: 'forward', from: 'question', bytes: 0, action: 'hold', before: 'arrives' }
    const relay: Relay = yield* makeRelay(destination.uri, rule)
    let asked = 0
    relay.onReached = () => {
      asked = relay.passed.forward
      relay.release()
    }
    yield* source.migrate(relay.uri)
    yield* takeBack(source, destination)
    return relay.passed.forward - asked
  }).pipe(Effect.scoped)

const witnesses = ['destination', 'fence', 'nobody'] as const

realTest('a cut between the commit and the end of the stream', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    const whole = yield* measureEnd(source)
    t.ok(whole > 100, `the end takes ${whole} bytes`)
    const endings: Record<Witness, Ending[]> = { destination: ['returned'], fence: ['returned'], nobody: ['left'] }
    for (const witness of witnesses)
      for (const bytes of witness === 'nobody' ? [1, whole - 1] : [1, 2, 3, 6, 7, whole >> 1, whole - 2, whole - 1])
        for (const before of ['arrives', 'is lost'] as const)
          yield* assertDecided(
            t,
            source,
            fenced,
            { direction: 'forward', from: 'question', bytes, before, witness },
            endings[witness],
          )
  }),
)

realTest('a cut behind the last byte', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    const whole = yield* measureEnd(source)
    const last = { direction: 'forward', from: 'question', bytes: whole } as const
    const lost = { ...last, before: 'is lost' } as const
    const arrives = { ...last, before: 'arrives' } as const
    yield* assertDecided(t, source, fenced, { ...lost, witness: 'destination' }, ['returned'])
    yield* assertDecided(t, source, fenced, { ...lost, witness: 'fence' }, ['returned'])
    yield* assertDecided(t, source, fenced, { ...lost, witness: 'nobody' }, ['left'])
    // The destination may have had the guest by the time at which it is asked, fenced, or out of reach.
    yield* assertDecided(t, source, fenced, { ...arrives, witness: 'destination' }, ['returned', 'moved'])
    yield* assertDecided(t, source, fenced, { ...arrives, witness: 'fence' }, ['returned', 'moved'])
    yield* assertDecided(t, source, fenced, { ...arrives, witness: 'nobody' }, ['left', 'moved'])
  }),
)

realTest('a cut of the last answer: the guest has moved, and the source is told so when it asks', (t) =>
  Effect.gen(function* () {
    const { source, fenced } = yield* makeFencedSource
    // The destination runs already, so only its own word can tell: fenced, it is as if it never had.
    const endings: Record<Witness, Ending[]> = { destination: ['moved'], fence: ['returned'], nobody: ['left'] }
    for (const witness of witnesses)
      for (const bytes of witness === 'nobody' ? [17, 24] : [17, 20, 23, 24])
        yield* assertDecided(
          t,
          source,
          fenced,
          { direction: 'back', from: 'start', bytes, before: 'is lost', witness },
          endings[witness],
        )
    yield* assertDecided(
      t,
      source,
      fenced,
      { direction: 'back', from: 'start', bytes: 24, before: 'arrives', witness: 'destination' },
      ['moved'],
    )
  }),
)
