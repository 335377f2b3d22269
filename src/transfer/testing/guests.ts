/**
 * The guests of the tests, and what their memory must be. A writing guest's memory is a function of seed and counter, so
 * an independent replica that has done as many operations shows every page that a failed migration damaged or lost.
 */
import { differingPages, formatGuestSpec, type GuestMemory, type WritingGuestSpec } from '../../memory/index.ts'
import { allocateFor, bootMemory, makeGuest, type GuestProgram } from '../guest-program.ts'

/** A guest small enough that two hundred migrations of it take seconds, and busy enough that each has several passes. */
export const smallGuest = (options: Partial<WritingGuestSpec> = {}): WritingGuestSpec => ({
  kind: 'write',
  seed: 7,
  pagesPerSecond: 3000,
  workingSetBytes: 2 * 2 ** 20,
  memoryBytes: 8 * 2 ** 20,
  ...options,
})

export const programOfSpec = (spec: WritingGuestSpec): GuestProgram => ({ kind: 'write', spec })

/** The guest as the command line has it. */
export const optionOf = formatGuestSpec

/** Memory as it must be after so many operations. */
export class Replica {
  readonly #program: GuestProgram
  #memory: GuestMemory
  #counter = 0

  constructor(program: GuestProgram) {
    this.#program = program
    this.#memory = allocateFor(program)
    bootMemory(program, this.#memory)
  }

  /** The memory after `counter` operations; valid until the next call. */
  at(counter: number): GuestMemory {
    if (counter < this.#counter) {
      this.#memory = allocateFor(this.#program)
      bootMemory(this.#program, this.#memory)
      this.#counter = 0
    }
    const guest = makeGuest(this.#program, this.#memory)
    const state = guest.saveState()
    // The counter is the last 8 bytes of a writing guest's state.
    new DataView(state.buffer).setBigUint64(state.length - 8, BigInt(this.#counter))
    guest.loadState(state)
    guest.advance(counter - this.#counter)
    this.#counter = counter
    return this.#memory
  }

  /** Pages of `memory` that are not as they must be after `counter` operations. */
  differing(memory: GuestMemory, counter: number): number {
    return differingPages(memory, this.at(counter)).count
  }
}
