/** What a guest does, as data that crosses a thread boundary, and the guest made from it. */
import {
  GuestMemory,
  RecordedGuest,
  SPARSE_BYTES,
  WritingGuest,
  type Guest,
  type GuestSpec,
  type WritingGuestSpec,
} from '../memory/index.ts'
import type { Recording } from '../memory/node.ts'
import { threadNow } from './thread-clock.ts'

/** A guest's program: what to write, or what was recorded. */
export type GuestProgram =
  | { readonly kind: 'write'; readonly spec: WritingGuestSpec }
  | { readonly kind: 'image'; readonly recording: Recording }

/** Name of the one RAM block that these guests have. */
export const RAM_BLOCK_NAME = 'ram'

/** Bytes of memory that a program needs. */
export const memoryBytesOf = (program: GuestProgram): number =>
  program.kind === 'write' ? program.spec.memoryBytes : program.recording.memoryBytes

/** Memory for a program, all zero. */
export const allocateFor = (program: GuestProgram): GuestMemory =>
  GuestMemory.allocate([{ name: RAM_BLOCK_NAME, usedLength: memoryBytesOf(program) }])

const sends = ({ packetsPerSecond = 0, diskWritesPerSecond = 0 }: WritingGuestSpec): boolean =>
  packetsPerSecond > 0 || diskWritesPerSecond > 0

/** The guest of a program on its memory; the memory is not touched. */
export const makeGuest = (program: GuestProgram, memory: GuestMemory): Guest =>
  program.kind === 'write'
    ? new WritingGuest({
        seed: program.spec.seed,
        pagesPerSecond: program.spec.pagesPerSecond,
        workingSetBytes: program.spec.workingSetBytes,
        memory,
        ...(program.spec.wipeEvery === undefined ? {} : { wipeEvery: program.spec.wipeEvery }),
        ...(sends(program.spec) ? { output: { ...program.spec, readClock: threadNow } } : {}),
      })
    : new RecordedGuest({ recording: program.recording, memory })

const fillFor = ({ seed, sparseEvery = 1 }: WritingGuestSpec, memory: GuestMemory): void => {
  for (const [index, { usedLength }] of memory.blocks.entries())
    for (let at = (sparseEvery - 1) * SPARSE_BYTES; at < usedLength; at += sparseEvery * SPARSE_BYTES)
      memory.fillRange(index, at, Math.min(SPARSE_BYTES, usedLength - at), seed)
}

/** Puts into memory what the guest starts from. Only where the guest is booted; a destination waits for it to arrive. */
export const bootMemory = (program: GuestProgram, memory: GuestMemory): void => {
  if (program.kind === 'write') fillFor(program.spec, memory)
  else new RecordedGuest({ recording: program.recording, memory }).boot()
}

/** The program of a guest option, with its recording loaded. */
export const programOf = async (
  spec: GuestSpec,
  load: (directory: string) => Promise<Recording>,
): Promise<GuestProgram> =>
  spec.kind === 'write' ? { kind: 'write', spec } : { kind: 'image', recording: await load(spec.directory) }
