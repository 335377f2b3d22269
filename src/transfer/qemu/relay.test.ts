/**
 * Between two live QEMUs: both say `completed`, their memory is equal, the charts have nothing to say against it, and a guest
 * that runs runs on. Left out, with the reason, where there is no QEMU.
 */
import { join } from 'node:path'
import { Deferred, Effect, Fiber } from 'effect'
import t, { type Test } from 'tap'
import { credentialsIn, writeKind } from '../../channel/testing/credentials.ts'
import { nodeTransport } from '../../channel/node-transport.ts'
import { startQemuMachine, type QemuMachine } from '../../peer/qemu-machine.ts'
import { temporaryDirectory } from '../testing/temporary.ts'
import { within } from '../testing/watch.ts'
import { relayMigration, type RelayOptions } from './relay.ts'
import {
  counting,
  countOf,
  memoryOf,
  missingQemu,
  startSource,
  untilCounted,
  untilStatus,
  writeWhileItMigrates,
} from './testing/source.ts'

t.setTimeout(110_000)
if (missingQemu !== false) t.comment(`no live QEMU 7.2: ${missingQemu}`)

const SLOW = { 'max-bandwidth': 2 ** 19, 'downtime-limit': 1 }

interface Way {
  readonly name: string
  readonly capabilities: readonly string[]
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly relay?: Partial<RelayOptions>
  readonly writing?: boolean
  readonly postcopy?: boolean
  readonly channels?: number
}

const ways: readonly Way[] = [
  { name: 'precopy', capabilities: ['return-path'] },
  { name: 'precopy without a return path', capabilities: [] },
  {
    name: 'xbzrle under writes, written anew with the block named in every record',
    capabilities: ['xbzrle', 'return-path', 'pause-before-switchover'],
    parameters: SLOW,
    relay: { reencode: true, nameEveryPage: true },
    writing: true,
  },
  {
    name: 'compress under writes, at a limited rate',
    capabilities: ['compress', 'return-path', 'pause-before-switchover'],
    parameters: { 'downtime-limit': 1 },
    relay: { maxBandwidth: 2 ** 19 },
    writing: true,
  },
  {
    name: 'multifd, 2 channels, zlib, under writes',
    capabilities: ['multifd', 'return-path', 'pause-before-switchover'],
    parameters: { ...SLOW, 'multifd-channels': 2, 'multifd-compression': 'zlib' },
    writing: true,
    channels: 2,
  },
  {
    name: 'postcopy, written anew',
    capabilities: ['postcopy-ram', 'return-path'],
    parameters: { 'max-bandwidth': 2 ** 17, 'max-postcopy-bandwidth': 2 ** 18 },
    relay: { reencode: true },
    postcopy: true,
  },
]

/** What a destination has to be told so that it takes what the source sends. */
const prepare = (destination: QemuMachine, { capabilities, parameters = {} }: Way) =>
  Effect.gen(function* () {
    const own = capabilities.filter((name) => name !== 'pause-before-switchover')
    yield* destination.client.execute('migrate-set-capabilities', {
      capabilities: own.map((capability) => ({ capability, state: true })),
    })
    const shared = Object.entries(parameters).filter(([name]) => name.startsWith('multifd'))
    yield* destination.client.execute('migrate-set-parameters', Object.fromEntries(shared))
  })

const startRelay = (options: Omit<RelayOptions, 'listening'>) =>
  Effect.gen(function* () {
    const listening = yield* Deferred.make<void>()
    const relay = yield* Effect.forkScoped(
      relayMigration({ ...options, listening: () => Effect.asVoid(Deferred.succeed(listening, undefined)) }).pipe(
        Effect.provide(nodeTransport),
      ),
    )
    yield* within('the relay to listen', Deferred.await(listening))
    return Fiber.join(relay)
  })

const untilTransferred = (machine: QemuMachine, bytes: number) =>
  within(
    'the first pages',
    Effect.gen(function* () {
      for (;;) {
        const { ram } = yield* machine.client.execute('query-migrate')
        if (Number(ram?.transferred ?? 0) > bytes) return
        yield* Effect.sleep('2 millis')
      }
    }),
  )

const relayed = (t: Test, way: Way) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const [listen, connect] = [`unix:${join(directory, 'in.sock')}`, `unix:${join(directory, 'out.sock')}`]
    const source = yield* startSource(way.capabilities, way.parameters)
    const destination = yield* startQemuMachine({ machine: 'pc-i440fx-7.2', mebibytes: 4, incoming: true })
    yield* prepare(destination, way)
    yield* destination.client.execute('migrate-incoming', { uri: connect })
    const relay = yield* startRelay({ listen, connect, ...way.relay })
    yield* source.client.execute('migrate', { uri: listen })
    if (way.writing === true) {
      yield* writeWhileItMigrates(source)
      yield* source.client.execute('migrate-continue', { state: 'pre-switchover' })
    }
    if (way.postcopy === true) {
      yield* untilTransferred(source, 30_000)
      yield* source.client.execute('migrate-start-postcopy')
    }
    yield* untilStatus(source, 'completed')
    yield* untilStatus(destination, 'completed')
    const report = yield* within('the relay to end', relay)
    t.equal(report.end, way.capabilities.includes('return-path') ? 'taken' : 'unanswered')
    t.equal(report.channels, way.channels ?? 0)
    t.strictSame(report.verdict.violations, [], 'the charts have nothing to say against it')
    t.match(report.verdict, { verdict: 'conforms', source: 'completed', destination: 'completed' })
    t.equal(Buffer.compare(memoryOf(destination), memoryOf(source)), 0, 'memory is equal')
  }).pipe(Effect.scoped)

