/** Writes what passes on the channels of a migration into files, as `stream inspect` finds them again. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { BarrierParty } from '../../wire/index.ts'

export class RecordingFiles {
  readonly #prefix: string
  readonly #isSet: boolean
  readonly #files = new Map<BarrierParty, number>()

  /** `PREFIX.bin`; or `PREFIX.main.bin` and `PREFIX.ch0.bin` and so on for a set of channels. */
  constructor(prefix: string, channels: number) {
    this.#prefix = prefix
    this.#isSet = channels > 0
  }

  /** The bytes that came next on a channel. @throws Error of the system */
  readonly write = (party: BarrierParty, bytes: Uint8Array): void => {
    const file = this.#files.get(party) ?? openSync(this.#path(party), 'wx', 0o600)
    this.#files.set(party, file)
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done)
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #path(party: BarrierParty): string {
    if (!this.#isSet) return `${this.#prefix}.bin`
    return `${this.#prefix}.${party === 'main' ? 'main' : `ch${party}`}.bin`
  }
}
