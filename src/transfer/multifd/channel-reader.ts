/** The receiving end of one channel of multifd: reads packets and puts their pages where they belong, up to the end of a round. */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import type { GuestMemory } from '../../memory/index.ts'
import { copyPageInto } from '../../memory/page-copy.ts'
import { MultifdDecoder } from '../../wire/multifd-decoder.ts'
import type { MultifdMethodName } from '../../wire/multifd-packet.ts'
import { RamBlockTable } from '../../wire/ram-decoder.ts'
import { multifdDecompressor } from '../../wire/compression.ts'

/** Bytes read at once: small enough to stay in the cache between the kernel's copy and ours. */
export const READ_BYTES = 256 * 1024

export class ChannelReader {
  readonly #decoder: MultifdDecoder
  readonly #buffer: Buffer
  #held = 0

  /** Pages come by the names of this memory's blocks. */
  constructor(memory: GuestMemory, method: MultifdMethodName, bufferBytes: number = READ_BYTES) {
    this.#buffer = Buffer.from(new ArrayBuffer(bufferBytes))
    const table = new RamBlockTable()
    table.list(memory.blocks)
    this.#decoder = new MultifdDecoder({
      sink: {
        init: () => {},
        packet: () => {},
        page: (block, offset, bytes, at) => copyPageInto(memory.blocks[block]!.bytes, offset, bytes, at),
      },
      table,
      method,
      makeDecompressor: multifdDecompressor,
    })
  }

  /** At the end of a round: nothing is placed until {@link proceed}. */
  get isHeld(): boolean {
    return this.#decoder.held
  }

  proceed(): void {
    this.#decoder.proceed()
  }

  /**
   * Reads once, as far as there is room, and places what is complete; tells how many bytes came.
   * @throws StreamError, ChannelError; a channel that ends while there is more to come is broken
   */
  step(link: ByteLink): number {
    const room = this.#buffer.length - this.#held
    const count = room > 0 ? link.read(this.#buffer, this.#held, this.#buffer.length) : 0
    if (count < 0) {
      this.#decoder.finish(this.#held)
      throw new ChannelError('read', 'EOF', 'the source closed a channel of multifd')
    }
    this.#held += count
    if (this.#held === 0 || this.isHeld) return count
    const used = this.#decoder.feed(this.#buffer, 0, this.#held)
    this.#buffer.copyWithin(0, used, this.#held)
    this.#held -= used
    return count
  }
}
