import { Deferred, Effect, Exit, Fiber, Scope } from 'effect'
import { TestClock } from 'effect/testing'
import t, { type Test } from 'tap'
import { ChannelError } from './byte-link.ts'
import { SimulatedNetwork, simulatedTransport, type NetworkOptions } from './simulated-transport.ts'
import { Transport, type Connection } from './transport.ts'

const uri = 'tcp:destination:4444'
const bytes = (...values: number[]) => Uint8Array.from(values)

/** Both ends of one connection, and what breaks it. */
const pair = Effect.fn(function* (network: SimulatedNetwork) {
  const transport = yield* Transport
  const accepted = yield* Deferred.make<Connection>()
  yield* transport.listen(uri, (connection) => Effect.asVoid(Deferred.succeed(accepted, connection)))
  const near = yield* transport.connect(uri, { returnPath: true }).pipe(Effect.forkScoped)
  yield* TestClock.adjust(network.latencyMillis)
  return { near: yield* Fiber.join(near), far: yield* Deferred.await(accepted) }
})

const simulated = (
  name: string,
  options: NetworkOptions,
  body: (t: Test, network: SimulatedNetwork) => Effect.Effect<void, ChannelError, Transport | Scope.Scope>,
) =>
  t.test(name, (t) => {
    const network = new SimulatedNetwork(options)
    return Effect.runPromise(
      body(t, network).pipe(Effect.scoped, Effect.provide([simulatedTransport(network), TestClock.layer()])),
    )
  })

const readAll = (connection: Connection, most = 100): number[] | string => {
  const buffer = new Uint8Array(most)
  try {
    const count = connection.link.read(buffer, 0, most)
    return count < 0 ? 'end' : [...buffer.subarray(0, count)]
  } catch (error) {
    return error instanceof ChannelError ? error.code : String(error)
  }
}

const write = (connection: Connection, ...views: Uint8Array[]): number | string => {
  try {
    return connection.link.writev(views)
  } catch (error) {
    return error instanceof ChannelError ? error.code : String(error)
  }
}

simulated('bytes arrive in order, both ways, and no more than fit are taken', { capacityBytes: 5 }, (t, network) =>
  Effect.gen(function* () {
    const { near, far } = yield* pair(network)
    t.equal(write(near, bytes(1, 2), bytes(3, 4, 5, 6)), 5)
    t.equal(write(near, bytes(6)), 0, 'full')
    t.equal(write(far, bytes(9)), 1, 'the other direction is its own')
    t.same(readAll(far, 2), [1, 2])
    t.equal(write(near, bytes(6)), 1)
    t.same(readAll(far), [3, 4, 5, 6])
    t.same(readAll(far), [])
    t.same(readAll(near), [9])
    t.match(network.figures[0], { uri, messages: { forward: 2, back: 1 }, bytes: { forward: 6, back: 1 }, openEnds: 2 })
  }),
)

simulated('what is written stays as it was when it was written', {}, (t, network) =>
  Effect.gen(function* () {
    const { near, far } = yield* pair(network)
    const page = bytes(1)
    write(near, page)
    page[0] = 2
    t.same(readAll(far), [1])
  }),
)

