/**
 * Us to a live QEMU 7.2: a guest that was captured from one QEMU goes on in another. The destination says `completed`, its
 * memory read back is equal, and a guest that ran runs on. Left out, with the reason, where there is no QEMU.
 */
import { join } from 'node:path'
import { Effect } from 'effect'
import t, { type Test } from 'tap'
import { outgoingStatus } from '../../core/index.ts'
import { startQemuMachine, type QemuMachineOptions } from '../../peer/qemu-machine.ts'
import { hasZstd } from '../../wire/compression.ts'
import { temporaryDirectory } from '../testing/temporary.ts'
import { startReceiver } from './testing/receiver.ts'
import { sendable, startSender, type SenderOptions } from './testing/sender.ts'
import { counting, countOf, fillSome, memoryOf, missingQemu, untilCounted, untilStatus } from './testing/source.ts'

t.setTimeout(110_000)
if (missingQemu !== false) t.comment(`no live QEMU 7.2: ${missingQemu}`)

const MACHINE = 'pc-i440fx-7.2'

/** Takes the guest of a QEMU, which is over then; gives what there is of it, and its memory as it was there. */
const capture = (options: Partial<QemuMachineOptions>, prepare: 'fill' | 'count') =>
  Effect.gen(function* () {
    const source = yield* startQemuMachine({ machine: MACHINE, mebibytes: 4, qtest: prepare === 'fill', ...options })
    if (prepare === 'fill') yield* fillSome(source)
    else yield* untilCounted(source, 1000)
    yield* source.client.execute('migrate-set-capabilities', {
      capabilities: [{ capability: 'return-path', state: true }],
    })
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const receiver = yield* startReceiver(uri)
    yield* source.client.execute('migrate', { uri })
    yield* untilStatus(source, 'completed')
    yield* receiver.ended
    const devices = (yield* receiver.guest.devices) ?? new Uint8Array(0)
    return { memory: sendable(receiver.memory), devices, truth: memoryOf(source), count: countOf(source) }
  }).pipe(Effect.scoped)

interface Way {
  readonly name: string
  readonly send?: Omit<SenderOptions, 'memory' | 'devices' | 'machine' | 'multifd'>
  readonly multifd?: { readonly channels: number; readonly method: 'none' | 'zlib' | 'zstd' }
  /** What the destination has on. */
  readonly capabilities?: readonly string[]
  readonly skip?: string | false
}

const multifd = (channels: number, method: 'none' | 'zlib' | 'zstd'): Way => ({
  name: `multifd, ${channels} channels, ${method}`,
  multifd: { channels, method },
  capabilities: ['multifd'],
  skip: method === 'zstd' && !hasZstd && `Node ${process.version} has no Zstandard`,
})

const ways: readonly Way[] = [
  { name: 'precopy' },
  { name: 'compressed pages', send: { compressLevel: 1 }, capabilities: ['compress'] },
  multifd(2, 'none'),
  multifd(4, 'zlib'),
  multifd(2, 'zstd'),
  { name: 'postcopy', send: { postcopy: true }, capabilities: ['postcopy-ram'] },
]

/** A fresh QEMU that waits for what a way sends. */
const startDestination = (uri: string, way: Way, options: Partial<QemuMachineOptions> = {}) =>
  Effect.gen(function* () {
    const destination = yield* startQemuMachine({ machine: MACHINE, mebibytes: 4, incoming: true, ...options })
    yield* destination.client.execute('migrate-set-capabilities', {
      capabilities: (way.capabilities ?? []).map((capability) => ({ capability, state: true })),
    })
    if (way.multifd !== undefined) {
      yield* destination.client.execute('migrate-set-parameters', {
        'multifd-channels': way.multifd.channels,
        'multifd-compression': way.multifd.method,
      })
    }
    yield* destination.client.execute('migrate-incoming', { uri })
    return destination
  })

const sent = (t: Test, way: Way) =>
  Effect.gen(function* () {
    const { memory, devices, truth } = yield* capture({}, 'fill')
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const destination = yield* startDestination(uri, way)
    const sender = yield* startSender({
      memory,
      devices,
      machine: MACHINE,
      ...way.send,
      ...(way.multifd === undefined ? {} : { multifd: { uri, ...way.multifd } }),
    })
    yield* sender.process.execute('migrate', { uri })
    if (way.send?.postcopy === true) yield* sender.process.execute('migrate-start-postcopy')
    const state = yield* sender.ended
    t.equal(outgoingStatus(state), 'completed', state.outgoing?.error ?? destination.stderr())
    yield* untilStatus(destination, 'completed')
    t.equal(Buffer.compare(memoryOf(destination), truth), 0, 'memory read back is equal')
    if (way.send?.postcopy === true) t.ok(sender.statuses().includes('postcopy-active'))
  }).pipe(Effect.scoped)

for (const way of ways)
  t.test(`us to a live QEMU: ${way.name}`, { skip: missingQemu || way.skip || false }, (t) =>
    Effect.runPromise(sent(t, way)),
  )

const runsOn = (t: Test, way: Way) =>
  Effect.gen(function* () {
    const { memory, devices, count } = yield* capture({ program: counting }, 'count')
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const destination = yield* startDestination(uri, way, { program: counting })
    const sender = yield* startSender({ memory, devices, machine: MACHINE, ...way.send })
    yield* sender.process.execute('migrate', { uri })
    if (way.send?.postcopy === true) yield* sender.process.execute('migrate-start-postcopy')
    t.equal(outgoingStatus(yield* sender.ended), 'completed')
    yield* untilStatus(destination, 'completed')
    yield* untilCounted(destination, count + 1000)
    t.ok(countOf(destination) > count + 1000, `from ${count} on`)
  }).pipe(Effect.scoped)

for (const way of ways.filter(({ name }) => ['precopy', 'postcopy'].includes(name)))
  t.test(`a captured guest runs on in a fresh QEMU: ${way.name}`, { skip: missingQemu }, (t) =>
    Effect.runPromise(runsOn(t, way)),
  )

const refused = (t: Test) =>
  Effect.gen(function* () {
    const { memory, devices } = yield* capture({}, 'fill')
    const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
    const destination = yield* startDestination(uri, { name: '' }, { machine: 'pc-q35-7.2' })
    const sender = yield* startSender({ memory, devices, machine: MACHINE })
    yield* sender.process.execute('migrate', { uri })
    const state = yield* sender.ended
    t.equal(outgoingStatus(state), 'failed', 'another machine type refuses it')
    t.equal(yield* destination.exited, 1)
  }).pipe(Effect.scoped)

t.test('a destination that refuses is told as a failure', { skip: missingQemu }, (t) => Effect.runPromise(refused(t)))
