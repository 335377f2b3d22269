/**
 * The data plane on this thread: each engine is a fiber that steps, then waits on the clock, the link or the next order.
 * Under a simulated clock and link the whole transfer is then deterministic. Pages and replies share a thread here; the
 * worker threads are what a real process uses.
 */
import { Clock, Effect, Fiber, Layer, Queue } from 'effect'
import type { ByteLink } from '../channel/byte-link.ts'
import type { Connection } from '../channel/transport.ts'
import { DataPlane, type EngineHandle } from './data-plane.ts'
import { noDisks } from './disk-loader.ts'
import { IncomingEngine, type IncomingEngineOptions } from './incoming-engine.ts'
import type { IncomingOrder, OutgoingOrder, Wait } from './order.ts'
import { LinkSendChannels, type MakeSendChannels } from './multifd/send-channels.ts'
import { OutgoingEngine, type OutgoingEngineOptions } from './outgoing-engine.ts'

/** What a fiber drives: takes orders, does what it can, and says what to wait for. */
export interface Steppable<Order> {
  readonly order: (order: Order, nowMillis: number) => void
  readonly step: (link: ByteLink, nowMillis: number) => Wait
}

/** Longest wait on a link before an engine looks again: its reports of progress depend on it. */
const LINK_PATIENCE = '50 millis'

/** The connection that an order brings along. */
const broughtBy = (order: unknown): readonly Pick<Connection, 'ready'>[] =>
  typeof order === 'object' && order !== null && 'ready' in order && Effect.isEffect(order.ready)
    ? [{ ready: order.ready as Connection['ready'] }]
    : []

const drive = <Order>(
  engine: Steppable<Order>,
  connection: Connection,
  channels: readonly Connection[],
  orders: Queue.Queue<Order>,
) =>
  Effect.gen(function* () {
    const connections: Pick<Connection, 'ready'>[] = [connection, ...channels]
    for (;;) {
      const waiting = yield* Queue.clear(orders)
      const now = yield* Clock.currentTimeMillis
      for (const order of waiting) {
        connections.push(...broughtBy(order))
        engine.order(order, now)
      }
      const wait = engine.step(connection.link, now)
      const nextOrder = Queue.peek(orders)
      switch (wait.kind) {
        case 'over':
          return
        case 'order':
          yield* nextOrder
          break
        case 'until':
          if (wait.millis <= now) yield* Effect.yieldNow
          else yield* Effect.race(nextOrder, Effect.sleep(wait.millis - now))
          break
        case 'link':
          yield* Effect.raceAll([nextOrder, ...connections.map(({ ready }) => ready), Effect.sleep(LINK_PATIENCE)])
          break
      }
    }
  })

/** Runs an engine until it is over, or its scope closes. */
export const runEngine = <Order>(
  engine: Steppable<Order>,
  connection: Connection,
  channels: readonly Connection[] = [],
) =>
  Effect.gen(function* () {
    const orders = yield* Queue.unbounded<Order>()
    const fiber = yield* Effect.forkScoped(drive(engine, connection, channels, orders))
    return {
      order: (order: Order) => {
        Queue.offerUnsafe(orders, order)
      },
      over: Fiber.await(fiber).pipe(Effect.asVoid),
    } satisfies EngineHandle<Order>
  })

/** What makes the engines: ours, or others that are to be watched or to be wrong. */
export interface EngineMakers {
  readonly outgoing: (options: OutgoingEngineOptions) => Steppable<OutgoingOrder>
  readonly incoming: (options: IncomingEngineOptions) => Steppable<IncomingOrder>
}

/** The engines of this package. */
export const engines: EngineMakers = {
  outgoing: (options) => new OutgoingEngine(options),
  incoming: (options) => new IncomingEngine(options),
}

const channelsOf =
  (channels: readonly Connection[]): MakeSendChannels =>
  (options) =>
    new LinkSendChannels(
      channels.map(({ link }) => link),
      options,
    )

/** Engines of other makers as fibers. */
export const fiberDataPlaneOf = (makers: EngineMakers): Layer.Layer<DataPlane> =>
  Layer.succeed(
    DataPlane,
    DataPlane.of({
      ready: Effect.void,
      outgoing: (connection, memory, report, disks = [], channels = []) =>
        runEngine(makers.outgoing({ memory, report, disks, makeChannels: channelsOf(channels) }), connection, channels),
      incoming: (connection, memory, report, loading, disks = noDisks) =>
        Effect.map(runEngine(makers.incoming({ memory, report, loading, disks }), connection), (engine) => {
          memory.missing.onFault = () => engine.order({ type: 'fault' })
          return engine
        }),
    }),
  )

/** Engines as fibers. */
export const fiberDataPlane = fiberDataPlaneOf(engines)
