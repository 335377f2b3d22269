/**
 * Live QEMU 7.2 to us: the source says `completed`, and the memory is the guest's. Left out, with the reason, where there is
 * none.
 */
import { join } from 'node:path'
import { Effect } from 'effect'
import t, { type Test } from 'tap'
import { incomingStatus } from '../../core/index.ts'
import { hasZstd } from '../../wire/compression.ts'
import type { StreamSink } from '../../wire/index.ts'
import type { QemuMachine } from '../../peer/qemu-machine.ts'
import { temporaryDirectory } from '../testing/temporary.ts'
import { within } from '../testing/watch.ts'
import { startReceiver } from './testing/receiver.ts'
import { memoryOf, missingQemu, startSource, untilStatus, writeWhileItMigrates } from './testing/source.ts'

t.setTimeout(110_000)
if (missingQemu !== false) t.comment(`no live QEMU 7.2: ${missingQemu}`)

/** Slow enough for a few rounds. */
const SLOW = { 'max-bandwidth': 2 ** 19, 'downtime-limit': 1 }

interface Way {
  readonly name: string
  readonly capabilities?: readonly string[]
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly receiver?: { readonly channels: number; readonly method: 'none' | 'zlib' | 'zstd' }
  /** The guest is written to while it migrates. */
  readonly writing?: boolean
  /** Kinds of page records that have to occur. */
  readonly kinds?: readonly ('page' | 'zeroPage' | 'xbzrlePage' | 'compressedPage')[]
  readonly skip?: string | false
}

const multifd = (channels: number, method: 'none' | 'zlib' | 'zstd'): Way => ({
  name: `multifd, ${channels} ${channels === 1 ? 'channel' : 'channels'}, ${method}`,
  capabilities: ['multifd', 'return-path', 'pause-before-switchover'],
  parameters: { ...SLOW, 'multifd-channels': channels, 'multifd-compression': method },
  receiver: { channels, method },
  writing: true,
  kinds: ['zeroPage'],
  skip: method === 'zstd' && !hasZstd && `Node ${process.version} has no Zstandard`,
})

const ways: readonly Way[] = [
  { name: 'precopy without a return path', kinds: ['page', 'zeroPage'] },
  { name: 'precopy with a return path', capabilities: ['return-path'], kinds: ['page', 'zeroPage'] },
  {
    name: 'xbzrle, while the guest is written to',
    capabilities: ['xbzrle', 'return-path', 'pause-before-switchover'],
    parameters: SLOW,
    writing: true,
    kinds: ['page', 'xbzrlePage'],
  },
  {
    name: 'compress, while the guest is written to',
    capabilities: ['compress', 'return-path', 'pause-before-switchover'],
    parameters: SLOW,
    writing: true,
    kinds: ['compressedPage'],
  },
  multifd(1, 'none'),
  multifd(4, 'zlib'),
  multifd(2, 'zstd'),
]

const receive = (t: Test, way: Way) =>
  Effect.gen(function* () {
    const { capabilities, parameters, receiver, writing = false, kinds = [] } = way
    const source = yield* startSource(capabilities, parameters)
    const counts: Record<string, number> = {}
    const count = (kind: string) => (): void => void (counts[kind] = (counts[kind] ?? 0) + 1)
    const listener: Partial<StreamSink> = {
      page: count('page'),
      zeroPage: count('zeroPage'),
      xbzrlePage: count('xbzrlePage'),
      compressedPage: count('compressedPage'),
    }
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const { memory, guest, ended } = yield* startReceiver(uri, { listener, ...receiver })
    yield* source.client.execute('migrate', { uri })
    if (writing) {
      yield* writeWhileItMigrates(source)
      yield* source.client.execute('migrate-continue', { state: 'pre-switchover' })
    }
    yield* untilStatus(source, 'completed')
    t.equal(incomingStatus(yield* ended), 'completed')
    t.equal(Buffer.compare(memory.bytes.get('pc.ram') ?? new Uint8Array(0), memoryOf(source)), 0, 'memory is equal')
    for (const kind of kinds) t.ok((counts[kind] ?? 0) > 0, `${counts[kind] ?? 0} of ${kind}`)
    const devices = yield* guest.devices
    t.ok((devices?.length ?? 0) > 10_000, 'the devices are here')
  }).pipe(Effect.scoped)

