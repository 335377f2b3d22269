/**
 * Other ends that do not keep to the rules: nobody there, nonsense on the way back, streams that are nonsense or end too
 * soon. The side that is whole fails with a reason; a guest of which anything is missing is never started (I2, I11, I19).
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { Effect } from 'effect'
import type { Test } from 'tap'
import { incomingStatus, parseUri, runState } from '../core/index.ts'
import { writeReturnPath, type ReturnPathMessage } from '../wire/index.ts'
import { PREPARE_PING } from './dialect.ts'
import { smallGuest } from './testing/guests.ts'
import { makeListener, refusedAddress } from './testing/listeners.ts'
import {
  assertFailedAndReturned,
  assertGivenUp,
  assertMoved,
  makeDestination,
  makeSource,
  type Source,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { temporaryDirectory } from './testing/temporary.ts'

const guest = smallGuest({ memoryBytes: 4 * 2 ** 20, workingSetBytes: 2 ** 20 })

/** The statuses of the guest's run state during the last run of a source. */
const guestWasStopped = (source: Source, run: number): boolean =>
  source.watch.history.some((state) => state.outgoingNumber === run && runState(state) !== 'running')

realTest('nobody listens: the run fails, and the guest was never stopped for it', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const missing = join(yield* temporaryDirectory, 'nobody.sock')
    const refused = [
      [yield* refusedAddress, 'Failed to connect socket: Connection refused'],
      [`unix:${missing}`, `Failed to connect socket ${missing}: No such file or directory`],
    ] as const
    for (const [uri, text] of refused) {
      t.equal(yield* source.migrate(uri), 'failed')
      const run = (yield* source.process.state).outgoingNumber
      t.notOk(guestWasStopped(source, run), 'the guest was never stopped')
      t.equal((yield* source.query)['error-desc'], `${text} (channel)`)
      yield* assertFailedAndReturned(t, source, uri)
    }
    const destination = yield* makeDestination(guest)
    t.equal(yield* source.migrate(destination.uri), 'completed')
    yield* assertMoved(t, source, destination, 'next run')
  }),
)

const message = (said: ReturnPathMessage): Uint8Array => {
  const buffer = new Uint8Array(64)
  return buffer.subarray(0, writeReturnPath(buffer, 0, said))
}

/** Reads everything, and says one thing. */
const talker = (answer: Uint8Array) => (socket: Socket) => {
  socket.resume()
  socket.write(answer)
}

realTest('nonsense on the way back', (t, random) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const nonsense: [string, Uint8Array][] = [
      ['SHUT 1 at once', message({ name: 'SHUT', value: 1 })],
      ['SHUT 0 before the end mark', message({ name: 'SHUT', value: 0 })],
      ['a request for a page', message({ name: 'REQ_PAGES_ID', block: 'ram', start: 0, length: 4096 })],
      ['a message that is unknown', Uint8Array.of(0, 9, 0, 4, 1, 2, 3, 4)],
      ['a message of an impossible length', Uint8Array.of(0, 2, 0xff, 0xff, 1, 2, 3, 4)],
      ['type 0', new Uint8Array(64)],
      ...Array.from({ length: 5 }, (_, index): [string, Uint8Array] => [`random ${index}`, random.bytes(200)]),
    ]
    for (const [label, answer] of nonsense) {
      yield* Effect.gen(function* () {
        t.equal(yield* source.migrate(yield* makeListener(talker(answer))), 'failed', label)
        yield* assertFailedAndReturned(t, source, label)
      }).pipe(Effect.scoped)
    }
  }),
)

realTest('an answer to a question that was not asked yet does not count', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const uri = yield* makeListener(talker(message({ name: 'PONG', value: PREPARE_PING })))
    yield* source.execute('migrate', { uri })
    const asked = (state: (typeof source.watch.history)[number]) =>
      JSON.stringify(state.chart.value).includes('preparing')
    yield* source.watch.until('the question', asked)
    yield* source.execute('migrate_cancel')
    t.equal(yield* source.settled, 'cancelled')
  }),
)

/** Sends bytes as they are, and ends. */
const sendRaw = (uri: string, bytes: Uint8Array) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const address = parseUri(uri)
      const socket = connect({ host: '127.0.0.1', port: address?.transport === 'tcp' ? address.port : 0 })
      socket.on('error', () => {})
      socket.resume()
      socket.end(bytes)
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )

