/**
 * TLS between two ends of the transports of Node: who is let in, who is not, in which words both sides say why; and that a
 * peer that is slow, silent, or no TLS at all holds up nobody and leaves nothing behind.
 */
import { connect, type Socket } from 'node:net'
import { Deferred, Effect, Exit, Fiber, Queue, Scope } from 'effect'
import type { Test } from 'tap'
import { parseUri } from '../core/uri.ts'
import { makeBlackhole, makeListener } from '../transfer/testing/listeners.ts'
import { realTest } from '../transfer/testing/real-test.ts'
import { temporaryDirectory } from '../transfer/testing/temporary.ts'
import { within } from '../transfer/testing/watch.ts'
import { RING_BYTES } from './byte-ring.ts'
import type { ChannelError } from './byte-link.ts'
import { credentialsIn, type CredentialKind } from './testing/credentials.ts'
import { Transport, type Connection } from './transport.ts'

/** A listener with TLS, and what it hears. */
const listen = (
  root: string,
  kind: CredentialKind,
  options: { uri?: string; authorized?: string; verify?: boolean; handshakeMillis?: number } = {},
) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Effect.promise(() => credentialsIn(root, kind, 'server', options.verify))
    const accepted = yield* Queue.unbounded<Connection>()
    const refusals = yield* Queue.unbounded<string>()
    const { uri } = yield* transport.listen(
      options.uri ?? 'tcp:127.0.0.1:0',
      (connection) => Effect.asVoid(Queue.offer(accepted, connection)),
      {
        tls: {
          credentials,
          ...(options.handshakeMillis === undefined ? {} : { handshakeMillis: options.handshakeMillis }),
          ...(options.authorized === undefined ? {} : { authorized: options.authorized }),
          turnedAway: (reason) => void Queue.offerUnsafe(refusals, reason),
        },
      },
    )
    return { uri, accepted: Queue.take(accepted), refusal: within('somebody to be turned away', Queue.take(refusals)) }
  })

const open = (
  root: string,
  kind: CredentialKind,
  uri: string,
  hostname = '127.0.0.1',
  options: { verify?: boolean; handshakeMillis?: number } = {},
) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Effect.promise(() => credentialsIn(root, kind, 'client', options.verify))
    return yield* within(
      'the handshake',
      transport.connect(uri, {
        returnPath: true,
        tls: {
          credentials,
          hostname,
          ...(options.handshakeMillis === undefined ? {} : { handshakeMillis: options.handshakeMillis }),
        },
      }),
    )
  })

const write = (connection: Connection, bytes: Uint8Array) =>
  Effect.gen(function* () {
    for (let at = 0; at < bytes.length;) {
      const count = connection.link.writev([bytes.subarray(at)])
      at += count
      if (count === 0) yield* connection.ready
    }
  })

/** Reads so many bytes; fewer at the end of the stream. */
const read = (connection: Connection, count: number) =>
  within(
    `${count} bytes`,
    Effect.gen(function* () {
      const buffer = new Uint8Array(count)
      let at = 0
      while (at < count) {
        const got = yield* Effect.try({
          try: () => connection.link.read(buffer, at, count),
          catch: (error) => error as ChannelError,
        })
        if (got < 0) break
        at += got
        if (got === 0) yield* connection.ready
      }
      return buffer.subarray(0, at)
    }),
  )

const rejected = (t: Test, exit: Exit.Exit<unknown, unknown>, text: string | RegExp, label: string) =>
  t.match(Exit.isFailure(exit) ? String(exit.cause) : 'success', text, label)

const hello = Uint8Array.of(1, 2, 3)

realTest('bytes pass in both directions, more than the rings hold, over every transport', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    for (const uri of ['tcp:127.0.0.1:0', 'tcp:[::1]:0', `unix:${root}/a.sock`]) {
      const listener = yield* listen(root, 'good', { uri })
      const near = yield* open(root, 'good', listener.uri, uri.includes('::1') ? '::1' : 'localhost')
      const sent = Uint8Array.from({ length: 3 * RING_BYTES + 1 }, (_unused, index) => (index * 31) >> 5)
      const writing = yield* Effect.forkChild(write(near, sent))
      const far = yield* within('a connection', listener.accepted)
      t.ok(Buffer.compare(yield* read(far, sent.length), sent) === 0, `${uri}: ${sent.length} bytes`)
      yield* Fiber.join(writing)
      yield* write(far, hello)
      t.same(yield* read(near, 3), hello, `${uri}: the way back`)
      yield* write(far, sent.subarray(0, 1000))
      yield* far.close
      t.equal((yield* read(near, 1001)).length, 1000, `${uri}: what was written before the close, and the end`)
    }
  }),
)