for (const way of ways)
  t.test(`relay between two live QEMUs: ${way.name}`, { skip: missingQemu }, (t) => Effect.runPromise(relayed(t, way)))

const addresses = Effect.map(temporaryDirectory, (directory) => ({
  listen: `unix:${join(directory, 'in.sock')}`,
  connect: `unix:${join(directory, 'out.sock')}`,
}))

const capable = (machine: QemuMachine, ...names: readonly string[]) =>
  machine.client.execute('migrate-set-capabilities', {
    capabilities: names.map((capability) => ({ capability, state: true })),
  })

const runsOn = (t: Test) =>
  Effect.gen(function* () {
    const uris = yield* addresses
    const guest = { machine: 'pc-i440fx-7.2', mebibytes: 4, program: counting }
    const source = yield* startQemuMachine(guest)
    const destination = yield* startQemuMachine({ ...guest, incoming: true })
    yield* capable(source, 'return-path')
    yield* destination.client.execute('migrate-incoming', { uri: uris.connect })
    const relay = yield* startRelay(uris)
    yield* untilCounted(source, 1000)
    yield* source.client.execute('migrate', { uri: uris.listen })
    yield* untilStatus(source, 'completed')
    yield* untilStatus(destination, 'completed')
    const stoppedAt = countOf(source)
    yield* untilCounted(destination, stoppedAt + 1000)
    t.equal(countOf(source), stoppedAt, 'and nowhere else')
    t.match(yield* relay, { end: 'taken', verdict: { verdict: 'conforms' } })
  }).pipe(Effect.scoped)

t.test('a guest that runs runs on behind the relay', { skip: missingQemu }, (t) => Effect.runPromise(runsOn(t)))

const broken = (t: Test, who: 'source' | 'destination') =>
  Effect.gen(function* () {
    const uris = yield* addresses
    const guest = { machine: 'pc-i440fx-7.2', mebibytes: 4, program: counting }
    const source = yield* startQemuMachine(guest)
    const destination = yield* startQemuMachine({ ...guest, incoming: true })
    yield* capable(source, 'return-path')
    yield* source.client.execute('migrate-set-parameters', { 'max-bandwidth': 4096 })
    yield* destination.client.execute('migrate-incoming', { uri: uris.connect })
    const relay = yield* startRelay(uris)
    yield* untilCounted(source, 1000)
    yield* source.client.execute('migrate', { uri: uris.listen })
    yield* untilTransferred(source, 0)
    process.kill(who === 'source' ? source.pid : destination.pid, 'SIGKILL')
    const failed = yield* within('the relay to end', Effect.flip(relay))
    t.match(failed.message, /closed the channel|channel is broken|cut off|reset by peer|Broken pipe/)
    if (who === 'source') t.equal(yield* within('the destination to give up', destination.exited), 1)
    else {
      yield* untilStatus(source, 'failed')
      const count = countOf(source)
      yield* untilCounted(source, count + 1000)
      t.pass('the source keeps it')
    }
  }).pipe(Effect.scoped)

for (const who of ['source', 'destination'] as const)
  t.test(`a ${who} that dies ends the relay, and one side keeps the guest`, { skip: missingQemu }, (t) =>
    Effect.runPromise(broken(t, who)),
  )

const overTls = (t: Test) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const dir = yield* Effect.promise(() => writeKind(directory, 'good'))
    const listen = `unix:${join(directory, 'in.sock')}`
    const source = yield* startSource(['return-path'])
    const destination = yield* startQemuMachine({
      machine: 'pc-i440fx-7.2',
      mebibytes: 4,
      incoming: true,
      args: ['-object', `tls-creds-x509,id=tls0,dir=${dir},endpoint=server,sanity-check=off`],
    })
    yield* destination.client.execute('migrate-set-parameters', { 'tls-creds': 'tls0' })
    yield* destination.client.execute('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
    const info = yield* destination.client.execute('query-migrate')
    const [address] = info['socket-address'] as readonly { readonly port: string }[]
    const credentials = yield* Effect.promise(() => credentialsIn(directory, 'good', 'client'))
    const connect = `tcp:127.0.0.1:${address?.port}`
    const relay = yield* startRelay({ listen, connect, connectTls: { credentials, hostname: 'localhost' } })
    yield* source.client.execute('migrate', { uri: listen })
    yield* untilStatus(source, 'completed')
    yield* untilStatus(destination, 'completed')
    t.match(yield* within('the relay to end', relay), { end: 'taken', verdict: { verdict: 'conforms' } })
    t.equal(Buffer.compare(memoryOf(destination), memoryOf(source)), 0, 'memory is equal')
  }).pipe(Effect.scoped)

t.test('TLS on the outer leg alone', { skip: missingQemu }, (t) => Effect.runPromise(overTls(t)))
