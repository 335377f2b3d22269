/** Reads along what a source writes to a channel of multifd, for the shadow of its main stream. */
import type { GuestMemory } from '../../src/memory/index.ts'
import { MULTIFD_MAGIC, MultifdDecoder, RamBlockTable } from '../../src/wire/index.ts'
import { multifdDecompressor } from '../../src/wire/compression.ts'
import type { StreamShadow } from './stream-shadow.ts'

/** Whether a connection that begins with these bytes is a channel. */
export const opensChannel = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === MULTIFD_MAGIC

export class ChannelShadow {
  readonly #main: StreamShadow
  readonly #decoder: MultifdDecoder
  #left: Uint8Array = new Uint8Array(0)
  #number = -1
  #isBroken = false

  constructor(main: StreamShadow, memory: GuestMemory) {
    this.#main = main
    const table = new RamBlockTable()
    table.list(memory.blocks)
    this.#decoder = new MultifdDecoder({
      sink: {
        init: () => {},
        packet: ({ number }) => {
          if (number <= this.#number) throw new Error(`packet ${number} behind packet ${this.#number}`)
          this.#number = number
        },
        page: (block, offset, bytes, at) => this.#main.carry(block, offset, bytes, at),
      },
      table,
      method: 'any',
      makeDecompressor: multifdDecompressor,
    })
  }

  write(bytes: Uint8Array): void {
    this.#main.countChannel(bytes.length)
    if (this.#isBroken) return
    const all = Buffer.concat([this.#left, bytes])
    try {
      let used = this.#decoder.feed(all, 0, all.length)
      while (this.#decoder.held) {
        this.#decoder.proceed()
        used += this.#decoder.feed(all, used, all.length)
      }
      this.#left = all.subarray(used)
    } catch (error) {
      this.#isBroken = true
      this.#main.fail(error instanceof Error ? error.message : String(error))
    }
  }
}
