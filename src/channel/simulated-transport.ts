/**
 * The transport over a {@link SimulatedNetwork}: the same service that sockets give, on whatever Clock there is. Under a
 * test's clock a whole migration, with every fault, is a function of its inputs.
 *
 * @example
 * const network = new SimulatedNetwork({ latencyMillis: 1 })
 * network.cutAt({ connection: 0, direction: 'forward', at: { message: 3 }, fate: 'dropped' })
 * Effect.provide(program, simulatedTransport(network))
 */
import { Clock, Effect, Layer, type Scope } from 'effect'
import { ChannelError } from './byte-link.ts'
import type { SimulatedConnection, SimulatedEnd, SimulatedNetwork } from './simulated-network.ts'
import { Transport, type Connection } from './transport.ts'

export * from './simulated-network.ts'

/** Waits until there is something new at this end, or until bytes under way have arrived. */
const ready = (end: SimulatedEnd): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (end.hasNews) return
    const changed = Effect.callback<void>((resume) => {
      const forget = end.onChange(() => resume(Effect.void))
      return Effect.sync(forget)
    })
    const now = yield* Clock.currentTimeMillis
    const next = end.nextMillis
    if (next === undefined || next <= now) return yield* changed
    return yield* Effect.race(changed, Effect.sleep(next - now))
  })

const connectionOf = (end: SimulatedEnd, now: () => number): Connection => ({
  link: end.link(now),
  returnPath: true,
  ready: ready(end),
  endWrites: Effect.sync(() => end.connection.endWrites(end)),
  finished: Effect.never,
  close: Effect.sync(() => end.close()),
})

/** An end belongs to the scope it was made in. */
const owned = (end: SimulatedEnd, now: () => number): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => connectionOf(end, now)),
    () =>
      Effect.sync(() => {
        end.releases++
        end.close()
      }),
  )

const moving = (network: SimulatedNetwork): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (!network.frozen) return resume(Effect.void)
    const forget = network.onThaw(() => resume(Effect.void))
    return Effect.sync(forget)
  })

const attempt = <A>(use: () => A): Effect.Effect<A, ChannelError> =>
  Effect.try({
    try: use,
    catch: (error) => (error instanceof ChannelError ? error : new ChannelError('simulate', 'EIO', String(error))),
  })

const currentMillis = Clock.clockWith((clock) => Effect.succeed(() => clock.currentTimeMillisUnsafe()))

/** The transport of a network. All parties that are to reach each other get one of the same network. */
export const simulatedTransport = (network: SimulatedNetwork): Layer.Layer<Transport> =>
  Layer.succeed(
    Transport,
    Transport.of({
      connect: (uri) =>
        Effect.gen(function* () {
          const now = yield* currentMillis
          if (network.latencyMillis > 0) yield* Effect.sleep(network.latencyMillis)
          yield* moving(network)
          const connection = yield* attempt(() => network.connect(uri))
          return yield* owned(connection.ends[0], now)
        }),
      listen: (uri, accept) =>
        Effect.gen(function* () {
          const now = yield* currentMillis
          const services = yield* Effect.context<Scope.Scope>()
          const scope = yield* Effect.scope
          const take = (connection: SimulatedConnection): void => {
            const handled = Effect.flatMap(owned(connection.ends[1], now), accept)
            Effect.runForkWith(services)(Effect.forkIn(handled, scope))
          }
          const listener = yield* Effect.acquireRelease(
            attempt(() => network.listen(uri, take)),
            (made) => Effect.sync(() => network.leave(made)),
          )
          return { uri: listener.uri }
        }),
    }),
  )
