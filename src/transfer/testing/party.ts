/** The two parties of a migration in a test: processes with a core, a guest and memory that a replica can be held against. */
import { Effect, Exit, Scope } from 'effect'
import type { Test } from 'tap'
import type { Transport } from '../../channel/transport.ts'
import { incomingStatus, outgoingStatus, runState, type CoreState } from '../../core/index.ts'
import type { GuestMemory, WritingGuestSpec } from '../../memory/index.ts'
import type { MigrationInfo } from '../../qapi/index.ts'
import type { DataPlane } from '../data-plane.ts'
import { fiberGuestHost } from '../fiber-guest-host.ts'
import type { GuestHost } from '../guest-host.ts'
import { allocateFor, bootMemory, makeGuest } from '../guest-program.ts'
import {
  makeMigrationProcess,
  type CommandRefused,
  type MigrationProcess,
  type MigrationProcessOptions,
} from '../migration-process.ts'
import { workerGuestHost } from '../worker-guest-host.ts'
import { programOfSpec, Replica } from './guests.ts'
import { isSettled, watch, within, type Watch } from './watch.ts'

/** The services that the parties need. */
export type Services = Transport | DataPlane | Scope.Scope

/** What a side has beside its guest. */
export type Equipment = Partial<Pick<MigrationProcessOptions, 'drives' | 'profile'>>

/** One side. */
export interface Party {
  readonly process: MigrationProcess
  readonly memory: GuestMemory
  readonly guest: GuestHost
  readonly watch: Watch
  readonly execute: (name: string, args?: unknown) => Effect.Effect<unknown, CommandRefused>
  readonly query: Effect.Effect<MigrationInfo, CommandRefused>
  /** Waits until the guest has done an operation more than now. */
  readonly progresses: Effect.Effect<void, Error>
  /** Pages of its memory that are not what they must be; stops the guest for as long as it looks, if it runs. */
  readonly differing: Effect.Effect<number, CommandRefused>
}

const party = (migration: MigrationProcess, memory: GuestMemory, guest: GuestHost, replica: Replica) =>
  Effect.gen(function* () {
    const watched = yield* watch(migration)
    const { execute } = migration
    const made: Party = {
      process: migration,
      memory,
      guest,
      watch: watched,
      execute,
      query: Effect.map(execute('query-migrate'), (answer) => answer as MigrationInfo),
      progresses: within(
        'the guest to do another operation',
        Effect.gen(function* () {
          const before = yield* guest.counter
          while ((yield* guest.counter) <= before) yield* Effect.sleep('1 millis')
        }),
        () => `a guest that is ${runState(watched.now())}`,
      ),
      differing: Effect.gen(function* () {
        const runs = runState(yield* migration.state) === 'running'
        if (runs) yield* execute('stop')
        const differing = replica.differing(memory, yield* guest.counter)
        if (runs) yield* execute('cont')
        return differing
      }),
    }
    return made
  })

/** The side that sends. */
export interface Source extends Party {
  /** Starts a run and waits until it is over and nothing of it is left. */
  readonly migrate: (uri: string) => Effect.Effect<string, CommandRefused | Error>
  /** Waits for the end of the run that is under way; gives the status it came to. */
  readonly settled: Effect.Effect<string, Error>
  readonly set: (parameters: Readonly<Record<string, number>>) => Effect.Effect<unknown, CommandRefused>
  readonly setCapability: (capability: string, state: boolean) => Effect.Effect<unknown, CommandRefused>
}

/** A source whose guest runs in a thread of its own. */
export const makeSource = (
  spec: WritingGuestSpec,
  fence?: Effect.Effect<boolean>,
  more: Equipment = {},
): Effect.Effect<Source, Error | CommandRefused, Services> =>
  Effect.gen(function* () {
    const program = programOfSpec(spec)
    const memory = allocateFor(program)
    bootMemory(program, memory)
    const guest = yield* workerGuestHost(program, memory)
    const migration = yield* makeMigrationProcess({ ...more, guest, ...(fence === undefined ? {} : { fence }) })
    const made = yield* party(migration, memory, guest, new Replica(program))
    const setCapability = (capability: string, state: boolean) =>
      made.execute('migrate-set-capabilities', { capabilities: [{ capability, state }] })
    const settled = Effect.gen(function* () {
      const run = (yield* migration.state).outgoingNumber
      const over = (state: CoreState): boolean => state.outgoingNumber === run && isSettled(state)
      return outgoingStatus(yield* made.watch.until('the end of the run', over))
    })
    yield* setCapability('events', true)
    const source: Source = {
      ...made,
      settled,
      migrate: (uri) => Effect.andThen(made.execute('migrate', { uri }), settled),
      set: (parameters) => made.execute('migrate-set-parameters', parameters),
      setCapability,
    }
    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 300 })
    return source
  })

