/** The client against a scripted server, and over sockets against ours. */
import { Cause, Deferred, Effect, Exit, Fiber, Queue, Result, Schedule, Stream } from 'effect'
import { connectClient, eventOf, QmpBroken, QmpRefusal, QmpTimedOut, type QmpDuplex } from './client.ts'
import { greeting, type JsonObject } from './message.ts'
import { qmpServer } from './server.ts'
import { connectSocketClient, withReconnect } from './socket-client.ts'
import { effectTest, served, smallProcess } from './testing/served.ts'

/** A server that says what the test says. It negotiates by itself. */
const scripted = Effect.gen(function* () {
  const fromClient = yield* Queue.unbounded<JsonObject>()
  const toClient = yield* Queue.unbounded<unknown, Cause.Done>()
  const say = (message: unknown) => Effect.asVoid(Queue.offer(toClient, message))
  const duplex: QmpDuplex = {
    send: (message) =>
      message['execute'] === 'qmp_capabilities'
        ? say({ return: {}, id: message['id'] })
        : Effect.asVoid(Queue.offer(fromClient, message)),
    messages: Stream.fromQueue(toClient),
  }
  yield* say(greeting('7.2'))
  return { duplex, say, heard: Queue.take(fromClient), hangUp: Queue.end(toClient) }
})

effectTest('answers find their commands by id, in whatever order; without an id the oldest is meant', (t) =>
  Effect.gen(function* () {
    const { duplex, say, heard } = yield* scripted
    const client = yield* connectClient(duplex)
    const asked = yield* Effect.forEach(['a', 'b', 'c', 'd'], (name) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkScoped(Effect.result(client.execute(name)))
        return { fiber, id: (yield* heard)['id'] }
      }),
    )
    yield* say({ return: 'for c', id: asked[2]?.id })
    yield* say({ return: 'for a' })
    yield* say({ id: asked[3]?.id, error: { class: 'GenericError', desc: 'not d' } })
    yield* say({ return: 'for nobody', id: 'other' })
    yield* say({ return: 'for b', id: asked[1]?.id })
    const said = yield* Effect.forEach(asked, ({ fiber }) => Fiber.join(fiber))
    t.same(said.slice(0, 3).map(Result.getOrThrow), ['for a', 'for b', 'for c'])
    t.match(said[3], Result.fail(new QmpRefusal({ command: 'd', class: 'GenericError', desc: 'not d' })))
  }),
)

effectTest('a time limit is a typed error; the late answer is nobody else’s', (t) =>
  Effect.gen(function* () {
    const { duplex, say, heard } = yield* scripted
    const client = yield* connectClient(duplex)
    const late = yield* Effect.result(client.execute('stop', undefined, { timeout: '20 millis' }))
    t.match(late, Result.fail(new QmpTimedOut({ command: 'stop', millis: 20 })))
    yield* heard
    const next = yield* Effect.forkScoped(client.execute('cont'))
    yield* heard
    // A server that echoes no ids.
    yield* say({ return: 'late' })
    yield* say({ return: 'in time' })
    t.equal(yield* Fiber.join(next), 'in time')
  }),
)

effectTest('when the server goes, what was asked and what is asked later fail as broken, and events end', (t) =>
  Effect.gen(function* () {
    const { duplex, hangUp, heard, say } = yield* scripted
    const client = yield* connectClient(duplex)
    const events = yield* Effect.forkScoped(Stream.runCollect(client.eventStream))
    const asked = yield* Effect.forkScoped(Effect.result(client.execute('stop')))
    yield* heard
    yield* say({ event: 'STOP', timestamp: { seconds: 2, microseconds: 500 } })
    yield* hangUp
    yield* client.closed
    t.ok(Result.isFailure(yield* Fiber.join(asked)))
    t.match(yield* Effect.result(client.execute('cont')), { failure: { _tag: 'QmpBroken' } })
    t.same(yield* Fiber.join(events), [{ event: 'STOP', data: {}, atMillis: 2000.5 }])
  }),
)

effectTest('a server that goes before its greeting is broken, not waited for', (t) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(connectClient({ send: () => Effect.void, messages: Stream.empty }))
    t.ok(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof QmpBroken)
  }),
)