for (const way of ways)
  t.test(`live QEMU to us: ${way.name}`, { skip: missingQemu || way.skip || false }, (t) =>
    Effect.runPromise(receive(t, way)),
  )

const untilTransferred = (machine: QemuMachine, bytes: number) =>
  within(
    `${bytes} bytes to be sent`,
    Effect.gen(function* () {
      for (;;) {
        const { ram } = yield* machine.client.execute('query-migrate')
        if (Number(ram?.transferred ?? 0) > bytes) return
        yield* Effect.sleep('2 millis')
      }
    }),
  )

const postcopy = (t: Test, preempt: boolean) =>
  Effect.gen(function* () {
    const capabilities = ['postcopy-ram', 'return-path', ...(preempt ? ['postcopy-preempt'] : [])]
    const source = yield* startSource(capabilities, { 'max-bandwidth': 2 ** 17, 'max-postcopy-bandwidth': 2 ** 18 })
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const seen: string[] = []
    const receiver = yield* startReceiver(uri, {
      preempt,
      pageRequests: 6,
      listener: { command: ({ name }) => void seen.push(name) },
    })
    yield* source.client.execute('migrate', { uri })
    yield* untilTransferred(source, 30_000)
    yield* source.client.execute('migrate-start-postcopy')
    yield* untilStatus(source, 'completed')
    t.equal(incomingStatus(yield* receiver.ended), 'completed')
    t.equal(Buffer.compare(receiver.memory.bytes.get('pc.ram') ?? new Uint8Array(0), memoryOf(source)), 0, 'memory')
    t.match(seen.join(' '), /POSTCOPY_ADVISE .*POSTCOPY_RAM_DISCARD .*POSTCOPY_LISTEN .*POSTCOPY_RUN/)
    const info = yield* source.client.execute('query-migrate')
    t.ok(Number(info.ram?.['postcopy-requests'] ?? 0) > 0, `${info.ram?.['postcopy-requests']} requests were honoured`)
    t.strictSame(receiver.statuses(), ['none', 'active', 'postcopy-active', 'completed'], 'as the charts have it')
  }).pipe(Effect.scoped)

for (const preempt of [false, true])
  t.test(
    `live QEMU to us: postcopy${preempt ? ', pages that are asked for on a channel of their own' : ''}`,
    { skip: missingQemu },
    (t) => Effect.runPromise(postcopy(t, preempt)),
  )

const recovers = (t: Test) =>
  Effect.gen(function* () {
    const source = yield* startSource(['postcopy-ram', 'return-path'], {
      'max-bandwidth': 2 ** 17,
      'max-postcopy-bandwidth': 2 ** 16,
    })
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const seen: string[] = []
    const receiver = yield* startReceiver(uri, {
      pageRequests: 3,
      listener: { command: ({ name }) => void seen.push(name) },
    })
    yield* source.client.execute('migrate', { uri })
    yield* untilTransferred(source, 30_000)
    yield* source.client.execute('migrate-start-postcopy')
    yield* untilStatus(source, 'postcopy-active')
    yield* receiver.until('postcopy-active')
    yield* untilTransferred(source, 60_000)
    yield* source.client.execute('migrate-pause')
    yield* untilStatus(source, 'postcopy-paused')
    yield* receiver.until('postcopy-paused')
    yield* source.client.execute('migrate', { uri, resume: true })
    yield* untilStatus(source, 'completed')
    t.equal(incomingStatus(yield* receiver.ended), 'completed')
    t.equal(Buffer.compare(receiver.memory.bytes.get('pc.ram') ?? new Uint8Array(0), memoryOf(source)), 0, 'memory')
    t.match(seen.join(' '), /POSTCOPY_RUN .*RECV_BITMAP .*POSTCOPY_RESUME/)
    t.strictSame(receiver.statuses(), [
      'none',
      'active',
      'postcopy-active',
      'postcopy-paused',
      'postcopy-recover',
      'postcopy-active',
      'completed',
    ])
  }).pipe(Effect.scoped)

t.test('live QEMU to us: postcopy that breaks and is resumed on another connection', { skip: missingQemu }, (t) =>
  Effect.runPromise(recovers(t)),
)
