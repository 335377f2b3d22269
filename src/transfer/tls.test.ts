/**
 * A guest moves over TLS, with real certificates; and wherever TLS fails, the source's guest runs on, both sides say why, and
 * the destination still waits for the right source.
 */
import { join } from 'node:path'
import { connect } from 'node:net'
import { Effect } from 'effect'
import { writeKind, type CredentialKind } from '../channel/testing/credentials.ts'
import { incomingStatus, parseUri, runState } from '../core/index.ts'
import { smallGuest } from './testing/guests.ts'
import { makeListener } from './testing/listeners.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  assertReturned,
  makeDestination,
  makeSource,
  takeBack,
  type Destination,
  type Party,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { makeRelay } from './testing/relay.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { isIn } from './testing/watch.ts'

const guest = smallGuest()

/** Gives a party credentials of a kind, and has it use them. */
const secure = (
  party: Pick<Party, 'execute'>,
  root: string,
  kind: CredentialKind,
  endpoint: 'client' | 'server',
  host = '',
) =>
  Effect.gen(function* () {
    const dir = yield* Effect.promise(() => writeKind(root, kind))
    const id = `${endpoint}-${kind}`
    const props = { dir, endpoint, 'sanity-check': false }
    yield* Effect.ignore(party.execute('object-add', { 'qom-type': 'tls-creds-x509', id, props }))
    yield* party.execute('migrate-set-parameters', { 'tls-creds': id, 'tls-hostname': host })
  })

const securedDestination = (root: string, kind: CredentialKind, uri?: string) =>
  makeDestination(guest, uri, (party) => secure(party, root, kind, 'server'))

const assertTurnedAway = (destination: Destination, reason: RegExp) =>
  destination.watch.until('somebody to be turned away', ({ incoming }) => reason.test(incoming?.turnedAway ?? ''))

realTest('a guest moves over TLS: tcp, unix, exec', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    yield* secure(source, root, 'good', 'client', 'localhost')
    const path = join(root, 'a.sock')
    for (const uri of ['tcp:127.0.0.1:0', `unix:${path}`]) {
      const destination = yield* securedDestination(root, 'good', uri)
      t.equal(yield* source.migrate(destination.uri), 'completed', uri)
      yield* assertMoved(t, source, destination, uri)
      yield* takeBack(source, destination)
    }
    const destination = yield* securedDestination(root, 'good', `unix:${path}`)
    const command = `const s = require("node:net").connect("${path}"); process.stdin.pipe(s).pipe(process.stdout)`
    t.equal(yield* source.migrate(`exec:exec env -u NODE_OPTIONS ${process.execPath} -e '${command}'`), 'completed')
    yield* assertMoved(t, source, destination, 'exec')
  }),
)

realTest('a certificate that is refused: the guest runs on, both say why, the right one still comes', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    const issuer = /The certificate hasn't got a known issuer/
    const refusedByPeer = /refuses this side's certificate|A TLS fatal alert|TLS connection was non-properly terminated/
    const cases: readonly (readonly [CredentialKind, CredentialKind, RegExp, RegExp, string?])[] = [
      ['good', 'impostor', refusedByPeer, issuer],
      ['good', 'expired', refusedByPeer, /The certificate has expired/],
      ['good', 'anonymous', refusedByPeer, /No certificate was found/],
      ['good', 'foreign', new RegExp(`${issuer.source}|${refusedByPeer.source}`), /./],
      ['good', 'good', /Certificate does not match the hostname wrong.example/, /./, 'wrong.example'],
    ]
    for (const [server, client, said, heard, host = 'localhost'] of cases) {
      const label = `destination ${server}, source ${client}`
      const destination = yield* securedDestination(root, server)
      yield* secure(source, root, client, 'client', host)
      t.equal(yield* source.migrate(destination.uri), 'failed', label)
      t.match((yield* source.query)['error-desc'], said, label)
      yield* assertFailedAndReturned(t, source, label)
      yield* assertTurnedAway(destination, heard)
      t.equal(incomingStatus(yield* destination.process.state), 'none', 'it waits on')
      yield* secure(source, root, 'good', 'client', 'localhost')
      t.equal(yield* source.migrate(destination.uri), 'completed', `${label}: the right one`)
      yield* assertMoved(t, source, destination, label)
      yield* takeBack(source, destination)
    }
    for (const [server, said] of [
      ['impostor', issuer],
      ['expired', /The certificate has expired/],
      ['otherHost', /Certificate does not match the hostname localhost/],
      ['swapped', /Certificate purpose does not allow use with a TLS server/],
    ] as const) {
      const destination = yield* securedDestination(root, server)
      t.equal(yield* source.migrate(destination.uri), 'failed', server)
      t.match((yield* source.query)['error-desc'], said)
      yield* assertFailedAndReturned(t, source, server)
      yield* assertTurnedAway(destination, /./)
    }
  }),
)

