/**
 * Two of our processes within this one, over a simulated network: what a manager's tests pay for a migration. Timed is all
 * that such a test does, from making the two processes to the end of the run.
 */

import { Effect, Layer, Stream } from 'effect'
import { simulatedTransport, SimulatedNetwork } from '../src/channel/simulated-transport.ts'
import { outgoingStatus } from '../src/core/index.ts'
import { differingPages, type GuestMemory } from '../src/memory/index.ts'
import { fiberDataPlane } from '../src/transfer/fiber-data-plane.ts'
import { fiberGuestHost } from '../src/transfer/fiber-guest-host.ts'
import { allocateFor, makeGuest, type GuestProgram } from '../src/transfer/guest-program.ts'
import { makeMigrationProcess } from '../src/transfer/migration-process.ts'
import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'

const URI = 'tcp:destination:4444'
const PIPE_BYTES = 2 ** 20
const SETTLED = new Set(['completed', 'failed', 'cancelled'])

const migrate = (program: GuestProgram, memory: GuestMemory, copy: GuestMemory) =>
  Effect.gen(function* () {
    const source = yield* makeMigrationProcess({ guest: yield* fiberGuestHost(makeGuest(program, memory)) })
    const guest = yield* fiberGuestHost(makeGuest(program, copy))
    const destination = yield* makeMigrationProcess({ guest, incoming: 'defer' })
    yield* source.execute('migrate-set-parameters', { 'max-bandwidth': 0 })
    yield* destination.execute('migrate-incoming', { uri: URI })
    yield* source.execute('migrate', { uri: URI })
    const ended = yield* source.states.pipe(
      Stream.filter((state) => SETTLED.has(outgoingStatus(state))),
      Stream.runHead,
    )
    if (ended._tag === 'None' || outgoingStatus(ended.value) !== 'completed') throw new Error('double: not completed')
    const { ram, downtime } = (yield* source.execute('query-migrate')) as {
      readonly ram: { readonly transferred: number }
      readonly downtime: number
    }
    return { bytes: ram.transferred, downtimeMillis: downtime }
  })

/** Memory of one size, for the whole series: what is measured is no allocation of the guest's RAM. */
const memories = new Map<string, readonly [GuestMemory, GuestMemory]>()

const run =
  (kind: 'idle' | 'random') =>
  async ({ sizeBytes, seed }: RunOptions): Promise<Figure> => {
    const program: GuestProgram = {
      kind: 'write',
      spec: { kind: 'write', seed, pagesPerSecond: 0, workingSetBytes: 2 ** 20, memoryBytes: sizeBytes },
    }
    const key = `${kind} ${sizeBytes}`
    const [memory, copy] = memories.get(key) ?? [allocateFor(program), allocateFor(program)]
    if (kind === 'random' && !memories.has(key)) memory.fill(seed)
    memories.set(key, [memory, copy])
    const network = new SimulatedNetwork({ capacityBytes: PIPE_BYTES })
    const cpuBefore = process.cpuUsage()
    const started = performance.now()
    const figures = await Effect.runPromise(
      migrate(program, memory, copy).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(simulatedTransport(network), fiberDataPlane)),
      ),
    )
    const totalMillis = performance.now() - started
    const { user, system } = process.cpuUsage(cpuBefore)
    return {
      ...figures,
      totalMillis,
      cpuSeconds: (user + system) / 1e6,
      verified: differingPages(memory, copy).count === 0,
    }
  }

const contender = (name: 'idle' | 'random'): Contender => ({
  name,
  available: () => Promise.resolve(undefined),
  run: run(name),
})

export const double: Benchmark = {
  name: 'double',
  summary: 'two doubles in one process, simulated network; RAM all zero, or incompressible',
  contenders: [contender('idle'), contender('random')],
}