realTest('who is refused, and what both sides say', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const issuer = /The certificate hasn't got a known issuer/
    // The side that closes first is not the same every time, nor is the last message of a handshake that gets through.
    const gone = /The peer closed .*refuses this|TLS fatal alert|The TLS connection was non-properly terminated/
    const left = new RegExp(`The peer left after the handshake: it may refuse this side's certificate|${gone.source}`)
    type Case = readonly [
      server: CredentialKind,
      client: CredentialKind,
      says: RegExp,
      heard: RegExp,
      hostname?: string,
    ]
    const byClient: readonly Case[] = [
      ['foreign', 'good', new RegExp(`${issuer.source}|${gone.source}`), /./],
      ['impostor', 'good', issuer, left],
      ['expired', 'good', /The certificate has expired/, left],
      ['otherHost', 'good', /Certificate does not match the hostname 127.0.0.1/, left],
      ['good', 'good', /Certificate does not match the hostname wrong.example/, left, 'wrong.example'],
      ['swapped', 'good', /Certificate purpose does not allow use with a TLS server/, left],
      ['good', 'revoking', /The certificate has been revoked/, left],
      ['good', 'good', /No hostname for certificate validation/, left, ''],
    ]
    for (const [server, client, says, heard, hostname] of byClient) {
      const listener = yield* listen(root, server)
      const exit = yield* Effect.exit(open(root, client, listener.uri, hostname))
      rejected(t, exit, says, `server ${server}, client ${client}`)
      t.match(yield* listener.refusal, heard, `heard by server ${server}`)
    }
    const byServer: readonly Case[] = [
      ['good', 'impostor', issuer, issuer],
      ['good', 'expired', /./, /The certificate has expired/],
      ['good', 'swapped', /./, /Certificate purpose does not allow use with a TLS client/],
      ['good', 'anonymous', /./, /Verify failed: No certificate was found/],
      ['revoking', 'good', /./, /The certificate has been revoked/],
    ]
    for (const [server, client, , heard] of byServer) {
      const listener = yield* listen(root, server)
      const end = yield* Effect.exit(
        Effect.flatMap(open(root, client, listener.uri), (connection) => read(connection, 1)),
      )
      t.match(yield* listener.refusal, heard, `server ${server}, client ${client}`)
      rejected(t, end, gone, 'heard by client')
    }
  }),
)

realTest('who is let in: without verification anybody, by name one', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const careless = yield* listen(root, 'good', { verify: false })
    yield* write(yield* open(root, 'anonymous', careless.uri), hello)
    t.same(yield* read(yield* within('a connection', careless.accepted), 3), hello, 'no certificate is asked for')
    const foreign = yield* listen(root, 'foreign', { verify: false })
    yield* write(yield* open(root, 'good', foreign.uri, '', { verify: false }), hello)
    t.same(yield* read(yield* within('a connection', foreign.accepted), 3), hello, 'and none is looked at')
    const named = yield* listen(root, 'good', { authorized: 'CN=source,O=test' })
    yield* write(yield* open(root, 'good', named.uri), hello)
    t.same(yield* read(yield* within('a connection', named.accepted), 3), hello)
    const another = yield* listen(root, 'good', { authorized: 'CN=somebody' })
    yield* Effect.ignore(open(root, 'good', another.uri))
    t.equal(yield* another.refusal, 'TLS x509 authz check for CN=source,O=test is denied')
    const elsewhere = yield* listen(root, 'otherHost')
    yield* write(yield* open(root, 'good', elsewhere.uri, 'elsewhere.example'), hello)
    t.same(yield* read(yield* within('a connection', elsewhere.accepted), 3), hello, 'the name that was asked for')
  }),
)

