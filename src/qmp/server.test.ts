/** The server on real sockets: framing, one client at a time, clients that leave, flood or never read. */
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { once } from 'node:events'
import { Effect, Logger, Result } from 'effect'
import { QmpListenFailed, QmpServer, qmpServer } from './server.ts'
import { LineClient } from './testing/line-client.ts'
import { stubProcess } from './testing/stub-process.ts'
import { effectTest, scratchDirectory, served, smallProcess } from './testing/served.ts'

const promise = <A>(use: () => Promise<A>): Effect.Effect<A> => Effect.promise(use)
const status = { execute: 'query-status' }

effectTest('a session over tcp: greeting, negotiation, answers as lines of ASCII with CRLF', (t) =>
  Effect.gen(function* () {
    const { connect, address } = yield* served()
    t.match(address, /^tcp:127\.0\.0\.1:[1-9]\d*$/)
    const client = yield* connect
    t.equal(
      yield* promise(() => client.line()),
      '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 11, "major": 2}, "package": "switchover"}, "capabilities": []}}',
    )
    t.match(yield* promise(() => client.ask(status)), { error: { class: 'CommandNotFound' } })
    t.same(yield* promise(() => client.ask({ execute: 'qmp_capabilities' })), { return: {} })
    client.send('{"execute": "query-status", "id": "é"}\n')
    const line = yield* promise(() => client.line())
    t.equal(line, '{"return": {"running": true, "singlestep": false, "status": "running"}, "id": "\\u00E9"}')
  }),
)

for (const profile of ['2.11', '7.2'] as const)
  effectTest(`${profile}: a request split at every byte, several in one packet, none on a line of its own`, (t) =>
    Effect.gen(function* () {
      const { connect } = yield* served(profile)
      const client = yield* connect
      yield* promise(() => client.negotiate())
      const request = Buffer.from(`\n {"execute" :'query-status',\r\n"id":"\\u00e9"} `)
      for (const byte of request) {
        client.send(Uint8Array.of(byte))
        yield* Effect.yieldNow
      }
      t.match(yield* promise(() => client.next()), { id: 'é' })
      for (let cut = 0; cut < request.length; cut++) {
        client.send(request.subarray(0, cut))
        // A turn of the event loop and an answer between, so that the parts do not travel together.
        yield* promise(() => new Promise((resolve) => setImmediate(resolve)))
        client.send(request.subarray(cut))
        t.match(yield* promise(() => client.next()), { id: 'é' }, `cut at ${cut}`)
      }
      client.send(
        '{"execute":"query-status","id":1}{"execute":"query-status","id":2}\n{"execute":"query-status","id":3}',
      )
      for (const id of [1, 2, 3]) t.match(yield* promise(() => client.next()), { id })
    }),
  )

for (const profile of ['2.11', '7.2'] as const)
  effectTest(`${profile}: after garbage, 0xFF or half a line the session goes on`, (t) =>
    Effect.gen(function* () {
      const { connect } = yield* served(profile)
      const client = yield* connect
      yield* promise(() => client.negotiate())
      for (const garbage of [
        Uint8Array.of(0xff, 0x0a),
        Buffer.from('nonsense\n'),
        Buffer.from('{"half": ["a'),
        Buffer.from('\x00\x01\x02'),
      ]) {
        client.send(garbage)
        client.send(Uint8Array.of(0xff, 0x0a))
        client.send('{"execute": "query-status", "id": "here"}\n')
        let line: unknown
        do {
          line = yield* promise(() => client.next())
          t.match(line, /here/.test(JSON.stringify(line)) ? { id: 'here' } : { error: { class: 'GenericError' } })
        } while (!/here/.test(JSON.stringify(line)))
      }
    }),
  )

effectTest('a line of 10 MiB is handled; one over the limit is refused and the session goes on', (t) =>
  Effect.gen(function* () {
    const roomy = yield* served('7.2')
    const client = yield* roomy.connect
    yield* promise(() => client.negotiate())
    const id = 'x'.repeat(10 << 20)
    client.send(`{"execute": "query-name", "id": "${id}"}\n`)
    t.equal(((yield* promise(() => client.next())) as { id: string }).id.length, id.length)
    const narrow = yield* served('7.2', { limits: { valueBytesMax: 1 << 20 } })
    const other = yield* narrow.connect
    yield* promise(() => other.negotiate())
    other.send(`{"execute": "query-name", "id": "${id}"}\n`)
    t.match(yield* promise(() => other.next()), { error: { desc: 'JSON token size limit exceeded' } })
    t.match(yield* promise(() => other.ask(status)), { return: { status: 'running' } })
  }),
)

