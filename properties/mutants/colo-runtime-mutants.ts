/**
 * Seeded bugs of the data plane, the network and the compare module of a pair in COLO, after the public catalogue of such
 * bugs (its section F): those that only processes can have. Bugs of the decision are mutants of the core.
 */
import { Effect } from 'effect'
import { DirtyBitmap, type GuestPacket } from '../../src/memory/index.ts'
import type { AttachedUplink } from '../../src/transfer/colo/uplink.ts'
import { engines } from '../../src/transfer/fiber-data-plane.ts'
import { makeMigrationProcess, type MigrationProcessOptions } from '../../src/transfer/migration-process.ts'
import type { IncomingEngineOptions } from '../../src/transfer/incoming-engine.ts'
import type { IncomingOrder, OutgoingOrder } from '../../src/transfer/order.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'
import { ForgetfulLog, withLog } from './logs.ts'
import type { Mutant } from './mutant.ts'
import { withOutgoing, withReports } from './seeded-engine.ts'

const withOptions = (
  name: string,
  change: (options: MigrationProcessOptions) => MigrationProcessOptions,
): RuntimeSystem => ({ ...ourRuntime, name, makeProcess: (options) => makeMigrationProcess(change(options)) })

const withIncoming = (
  name: string,
  change: (options: IncomingEngineOptions) => IncomingEngineOptions,
  take: (order: IncomingOrder, options: IncomingEngineOptions) => IncomingOrder | undefined = (order) => order,
): RuntimeSystem => ({
  ...ourRuntime,
  name,
  engines: {
    ...engines,
    incoming: (given) => {
      const options = change(given)
      const engine = engines.incoming(options)
      return {
        order: (order, now) => {
          const taken = take(order, options)
          if (taken !== undefined) engine.order(taken, now)
        },
        step: (link, now) => engine.step(link, now),
      }
    },
  },
})

/** Does not notice what the guest writes. */
class BlindLog extends DirtyBitmap {
  constructor(log: DirtyBitmap) {
    super(log.pageCount, log.toShared().buffer)
  }

  override drainInto(): { readonly reported: number; readonly added: number } {
    this.clearAll()
    return { reported: 0, added: 0 }
  }
}

/** An engine that is told something else. */
const withOrders = (name: string, change: (order: OutgoingOrder) => OutgoingOrder): RuntimeSystem =>
  withOutgoing(
    name,
    (options) => options,
    (engine) =>
      new Proxy(engine, {
        get: (target, key) => {
          if (key === 'order') return (order: OutgoingOrder, now: number) => target.order(change(order), now)
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
  )

/** Packets leave beside the network that would hold them. */
const leaking = (options: MigrationProcessOptions): MigrationProcessOptions => {
  const { guest, network } = options
  if (network?.uplink === undefined || options.incoming !== undefined) return options
  const { attach } = network.uplink
  let uplink: AttachedUplink | undefined
  const leak = (packet: GuestPacket): void => {
    uplink ??= Effect.runSync(Effect.scoped(attach))
    uplink.send([packet])
  }
  return {
    ...options,
    guest: {
      ...guest,
      onOutput: (take) =>
        guest.onOutput((output) => {
          if (output.kind === 'packet') leak(output)
          else take(output)
        }),
    },
  }
}

/** See the head of this file. */
export const coloRuntimeMutants: readonly Mutant<RuntimeSystem>[] = [
  {
    id: 'F8',
    title: 'a checkpoint needs a change of capabilities, which is refused while a migration is in progress',
    system: withReports('F8', () => (news) => [
      news.type === 'outgoing.vmstate-saved'
        ? { type: 'outgoing.failed', reason: "There's a migration process in progress", side: 'source' }
        : news,
    ]),
    killedBy: ['I27'],
  },
  {
    id: 'F10',
    title: 'written pages are counted beside a guest that still writes: what it writes meanwhile is forgotten',
    system: withOutgoing('F10', (options) => ({
      ...options,
      memory: withLog(options.memory, (log) => new ForgetfulLog(log)),
    })),
    killedBy: ['I27'],
  },
  {
    id: 'F12',
    title: 'a checkpoint waits until all that is to be compared is sent, and that waits for the checkpoint',
    system: withOptions('F12', (options) => ({
      ...options,
      onCheckpoint: (role) => (role === 'primary' ? Effect.never : (options.onCheckpoint?.(role) ?? Effect.void)),
    })),
    killedBy: ['I27'],
  },
  {
    id: 'F13',
    title: 'the age of packets that wait is taken from a clock that stands still',
    system: withOptions('F13', (options) => ({
      ...options,
      ...(options.network === undefined
        ? {}
        : { network: { ...options.network, comparer: { ...options.network.comparer, patienceMillis: Infinity } } }),
    })),
    killedBy: ['I29'],
  },
  {
    id: 'P1',
    title: 'a secondary keeps what its guest has written by itself since the last checkpoint',
    system: withIncoming('P1', (options) => ({
      ...options,
      memory: withLog(options.memory, (log) => new BlindLog(log)),
    })),
    killedBy: ['I27'],
  },
  {
    id: 'P2',
    title: 'a checkpoint is said to be in use when its devices are',
    system: withIncoming(
      'P2',
      (options) => options,
      (order, { report }) => {
        if (order.type !== 'load') return order
        report({ type: 'applied' })
        return undefined
      },
    ),
    killedBy: ['I27'],
  },
  {
    id: 'P3',
    title: 'packets leave before they are agreed or covered',
    system: withOptions('P3', leaking),
    killedBy: ['I29'],
  },
  {
    id: 'P4',
    title: 'a checkpoint does not carry the packets that wait',
    system: withOrders('P4', (order) =>
      order.type === 'checkpoint' ? { ...order, devices: order.devices.filter(({ idstr }) => idstr !== 'net') } : order,
    ),
    killedBy: ['I29'],
  },
]