/** The side that receives, in this process; its guest is a fiber, so that two hundred of them cost no thread each. */
export interface Destination extends Party {
  readonly uri: string
  /** Ends it as a crash would: its sockets close, its guest stops, nobody says goodbye. */
  readonly kill: Effect.Effect<void>
  readonly isAlive: () => boolean
  /** How often its guest has been started. */
  readonly starts: () => number
}

/** A destination that listens; `prepare` comes before. */
export const makeDestination = (
  spec: WritingGuestSpec,
  uri = 'tcp:127.0.0.1:0',
  prepare: (party: Party) => Effect.Effect<void, CommandRefused> = () => Effect.void,
  more: Equipment = {},
): Effect.Effect<Destination, Error | CommandRefused, Services> =>
  Effect.gen(function* () {
    const program = programOfSpec(spec)
    const memory = allocateFor(program)
    const scope = yield* Scope.fork(yield* Effect.scope)
    let alive = true
    let starts = 0
    return yield* Effect.gen(function* () {
      const host = yield* fiberGuestHost(makeGuest(program, memory))
      const guest = { ...host, start: Effect.suspend(() => ((starts += 1), host.start)) }
      const migration = yield* makeMigrationProcess({ ...more, guest, incoming: 'defer' })
      const made = yield* party(migration, memory, guest, new Replica(program))
      yield* prepare(made)
      yield* made.execute('migrate-incoming', { uri })
      const kill = Effect.suspend(() => {
        alive = false
        return Scope.close(scope, Exit.void)
      })
      const destination: Destination = {
        ...made,
        uri: yield* within('the destination to listen', migration.address),
        kill,
        isAlive: () => alive,
        starts: () => starts,
      }
      return destination
    }).pipe(Effect.provideService(Scope.Scope, scope))
  })

/** The guest is back at the source: it runs, it writes, and every page of it is what it must be. */
export const assertReturned = (t: Test, source: Source, label: string) =>
  Effect.gen(function* () {
    t.equal(runState(yield* source.process.state), 'running', `${label}: the source's guest runs`)
    yield* source.progresses
    t.equal(yield* source.differing, 0, `${label}: the source's memory is intact`)
  })

/** The run failed with a reason that names its side, and the guest is back. */
export const assertFailedAndReturned = (t: Test, source: Source, label: string) =>
  Effect.gen(function* () {
    const info = yield* source.query
    t.equal(info.status, 'failed', `${label}: status`)
    t.match(info['error-desc'], /\S.* \((source|destination|channel)\)$/, `${label}: cause and side`)
    yield* assertReturned(t, source, label)
  })

/** The guest has moved: it runs at the destination with the right memory, and stands still at the source. */
export const assertMoved = (t: Test, source: Source, destination: Destination, label: string) =>
  Effect.gen(function* () {
    t.equal(outgoingStatus(yield* source.process.state), 'completed', `${label}: status`)
    t.equal(runState(yield* source.process.state), 'postmigrate', `${label}: the source's guest stands still`)
    yield* destination.watch.until('the guest to run at the destination', (state) => runState(state) === 'running')
    yield* destination.progresses
    t.equal(yield* destination.differing, 0, `${label}: the destination's memory is the source's, written on`)
    t.ok((yield* destination.guest.counter) >= (yield* source.guest.counter), `${label}: nothing was forgotten`)
  })

/** Takes the guest back by an operator's word after it has moved, so that the source can be used again. */
export const takeBack = (source: Source, destination: Destination) =>
  Effect.gen(function* () {
    yield* destination.kill
    yield* source.execute('cont')
  })

/** Waits until a destination has given up, or has never been connected to; then its guest can never run. */
export const assertGivenUp = (t: Test, destination: Destination, label: string) =>
  Effect.gen(function* () {
    const state = yield* destination.watch.until(
      'the destination to give up',
      (seen) => ['failed', 'none'].includes(incomingStatus(seen)),
      destination.watch.history.length - 1,
    )
    if (incomingStatus(state) === 'failed') t.ok(state.incoming?.error, `${label}: the destination says why`)
    t.equal(runState(state), 'inmigrate', `${label}: the destination's guest still waits`)
    t.equal(destination.starts(), 0, `${label}: the destination's guest has never been started`)
  })
