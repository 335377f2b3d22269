/**
 * COLO between processes on one machine. What a checkpoint costs: how long the primary's guest stands still for it, by the
 * number of pages that were written since the last one; beside published figures of QEMU's. And what a failover costs:
 * from x-colo-lost-heartbeat to a guest that runs, when either side was killed, with a client that hears all of it.
 */

import { Effect, Layer, Queue, type Scope } from 'effect'
import { nodeTransport } from '../src/channel/node-transport.ts'
import { coloSide, makeColoPair, pairUp, type ColoSide } from '../src/cli/testing/colo-pair.ts'
import { formatGuestSpec, PAGE_BYTES, type WritingGuestSpec } from '../src/memory/index.ts'
import { sha256 } from '../src/memory/node.ts'
import type { Transport } from '../src/channel/transport.ts'
import type { DataPlane } from '../src/transfer/data-plane.ts'
import { fiberGuestHost } from '../src/transfer/fiber-guest-host.ts'
import type { GuestHost } from '../src/transfer/guest-host.ts'
import { allocateFor, makeGuest, type GuestProgram } from '../src/transfer/guest-program.ts'
import { makeMigrationProcess } from '../src/transfer/migration-process.ts'
import { workerDataPlane } from '../src/transfer/worker-data-plane.ts'
import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import type { Result } from './series.ts'
import { renderSamples } from './samples.ts'

/** Measured in a run. */
const CHECKPOINTS = 60
const FAILOVERS = 10
/** Not measured in front of them. */
const SKIPPED = 10
const DELAY_MILLIS = 20
/** What a client has to hear before something is killed, and after. */
const PACKETS = 50

/** From the public threads on COLO (L. Straub, qemu-devel 2026): the memory's part of a checkpoint of a 6 GB guest. */
const PUBLISHED = [
  'published for QEMU: the part of the memory alone, 6 GB Windows guest, a checkpoint each 600 ms:',
  '  idle        mean  4.50 ms  p99 10.33 ms    with 4 multifd channels  6.48 / 10.41',
  '  under load  mean 24.30 ms  p99 78.05 ms    with 4 multifd channels 14.12 / 31.27',
]

/** A guest that writes to so many pages whenever it is started, until it is told to rest. */
class DirtyingGuest {
  readonly host: GuestHost
  /** How long it stood still, each time. */
  readonly stood: Queue.Queue<number>
  isAtRest = false

  constructor(host: GuestHost, pages: number, stood: Queue.Queue<number>) {
    const { memory } = host
    const stride = Math.floor(memory.blocks[0]!.pageCount / pages)
    let round = 0
    let stopped: number | undefined
    this.stood = stood
    const start = Effect.sync(() => {
      if (stopped !== undefined) Queue.offerUnsafe(stood, performance.now() - stopped)
      if (this.isAtRest) return
      round++
      // Not the first page: a guest keeps its counter there.
      for (let page = 1; page <= pages; page++) memory.writeUint64(0, (page * stride - 1) * PAGE_BYTES + 64, round)
    })
    const stop = Effect.sync(() => {
      stopped = performance.now()
    })
    this.host = { ...host, start: Effect.andThen(start, host.start), stop: Effect.andThen(host.stop, stop) }
  }
}

