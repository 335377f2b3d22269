/** The client drives a real QEMU, and our server answers the same bytes as that QEMU does. */
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { Effect, Fiber, Schedule, Stream } from 'effect'
import { eventOf } from './client.ts'
import { isJsonObject } from './message.ts'
import { qmpServer } from './server.ts'
import { connectSocketClient, withReconnect } from './socket-client.ts'
import { LineClient } from './testing/line-client.ts'
import { qemuMissing, qemuVersion, startQemu } from './testing/qemu.ts'
import { effectTest, smallProcess } from './testing/served.ts'

const soon = Schedule.spaced('10 millis')

effectTest(
  'the client drives a real QEMU: typed answers, refusals, events, a schema of 200 KB, out-of-band, the end',
  (t) =>
    Effect.gen(function* () {
      const { address, exited } = yield* startQemu
      yield* withReconnect(address, soon, (client) => client.execute('query-status'))
      const client = yield* connectSocketClient(address, { enable: ['oob'] })
      const { qemu } = yield* client.execute('query-version')
      t.equal(`${qemu.major}.${qemu.minor}`, qemuVersion)
      t.match(yield* client.execute('query-status'), { running: false, status: 'prelaunch' })
      t.same(yield* client.execute('query-migrate'), {})
      t.equal((yield* client.execute('query-migrate-parameters'))['downtime-limit'], 300)
      yield* client.execute('migrate-set-parameters', { 'max-bandwidth': 9007199254740993n })
      t.equal((yield* client.execute('query-migrate-parameters'))['max-bandwidth'], 9007199254740993n)
      const capabilities = yield* client.execute('query-migrate-capabilities', {}, { timeout: '5 seconds' })
      t.ok(capabilities.some(({ capability, state }) => capability === 'events' && !state))
      const schema = yield* client.execute('query-qmp-schema')
      t.ok(Array.isArray(schema) && schema.length > 500)
      t.match(yield* Effect.flip(client.execute('nope')), { _tag: 'QmpRefusal', class: 'CommandNotFound' })
      t.match(yield* Effect.flip(client.execute('migrate-pause', undefined, { outOfBand: true })), {
        desc: 'migrate-pause is currently only supported during postcopy-active state',
      })
      const events = Stream.fromSubscription(yield* client.events)
      const seen = yield* Effect.forkScoped(events.pipe(Stream.map(eventOf), Stream.take(3), Stream.runCollect))
      yield* client.execute('cont')
      yield* client.execute('stop')
      yield* client.execute('quit')
      t.match(yield* Fiber.join(seen), [
        { event: 'RESUME' },
        { event: 'STOP' },
        { event: 'SHUTDOWN', data: { guest: false } },
      ])
      yield* client.closed
      t.equal(yield* exited, 0)
    }),
  { skip: qemuMissing },
)

/** What a server answers to bytes, up to where it can be asked anew: 0xFF brings it back whatever it was in. */
const talker = async (address: string) => {
  const client = await LineClient.connect(address)
  await client.negotiate()
  let asked = 0
  const answers = async (bytes: Uint8Array): Promise<readonly unknown[]> => {
    const id = `end ${asked++}`
    client.send(
      Buffer.concat([bytes, Buffer.from('\n\xff\n', 'latin1'), Buffer.from(`{"execute":"query-name","id":"${id}"}\n`)]),
    )
    const all: unknown[] = []
    for (;;) {
      const message = await client.next()
      if (message === undefined) throw new Error('the server is gone')
      if (isJsonObject(message) && message['id'] === id) return all
      all.push(message)
    }
  }
  return { answers, close: () => client.close() }
}

interface Sample {
  readonly raw: string
  readonly times?: number
}
const samples: readonly Sample[] = (
  JSON.parse(readFileSync(new URL('fixtures/broken-json.json', import.meta.url), 'utf8')) as { '7.2': Sample[] }
)['7.2']

/** Requests and pieces of them, whose answers do not depend on whose they are. */
const words =
  String.raw`{ } [ ] : , "a" "execute" "id" "arguments" "query-name" "query-status" 'id' "nope" "exec-oob" "b
1 -0 01 1.5 1e3 - + 0e1 12345678901234567890 99999999999999999999 1.0 true false null nope # %d / \ "é"
"\u00e9" "\ud83d\ude00" "\ud800" "\uffff" "\q" "\u12" {"execute":"query-name"}
{"execute":"query-status","id":[1,{"x":null}]} {"execute":"stop","arguments":{"x":1}}`.split(/\s/)
const pieces = [...words, ' ', '\t', '\n', '\r', '\x01', '\x7f', '\xff', '\xc3(', '"\xff"']

effectTest(
  '7.2: the double answers any bytes as QEMU does, error for error',
  (t) =>
    Effect.gen(function* () {
      const { address } = yield* startQemu
      yield* withReconnect(address, soon, () => Effect.void)
      const process = yield* smallProcess({ profile: '7.2', paused: true })
      const server = yield* qmpServer(process, { address: 'tcp:127.0.0.1:0' })
      const talk = (at: string) =>
        Effect.acquireRelease(
          Effect.promise(() => talker(at)),
          (talking) => Effect.promise(() => talking.close()),
        )
      const qemu = yield* talk(address)
      const double = yield* talk(server.address)
      const compare = async (bytes: Uint8Array): Promise<boolean> => {
        const [theirs, ours] = await Promise.all([qemu.answers(bytes), double.answers(bytes)])
        return t.same(ours, theirs, JSON.stringify(Buffer.from(bytes).toString('latin1')).slice(0, 100))
      }
      for (const { raw, times = 1 } of samples) {
        // What sets a parameter to a value that only the first answer shows is asked of both all the same.
        yield* Effect.promise(() =>
          compare(Buffer.from(raw.repeat(times), /[\x80-\xff]/.test(raw) ? 'latin1' : 'utf8')),
        )
      }
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 12, size: 'max' }), async (chosen) => {
            const text = chosen.map((piece) => Buffer.from(piece, /[\xc3\xff]/.test(piece) ? 'latin1' : 'utf8'))
            if (!(await compare(Buffer.concat(text)))) throw new Error(`answered differently: ${chosen.join('')}`)
          }),
          { numRuns: 500 },
        ),
      )
    }),
  { skip: qemuMissing || (qemuVersion !== '7.2' && `QEMU ${qemuVersion} is not 7.2`) },
)
