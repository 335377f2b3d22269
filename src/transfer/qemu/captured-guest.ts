/**
 * A guest of a real QEMU that is held here and never runs: its memory is where its stream puts it, and its devices are
 * bytes that only a QEMU of the same machine type can read. It can be sent on to one, and then runs on there.
 */
import { Effect, Ref } from 'effect'
import { GuestMemory } from '../../memory/index.ts'
import type { GuestHost } from '../guest-host.ts'

export interface CapturedGuest extends GuestHost {
  /** The device sections as they came, with EOF and description where there are any; undefined before they have come. */
  readonly devices: Effect.Effect<Uint8Array | undefined>
}

/** Memory of one page, for what asks for the memory of a guest that keeps it elsewhere. */
const elsewhere = (): GuestMemory => GuestMemory.allocate([{ name: 'elsewhere', usedLength: 4096 }])

/** A guest with this memory and, unless it is still to come, this state of its devices. */
export const makeCapturedGuest = (
  memory: GuestMemory = elsewhere(),
  devices?: Uint8Array,
): Effect.Effect<CapturedGuest> =>
  Effect.map(Ref.make(devices), (held) => ({
    memory,
    onOutput: () => {},
    start: Effect.void,
    stop: Effect.void,
    throttle: () => Effect.void,
    saveState: Effect.map(Ref.get(held), (state) => state ?? new Uint8Array(0)),
    loadState: (state) => Ref.set(held, state),
    counter: Effect.succeed(0),
    devices: Ref.get(held),
  }))