/** A plain connection to a listener. */
const plainly = (uri: string): Effect.Effect<Socket, never, Scope.Scope> => {
  const address = parseUri(uri)
  return Effect.acquireRelease(
    Effect.sync(() =>
      connect({ host: '127.0.0.1', port: address?.transport === 'tcp' ? address.port : 0 }).on('error', () => {}),
    ),
    (socket) => Effect.sync(() => socket.destroy()),
  )
}

realTest('no TLS at all, half a handshake, none: turned away, and the right one still comes', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const listener = yield* listen(root, 'good')
    const text = yield* plainly(listener.uri)
    text.write('QEVM\0\0\0\u0003 and so on')
    t.equal(yield* listener.refusal, 'TLS handshake failed: An unexpected TLS packet was received.')
    const half = yield* plainly(listener.uri)
    // The head of a record of 512 bytes, of which the first come.
    half.end(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3))
    t.equal(yield* listener.refusal, 'TLS handshake failed: The TLS connection was non-properly terminated.')
    const nobody = yield* plainly(listener.uri)
    nobody.end()
    t.equal(yield* listener.refusal, 'TLS handshake failed: The TLS connection was non-properly terminated.')
    const silent = yield* plainly(listener.uri)
    yield* write(yield* open(root, 'good', listener.uri), hello)
    t.same(yield* read(yield* within('a connection', listener.accepted), 3), hello, 'beside one that says nothing')
    silent.destroy()
  }),
)

realTest('a peer that is no TLS, leaves in the handshake, or never answers', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const talks = yield* makeListener((socket) => {
      socket.resume()
      socket.write('220 smtp.example ready\r\n')
    })
    rejected(
      t,
      yield* Effect.exit(open(root, 'good', talks)),
      /TLS handshake failed: An unexpected TLS packet/,
      'plain text',
    )
    const leaves = yield* makeListener((socket) => socket.destroy())
    rejected(
      t,
      yield* Effect.exit(open(root, 'good', leaves)),
      /TLS handshake failed: The TLS connection was non-properly/,
      'leaves',
    )
    const cuts = yield* makeListener((socket) => {
      socket.once('data', () => socket.destroy())
      socket.resume()
    })
    rejected(
      t,
      yield* Effect.exit(open(root, 'good', cuts)),
      /TLS handshake failed: The TLS connection was non-properly/,
      'cuts',
    )
    const silent = yield* makeListener(() => {})
    const waiting = yield* Effect.exit(open(root, 'good', silent, '127.0.0.1', { handshakeMillis: 200 }))
    rejected(t, waiting, /TLS handshake failed: The peer has not answered in time/, 'silent')
    const listener = yield* listen(root, 'good', { handshakeMillis: 200 })
    yield* plainly(listener.uri)
    t.equal(yield* listener.refusal, 'TLS handshake failed: The peer has not answered in time.', 'a silent client')
    yield* open(root, 'good', listener.uri)
    t.equal(yield* listener.refusal, 'The peer has said nothing after the handshake', 'silent behind the handshake')
  }),
)

realTest('a handshake can be given up at any time', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    for (const uri of [yield* makeListener(() => {}), yield* makeBlackhole]) {
      const scope = yield* Scope.make()
      const waiting = yield* open(root, 'good', uri).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.forkChild({ startImmediately: true }),
      )
      yield* Effect.sleep('300 millis')
      yield* within('the handshake to be given up', Fiber.interrupt(waiting))
      yield* within('nothing to be left of it', Scope.close(scope, Exit.void))
      t.pass(uri)
    }
  }),
)

realTest('a side that closes has said all it had to say', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const listener = yield* listen(root, 'good')
    const near = yield* open(root, 'good', listener.uri)
    yield* write(near, hello)
    const far = yield* within('a connection', listener.accepted)
    const done = yield* Deferred.make<void>()
    yield* Effect.forkScoped(Effect.andThen(near.close, Deferred.succeed(done, undefined)))
    t.same(yield* read(far, 4), hello, 'the end is seen behind the last byte')
    yield* far.close
    yield* within('both to be closed', Deferred.await(done))
  }),
)
