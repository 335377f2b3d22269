/**
 * TLS with a live QEMU at the other end: it sends through our server, its very stream goes back into another through our
 * client, and the memory is the same; what one side refuses, the other is told.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { Effect, Queue, type Scope } from 'effect'
import type { Test } from 'tap'
import { credentialsIn, writeKind, type CredentialKind } from '../channel/testing/credentials.ts'
import { Transport, type Connection } from '../channel/transport.ts'
import type { MigrationInfo } from '../qapi/index.ts'
import { realTest } from '../transfer/testing/real-test.ts'
import { temporaryDirectory } from '../transfer/testing/temporary.ts'
import { within } from '../transfer/testing/watch.ts'
import { startQemuMachine, type QemuMachine } from './qemu-machine.ts'
import { findQemu } from './qemu.ts'

const MEBIBYTES = 4

/** A QEMU with credentials of a kind in use. */
const startQemu = (root: string, kind: CredentialKind, incoming: boolean) =>
  Effect.gen(function* () {
    const dir = yield* Effect.promise(() => writeKind(root, kind))
    const endpoint = incoming ? 'server' : 'client'
    const machine = yield* startQemuMachine({
      machine: 'none',
      mebibytes: MEBIBYTES,
      incoming,
      args: ['-object', `tls-creds-x509,id=tls0,dir=${dir},endpoint=${endpoint},sanity-check=off`],
    })
    yield* machine.client.execute('migrate-set-parameters', { 'tls-creds': 'tls0', 'tls-hostname': 'localhost' })
    return machine
  })

const statusOf = ({ client }: QemuMachine) =>
  Effect.map(client.execute('query-migrate'), (answer) => answer as MigrationInfo)

const over = (machine: QemuMachine, what: string) =>
  within(
    what,
    Effect.gen(function* () {
      for (;;) {
        const info = yield* statusOf(machine)
        if (['completed', 'failed'].includes(String(info.status))) return info
        yield* Effect.sleep('2 millis')
      }
    }),
  )

const listen = (root: string, kind: CredentialKind) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Effect.promise(() => credentialsIn(root, kind, 'server'))
    const accepted = yield* Queue.unbounded<Connection>()
    const refusals = yield* Queue.unbounded<string>()
    const { uri } = yield* transport.listen(
      'tcp:127.0.0.1:0',
      (connection) => Effect.asVoid(Queue.offer(accepted, connection)),
      { tls: { credentials, turnedAway: (reason) => void Queue.offerUnsafe(refusals, reason) } },
    )
    return {
      uri,
      connection: within('QEMU to connect', Queue.take(accepted)),
      refusal: within('QEMU to be turned away', Queue.take(refusals)),
    }
  })

const readAll = (connection: Connection) =>
  Effect.gen(function* () {
    const pieces: Uint8Array[] = []
    for (;;) {
      const buffer = new Uint8Array(1 << 20)
      const count = connection.link.read(buffer, 0, buffer.length)
      if (count < 0) return Buffer.concat(pieces)
      if (count > 0) pieces.push(buffer.subarray(0, count))
      else yield* connection.ready
    }
  })

const writeAll = (connection: Connection, bytes: Uint8Array) =>
  Effect.gen(function* () {
    for (let at = 0; at < bytes.length;) {
      const count = connection.link.writev([bytes.subarray(at)])
      at += count
      if (count === 0) yield* connection.ready
    }
    yield* connection.endWrites
  })

const open = (root: string, kind: CredentialKind, uri: string, hostname = 'localhost') =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const credentials = yield* Effect.promise(() => credentialsIn(root, kind, 'client'))
    return yield* transport.connect(uri, { returnPath: true, tls: { credentials, hostname } })
  })

/** A QEMU that waits, and where. */
const waiting = (root: string, kind: CredentialKind) =>
  Effect.gen(function* () {
    const machine = yield* startQemu(root, kind, true)
    const uri = `unix:${machine.directory}/migration.sock`
    yield* machine.client.execute('migrate-incoming', { uri })
    return { machine, uri }
  })