realTest('TLS on one side only', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    const secured = yield* securedDestination(root, 'good')
    t.equal(yield* source.migrate(secured.uri), 'failed', 'plain source')
    yield* assertFailedAndReturned(t, source, 'plain source')
    yield* assertTurnedAway(secured, /TLS handshake failed: An unexpected TLS packet was received/)
    yield* secure(source, root, 'good', 'client')
    const plain = yield* makeDestination(guest)
    t.equal(yield* source.migrate(plain.uri), 'failed', 'plain destination')
    t.match((yield* source.query)['error-desc'], /^TLS handshake failed: /)
    yield* assertFailedAndReturned(t, source, 'plain destination')
    yield* assertGivenUp(t, plain, 'plain destination')
    t.match((yield* plain.process.state).incoming?.error, /Not a migration stream/i)
  }),
)

realTest('a peer that stalls in the handshake holds up nothing, and a cancel ends it', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    yield* secure(source, root, 'good', 'client')
    const silent = yield* makeListener(() => {})
    yield* source.execute('migrate', { uri: silent })
    const began = performance.now()
    for (let query = 0; query < 50; query++) t.equal((yield* source.query).status, 'setup')
    t.ok(performance.now() - began < 1000, 'queries are answered meanwhile')
    yield* source.progresses
    yield* source.execute('migrate_cancel')
    t.equal(yield* source.settled, 'cancelled')
    yield* assertReturned(t, source, 'cancelled')
    const destination = yield* securedDestination(root, 'good')
    const address = parseUri(destination.uri)
    const stalls = connect({ host: '127.0.0.1', port: address?.transport === 'tcp' ? address.port : 0 })
    t.equal(yield* source.migrate(destination.uri), 'completed', 'beside a client that stalls')
    yield* assertMoved(t, source, destination, 'beside a client that stalls')
    stalls.destroy()
  }),
)

realTest('the channel breaks at any byte of the handshake or behind it', (t, random) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    yield* secure(source, root, 'good', 'client', 'localhost')
    const places = [0, 1, 300, 1500, 10_000, 1_000_000 + random.integer(0, 1_000_000)]
    for (const direction of ['forward', 'back'] as const)
      for (const bytes of direction === 'forward' ? places : [1, 500]) {
        const label = `${direction} ${bytes}`
        const destination = yield* securedDestination(root, 'good')
        const relay = yield* makeRelay(destination.uri, {
          action: 'cut',
          direction,
          from: 'start',
          bytes,
          before: 'arrives',
        })
        t.equal(yield* source.migrate(relay.uri), 'failed', label)
        yield* assertFailedAndReturned(t, source, label)
        t.equal(runState(yield* destination.process.state), 'inmigrate', `${label}: it has not started`)
        yield* destination.kill
      }
    const destination = yield* securedDestination(root, 'good')
    t.equal(yield* source.migrate(destination.uri), 'completed')
    yield* assertMoved(t, source, destination, 'next run')
  }),
)

realTest('a source in doubt asks over TLS as well', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    yield* secure(source, root, 'good', 'client', 'localhost')
    const destination = yield* securedDestination(root, 'good')
    const relay = yield* makeRelay(destination.uri)
    // Behind the commit the channel is lost; whether the destination runs the guest is asked on a new one.
    yield* source.execute('migrate', { uri: relay.uri })
    yield* source.watch.until('the commit', isIn('active.committing'))
    relay.cut()
    const status = yield* source.settled
    if (status === 'completed') yield* assertMoved(t, source, destination, 'asked')
    else {
      t.equal(status, 'failed')
      yield* assertFailedAndReturned(t, source, 'asked')
    }
  }),
)

realTest('credentials that are taken away, or of no use', (t) =>
  Effect.gen(function* () {
    const root = yield* temporaryDirectory
    const source = yield* makeSource(guest)
    const dir = yield* Effect.promise(() => writeKind(root, 'expired'))
    const props = { dir, endpoint: 'client' }
    const refused = yield* Effect.flip(source.execute('object-add', { 'qom-type': 'tls-creds-x509', id: 'a', props }))
    t.equal(refused.desc, `The client certificate ${dir}/client-cert.pem has expired`)
    yield* secure(source, root, 'good', 'client', 'localhost')
    const destination = yield* securedDestination(root, 'good')
    yield* source.execute('migrate', { uri: destination.uri })
    yield* source.execute('object-del', { id: 'client-good' })
    t.equal(yield* source.settled, 'completed', 'a run that has begun keeps its own')
    yield* assertMoved(t, source, destination, 'run')
    yield* takeBack(source, destination)
    const gone = yield* Effect.flip(source.execute('migrate', { uri: destination.uri }))
    t.equal(gone.desc, "No TLS credentials with id 'client-good'")
  }),
)
