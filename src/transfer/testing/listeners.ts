/** Other ends of a channel that are no destination: they never accept, never read, or talk nonsense. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { Effect, type Scope } from 'effect'
import { within } from './watch.ts'

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** A listener that hands each connection to `accept`, which decides whether it is ever read. */
export const makeListener = (
  accept: (socket: Socket) => void,
  path?: string,
): Effect.Effect<string, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const sockets = new Set<Socket>()
        const server = createServer({ pauseOnConnect: true }, (socket) => {
          sockets.add(socket)
          socket.on('error', () => {})
          socket.on('close', () => sockets.delete(socket))
          accept(socket)
        })
        if (path === undefined) server.listen(0, '127.0.0.1')
        else server.listen(path)
        await once(server, 'listening')
        return { server, sockets }
      },
      catch: asError,
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        server.close()
        await once(server, 'close')
      }),
  ).pipe(
    Effect.map(({ server }) => {
      const address = server.address()
      return typeof address === 'string' ? `unix:${address}` : `tcp:127.0.0.1:${address?.port}`
    }),
  )

/** Listens, with room for one connection, in a thread that then sleeps for good. */
const SLEEPER = `
const { createServer } = require('node:net')
const { parentPort } = require('node:worker_threads')
const server = createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})`

/** How long a connection on this machine may take before it counts as one that is never made. */
const CONNECT_MILLIS = 200

/** An address at which a connection neither stands nor fails: its queue is full, and nobody takes from it. */
export const makeBlackhole: Effect.Effect<string, Error, Scope.Scope> = Effect.gen(function* () {
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(SLEEPER, { eval: true })),
    (started) => Effect.promise(() => started.terminate()),
  )
  const [port] = yield* within(
    'a listener that sleeps',
    Effect.tryPromise({ try: () => once(worker, 'message'), catch: asError }),
  )
  for (;;) {
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect({ host: '127.0.0.1', port: Number(port) }).on('error', () => {})),
      (opened) => Effect.sync(() => opened.destroy()),
    )
    const stands = yield* Effect.promise(() =>
      Promise.race([
        once(socket, 'connect').then(() => true),
        new Promise<false>((resolve) => setTimeout(() => resolve(false), CONNECT_MILLIS)),
      ]),
    )
    if (!stands) return `tcp:127.0.0.1:${Number(port)}`
  }
})

/** A port at which nobody listens. */
export const refusedAddress: Effect.Effect<string, Error> = Effect.scoped(makeListener(() => {}))