simulated(
  'ready waits for bytes, for room, and for the latency',
  { capacityBytes: 1, latencyMillis: 7 },
  (t, network) =>
    Effect.gen(function* () {
      const { near, far } = yield* pair(network)
      t.same(readAll(far), [])
      const readable = yield* far.ready.pipe(Effect.forkScoped)
      t.equal(write(near, bytes(1)), 1)
      yield* Fiber.await(readable)
      t.same(readAll(far), [], 'on its way')
      const arrived = yield* far.ready.pipe(Effect.forkScoped)
      yield* TestClock.adjust(6)
      t.equal(arrived.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      yield* Fiber.await(arrived)
      t.equal(write(near, bytes(2)), 0)
      const room = yield* near.ready.pipe(Effect.forkScoped)
      yield* Effect.yieldNow
      t.equal(room.pollUnsafe(), undefined)
      t.same(readAll(far), [1])
      yield* Fiber.await(room)
      t.equal(write(near, bytes(2)), 1)
    }),
)

simulated('the end of a stream comes behind its bytes; a closed end breaks the other', {}, (t, network) =>
  Effect.gen(function* () {
    const { near, far } = yield* pair(network)
    write(near, bytes(1))
    yield* near.endWrites
    t.equal(write(near, bytes(2)), 'EPIPE')
    t.same(readAll(far), [1])
    t.equal(readAll(far), 'end')
    t.equal(write(far, bytes(3)), 1, 'the way back still stands')
    yield* far.close
    yield* far.close
    t.same(readAll(near), [3])
    t.equal(readAll(near), 'end')
    t.equal(write(far, bytes(3)), 'EBADF')
    t.equal(network.figures[0]?.openEnds, 1)
  }),
)

simulated('closing with bytes unread resets the connection', {}, (t, network) =>
  Effect.gen(function* () {
    const { near, far } = yield* pair(network)
    write(near, bytes(1))
    write(far, bytes(2))
    yield* far.close
    t.same(readAll(near), [2])
    t.equal(readAll(near), 'ECONNRESET')
    t.equal(write(near, bytes(1)), 'EPIPE')
  }),
)

for (const fate of ['delivered', 'dropped'] as const)
  simulated(`a cut at the second message, ${fate}`, {}, (t, network) =>
    Effect.gen(function* () {
      network.cutAt({ connection: 0, direction: 'forward', at: { message: 2 }, fate })
      const { near, far } = yield* pair(network)
      t.equal(write(near, bytes(1)), 1)
      t.equal(write(far, bytes(7)), 1)
      t.equal(write(near, bytes(2)), 1, 'the writer has handed it over')
      t.equal(write(near, bytes(3)), 'EPIPE')
      t.equal(write(far, bytes(8)), 'EPIPE')
      if (fate === 'delivered') {
        t.same(readAll(far), [1, 2])
        t.same(readAll(near), [7])
      }
      t.equal(readAll(far), fate === 'delivered' ? 'end' : 'ECONNRESET')
      t.equal(readAll(near), fate === 'delivered' ? 'end' : 'ECONNRESET')
    }),
  )

simulated('a cut behind the third byte takes only those', {}, (t, network) =>
  Effect.gen(function* () {
    network.cutAt({ connection: 0, direction: 'back', at: { byte: 3 }, fate: 'delivered' })
    const { near, far } = yield* pair(network)
    t.equal(write(far, bytes(1, 2)), 2)
    t.equal(write(far, bytes(3, 4)), 1)
    t.same(readAll(near), [1, 2, 3])
    t.equal(readAll(near), 'end')
  }),
)

simulated('frozen: nothing moves, nothing ends, connects wait; thawed: all of it goes on', {}, (t, network) =>
  Effect.gen(function* () {
    const { near, far } = yield* pair(network)
    write(near, bytes(1))
    network.freeze()
    t.equal(write(near, bytes(2)), 0)
    t.same(readAll(far), [])
    yield* near.close
    const transport = yield* Transport
    const connecting = yield* transport.connect(uri, { returnPath: true }).pipe(Effect.forkScoped)
    const waiting = yield* far.ready.pipe(Effect.andThen(far.ready), Effect.forkScoped)
    yield* TestClock.adjust('1 hour')
    t.equal(connecting.pollUnsafe(), undefined)
    network.thaw()
    yield* Fiber.await(connecting)
    yield* Fiber.interrupt(waiting)
    t.same(readAll(far), [1])
    t.equal(readAll(far), 'end')
  }),
)

const code = (effect: Effect.Effect<unknown, ChannelError, Scope.Scope>) =>
  effect.pipe(
    Effect.as('ok'),
    Effect.catch((error) => Effect.succeed(error.code)),
  )

simulated('nobody there, refused, taken twice, crashed', {}, (t, network) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    t.equal(yield* code(transport.connect(uri, { returnPath: true })), 'ECONNREFUSED')
    const { far } = yield* pair(network)
    t.equal(yield* code(transport.listen(uri, () => Effect.void)), 'EADDRINUSE')
    t.equal((yield* transport.listen('tcp:there:0', () => Effect.void)).uri, 'tcp:there:49152')
    network.refuseConnects()
    t.equal(yield* code(transport.connect(uri, { returnPath: true })), 'ECONNREFUSED')
    network.refuseConnects(false)
    t.equal(yield* code(transport.connect(uri, { returnPath: true })), 'ok')
    network.crash(uri)
    t.equal(readAll(far), 'ECONNRESET')
    t.equal(yield* code(transport.connect(uri, { returnPath: true })), 'ECONNREFUSED')
  }),
)

simulated('a connection and a listener are gone with their scope, closed once', {}, (t, network) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* pair(network).pipe(Effect.provideService(Scope.Scope, scope))
    t.same(network.listening, [uri])
    yield* Scope.close(scope, Exit.void)
    t.same(network.listening, [])
    t.match(network.figures, [{ openEnds: 0, releases: [1, 1] }])
  }),
)
