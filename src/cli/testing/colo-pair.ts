/** Two processes of `switchover serve` that are a COLO pair, with a client of the guest's service. */
import { Effect, Queue, Stream, type Scope } from 'effect'
import type { Profile } from '../../../machines/index.ts'
import { formatGuestSpec, type WritingGuestSpec } from '../../memory/index.ts'
import { eventOf, type QmpClient, type QmpEvent } from '../../qmp/client.ts'
import { makeServiceClient, type ServiceClient } from '../../transfer/testing/service-client.ts'
import { within } from '../../transfer/testing/watch.ts'
import type { HashedCheckpoint } from '../colo-options.ts'
import { connected, serve, type Serving } from './serving.ts'

/** One side. */
export interface ColoSide {
  readonly serving: Serving
  readonly qmp: QmpClient
  /** Waits for an event of this kind; events before it are passed over. */
  readonly event: (name: string, where?: (event: QmpEvent) => boolean) => Effect.Effect<QmpEvent, Error>
  /** Hashed checkpoints that have not been asked for before. */
  readonly checkpoints: Effect.Effect<readonly HashedCheckpoint[], unknown>
  /** SIGKILL; done when it is dead. */
  readonly kill: Effect.Effect<void>
}

const onCapabilities = ['events', 'x-colo'].map((capability) => ({ capability, state: true }))

/** A side that is served; the secondary waits for a guest. */
export const coloSide = (args: readonly string[]): Effect.Effect<ColoSide, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const serving = yield* serve('--compare', 'tcp:127.0.0.1:0', ...args)
    const qmp = yield* connected(serving)
    const events = yield* Queue.unbounded<QmpEvent>()
    yield* Effect.forkScoped(
      Stream.fromSubscription(yield* qmp.events).pipe(
        Stream.runForEach((message) => Queue.offer(events, eventOf(message))),
      ),
    )
    yield* qmp.execute('migrate-set-capabilities', { capabilities: onCapabilities })
    return {
      serving,
      qmp,
      event: (name, where = () => true) =>
        within(
          `${name} of a COLO process`,
          Effect.gen(function* () {
            for (;;) {
              const event = yield* Queue.take(events)
              if (event.event === name && where(event)) return event
            }
          }),
          () => serving.stderr(),
        ),
      checkpoints: Effect.map(
        qmp.execute('x-switchover-checkpoints'),
        (answer) => answer as unknown as readonly HashedCheckpoint[],
      ),
      kill: Effect.andThen(
        Effect.sync(() => serving.child.kill('SIGKILL')),
        Effect.asVoid(serving.code),
      ),
    }
  })

/** What a pair is made of. */
export interface ColoPairOptions {
  readonly profile: Profile
  readonly spec: WritingGuestSpec
  readonly delayMillis: number
  /** For either side. */
  readonly args?: readonly string[]
  readonly primaryArgs?: readonly string[]
  readonly secondaryArgs?: readonly string[]
  /** The guest begins when both are in lock-step, and so do its disks. */
  readonly paused?: boolean
}

/** A pair that is in lock-step. */
export interface ColoPair {
  readonly primary: ColoSide
  readonly secondary: ColoSide
  readonly client: ServiceClient
  /** Where the client listens. */
  readonly uplink: string
}

/** Nothing tells that a guest stands still as it did before. */
const isAsBefore = ({ qmp }: Pick<ColoSide, 'qmp'>): Effect.Effect<void, unknown> =>
  Effect.flatMap(qmp.execute('query-status'), (answer) =>
    (answer as { readonly status?: string }).status === 'prelaunch' ? Effect.void : isAsBefore({ qmp }),
  )

/** Has a primary go into lock-step with a secondary; done when its guest runs and the first checkpoint can follow. */
export const pairUp = (primary: ColoSide, secondary: ColoSide, paused = false): Effect.Effect<void, unknown> =>
  Effect.gen(function* () {
    yield* secondary.qmp.execute('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
    const uri = yield* secondary.qmp.execute('x-switchover-address')
    yield* primary.qmp.execute('migrate', { uri: String(uri) })
    yield* primary.event('MIGRATION', ({ data }) => data['status'] === 'colo')
    if (paused)
      yield* Effect.andThen(within('a guest that was never started', isAsBefore(primary)), primary.qmp.execute('cont'))
    yield* primary.event('RESUME')
  })

/** Starts both. */
export const makeColoPair = (options: ColoPairOptions): Effect.Effect<ColoPair, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { profile, spec, delayMillis, args = [], secondaryArgs = [], paused = false } = options
    const primaryArgs = [...(paused ? ['--paused'] : []), ...(options.primaryArgs ?? [])]
    const { client, uri: uplink } = yield* makeServiceClient
    const common = ['--profile', profile, '--guest', formatGuestSpec(spec), '--uplink', uplink, ...args]
    const [primary, secondary] = yield* Effect.all(
      [coloSide([...common, ...primaryArgs]), coloSide([...common, '--incoming', 'defer', ...secondaryArgs])],
      { concurrency: 2 },
    )
    yield* primary.qmp.execute('migrate-set-parameters', { 'x-checkpoint-delay': delayMillis, 'max-bandwidth': 0 })
    yield* pairUp(primary, secondary, paused)
    return { primary, secondary, client, uplink }
  })
