/** Waits for what a process does, never for time to pass: every wait names what it waits for and gives up loudly. */
import { Deferred, Effect, Stream, type Scope } from 'effect'
import { describeState, outgoingStatus, type CoreState } from '../../core/index.ts'
import type { MigrationProcess } from '../migration-process.ts'

/** Generous: a machine that is busy with something else must not fail a test. */
const PATIENCE = '40 seconds'

/** Ends a wait that takes too long with an error that says what for, and what there was instead. */
export const within = <A, E, R>(
  what: string,
  effect: Effect.Effect<A, E, R>,
  instead: () => string = () => 'nothing',
): Effect.Effect<A, E | Error, R> =>
  Effect.timeoutOrElse(effect, {
    duration: PATIENCE,
    orElse: () => Effect.fail(new Error(`waited ${PATIENCE} for ${what}; there is ${instead()}`)),
  })

/** Everything a process has been through since it was watched. */
export interface Watch {
  /** The state at first, and after every step since. */
  readonly history: readonly CoreState[]
  readonly now: () => CoreState
  /** The first state from `from` (an index into the history) on that satisfies the predicate. */
  readonly until: (
    what: string,
    predicate: (state: CoreState) => boolean,
    from?: number,
  ) => Effect.Effect<CoreState, Error>
}

/** Watches until the scope closes; nothing that happens after the return is missed. */
export const watch = (migration: MigrationProcess): Effect.Effect<Watch, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const history: CoreState[] = []
    const waiting = new Set<() => void>()
    const begun = yield* Deferred.make<void>()
    yield* Effect.forkScoped(
      Stream.runForEach(migration.states, (state) =>
        Effect.gen(function* () {
          history.push(state)
          for (const look of waiting) look()
          yield* Deferred.succeed(begun, undefined)
        }),
      ),
    )
    yield* within('the first state of a process', Deferred.await(begun))
    const now = (): CoreState => history.at(-1)!
    return {
      history,
      now,
      until: (what, predicate, from = 0) =>
        within(
          what,
          Effect.callback<CoreState>((resume) => {
            let next = from
            const look = (): void => {
              const found = history.slice(next).find(predicate)
              next = history.length
              if (found === undefined) return
              waiting.delete(look)
              resume(Effect.succeed(found))
            }
            waiting.add(look)
            look()
            return Effect.sync(() => waiting.delete(look))
          }),
          () => describeState(now()),
        ),
    }
  })

/** Whether a run is over and nothing of it is left: a new one may begin. */
export const isSettled = (state: CoreState): boolean => {
  const outgoing = typeof state.chart.value === 'string' ? undefined : state.chart.value['outgoing']
  return outgoing === 'cancelled' || (typeof outgoing === 'object' && Object.values(outgoing)[0] === 'settled')
}

/** Whether the outgoing side is in a state, given as its path: `active.preparing`. */
export const isIn =
  (path: string) =>
  (state: CoreState): boolean =>
    `${describeState(state)},`.includes(`outgoing.${path},`) || outgoingStatus(state) === path
