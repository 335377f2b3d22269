/** A guest that runs as a fiber on this thread, on whatever clock there is. */
import { Clock, Effect, type Scope } from 'effect'
import type { Guest } from '../memory/index.ts'
import { GuestRefused, GuestRunner, type GuestHost } from './guest-host.ts'

/** How often the guest gets to run. */
const TICK = '5 millis'

const at = <A>(use: (nowMillis: number) => A) => Effect.map(Clock.currentTimeMillis, use)

/** Hosts a guest until the scope closes. */
export const fiberGuestHost = (guest: Guest): Effect.Effect<GuestHost, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runner = new GuestRunner(guest)
    yield* Effect.forkScoped(Effect.forever(Effect.sleep(TICK).pipe(Effect.andThen(at((now) => runner.advance(now))))))
    return {
      memory: guest.memory,
      onOutput: (take) => {
        guest.onOutput = take
      },
      start: at((now) => runner.start(now)),
      stop: at((now) => runner.stop(now)),
      throttle: (percentage) => at((now) => runner.throttle(now, percentage)),
      saveState: Effect.sync(() => guest.saveState()),
      loadState: (bytes) =>
        Effect.try({
          try: () => runner.load(bytes),
          catch: (error) => new GuestRefused({ reason: error instanceof Error ? error.message : String(error) }),
        }),
      counter: Effect.sync(() => guest.counter),
    }
  })
