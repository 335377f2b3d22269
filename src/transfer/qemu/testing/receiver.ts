/** A process of ours as the destination of a live QEMU, for tests: memory in arrays, devices as they came. */
import { Effect, Layer } from 'effect'
import { nodeTransport } from '../../../channel/node-transport.ts'
import { incomingStatus } from '../../../core/index.ts'
import { memoryStore, type RamBlock } from '../../../wire/index.ts'
import { makeMigrationProcess } from '../../migration-process.ts'
import { watch } from '../../testing/watch.ts'
import { makeCapturedGuest } from '../captured-guest.ts'
import { qemuIncomingPlane } from '../data-plane.ts'
import type { CapturedMemory, QemuIncomingOptions } from '../incoming-engine.ts'

export interface ReceivedMemory extends CapturedMemory {
  readonly blocks: readonly RamBlock[]
  readonly bytes: ReadonlyMap<string, Uint8Array>
}

/** Memory that is made when the block list comes. */
export const receivedMemory = (): ReceivedMemory => {
  const list: RamBlock[] = []
  const arrays: Uint8Array[] = []
  const bytes = new Map<string, Uint8Array>()
  return {
    ...memoryStore(arrays),
    blocks: list,
    bytes,
    create: (blocks) => {
      for (const block of blocks) {
        const array = new Uint8Array(block.usedLength).fill(0xa5)
        list.push(block)
        arrays.push(array)
        bytes.set(block.name, array)
      }
    },
    flush: () => {},
  }
}

/** Waits at `uri` for a QEMU. */
export const startReceiver = (uri: string, options: Omit<QemuIncomingOptions, 'report' | 'memory'> = {}) =>
  Effect.gen(function* () {
    const memory = receivedMemory()
    const guest = yield* makeCapturedGuest()
    const scoped = yield* Layer.build(Layer.merge(nodeTransport, qemuIncomingPlane({ ...options, memory })))
    const process = yield* makeMigrationProcess({ guest, incoming: 'defer', profile: '7.2', peer: 'qemu' }).pipe(
      Effect.provideContext(scoped),
    )
    const seen = yield* watch(process)
    yield* process.execute('migrate-incoming', { uri })
    return {
      memory,
      guest,
      process,
      address: process.address,
      until: (status: string) => seen.until(status, (state) => incomingStatus(state) === status),
      /** The statuses that it has been in, in order. */
      statuses: () => seen.history.map(incomingStatus).filter((status, index, all) => status !== all[index - 1]),
      /** The status in which the load ends. */
      ended: seen.until('the load to end', (state) => ['completed', 'failed'].includes(incomingStatus(state))),
    }
  })