effectTest('query-migrate is typed with room for what is newer; what has another type is broken', (t) =>
  Effect.gen(function* () {
    const { duplex, say, heard } = yield* scripted
    const client = yield* connectClient(duplex)
    const ask = (answer: unknown) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkScoped(Effect.result(client.execute('query-migrate')))
        const { id } = yield* heard
        yield* say({ return: answer, id })
        return yield* Fiber.join(fiber)
      })
    const known = Result.getOrThrow(yield* ask({ status: 'active', ram: { total: 4096 }, brand: 'new' }))
    const status: unknown = known.status
    t.same([status, known.ram?.total, known['brand']], ['active', 4096, 'new'])
    const newer = Result.getOrThrow(yield* ask({ status: 'dozing' }))
    t.same(newer.status, { _tag: 'UnknownMember', enum: 'MigrationStatus', value: 'dozing' })
    t.match(yield* ask({ status: 7 }), { failure: { _tag: 'QmpBroken' } })
  }),
)

effectTest('an event without a time or data is one all the same', (t) =>
  Effect.sync(() => t.same(eventOf({ event: 'RESUME' }), { event: 'RESUME', data: {}, atMillis: undefined })),
)

effectTest('over a socket: commands, refusals, events, out-of-band', (t) =>
  Effect.gen(function* () {
    const { address, process } = yield* served('7.2')
    const client = yield* connectSocketClient(address, { enable: ['oob'] })
    t.match(client.greeting, { QMP: { capabilities: ['oob'] } })
    const events = Stream.fromSubscription(yield* client.events)
    const seen = yield* Effect.forkScoped(events.pipe(Stream.map(eventOf), Stream.take(2), Stream.runCollect))
    t.same(yield* client.execute('stop'), {})
    t.match(yield* client.execute('query-status'), { running: false, status: 'paused' })
    t.same(yield* client.execute('cont'), {})
    t.match(yield* Fiber.join(seen), [{ event: 'STOP' }, { event: 'RESUME' }])
    t.match(yield* Effect.result(client.execute('migrate', {})), {
      failure: { _tag: 'QmpRefusal', class: 'GenericError', desc: "Parameter 'uri' is missing" },
    })
    t.match(yield* Effect.result(client.execute('stop', {}, { outOfBand: true })), {
      failure: { desc: 'The command stop does not support OOB' },
    })
    const parameters = yield* client.execute('query-migrate-parameters')
    t.equal(parameters['downtime-limit'], 300)
    yield* client.execute('migrate-set-parameters', { 'max-bandwidth': 9007199254740993n })
    t.equal((yield* client.execute('query-migrate-parameters'))['max-bandwidth'], 9007199254740993n)
    yield* Effect.forkScoped(client.execute('quit'))
    yield* process.ended
  }),
)

effectTest('nobody there, no address, a server that is busy: each its own typed error', (t) =>
  Effect.gen(function* () {
    const failure = (address: string) =>
      Effect.scoped(connectSocketClient(address, { timeout: '50 millis' })).pipe(
        Effect.flip,
        Effect.map(({ _tag }) => _tag),
      )
    t.equal(yield* failure('unix:/nonexistent/qmp'), 'QmpConnectFailed')
    t.equal(yield* failure('somewhere'), 'BadQmpAddress')
    const { address, connect } = yield* served()
    const busy = yield* connect
    yield* Effect.promise(() => busy.next())
    t.equal(yield* failure(address), 'QmpTimedOut')
  }),
)

effectTest('what is lost is done anew in a new session, until it is done; a refusal is an answer', (t) =>
  Effect.gen(function* () {
    const process = yield* smallProcess()
    const listening = yield* Deferred.make<string>()
    // A server that goes away after the first command that reaches it, and one that stays.
    const restarted = yield* Effect.forkScoped(
      Effect.gen(function* () {
        const first = yield* Effect.scoped(
          Effect.gen(function* () {
            const server = yield* qmpServer(process, { address: 'tcp:127.0.0.1:0' })
            yield* Deferred.succeed(listening, server.address)
            yield* Stream.runDrain(Stream.take(process.events, 1))
            return server.address
          }),
        )
        yield* qmpServer(process, { address: first })
        yield* Effect.never
      }),
    )
    const address = yield* Deferred.await(listening)
    let sessions = 0
    const use = withReconnect(address, Schedule.spaced('5 millis'), (client) =>
      Effect.gen(function* () {
        sessions++
        yield* client.execute(sessions === 1 ? 'stop' : 'cont')
        if (sessions === 1) yield* client.closed
        return (yield* client.execute('query-status')).status
      }),
    )
    t.equal(yield* use, 'running')
    t.equal(sessions, 2)
    const refused = withReconnect(address, Schedule.spaced('5 millis'), (client) => client.execute('nope'))
    t.match(yield* Effect.flip(refused), { _tag: 'QmpRefusal' })
    yield* Fiber.interrupt(restarted)
  }),
)
