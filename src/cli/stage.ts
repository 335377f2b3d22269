/**
 * What both sides of `switchover migrate` are made of: a guest in its own thread, the data plane in worker threads, the
 * transports of Node, and a process with a core over them.
 */
import { Effect, Layer, type Scope } from 'effect'
import { nodeTransportWith, type NodeTransportOptions } from '../channel/node-transport.ts'
import type { Transport } from '../channel/transport.ts'
import { PAGE_BYTES, parseGuestSpec, type GuestMemory, type GuestSpec } from '../memory/index.ts'
import { loadRecording } from '../memory/node.ts'
import type { DataPlane } from '../transfer/data-plane.ts'
import type { GuestHost } from '../transfer/guest-host.ts'
import { allocateFor, bootMemory, programOf, type GuestProgram } from '../transfer/guest-program.ts'
import { workerDataPlane } from '../transfer/worker-data-plane.ts'
import { workerGuestHost } from '../transfer/worker-guest-host.ts'
import { WrongUsage } from './failure.ts'

/** The services of a real process, with what it brings along for its transports. */
export const realPlatformWith = (options: NodeTransportOptions): Layer.Layer<Transport | DataPlane> =>
  Layer.mergeAll(nodeTransportWith(options), workerDataPlane)

/** The services of a real process. */
export const realPlatform: Layer.Layer<Transport | DataPlane> = realPlatformWith({})

/** A guest ready to be started. */
export interface Stage {
  readonly program: GuestProgram
  readonly memory: GuestMemory
  readonly guest: GuestHost
}

const reasonOf = (error: unknown): WrongUsage =>
  new WrongUsage({ reason: error instanceof Error ? error.message : String(error) })

/** The guest of an option string. */
export const guestSpec = (text: string): Effect.Effect<GuestSpec, WrongUsage> =>
  Effect.try({ try: () => parseGuestSpec(text), catch: reasonOf })

/** Loads what the guest replays, if it does; a destination needs no base memory. */
export const guestProgram = (spec: GuestSpec, base: boolean): Effect.Effect<GuestProgram, WrongUsage> =>
  Effect.tryPromise({ try: () => programOf(spec, (directory) => loadRecording(directory, { base })), catch: reasonOf })

/** Memory and a stopped guest on it. */
export const setStage = (program: GuestProgram): Effect.Effect<Stage, never, Scope.Scope> =>
  Effect.gen(function* () {
    const memory = allocateFor(program)
    return { program, memory, guest: yield* workerGuestHost(program, memory) }
  })

/** Fills the memory with what the guest starts from. */
export const bootStage = ({ program, memory }: Stage): void => bootMemory(program, memory)

/** Has the system give real memory to every page now, as QEMU's `prealloc=on` does. Contents stay zero. */
export const preallocate = (memory: GuestMemory): void => {
  for (const { bytes, pageCount } of memory.blocks)
    for (let page = 0; page < pageCount; page++) bytes[page * PAGE_BYTES] = 0
}
