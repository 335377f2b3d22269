/** The transports of Node: what is refused and how it is worded, and that a closed scope leaves nothing open. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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

/** What a live QEMU says of the same address; 2.11 leaves out where to, unless it is a path. */
realTest('an address that cannot be connected to is refused in QEMU’s words, of either version', (t) =>
  Effect.gen(function* () {
    const tcp = yield* refusedAddress
    const [, hostPort = ''] = /^tcp:(.*)$/.exec(tcp) ?? []
    t.match(yield* refuse(tcp), {
      code: 'ECONNREFUSED',
      message: `Failed to connect to '${hostPort}': Connection refused`,
      message211: 'Failed to connect socket: Connection refused',
    })
    const path = join(yield* temporaryDirectory, 'nobody.sock')
    t.match(yield* refuse(`unix:${path}`), {
      code: 'ENOENT',
      message: `Failed to connect to '${path}': No such file or directory`,
      message211: `Failed to connect socket ${path}: No such file or directory`,
    })
    const unknown = yield* refuse('tcp:nosuch.invalid:1')
    t.match(unknown, { message: /^address resolution failed for nosuch.invalid:1: (Name or service not known|Temp)/ })
    t.equal(unknown.message211, unknown.message)
    t.match(yield* refuse('tcp::1'), { message: 'address resolution failed for :1: Name or service not known' })
    t.match(yield* refuse('tcp:[::1]:1,ipv4'), {
      message: 'address resolution failed for ::1:1: Address family for hostname not supported',
    })
    t.match(yield* refuse(`unix:${'x'.repeat(108)}`), { message: /^UNIX socket path 'x+' is too long/ })
    t.match(yield* refuse('fd:7'), { message: "File descriptor named '7': not found" })
    t.match(yield* refuse('unix:'), { code: 'ENOTSUP' })
  }),
)

realTest('an address that cannot be listened at is refused in QEMU’s words', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const directory = yield* temporaryDirectory
    const refuseListener = (uri: string) => Effect.flip(transport.listen(uri, () => Effect.void))
    const { uri } = yield* transport.listen('tcp:127.0.0.1:0', () => Effect.void)
    t.match(parseUri(uri), { transport: 'tcp', host: '127.0.0.1' }, 'the port that the system chose is told')
    t.match(yield* refuseListener(uri), { message: 'Failed to find an available port: Address already in use' })
    const unix = `unix:${join(directory, 'a.sock')}`
    yield* transport.listen(unix, () => Effect.void)
    t.match(yield* refuseListener(unix), {
      message: `Failed to bind socket to ${directory}/a.sock: Address already in use`,
    })
    t.match(yield* refuseListener('tcp:192.0.2.1:5'), {
      message: 'Failed to bind socket: Cannot assign requested address',
    })
    t.match(yield* refuseListener('tcp:127.0.0.1:0,ipv6'), {
      message: 'address resolution failed for 127.0.0.1:0: Address family for hostname not supported',
    })
    t.match(yield* refuseListener(`unix:${directory}/no/such`), {
      message: /^Failed to bind socket to .*\/no\/such: (No such file or directory|Permission denied)$/,
    })
    t.match(yield* refuseListener('tcp:127.0.0.1:5555,to=5554'), { message: /^Failed to create a socket/ })
  }),
)

realTest('a range of ports: the first that is free', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const listen = (uri: string) => transport.listen(uri, () => Effect.void)
    const portOf = (uri: string): number => {
      const address = parseUri(uri)
      return address?.transport === 'tcp' ? address.port : NaN
    }
    const taken = portOf((yield* listen('tcp:127.0.0.1:0')).uri)
    // Somebody else may hold the port after it.
    const next = portOf((yield* listen(`tcp:127.0.0.1:${taken},to=${taken + 100}`)).uri)
    t.ok(next > taken && next <= taken + 100, `${next} after ${taken}`)
    const busy = yield* Effect.flip(listen(`tcp:127.0.0.1:${taken},to=${taken}`))
    t.match(busy, { message: 'Failed to find an available port: Address already in use' })
  }),
)

realTest('an empty host: all addresses of this machine, of the families that are allowed', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const reach = (host: string, uri: string) =>
      Effect.gen(function* () {
        const address = parseUri(uri)
        const port = address?.transport === 'tcp' ? address.port : 0
        return yield* Effect.exit(transport.connect(`tcp:${host}:${port}`, { returnPath: true }).pipe(Effect.scoped))
      })
    const both = (yield* transport.listen('tcp::0', () => Effect.void)).uri
    t.ok(Exit.isSuccess(yield* reach('127.0.0.1', both)), `127.0.0.1 reaches ${both}`)
    const only4 = (yield* transport.listen('tcp::0,ipv4', () => Effect.void)).uri
    t.match(only4, /^tcp:0\.0\.0\.0:/)
    t.ok(Exit.isSuccess(yield* reach('127.0.0.1', only4)))
    const only6 = yield* Effect.exit(transport.listen('tcp::0,ipv6', () => Effect.void))
    if (Exit.isFailure(only6)) return t.comment(`no IPv6 here: ${String(only6.cause)}`)
    t.match(only6.value.uri, /^tcp:\[::\]:/)
    t.ok(Exit.isSuccess(yield* reach('[::1]', only6.value.uri)))
    t.ok(Exit.isFailure(yield* reach('127.0.0.1', only6.value.uri)), 'IPv4 does not reach what is for IPv6 only')
    const { uri } = yield* transport.listen('tcp:[::1]:0', () => Effect.void)
    t.ok(Exit.isSuccess(yield* reach('[::1]', uri)), uri)
    t.ok(Exit.isSuccess(yield* reach('localhost', both)), 'a name')
  }),
)

realTest('the socket of a listener that was killed is in nobody’s way; any other file is', (t) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const path = join(yield* temporaryDirectory, 'a.sock')
    const killed = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`
    spawnSync(process.execPath, ['-e', killed], { env: {} })
    t.ok(existsSync(path))
    yield* transport.listen(`unix:${path}`, () => Effect.void)
    const file = `${path}.txt`
    writeFileSync(file, 'text')
    t.match(yield* Effect.flip(transport.listen(`unix:${file}`, () => Effect.void)), {
      message: /Address already in use/,
    })
    t.equal(readFileSync(file, 'utf8'), 'text')
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
