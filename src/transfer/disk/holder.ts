/** What something holds between a start and an end: resources in a scope of their own, which is closed where a start fails. */
import { Effect, Exit, Scope } from 'effect'

/** A holder that lets go, at the latest, when its scope closes. */
export const makeHolder = Effect.gen(function* () {
  const scope = yield* Effect.scope
  let held: Scope.Closeable | undefined
  return {
    /** Runs `start` in a scope of its own, which is closed again if that fails. */
    begin: <E>(start: Effect.Effect<void, E, Scope.Scope>) =>
      Effect.gen(function* () {
        const made = yield* Scope.fork(scope)
        held = made
        yield* start.pipe(
          Effect.provideService(Scope.Scope, made),
          Effect.tapCause(() => Scope.close(made, Exit.void)),
        )
      }),
    end: Effect.suspend(() => {
      const ending = held
      held = undefined
      return ending === undefined ? Effect.void : Scope.close(ending, Exit.void)
    }),
  }
})
