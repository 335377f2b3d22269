/**
 * The destination as another process: how it ends, what it says, and what it holds meanwhile. And how fast a source
 * answers its manager while memory moves at full speed: printed, not judged.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Effect } from 'effect'
import { parseUri } from '../core/index.ts'
import { makeDestinationProcess } from './testing/destination-process.ts'
import { smallGuest } from './testing/guests.ts'
import { makeSource } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { isIn } from './testing/watch.ts'

const guest = smallGuest()

const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length

realTest('a stream that is no guest: the process says why and ends with 1, and has never run', (t, random) =>
  Effect.gen(function* () {
    const compileCache = yield* temporaryDirectory
    const streams = { nonsense: random.bytes(10_000), nothing: new Uint8Array(0) }
    yield* Effect.forEach(
      Object.entries(streams),
      ([label, bytes]) =>
        Effect.gen(function* () {
          const destination = yield* makeDestinationProcess(guest, { compileCache })
          const address = parseUri(destination.uri)
          yield* Effect.acquireRelease(
            Effect.sync(() =>
              connect({ host: '127.0.0.1', port: address?.transport === 'tcp' ? address.port : 0 })
                .on('error', () => {})
                .end(bytes),
            ),
            (socket) => Effect.sync(() => socket.destroy()),
          )
          const begun = performance.now()
          const running: unknown[] = []
          while (!destination.isDead() && performance.now() - begun < 10_000) {
            yield* destination.client.execute('query-status').pipe(
              Effect.map((answer) => running.push((answer as { readonly running: boolean }).running)),
              Effect.ignore,
            )
            yield* Effect.sleep('20 millis')
          }
          t.match(yield* destination.exited, { code: 1, signal: null }, `${label}: ends with 1`)
          t.match(destination.complaints(), /load of migration failed: \S.*\((source|channel)\)/, `${label}: says why`)
          t.ok(running.length > 0 && !running.includes(true), `${label}: the guest never ran`)
        }),
      { concurrency: 'unbounded', discard: true },
    )
  }),
)

realTest('it goes with its manager: standard input ends, and with it the process and its socket', (t) =>
  Effect.gen(function* () {
    const compileCache = yield* temporaryDirectory
    const path = join(yield* temporaryDirectory, 'd.sock')
    const destination = yield* makeDestinationProcess(guest, { compileCache, uri: `unix:${path}` })
    t.equal(destination.uri, `unix:${path}`)
    t.ok(existsSync(path), 'it listens')
    const before = socketsOf(destination.pid)
    const source = yield* makeSource(guest)
    t.equal(yield* source.migrate(destination.uri), 'completed')
    const begun = performance.now()
    while (socketsOf(destination.pid) > before && performance.now() - begun < 5000) yield* Effect.sleep('2 millis')
    t.equal(socketsOf(destination.pid), before, 'the channel is closed, the listener is not')
    destination.hangUp()
    t.match(yield* destination.exited, { code: 0 })
    t.notOk(existsSync(path), 'the file of its socket is gone')
  }),
)

realTest('answers while memory moves at full speed', (t) =>
  Effect.gen(function* () {
    const large = smallGuest({ memoryBytes: 64 * 2 ** 20, workingSetBytes: 32 * 2 ** 20, pagesPerSecond: 20_000 })
    const compileCache = yield* temporaryDirectory
    const destination = yield* makeDestinationProcess(large, { compileCache })
    const source = yield* makeSource(large)
    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 1 })
    yield* source.execute('migrate', { uri: destination.uri })
    yield* source.watch.until('active', isIn('active'))
    const millis: number[] = []
    for (let asked = 0; asked < 1000; asked++) {
      const begun = performance.now()
      const { status } = yield* source.query
      millis.push(performance.now() - begun)
      if (status !== 'active') break
    }
    if (isIn('active')(yield* source.process.state)) yield* source.set({ 'downtime-limit': 2000 })
    t.equal(yield* source.settled, 'completed')
    millis.sort((a, b) => a - b)
    const at = (share: number) => `${millis[Math.floor((millis.length - 1) * share)]?.toFixed(2)} ms`
    t.comment(`query-migrate, ${millis.length} times: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`)
  }),
)
