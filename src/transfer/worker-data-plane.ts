/**
 * The data plane in worker threads: a busy transfer never delays an answer to the manager. One thread is started
 * beforehand and kept from run to run, so that a migration does not wait for it.
 */
import { MessageChannel, type Worker } from 'node:worker_threads'
import { Deferred, Effect, Layer, type Scope } from 'effect'
import { NO_LINK } from '../channel/shared-link.ts'
import type { Connection } from '../channel/transport.ts'
import type { GuestMemory } from '../memory/index.ts'
import { DataPlane, type EngineHandle } from './data-plane.ts'
import { noDisks, type EngineDisks } from './disk-loader.ts'
import type { EngineJob } from './engine-thread.ts'
import type { IncomingOrder, IncomingReport, Loading, OutgoingOrder, OutgoingReport } from './order.ts'
import { Doorbell, startThread } from './worker-thread.ts'

/** How long an engine may take to notice that it is to end, before its thread is ended with it. */
const ABORT_PATIENCE = '2 seconds'

const make = Effect.gen(function* () {
  const threads = new Set<Worker>()
  let idle: Worker | undefined

  const hire = (): Worker => {
    const thread = idle ?? startThread('engine-thread')
    idle = undefined
    threads.add(thread)
    return thread
  }
  const dismiss = (thread: Worker) => {
    threads.delete(thread)
    return Effect.promise(() => thread.terminate())
  }
  // A run that begins while the one before is still ending has a thread of its own, which is one too many afterwards.
  const release = (thread: Worker): void => {
    if (idle === undefined) idle = thread
    else Effect.runFork(dismiss(thread))
  }
  idle = hire()
  const ready = yield* Deferred.make<void>()
  // One that comes to nothing is found out by the run that it was meant for.
  for (const event of ['message', 'error', 'exit'] as const)
    idle.once(event, () => Deferred.doneUnsafe(ready, Effect.void))
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all([...threads].map((thread) => thread.terminate()))))

  const start = <Order extends { readonly type: string }, News>(
    kind: EngineJob['kind'],
    connection: Connection,
    memory: GuestMemory,
    disks: EngineDisks,
    report: (news: News) => void,
    lost: (reason: string) => void,
    rest: { readonly loading?: Loading; readonly channels?: readonly Connection[] },
  ): Effect.Effect<EngineHandle<Order>, never, Scope.Scope> =>
    Effect.gen(function* () {
      const over = yield* Deferred.make<void>()
      const thread = hire()
      const { port1, port2 } = new MessageChannel()
      const doorbell = new Doorbell(kind === 'incoming' ? memory.missing.faultBell : undefined)
      const died = (error: Error): void => {
        threads.delete(thread)
        lost(`the engine's thread ended: ${error.message}`)
        Deferred.doneUnsafe(over, Effect.void)
      }
      thread.once('error', died)
      port1.on('message', (news: News | { readonly type: 'over' }) => {
        if (!isOver(news)) return report(news)
        thread.off('error', died)
        release(thread)
        port1.close()
        Deferred.doneUnsafe(over, Effect.void)
      })
      const job: EngineJob = {
        kind,
        memory: memory.toShared(),
        disks,
        link: connection.shared ?? NO_LINK,
        doorbell: doorbell.buffer,
        port: port2,
        channels: (rest.channels ?? []).map(({ shared }) => shared ?? NO_LINK),
        ...(rest.loading === undefined ? {} : { loading: rest.loading }),
      }
      thread.postMessage(job, [port2])
      const order = (given: Order | { readonly type: 'abort' }): void => {
        port1.postMessage(crossing(given))
        doorbell.ring()
      }
      // The descriptors must not be used any more when the connection is closed: they may be another file's by then.
      yield* Effect.addFinalizer(() =>
        Effect.suspend(() => {
          order({ type: 'abort' })
          return Deferred.await(over).pipe(
            Effect.timeoutOrElse({
              duration: ABORT_PATIENCE,
              orElse: () => dismiss(thread),
            }),
          )
        }),
      )
      return { order, over: Deferred.await(over) }
    })

  return DataPlane.of({
    ready: Deferred.await(ready),
    outgoing: (connection, memory, report, disks = [], channels = []) =>
      start<OutgoingOrder, OutgoingReport>(
        'outgoing',
        connection,
        memory,
        { disks },
        report,
        (reason) => report({ type: 'outgoing.failed', reason, side: 'source' }),
        { channels },
      ),
    incoming: (connection, memory, report, loading, disks = noDisks) =>
      start<IncomingOrder, IncomingReport>(
        'incoming',
        connection,
        memory,
        disks,
        report,
        (reason) => report({ type: 'incoming.failed', reason, side: 'destination' }),
        { loading },
      ),
  })
})

/** Of a connection that an order brings along only what makes a link of it there. */
const crossing = (order: { readonly type: string; readonly shared?: unknown }): object =>
  order.type === 'channel' ? { type: order.type, shared: order.shared } : order

const isOver = (news: unknown): news is { readonly type: 'over' } =>
  typeof news === 'object' && news !== null && 'type' in news && news.type === 'over'

/** Engines in worker threads. */
export const workerDataPlane = Layer.effect(DataPlane, make)