const checkpoints = (pages: number, { sizeBytes, seed }: RunOptions) =>
  Effect.gen(function* () {
    const spec: WritingGuestSpec = {
      kind: 'write',
      seed,
      pagesPerSecond: 0,
      workingSetBytes: PAGE_BYTES,
      memoryBytes: sizeBytes,
    }
    const program: GuestProgram = { kind: 'write', spec }
    const secondary = yield* coloSide(['--profile', '7.2', '--guest', formatGuestSpec(spec), '--incoming', 'defer'])
    const memory = allocateFor(program)
    const host = yield* fiberGuestHost(makeGuest(program, memory))
    const guest = new DirtyingGuest(host, pages, yield* Queue.unbounded<number>())
    const primary = yield* makeMigrationProcess({ guest: guest.host, profile: '7.2' })
    yield* primary.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-colo', state: true }] })
    yield* primary.execute('migrate-set-parameters', { 'x-checkpoint-delay': DELAY_MILLIS, 'max-bandwidth': 0 })
    yield* secondary.qmp.execute('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
    const uri = String(yield* secondary.qmp.execute('x-switchover-address'))
    yield* primary.execute('migrate', { uri })
    // The first time is that of the migration, the next ones are for the processes to get warm.
    for (let skipped = 0; skipped < SKIPPED; skipped++) yield* Queue.take(guest.stood)
    const samplesMillis: number[] = []
    const before = process.cpuUsage()
    while (samplesMillis.length < CHECKPOINTS) samplesMillis.push(yield* Queue.take(guest.stood))
    const { user, system } = process.cpuUsage(before)
    guest.isAtRest = true
    // One may be under way that was begun before.
    yield* Queue.take(guest.stood)
    yield* Queue.take(guest.stood)
    const there = (yield* secondary.qmp.execute('x-switchover-memory')) as unknown as { readonly sha256: string }
    return figureOf(samplesMillis, (user + system) / 1e6, there.sha256 === sha256(memory))
  })

const figureOf = (samplesMillis: readonly number[], cpuSeconds: number, verified: boolean): Figure => ({
  totalMillis: samplesMillis.reduce((sum, millis) => sum + millis, 0),
  cpuSeconds,
  bytes: 0,
  verified,
  samplesMillis,
})

const serviceSpec: WritingGuestSpec = {
  kind: 'write',
  seed: 3,
  pagesPerSecond: 2000,
  workingSetBytes: 2 ** 20,
  memoryBytes: 2 ** 24,
  packetsPerSecond: 500,
}

/** One side is killed, the other told; a new one takes the place of the dead, and so on. */
const failovers = (victim: 'primary' | 'secondary') =>
  Effect.gen(function* () {
    const pair = yield* makeColoPair({ profile: '7.2', spec: serviceSpec, delayMillis: DELAY_MILLIS })
    const common = ['--profile', '7.2', '--guest', formatGuestSpec(serviceSpec), '--uplink', pair.uplink]
    let { primary, secondary } = pair
    const samplesMillis: number[] = []
    for (;;) {
      yield* pair.client.hearsMore(PACKETS)
      const [dead, survivor] = victim === 'primary' ? [primary, secondary] : [secondary, primary]
      yield* dead.kill
      const told = performance.now()
      yield* survivor.qmp.execute('x-colo-lost-heartbeat')
      yield* survivor.event('MIGRATION', ({ data }) => data['status'] === 'completed')
      yield* survivor.event('RESUME')
      samplesMillis.push(performance.now() - told)
      yield* pair.client.hearsMore(PACKETS)
      if (samplesMillis.length === FAILOVERS) break
      const next: ColoSide = yield* coloSide([...common, '--incoming', 'defer'])
      yield* survivor.qmp.execute('migrate-set-parameters', { 'x-checkpoint-delay': DELAY_MILLIS, 'max-bandwidth': 0 })
      yield* pairUp(survivor, next)
      primary = survivor
      secondary = next
    }
    const isWhole = pair.client.complaints.length === 0 && pair.client.unlike(serviceSpec).length === 0
    return figureOf(samplesMillis, 0, isWhole)
  })

const platform = Layer.merge(nodeTransport, workerDataPlane)

const contender = (
  name: string,
  run: (options: RunOptions) => Effect.Effect<Figure, unknown, Transport | DataPlane | Scope.Scope>,
): Contender => ({
  name,
  available: () => Promise.resolve(undefined),
  run: (options) =>
    Effect.runPromise(run(options).pipe(Effect.scoped, Effect.provide(platform)), { signal: options.signal }),
})

const render = (results: readonly Result[]): string => [renderSamples(results), ...PUBLISHED].join('\n')

export const colo: Benchmark = {
  name: 'colo',
  summary:
    'COLO: how long a checkpoint of so many written pages stops the guest; from the command to a failover that runs',
  size: '256M',
  contenders: [
    ...[1000, 10_000, 50_000].map((pages) => contender(`${pages} pages`, (options) => checkpoints(pages, options))),
    contender('primary killed', () => failovers('primary')),
    contender('secondary killed', () => failovers('secondary')),
  ],
  render,
}
