/** Two doubles in one process, for a manager's tests: memory really moves, over a network that can be cut. */
import { Effect, Layer, Stream } from 'effect'
import {
  allocateFor,
  fiberDataPlane,
  fiberGuestHost,
  makeGuest,
  makeMigrationProcess,
  parseGuestSpec,
  SimulatedNetwork,
  simulatedTransport,
  type GuestProgram,
} from 'switchover/node'

const spec = parseGuestSpec('write:size=16M,rate=1000,working-set=1M')
if (spec.kind !== 'write') throw new Error('a guest that writes was asked for')
const program: GuestProgram = { kind: 'write', spec }

const migration = Effect.gen(function* () {
  const guestOf = () => fiberGuestHost(makeGuest(program, allocateFor(program)))
  const source = yield* makeMigrationProcess({ guest: yield* guestOf() })
  const destination = yield* makeMigrationProcess({ guest: yield* guestOf(), incoming: 'defer' })
  yield* source.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  yield* destination.execute('migrate-incoming', { uri: 'tcp:destination:4444' })
  yield* Effect.forkScoped(source.execute('migrate', { uri: 'tcp:destination:4444' }))
  yield* source.events.pipe(
    Stream.tap(({ event }) => Effect.sync(() => console.log(JSON.stringify(event)))),
    Stream.takeUntil(({ event }) => event.event === 'MIGRATION' && event.data.status === 'completed'),
    Stream.runDrain,
  )
  console.log(yield* destination.execute('query-status'))
})

const network = new SimulatedNetwork({ capacityBytes: 2 ** 20 })
await Effect.runPromise(
  migration.pipe(Effect.scoped, Effect.provide(Layer.merge(simulatedTransport(network), fiberDataPlane))),
)
