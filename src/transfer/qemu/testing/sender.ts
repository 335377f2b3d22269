/** A process of ours as the source of a live QEMU, for tests: sends a guest that was captured before. */
import { Effect, Layer } from 'effect'
import { nodeTransport } from '../../../channel/node-transport.ts'
import { outgoingStatus } from '../../../core/index.ts'
import { GuestMemory } from '../../../memory/index.ts'
import { makeMigrationProcess } from '../../migration-process.ts'
import { watch } from '../../testing/watch.ts'
import { capturedDevices } from '../captured-devices.ts'
import { makeCapturedGuest } from '../captured-guest.ts'
import { qemuOutgoingPlane, type QemuOutgoingOptions } from '../data-plane.ts'
import type { ReceivedMemory } from './receiver.ts'

/** Memory that was received, as memory that can be sent. */
export const sendable = ({ blocks, bytes }: ReceivedMemory): GuestMemory => {
  const memory = GuestMemory.allocate(blocks.map(({ name, usedLength }) => ({ name, usedLength })))
  for (const block of memory.blocks) block.bytes.set(bytes.get(block.name)!)
  return memory
}

export interface SenderOptions extends Omit<QemuOutgoingOptions, 'configuration' | 'devices'> {
  readonly memory: GuestMemory
  readonly devices: Uint8Array
  readonly machine: string
  /** Go on in lock-step, with a checkpoint each so many milliseconds. */
  readonly coloDelayMillis?: number
}

/** A process that is ready to migrate. */
export const startSender = ({ memory, devices, machine, coloDelayMillis, ...options }: SenderOptions) =>
  Effect.gen(function* () {
    const guest = yield* makeCapturedGuest(memory)
    const plane = qemuOutgoingPlane({ ...options, configuration: { machine }, devices: capturedDevices(devices) })
    const services = yield* Layer.build(Layer.provideMerge(plane, nodeTransport))
    const process = yield* makeMigrationProcess({ guest, profile: '7.2', peer: 'qemu' }).pipe(
      Effect.provideContext(services),
    )
    const names =
      coloDelayMillis === undefined
        ? ['return-path', ...(options.postcopy === true ? ['postcopy-ram'] : [])]
        : ['x-colo', 'events']
    if (coloDelayMillis !== undefined)
      yield* process.execute('migrate-set-parameters', { 'x-checkpoint-delay': coloDelayMillis })
    yield* process.execute('migrate-set-capabilities', {
      capabilities: names.map((capability) => ({ capability, state: true })),
    })
    const seen = yield* watch(process)
    return {
      process,
      ended: seen.until('the migration to end', (state) =>
        ['completed', 'failed', 'cancelled'].includes(outgoingStatus(state)),
      ),
      statuses: () => seen.history.map(outgoingStatus).filter((status, index, all) => status !== all[index - 1]),
      until: (status: string) => seen.until(status, (state) => outgoingStatus(state) === status),
    }
  })
