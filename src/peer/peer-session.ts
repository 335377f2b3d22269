/** A session with a process over a duplex of QMP messages, for whoever drives it by promises. */
import { Effect, Exit, Scope } from 'effect'
import { ANSWER_PATIENCE_MILLIS, type Answer, type PeerSession, type PeerTap } from './peer.ts'
import { connectClient, QmpRefusal, type QmpDuplex } from '../qmp/client.ts'

/** Negotiates. The session ends with the scope. */
export const openPeerSession = (duplex: QmpDuplex, tap: PeerTap): Effect.Effect<PeerSession, Error, Scope.Scope> =>
  Effect.gen(function* () {
    let isGone = false
    const client = yield* connectClient(duplex, tap)
    yield* Effect.forkScoped(Effect.map(client.closed, () => (isGone = true)))
    const execute = (name: string, args?: Readonly<Record<string, unknown>>): Promise<Answer> =>
      Effect.runPromise(
        client.execute(name, args).pipe(
          Effect.map((value): Answer => ({ type: 'return', value })),
          Effect.catch((error) =>
            Effect.succeed<Answer>(
              error instanceof QmpRefusal ? { type: 'error', class: error.class, desc: error.desc } : { type: 'gone' },
            ),
          ),
          Effect.timeoutOrElse({
            duration: ANSWER_PATIENCE_MILLIS,
            orElse: () => Effect.succeed<Answer>({ type: 'silence' }),
          }),
        ),
      )
    return { execute, isGone: () => isGone }
  })

/** A scope that is opened and closed by promises, for many effects. */
export class PromiseScope {
  readonly scope: Scope.Closeable = Effect.runSync(Scope.make())

  run<A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> {
    return Effect.runPromise(Effect.provideService(effect, Scope.Scope, this.scope))
  }

  close(): Promise<void> {
    return Effect.runPromise(Scope.close(this.scope, Exit.void))
  }
}
