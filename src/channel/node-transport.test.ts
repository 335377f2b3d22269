/** The transports of Node: what is refused and how it is worded, and that a closed scope leaves nothing open. */
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Deferred, Effect, Exit, Fiber, Scope } from 'effect'
import { parseUri } from '../core/uri.ts'
import { makeBlackhole, refusedAddress } from '../transfer/testing/listeners.ts'
import { realTest } from '../transfer/testing/real-test.ts'
import { temporaryDirectory } from '../transfer/testing/temporary.ts'
import { within } from '../transfer/testing/watch.ts'
import { Transport, type Connection } from './transport.ts'

const refuse = (uri: string) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    return yield* Effect.flip(transport.connect(uri, { returnPath: true }))
  })

realTest('an address at which nobody listens is refused in QEMU’s words', (t) =>
  Effect.gen(function* () {
    const tcp = yield* refusedAddress
    t.match(yield* refuse(tcp), { code: 'ECONNREFUSED', message: `Failed to connect to '${tcp}': Connection refused` })
    const directory = yield* temporaryDirectory
    const unix = `unix:${join(directory, 'nobody.sock')}`
    t.match(yield* refuse(unix), {
      code: 'ENOENT',
      message: `Failed to connect to '${unix}': No such file or directory`,
    })
    t.match(yield* refuse('fd:7'), { code: 'ENOTSUP' })
    t.match(yield* refuse('unix:'), { code: 'ENOTSUP' })
    t.match(yield* refuse('tcp:256.256.256.256:1'), { code: /ENOTFOUND|EAI_AGAIN/ })
  }),
)

realTest('two cannot listen at one address', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const directory = yield* temporaryDirectory
    const accept = () => Effect.void
    const { uri } = yield* transport.listen('tcp:127.0.0.1:0', accept)
    t.match(parseUri(uri), { transport: 'tcp', host: '127.0.0.1' }, 'the port that the system chose is told')
    t.match(yield* Effect.flip(transport.listen(uri, accept)), { message: /Address already in use/ })
    const unix = `unix:${join(directory, 'a.sock')}`
    yield* transport.listen(unix, accept)
    t.match(yield* Effect.flip(transport.listen(unix, accept)), { message: /Address already in use/ })
    t.match(yield* Effect.flip(transport.listen('exec:cat', accept)), { code: 'ENOTSUP' })
    t.match(yield* Effect.flip(transport.listen(`unix:${directory}/no/such`, accept)), { code: /ENOENT|EACCES/ })
  }),
)

realTest('the file of a unix socket goes with its listener', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const path = join(yield* temporaryDirectory, 'a.sock')
    yield* Effect.scoped(
      Effect.gen(function* () {
        yield* transport.listen(`unix:${path}`, () => Effect.void)
        t.ok(existsSync(path))
      }),
    )
    t.notOk(existsSync(path))
  }),
)

realTest('bytes pass in both directions, and the end of one side is seen by the other', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const unix = `unix:${join(yield* temporaryDirectory, 'a.sock')}`
    for (const uri of ['tcp:127.0.0.1:0', unix]) {
      const accepted = yield* Deferred.make<Connection>()
      const listener = yield* transport.listen(uri, (connection) =>
        Effect.asVoid(Deferred.succeed(accepted, connection)),
      )
      const near = yield* transport.connect(listener.uri, { returnPath: true })
      const far = yield* Deferred.await(accepted)
      const buffer = new Uint8Array(16)
      const read = (connection: Connection) =>
        within(
          'bytes',
          Effect.gen(function* () {
            for (;;) {
              const count = connection.link.read(buffer, 0, buffer.length)
              if (count !== 0) return count < 0 ? 'end' : [...buffer.subarray(0, count)]
              yield* connection.ready
            }
          }),
        )
      t.equal(near.link.writev([Uint8Array.of(1, 2), Uint8Array.of(3)]), 3)
      t.same(yield* read(far), [1, 2, 3])
      t.equal(far.link.writev([Uint8Array.of(4)]), 1)
      t.same(yield* read(near), [4])
      yield* near.close
      yield* near.close
      t.equal(yield* read(far), 'end')
    }
  }),
)

realTest('a connection that is neither made nor refused can be given up at any time', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const uri = yield* makeBlackhole
    const scope = yield* Scope.make()
    const waiting = yield* transport
      .connect(uri, { returnPath: true })
      .pipe(Effect.provideService(Scope.Scope, scope), Effect.forkChild({ startImmediately: true }))
    yield* within('the connection to be given up', Fiber.interrupt(waiting))
    yield* Scope.close(scope, Exit.void)
    t.pass('given up')
  }),
)

realTest('what is done with a connection ends with the listener', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const begun = yield* Deferred.make<void>()
    let ended = false
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { uri } = yield* transport.listen('tcp:127.0.0.1:0', () =>
          Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(Effect.sleep('1 hour')),
            Effect.onInterrupt(() =>
              Effect.sync(() => {
                ended = true
              }),
            ),
          ),
        )
        const address = parseUri(uri)
        const port = address?.transport === 'tcp' ? address.port : 0
        yield* Effect.acquireRelease(
          Effect.sync(() => connect({ host: '127.0.0.1', port })),
          (socket) => Effect.sync(() => socket.destroy()),
        )
        yield* within('the connection to be taken', Deferred.await(begun))
      }),
    )
    t.ok(ended, 'interrupted with the scope')
  }),
)

realTest('a command: its end is told, and what it has started goes with the scope', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const end = (command: string) =>
      Effect.scoped(
        Effect.gen(function* () {
          const connection = yield* transport.connect(`exec:${command}`, { returnPath: false })
          t.notOk(connection.returnPath)
          yield* connection.endWrites
          return yield* Effect.exit(within('the command to end', connection.finished))
        }),
      )
    t.ok(Exit.isSuccess(yield* end('cat > /dev/null')))
    t.match(String(yield* end('exit 7')), 'the command ended with status 7')
    t.match(String(yield* end('kill -TERM $$')), 'the command ended with SIGTERM')
    for (const command of ['sleep 1000', 'sleep 1000 | sleep 1000', `trap '' TERM; sleep 1000`])
      yield* Effect.scoped(transport.connect(`exec:${command}`, { returnPath: true }))
    t.pass('ended')
  }),
)
