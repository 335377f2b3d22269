/** Seeded bugs that show under some orders of fibers only: what was done without a compare-and-swap, and wake-ups that nobody hears. */
import { Effect, Queue, Stream } from 'effect'
import { outgoingStatus } from '../../src/core/index.ts'
import { makeMigrationProcess, type MigrationProcess, type TimedEvent } from '../../src/transfer/migration-process.ts'
import { pathOf } from '../state-view.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'
import type { Mutant } from './mutant.ts'
import { withProcess, withQuirk } from './runtime-mutants.ts'

/** Time for others, between a look and what is done about it. */
const gap = Effect.yieldNow

const migrationEvent = (atMillis: number, status: 'cancelling' | 'cancelled' | 'completed'): TimedEvent => ({
  atMillis,
  event: { event: 'MIGRATION', data: { status } },
})

type Cancel = (process: MigrationProcess, emit: (event: TimedEvent) => void) => Effect.Effect<boolean>

/** A process whose migrate_cancel is carried out otherwise; false: as it should be. */
const cancelling = (name: string, cancel: Cancel): RuntimeSystem =>
  withProcess(name, (process) =>
    Effect.gen(function* () {
      const more = yield* Queue.unbounded<TimedEvent>()
      return {
        ...process,
        events: Stream.merge(process.events, Stream.fromQueue(more)),
        execute: (command, args) =>
          command === 'migrate_cancel'
            ? Effect.flatMap(
                cancel(process, (event) => {
                  Queue.offerUnsafe(more, event)
                }),
                (isDone) => (isDone ? Effect.succeed({}) : process.execute(command, args)),
              )
            : process.execute(command, args),
      }
    }),
  )

/** A guest that is not started again by a run that is being cancelled. */
const stayingStopped: RuntimeSystem = {
  ...ourRuntime,
  name: 'A4',
  makeProcess: (options) =>
    Effect.gen(function* () {
      let made: MigrationProcess | undefined
      const start = Effect.suspend(() =>
        made === undefined
          ? options.guest.start
          : Effect.flatMap(made.state, (state) =>
              outgoingStatus(state).startsWith('cancel') ? Effect.void : options.guest.start,
            ),
      )
      made = yield* makeMigrationProcess({ ...options, guest: { ...options.guest, start } })
      return made
    }),
}

/** A mutant with the races in which it shows. */
export interface RaceMutant extends Mutant<RuntimeSystem> {
  readonly races: readonly string[]
}

/** See the head of this file. */
export const raceMutants: readonly RaceMutant[] = [
  {
    id: 'A1',
    title: 'a cancel between completed and the end of the run writes cancelled over it',
    system: cancelling('A1', (process, emit) =>
      Effect.gen(function* () {
        if (pathOf(yield* process.state, 'outgoing').join('.') !== 'completed.ending') return false
        for (const status of ['cancelling', 'cancelled'] as const) emit(migrationEvent(0, status))
        return true
      }),
    ),
    killedBy: ['I13'],
    races: ['cancel-completed'],
  },
  {
    id: 'A4',
    title: 'what ends a run does not know cancelling: a guest that was stopped for the last pass stays stopped',
    system: stayingStopped,
    killedBy: ['I2'],
    races: ['cancel-completing'],
  },
  {
    id: 'A5',
    title: 'a cancel that has seen active wakes nobody who waits in pre-switchover by then',
    system: cancelling('A5', (process) =>
      Effect.gen(function* () {
        if (outgoingStatus(yield* process.state) !== 'active') return false
        yield* gap
        return pathOf(yield* process.state, 'outgoing')[0] === 'pre-switchover'
      }),
    ),
    killedBy: ['I6'],
    races: ['cancel-pause'],
  },
  {
    id: 'A6',
    title: 'a completion that has begun ends in completed, though it was cancelled meanwhile',
    system: cancelling('A6', (process, emit) =>
      Effect.gen(function* () {
        const path = pathOf(yield* process.state, 'outgoing').join('.')
        yield* gap
        const after = pathOf(yield* process.state, 'outgoing').join('.')
        if (path === after || after !== 'active.preparing') return false
        emit(migrationEvent(0, 'completed'))
        return false
      }),
    ),
    killedBy: ['I13'],
    races: ['cancel-completing'],
  },
  {
    id: 'F1',
    title: 'a lost heartbeat while COLO is being entered is accepted and lost (quirk q9)',
    system: withQuirk('q9'),
    killedBy: ['I28'],
    races: ['heartbeat-entering'],
  },
]