effectTest(
  'one client at a time: the next is connected, hears nothing, and negotiates anew when the first has left',
  (t) =>
    Effect.gen(function* () {
      const { connect, process } = yield* served()
      const first = yield* connect
      yield* promise(() => first.negotiate())
      const second = yield* connect
      second.send('{"execute": "qmp_capabilities"}\n{"execute": "query-status", "id": 2}\n')
      yield* promise(() => first.ask(status))
      yield* process.execute('stop')
      t.match(yield* promise(() => first.next()), { event: 'STOP' })
      t.match(yield* promise(() => first.ask(status)), { return: { status: 'paused' } })
      yield* promise(() => first.close())
      t.match(yield* promise(() => second.next()), { QMP: {} }, 'greeted only now, without the event')
      t.same(yield* promise(() => second.next()), { return: {} }, 'what it had sent is answered')
      t.match(yield* promise(() => second.next()), { return: { status: 'paused' }, id: 2 })
      yield* promise(() => second.close())
      const third = yield* connect
      yield* promise(() => third.next())
      t.match(yield* promise(() => third.ask(status)), { error: { class: 'CommandNotFound' } }, 'nothing is inherited')
    }),
)

effectTest('more clients than may wait are sent away at once', (t) =>
  Effect.gen(function* () {
    const { connect } = yield* served('2.11', { clientsWaitingMax: 1 })
    const first = yield* connect
    yield* promise(() => first.next())
    const second = yield* connect
    const third = yield* connect
    t.equal(yield* promise(() => third.line()), undefined, 'closed without a greeting')
    yield* promise(() => first.close())
    t.match(yield* promise(() => second.next()), { QMP: {} })
  }),
)

effectTest('half a command of a client that leaves changes nothing, and is not the beginning of the next one’s', (t) =>
  Effect.gen(function* () {
    const { connect } = yield* served()
    const first = yield* connect
    yield* promise(() => first.negotiate())
    first.send('{"execute": "stop"')
    yield* promise(() => first.close())
    const second = yield* connect
    yield* promise(() => second.negotiate())
    t.match(yield* promise(() => second.ask(status)), { return: { status: 'running' } })
  }),
)

effectTest('a client that closes its side first still gets all its answers', (t) =>
  Effect.gen(function* () {
    const { connect } = yield* served()
    const client = yield* connect
    client.socket.end('{"execute":"qmp_capabilities"}{"execute":"query-status","id":1}{"execute":"query-name","id":2}')
    t.match(yield* promise(() => client.rest()), [{ QMP: {} }, { return: {} }, { id: 1 }, { id: 2 }])
  }),
)

