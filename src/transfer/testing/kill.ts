/**
 * Kills a destination that is another process at chosen moments, and holds the source to what it must do then: fail with
 * a reason, and run its guest on with its memory intact.
 */
import { Effect, Queue, type Scope } from 'effect'
import type { Test } from 'tap'
import { runState, type CoreState } from '../../core/index.ts'
import { makeDestinationProcess, warmCompileCache, type DestinationProcess } from './destination-process.ts'
import { smallGuest } from './guests.ts'
import { assertFailedAndReturned, makeSource, type Source } from './party.ts'
import { makeRelay, type Rule } from './relay.ts'
import { temporaryDirectory } from './temporary.ts'
import { isIn, within } from './watch.ts'

/** The guest that all of them migrate. */
export const guest = smallGuest()

/** Slow enough that much happens, and hardly ever so few dirty pages at the end of a pass that the run converges. */
export const SLOW = { 'max-bandwidth': 40_000_000, 'downtime-limit': 1 }
export const FAST = { 'max-bandwidth': 0, 'downtime-limit': 300 }

/** When to kill. */
export interface Moment {
  readonly label: string
  readonly parameters: Readonly<Record<string, number>>
  /**
   * Pause before the switchover, and `go-on` from there, or `stay`: a guest that is starved of its processor writes too
   * little to keep a run from converging, which then is the last moment at which memory could still move.
   */
  readonly pause?: 'go-on' | 'stay'
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

export const status =
  (path: string): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(path, inRun(run, isIn(path)))

/** Precopy is over: what a moment waited for will not come any more. */
const isPaused = isIn('pre-switchover')

export const afterReport =
  (count: number): Moment['when'] =>
  ({ source, run }) => {
    const reports = new Set<unknown>()
    return source.watch.until(
      `${count} reports`,
      inRun(run, (state) => {
        const ram = state.outgoing?.ram
        return isPaused(state) || (ram !== undefined && reports.add(ram).size >= count)
      }),
    )
  }

export const afterPass =
  (pass: number): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(
      `pass ${pass}`,
      inRun(run, (state) => isPaused(state) || Number(state.outgoing?.ram?.['dirty-sync-count'] ?? 0) >= pass),
    )

export const atPercent =
  (percent: number): Moment['when'] =>
  ({ source, run }) =>
    source.watch.until(
      `${percent} %`,
      inRun(run, (state) => {
        const { transferred = 0 } = state.outgoing?.ram ?? {}
        return isPaused(state) || transferred >= (percent / 100) * guest.memoryBytes
      }),
    )

/** Nothing but the relay's rule: the bytes in front of its place have been passed on, and no more will be. */
export const whenReached: Moment['when'] = () => Effect.void

export const runsThere: Moment['when'] = ({ destination }) =>
  within(
    'the guest to run at the destination',
    Effect.gen(function* () {
      for (;;) {
        const answer = yield* destination.client.execute('query-status')
        if ((answer as { readonly running: boolean }).running) return
      }
    }),
  )

export const both =
  (first: Moment['when'], second: Moment['when']): Moment['when'] =>
  (seen) =>
    Effect.andThen(first(seen), second(seen))

export const back = (bytes: number) => ({ direction: 'back', from: 'start', bytes }) as const
export const afterQuestion = (bytes: number) => ({ direction: 'forward', from: 'question', bytes }) as const

/** Migrates, and kills the destination when it is time. */
const killAt = (
  t: Test,
  moment: Moment,
  source: Source,
  destination: DestinationProcess,
): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { label, pause, rule } = moment
    yield* source.setCapability('pause-before-switchover', pause !== undefined)
    yield* source.set(moment.parameters)
    const relay =
      rule === undefined ? undefined : yield* makeRelay(destination.uri, { ...rule, action: 'hold', before: 'arrives' })
    const run = (yield* source.process.state).outgoingNumber + 1
    yield* source.execute('migrate', { uri: relay?.uri ?? destination.uri })
    if (pause === 'go-on') {
      yield* source.watch.until('pre-switchover', inRun(run, isPaused))
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

/** A source whose fence knows of the current destination's death, and a supply of destinations. */
export interface Killing {
  readonly source: Source
  /** A fresh destination; the fence watches it, unless it is not to be told of its death. */
  readonly next: (fence: 'fenced' | 'unfenced') => Effect.Effect<DestinationProcess, Error>
}

/** Kills one destination at each of the moments; `more` is how many destinations the test needs after that. */
export const killAtEach = (t: Test, moments: readonly Moment[], more: number) =>
  Effect.gen(function* () {
    const compileCache = yield* temporaryDirectory
    t.match(yield* warmCompileCache(guest, compileCache), { code: 0 }, 'a destination that is asked to quit does')
    // The next is started while the one before is migrated to.
    const ready = yield* Queue.bounded<DestinationProcess>(1)
    yield* Effect.forEach(
      Array.from({ length: moments.length + more }),
      () => Effect.flatMap(makeDestinationProcess(guest, { compileCache }), (made) => Queue.offer(ready, made)),
      { discard: true },
    ).pipe(Effect.forkScoped)
    let watched: DestinationProcess | undefined
    const source = yield* makeSource(
      guest,
      Effect.sync(() => watched?.isDead() === true),
    )
    const next: Killing['next'] = (fence) =>
      Effect.map(within('a destination process', Queue.take(ready)), (made) => {
        watched = fence === 'fenced' ? made : undefined
        return made
      })
    for (const moment of moments) yield* killAt(t, moment, source, yield* next('fenced'))
    const killing: Killing = { source, next }
    return killing
  })
