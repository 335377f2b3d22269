/**
 * Carries out the core's intents of COLO: what the engines do with memory, the guest with its devices, the network with
 * packets and the disks with writes, in the order that a checkpoint has. One for a process, in either role.
 */
import { Effect, Exit, Fiber, Scope } from 'effect'
import type { ReplicationRole, StoppableRunState } from '../../../machines/index.ts'
import type { Fact, Intent } from '../../core/index.ts'
import type { EngineHandle } from '../data-plane.ts'
import { globalState, guestState, guestStateOf, networkState, networkStateOf, type DeviceState } from '../dialect.ts'
import type { ReplicationNode } from '../disk/replicated-disk.ts'
import { arrivalOf } from '../arrival.ts'
import type { GuestHost } from '../guest-host.ts'
import type { IncomingOrder, IncomingReport, OutgoingOrder } from '../order.ts'
import { decodeNetworkState, encodeNetworkState, type GuestNetwork } from './guest-network.ts'

/** The run that a side of the pair belongs to: all that is of it goes with its scope. */
interface Run<Order> {
  readonly number: number
  readonly scope: Scope.Closeable
  readonly engine?: EngineHandle<Order> | undefined
}

/** What lock-step needs of the process that it is part of. */
export interface LockStepHost {
  readonly guest: GuestHost
  /** Undefined: the guest sends no packets. */
  readonly network: GuestNetwork | undefined
  readonly disks: readonly ReplicationNode[]
  /** Confirms that the other side is dead or cut off. */
  readonly fence: Effect.Effect<boolean>
  /** How long an answer may take before the other side counts as lost; and how long a secondary waits for a checkpoint. */
  readonly patienceMillis: number
  readonly idleMillis: () => number
  /** Called at each checkpoint, while the guest stands still with the memory and the devices that are the checkpoint's. */
  readonly onCheckpoint: (role: ReplicationRole) => Effect.Effect<void>
  readonly outgoing: () => Run<OutgoingOrder> | undefined
  readonly incoming: () => Run<IncomingOrder> | undefined
  readonly tell: (fact: Fact) => void
  /** Runs something beside the queue of commands and facts. */
  readonly beside: (where: Scope.Scope, effect: Effect.Effect<void>) => Effect.Effect<Fiber.Fiber<void>>
  readonly scope: Scope.Scope
}

/** How long a fence may take to confirm. */
const FENCE_PATIENCE = '10 seconds'

/** The intents that lock-step carries out. */
export type LockStepIntent = Extract<
  Intent,
  {
    type:
      | 'enter-colo'
      | 'arm-checkpoint'
      | 'send-colo-message'
      | 'save-checkpoint'
      | 'send-vmstate'
      | 'stage-checkpoint'
      | 'load-checkpoint'
      | 'interrupt-checkpoint'
      | 'close-colo'
      | 'fence'
      | 'hold-output'
      | 'release-output'
      | 'open-output'
      | 'mirror-images'
      | 'replicate'
  }
>

/** The devices of a guest that stands still, with the packets that wait. */
export const saveDevices = (
  guest: GuestHost,
  network: GuestNetwork | undefined,
  runState: StoppableRunState,
): Effect.Effect<readonly DeviceState[]> =>
  Effect.gen(function* () {
    const state = guestState(yield* guest.saveState)
    const packets = network === undefined ? [] : networkState(encodeNetworkState(yield* network.save))
    return [globalState(runState), state, ...packets]
  })

/** Gives a guest that stands still the devices that arrived: all of them, or none and the reason why. */
export const loadDevices = (
  guest: GuestHost,
  network: GuestNetwork | undefined,
  devices: readonly DeviceState[],
): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const device = devices.find(({ idstr }) => idstr === 'guest')
    const state = device === undefined ? undefined : guestStateOf(device.payload)
    if (state === undefined) return 'the stream holds no state of the guest'
    const packets = networkStateOf(devices)
    const held = packets === undefined || packets.length === 0 ? undefined : decodeNetworkState(packets)
    if (packets === undefined || (packets.length > 0 && held === undefined))
      return 'the state of the network is damaged'
    const problem = yield* guest.loadState(state).pipe(
      Effect.as(undefined),
      Effect.catch((error) => Effect.succeed(error.message)),
    )
    if (problem === undefined && held !== undefined && network !== undefined) yield* network.load(held)
    return problem
  })