effectTest(
  'a client that never reads is let be, until more than the limit is under way; then it is gone as a whole',
  (t) =>
    Effect.gen(function* () {
      const stub = yield* stubProcess('2.11')
      const lines: string[] = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const server = yield* qmpServer(stub.process, { address: 'tcp:127.0.0.1:0', outputBytesMax: 1 << 20 }).pipe(
        Effect.provide(Logger.layer([logger])),
      )
      const deaf = yield* promise(() => LineClient.connect(server.address))
      yield* promise(() => deaf.negotiate())
      deaf.deafen()
      const closed = once(deaf.socket, 'close')
      let emitted = 0
      // The system's own buffers take some megabytes before anything is left with us.
      for (; lines.length === 0 && emitted < 2_000_000; emitted++) {
        yield* stub.emit({ event: 'MIGRATION_PASS', data: { pass: emitted } })
        if (emitted % 1000 === 0) yield* promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      t.match(lines[0], /disconnecting a client that has not read 1048576 bytes/)
      deaf.listen()
      deaf.socket.resume()
      yield* promise(() => closed)
      const next = yield* promise(() => LineClient.connect(server.address))
      t.match(yield* promise(() => next.next()), { QMP: {} }, 'and the next is served')
      yield* promise(() => next.close())
    }),
)

effectTest('a client that floods without reading is read no further; it gets every answer when it reads', (t) =>
  Effect.gen(function* () {
    const { connect } = yield* served()
    const client = yield* connect
    yield* promise(() => client.negotiate())
    client.deafen()
    const asked = 500
    // The schema is long, so these answers are some ten megabytes.
    client.send('{"execute":"query-qmp-schema"}\n'.repeat(asked))
    client.listen()
    client.socket.resume()
    for (let answer = 0; answer < asked; answer++)
      if ((yield* promise(() => client.line()))?.startsWith('{"return": [') !== true) t.fail(`answer ${answer}`)
    t.match(yield* promise(() => client.ask(status)), { return: { status: 'running' } })
  }),
)

effectTest('1,000 clients in turn, some rude, leave nothing behind', (t) =>
  Effect.gen(function* () {
    const { address } = yield* served()
    const one = async (index: number): Promise<void> => {
      const client = await LineClient.connect(address)
      if (index % 4 === 0) client.send('{"execute": "qmp_')
      else await client.negotiate()
      if (index % 4 === 1) client.send('{"execute": "query-migrate"}\n')
      await client.close()
    }
    const handles = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
    yield* promise(() => one(1))
    const before = handles()
    for (let index = 0; index < 1000; index++) yield* promise(() => one(index))
    const last = yield* promise(() => LineClient.connect(address))
    yield* promise(() => last.negotiate())
    t.match(yield* promise(() => last.ask(status)), { return: { status: 'running' } })
    yield* promise(() => last.close())
    // The server's side of the last connection is closed in its own time.
    while (handles() > before) yield* promise(() => new Promise((resolve) => setImmediate(resolve)))
    t.pass('no socket is left')
  }),
)

effectTest(
  'unix: the socket of a dead server is replaced, that of a live one and other files are not; it goes with the scope',
  (t) =>
    Effect.gen(function* () {
      const process = yield* smallProcess()
      const path = join(yield* scratchDirectory, 'qmp')
      const address = `unix:${path}`
      const attempt = Effect.result(Effect.scoped(qmpServer(process, { address })))
      // A server that is killed leaves its socket.
      const other = spawn(globalThis.process.execPath, [
        '--eval',
        `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`,
      ])
      yield* promise(() => once(other.stdout, 'data'))
      const busy = yield* attempt
      t.ok(Result.isFailure(busy) && busy.failure instanceof QmpListenFailed, 'a live one is left alone')
      other.kill('SIGKILL')
      yield* promise(() => once(other, 'close'))
      t.ok(existsSync(path))
      t.ok(Result.isSuccess(yield* attempt), 'a dead one is replaced')
      writeFileSync(path, 'not a socket')
      t.ok(Result.isFailure(yield* attempt), 'a file is left alone')
      yield* promise(() => rm(path))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* qmpServer(process, { address })
          t.equal(server.address, address)
          const client = yield* promise(() => LineClient.connect(address))
          t.match(yield* promise(() => client.next()), { QMP: {} })
          yield* promise(() => client.close())
        }),
      )
      const gone = yield* promise(() =>
        LineClient.connect(address).then(
          () => false,
          () => true,
        ),
      )
      t.ok(gone)
    }),
)

effectTest('a bad address is refused by name', (t) =>
  Effect.gen(function* () {
    const process = yield* smallProcess()
    for (const address of ['nowhere', 'exec:cat', 'tcp:127.0.0.1'])
      t.match(Result.getFailure(yield* Effect.result(Effect.scoped(qmpServer(process, { address })))), {
        value: { message: `cannot listen on ${address}: expected unix:PATH or tcp:HOST:PORT` },
      })
  }),
)

effectTest(
  'as a layer; a client that is connected at the end gets its answers, and one that does not read holds nothing up',
  (t) =>
    Effect.gen(function* () {
      const process = yield* smallProcess()
      const clients = yield* Effect.gen(function* () {
        const { address } = yield* QmpServer
        const client = yield* promise(() => LineClient.connect(address))
        yield* promise(() => client.negotiate())
        const waiting = yield* promise(() => LineClient.connect(address))
        client.send('{"execute": "quit", "id": 1}\n')
        yield* process.ended
        return { client, waiting }
      }).pipe(Effect.provide(QmpServer.layer(process, { address: 'tcp:127.0.0.1:0' }), { local: true }))
      t.match(yield* promise(() => clients.client.rest()), [{ event: 'SHUTDOWN' }, { return: {}, id: 1 }])
      t.same(yield* promise(() => clients.waiting.rest()), [])
    }),
)
