/** A thousand migrations in turn between doubles of one process: what each took it has given back, and memory is flat. */
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Effect, Layer, Stream } from 'effect'
import t from 'tap'
import { simulatedTransport, SimulatedNetwork } from '../channel/simulated-transport.ts'
import { outgoingStatus } from '../core/index.ts'
import { differingPages, type GuestMemory } from '../memory/index.ts'
import { fiberDataPlane } from './fiber-data-plane.ts'
import { fiberGuestHost } from './fiber-guest-host.ts'
import { allocateFor, bootMemory, makeGuest, type GuestProgram } from './guest-program.ts'
import { makeMigrationProcess } from './migration-process.ts'
import { inventory, leftovers } from './testing/inventory.ts'

const RUNS = 1000
const WARM_UP_RUNS = 700
/** What one run would keep of its own, if it kept its states or its pages, is a hundred times as much. */
const GROWTH_BYTES_A_RUN_MAX = 512

const program: GuestProgram = {
  kind: 'write',
  spec: { kind: 'write', seed: 1, pagesPerSecond: 0, workingSetBytes: 2 ** 16, memoryBytes: 2 ** 18 },
}

const migration = (memory: GuestMemory, copy: GuestMemory) =>
  Effect.gen(function* () {
    const source = yield* makeMigrationProcess({ guest: yield* fiberGuestHost(makeGuest(program, memory)) })
    const guest = yield* fiberGuestHost(makeGuest(program, copy))
    const destination = yield* makeMigrationProcess({ guest, incoming: 'defer' })
    yield* destination.execute('migrate-incoming', { uri: 'tcp:destination:4444' })
    yield* source.execute('migrate', { uri: 'tcp:destination:4444' })
    const ended = yield* source.states.pipe(
      Stream.map(outgoingStatus),
      Stream.filter((status) => ['completed', 'failed', 'cancelled'].includes(status)),
      Stream.runHead,
    )
    return ended._tag === 'Some' ? ended.value : 'nothing'
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(simulatedTransport(new SimulatedNetwork({ capacityBytes: 2 ** 16 })), fiberDataPlane)),
  )

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What has ended is let go of in a later turn of the event loop, and what it held in the one after that. */
const usedBytes = async (): Promise<number> => {
  for (let turn = 0; turn < 3; turn++) {
    await sleep(20)
    collectGarbage()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

t.test('a thousand in turn', async (t) => {
  const [memory, copy] = [allocateFor(program), allocateFor(program)]
  bootMemory(program, memory)
  const run = (): Promise<string> => Effect.runPromise(migration(memory, copy))
  const outcomes = new Map<string, number>()
  const times = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const outcome = await run()
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  // What is compiled and cached on the way is there after a while.
  await times(WARM_UP_RUNS)
  const before = inventory()
  const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)])
  const bytes = await usedBytes()
  await times(RUNS)
  const growth = ((await usedBytes()) - bytes) / RUNS
  t.same([...outcomes], [['completed', RUNS + WARM_UP_RUNS]])
  t.equal(differingPages(memory, copy).count, 0)
  t.same(await leftovers(before), {}, 'no handle, descriptor, thread')
  t.same(
    process.eventNames().map((name) => [name, process.listenerCount(name)]),
    listeners,
    'no listener',
  )
  t.ok(growth < GROWTH_BYTES_A_RUN_MAX, `${Math.round(growth)} bytes more a run`)
  t.comment(`${Math.round(growth)} bytes more a run`)
})