/** See the head of this file. */
export const makeLockStep = (host: LockStepHost) => {
  const { tell, guest, network, disks } = host
  let timer: Fiber.Fiber<void> | undefined
  let staged: Extract<IncomingReport, { type: 'staged' }> | undefined
  /** The devices of a checkpoint are the guest's and its memory is not yet. */
  let isHalfLoaded = false

  const armCheckpoint = ({ run, delayMillis }: Extract<LockStepIntent, { type: 'arm-checkpoint' }>) =>
    Effect.gen(function* () {
      const place = host.outgoing()
      if (timer !== undefined) yield* Fiber.interrupt(timer)
      if (place === undefined) return
      const due = Effect.map(Effect.sleep(delayMillis), () => tell({ type: 'outgoing.checkpoint-due', run }))
      timer = yield* host.beside(place.scope, due)
    })

  /** The disk of the secondary is not behind its memory: what is on its way to it arrives first. */
  const saveCheckpoint = ({ run, runState }: Extract<LockStepIntent, { type: 'save-checkpoint' }>) =>
    Effect.gen(function* () {
      const devices = yield* saveDevices(guest, network, runState)
      yield* host.onCheckpoint('primary')
      yield* Effect.forEach(disks, (disk) => disk.drained, { discard: true })
      host.outgoing()?.engine?.order({ type: 'checkpoint', devices })
    }).pipe(
      Effect.catch((error) =>
        Effect.sync(() => tell({ type: 'outgoing.failed', reason: error.message, side: 'channel', run })),
      ),
    )

  /** Devices first: they can be refused, and then nothing has changed. Memory cannot. */
  const loadCheckpoint = ({ run }: Extract<LockStepIntent, { type: 'load-checkpoint' }>) =>
    Effect.gen(function* () {
      const checkpoint = staged
      const problem =
        checkpoint === undefined ? 'nothing is here' : yield* loadDevices(guest, network, checkpoint.devices)
      if (problem !== undefined) return tell({ type: 'incoming.failed', reason: problem, side: 'destination', run })
      isHalfLoaded = true
      host.incoming()?.engine?.order({ type: 'load' })
    })

  const fence = ({ run }: Extract<LockStepIntent, { type: 'fence' }>) =>
    host.fence.pipe(
      Effect.timeoutOrElse({ duration: FENCE_PATIENCE, orElse: () => Effect.succeed(false) }),
      Effect.map((confirmed) =>
        tell(
          confirmed
            ? { type: 'failover.fenced', run }
            : { type: 'failover.not-fenced', reason: 'the fence does not answer or says no', run },
        ),
      ),
    )

  const replicate = ({ node, operation, run }: Extract<LockStepIntent, { type: 'replicate' }>) => {
    const disk = disks[node]
    const commits = operation === 'failover' && disk?.role === 'secondary'
    const work = disk === undefined ? Effect.void : disk[operation]
    return work.pipe(
      Effect.match({
        onSuccess: () => tell({ type: commits ? 'replication.committed' : 'replication.done', node, run }),
        onFailure: ({ message: reason }) =>
          tell({ type: commits ? 'replication.commit-failed' : 'replication.refused', node, reason, run }),
      }),
    )
  }

  /** The other side learns of it; what is of the run otherwise goes with it. */
  const close = ({ role }: Extract<LockStepIntent, { type: 'close-colo' }>) =>
    Effect.suspend(() => {
      staged = undefined
      if (role === 'secondary') return Effect.sync(() => host.incoming()?.engine?.order({ type: 'abort' }))
      const run = host.outgoing()
      return run === undefined ? Effect.void : Effect.asVoid(host.beside(host.scope, Scope.close(run.scope, Exit.void)))
    })

  const perform = (intent: LockStepIntent): Effect.Effect<void> => {
    switch (intent.type) {
      case 'enter-colo': {
        const { patienceMillis } = host
        if (intent.role === 'primary')
          return Effect.sync(() => host.outgoing()?.engine?.order({ type: 'lock-step', patienceMillis }))
        const idleMillis = host.idleMillis()
        return Effect.sync(() => host.incoming()?.engine?.order({ type: 'lock-step', patienceMillis, idleMillis }))
      }
      case 'arm-checkpoint':
        return armCheckpoint(intent)
      case 'send-colo-message': {
        const { role, message } = intent
        const run = role === 'primary' ? host.outgoing() : host.incoming()
        return Effect.sync(() => run?.engine?.order({ type: 'colo-message', message }))
      }
      case 'save-checkpoint':
        return Effect.asVoid(host.beside(host.scope, saveCheckpoint(intent)))
      case 'send-vmstate':
        return Effect.sync(() => host.outgoing()?.engine?.order({ type: 'send-vmstate' }))
      case 'stage-checkpoint':
        // The engine puts aside what comes, whoever asks: it touches nothing that is in use.
        return Effect.void
      case 'load-checkpoint':
        return Effect.asVoid(host.beside(host.scope, loadCheckpoint(intent)))
      case 'interrupt-checkpoint': {
        const { role, run } = intent
        // Nothing has to stop: a sender only reads memory, and a receiver writes to it when it is told to load.
        return Effect.sync(() =>
          tell({ type: role === 'primary' ? 'outgoing.interrupted' : 'incoming.interrupted', run }),
        )
      }
      case 'close-colo':
        return close(intent)
      case 'fence':
        return Effect.asVoid(host.beside(host.scope, fence(intent)))
      case 'hold-output':
        return network?.hold(intent.role) ?? Effect.void
      case 'release-output':
        return network?.release ?? Effect.void
      case 'open-output':
        return network?.open ?? Effect.void
      case 'mirror-images':
        // The copies are locked for as long as their node is there.
        return Effect.void
      case 'replicate':
        return Effect.asVoid(host.beside(host.scope, replicate(intent)))
    }
  }

  const putInUse = (run: number) =>
    Effect.gen(function* () {
      yield* host.onCheckpoint('secondary')
      isHalfLoaded = false
      tell({ type: 'incoming.vmstate-loaded', ...arrivalOf(staged?.runState ?? 'running'), run })
      staged = undefined
    })

  /** What a receiving engine tells: of a checkpoint, or that it ends. What is only half in use then is no guest any more. */
  const hear = (news: IncomingReport, run: number): boolean => {
    switch (news.type) {
      case 'staged':
        staged = news
        tell({ type: 'incoming.vmstate-staged', run })
        return true
      case 'applied':
        Effect.runFork(host.beside(host.scope, putInUse(run)))
        return true
      case 'incoming.failed':
        if (!isHalfLoaded) return false
        tell({ ...news, type: 'incoming.torn', run })
        return true
      default:
        return false
    }
  }

  return { perform, hear }
}