/** A stream as a file would hold it. */
const savedStream = (t: Test, source: Source) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryDirectory, 'saved')
    t.equal(yield* source.migrate(`exec:cat > ${file}`), 'completed')
    return readFileSync(file)
  })

realTest('a stream that is nonsense never starts the guest', (t, random) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const saved = yield* savedStream(t, source)
    const damaged = (at: number, bytes: Uint8Array): Uint8Array => {
      const copy = Uint8Array.from(saved)
      copy.set(bytes, at)
      return copy
    }
    const streams: [string, Uint8Array][] = [
      ['nothing', new Uint8Array(0)],
      ['zeroes', new Uint8Array(100_000)],
      ['text', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: guest\r\n\r\n')],
      ['a header alone', saved.subarray(0, 8)],
      ['another version', damaged(7, Uint8Array.of(9))],
      ['another machine', damaged(14, new TextEncoder().encode('pc-i44'))],
      ['a header, then nonsense', Buffer.concat([saved.subarray(0, 8), random.bytes(5000)])],
      ['a nonsense end', damaged(saved.length - 200, random.bytes(100))],
      ['a nonsense guest', damaged(saved.lastIndexOf('SWGS'), random.bytes(20))],
      ...Array.from({ length: 5 }, (_, index): [string, Uint8Array] => [`random ${index}`, random.bytes(5000)]),
    ]
    for (const [label, bytes] of streams) {
      yield* Effect.gen(function* () {
        const destination = yield* makeDestination(guest)
        yield* sendRaw(destination.uri, bytes)
        yield* destination.watch.until(`an end of: ${label}`, (state) => incomingStatus(state) !== 'none')
        yield* destination.watch.until(`an end of: ${label}`, (state) => incomingStatus(state) === 'failed')
        yield* assertGivenUp(t, destination, label)
      }).pipe(Effect.scoped)
    }
  }),
)

realTest('a stream that ends too soon never starts the guest, wherever it ends', (t, random) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const saved = yield* savedStream(t, source)
    const near = [1, 2, 3, 10, 100, 296, 297, 298, 4000, 5000].map((bytes) => saved.length - bytes)
    const anywhere = Array.from({ length: 20 }, () => random.integer(1, saved.length - 1))
    for (const length of [...near, ...anywhere]) {
      yield* Effect.gen(function* () {
        const destination = yield* makeDestination(guest)
        yield* sendRaw(destination.uri, saved.subarray(0, length))
        yield* destination.watch.until('the destination to give up', (state) => incomingStatus(state) === 'failed')
        yield* assertGivenUp(t, destination, `${length} of ${saved.length} bytes`)
      }).pipe(Effect.scoped)
    }
    const destination = yield* makeDestination(guest)
    yield* sendRaw(destination.uri, saved)
    yield* destination.watch.until('the guest to run', (state) => runState(state) === 'running')
    t.equal(yield* destination.differing, 0, 'the whole stream brings the guest')
  }),
)

realTest('a guest of another size or seed is refused', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const others = [
      { ...guest, seed: guest.seed + 1 },
      { ...guest, memoryBytes: guest.memoryBytes * 2 },
      { ...guest, memoryBytes: guest.memoryBytes / 2 },
      { ...guest, workingSetBytes: guest.workingSetBytes / 2 },
    ]
    for (const other of others) {
      const destination = yield* makeDestination(other)
      t.equal(yield* source.migrate(destination.uri), 'failed')
      yield* assertFailedAndReturned(t, source, JSON.stringify(other))
      yield* assertGivenUp(t, destination, JSON.stringify(other))
    }
  }),
)

realTest('a destination that gives up is heard, even if writing to it fails first', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.set({ 'downtime-limit': 0 })
    for (let round = 0; round < 60; round++) {
      const destination = yield* makeDestination({ ...guest, memoryBytes: guest.memoryBytes / 2 })
      t.equal(yield* source.migrate(destination.uri), 'failed')
      t.match((yield* source.query)['error-desc'], /^The destination gave up .* \(destination\)$/, `round ${round}`)
      yield* destination.kill
    }
    yield* assertFailedAndReturned(t, source, 'after all')
  }),
)
