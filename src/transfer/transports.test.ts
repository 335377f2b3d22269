/**
 * A guest moves over every kind of address that needs no descriptor from outside, in both directions: what arrives is what
 * left. `exec:` has a way back where the command has one; a command that breaks leaves the guest where it was.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Effect } from 'effect'
import { incomingStatus } from '../core/index.ts'
import { smallGuest } from './testing/guests.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  makeDestination,
  makeSource,
  takeBack,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { within } from './testing/watch.ts'

const guest = smallGuest()

const script = (body: string): string => `exec env -u NODE_OPTIONS ${process.execPath} -e '${body}'`

/** A command whose other end has gone is to end, and not to complain. */
const quiet = 'process.on("uncaughtException", () => process.exit(1))'

/** A command that connects its standard streams with a unix socket, as `nc -U` does. */
const connects = (path: string): string =>
  script(`${quiet}; const s = require("node:net").connect("${path}"); process.stdin.pipe(s).pipe(process.stdout)`)

/** A command that takes one connection at a unix socket, as `nc -lU` does, and makes a file when it can. */
const takes = (path: string): string =>
  script(
    `${quiet}; require("node:net").createServer((s) => process.stdin.pipe(s).pipe(process.stdout)).listen("${path}", () => require("node:fs").writeFileSync("${path}.listens", "")).on("connection", function () { this.close() })`,
  )

realTest('sockets: IPv4, IPv6, a name, all addresses, a path', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const directory = yield* temporaryDirectory
    for (const uri of ['tcp:127.0.0.1:0', 'tcp:[::1]:0', 'tcp:localhost:0', 'tcp::0', `unix:${directory}/a.sock`]) {
      const destination = yield* makeDestination(guest, uri)
      const reachable = destination.uri.replace(/^tcp:(0\.0\.0\.0|\[::\]):/, 'tcp:127.0.0.1:')
      t.equal(yield* source.migrate(reachable), 'completed', uri)
      yield* assertMoved(t, source, destination, uri)
      yield* takeBack(source, destination)
    }
  }),
)

realTest('exec at the source, with the command’s output as the way back', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.setCapability('return-path', true)
    const path = join(yield* temporaryDirectory, 'a.sock')
    const destination = yield* makeDestination(guest, `unix:${path}`)
    t.equal(yield* source.migrate(`exec:${connects(path)}`), 'completed')
    yield* assertMoved(t, source, destination, 'exec')
  }),
)

realTest('exec at the source: a command that is killed half-way, with a way back', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.setCapability('return-path', true)
    const path = join(yield* temporaryDirectory, 'a.sock')
    const destination = yield* makeDestination(guest, `unix:${path}`)
    t.equal(yield* source.migrate(`exec:head -c 1000000 | ${connects(path).replace('exec ', '')}`), 'failed')
    yield* assertFailedAndReturned(t, source, 'killed')
    yield* assertGivenUp(t, destination, 'killed')
  }),
)

realTest('exec at the destination: the command takes the stream somewhere, and the answers back', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const path = join(yield* temporaryDirectory, 'a.sock')
    const destination = yield* makeDestination(guest, `exec:${takes(path)}`)
    const listening = Effect.gen(function* () {
      while (!existsSync(`${path}.listens`)) yield* Effect.sleep('1 millis')
    })
    yield* within('the command to listen', listening)
    t.equal(yield* source.migrate(`unix:${path}`), 'completed')
    yield* assertMoved(t, source, destination, 'exec')
  }),
)

realTest('exec at both ends, one after the other: through a file', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const file = join(yield* temporaryDirectory, 'saved.gz')
    t.equal(yield* source.migrate(`exec:gzip -1 > ${file}`), 'completed')
    const destination = yield* makeDestination(guest, `exec:gzip -dc ${file}`)
    yield* assertMoved(t, source, destination, 'file')
  }),
)

realTest('exec at the destination: a stream that is cut short, none at all, no command', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const file = join(yield* temporaryDirectory, 'saved')
    t.equal(yield* source.migrate(`exec:cat > ${file}`), 'completed')
    for (const command of [`head -c 1000000 ${file}`, `head -c -1 ${file}`, 'false', 'kill -9 $$', 'no-such-command'])
      yield* Effect.gen(function* () {
        const destination = yield* makeDestination(guest, `exec:${command} 2> /dev/null`)
        yield* destination.watch.until('the load to fail', (state) => incomingStatus(state) === 'failed')
        yield* assertGivenUp(t, destination, command)
      }).pipe(Effect.scoped)
  }),
)