type Body = (t: Test) => Effect.Effect<void, unknown, Transport | Scope.Scope>

const qemuTest = (name: string, body: Body): void => {
  const found = findQemu()
  void realTest(name, (t) => {
    if (!('missing' in found)) return body(t)
    t.comment(`no live QEMU here: ${found.missing}`)
    return Effect.sync(() => void t.pass('left out', { skip: found.missing }))
  })
}

qemuTest('a stream of QEMU, through our server and our client, into another QEMU', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* startQemu(root, 'good', false)
    const contents = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)))
    const memory = readFileSync(source.memory)
    for (let at = 0; at < memory.length; at += 3 * contents.length) contents.copy(memory, at)
    writeFileSync(source.memory, memory, { flag: 'r+' })
    const listener = yield* listen(root, 'good')
    yield* source.client.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 })
    yield* source.client.execute('migrate', { uri: listener.uri })
    const stream = yield* within('the stream', Effect.flatMap(listener.connection, readAll))
    t.equal((yield* over(source, 'the source to be done')).status, 'completed')
    t.equal(stream.subarray(0, 4).toString(), 'QEVM')
    const { machine: destination, uri } = yield* waiting(root, 'good')
    const connection = yield* open(root, 'good', uri)
    yield* within('the stream to be taken', writeAll(connection, stream))
    t.equal((yield* over(destination, 'the destination to be done')).status, 'completed', destination.stderr())
    t.ok(readFileSync(destination.memory).equals(memory), `${memory.length} bytes of memory, the same`)
  }),
)

qemuTest('QEMU refuses us, we refuse QEMU: each side says why', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    for (const [ours, theirs, heard] of [
      ['impostor', "The certificate hasn't got a known issuer", /./],
      ['expired', 'The certificate is not trusted', /./],
      ['otherHost', 'Certificate does not match the hostname localhost', /./],
    ] as const) {
      const listener = yield* listen(root, ours)
      const source = yield* startQemu(root, 'good', false)
      yield* source.client.execute('migrate', { uri: listener.uri })
      const info = yield* over(source, 'the source to give up')
      t.match(info, { status: 'failed', 'error-desc': theirs }, ours)
      t.match(yield* listener.refusal, heard)
    }
    for (const [theirs, heard] of [
      // GnuTLS shows no certificate whose authority the server does not name.
      ['impostor', 'Verify failed: No certificate was found.'],
      ['expired', 'The certificate has expired'],
      ['anonymous', 'Verify failed: No certificate was found.'],
    ] as const) {
      const listener = yield* listen(root, 'good')
      const source = yield* startQemu(root, theirs, false)
      yield* source.client.execute('migrate', { uri: listener.uri })
      t.equal(yield* listener.refusal, heard, theirs)
      // QEMU may say completed here: it has written all of a small guest before it hears of it, and nobody has the guest.
      t.match((yield* over(source, 'the source to be done')).status, /failed|completed/)
    }
    for (const [theirs, said] of [
      ['impostor', /known issuer/],
      ['expired', /The certificate has expired/],
      ['otherHost', /does not match the hostname localhost/],
    ] as const) {
      const { uri } = yield* waiting(root, theirs)
      t.match(yield* Effect.flip(open(root, 'good', uri)), { message: said }, theirs)
    }
    const { machine, uri } = yield* waiting(root, 'good')
    const connection = yield* open(root, 'anonymous', uri)
    const end = yield* Effect.exit(within('QEMU to close', readAll(connection)))
    t.match(String(end._tag === 'Failure' ? end.cause : end._tag), /refuses this side's certificate|TLS fatal alert/)
    const says = Effect.gen(function* () {
      while (!machine.stderr().includes('Verify failed: No certificate was found.')) yield* Effect.sleep('2 millis')
    })
    yield* within('QEMU to say why', says, machine.stderr)
  }),
)
