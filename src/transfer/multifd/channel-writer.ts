/**
 * The sending end of one channel of multifd: packets of whole pages, handed to the link straight from where the guest has
 * them. A page that the guest writes meanwhile may go out torn; it is marked, and so goes out again in the next pass.
 */
import type { ByteLink } from '../../channel/byte-link.ts'
import type { GuestMemory } from '../../memory/index.ts'
import { PAGE_BYTES } from '../../memory/ram-block.ts'
import {
  MULTIFD_DATA_BYTES_MAX,
  MULTIFD_HEADER_BYTES,
  MULTIFD_INIT_BYTES,
  MULTIFD_PAGES_MAX,
  writeMultifdHeader,
  writeMultifdInit,
  type MultifdMethodName,
} from '../../wire/multifd-packet.ts'
import { multifdCompressor } from '../../wire/compression.ts'
import type { MultifdCompressor } from '../../wire/multifd-encoder.ts'

/** Pages of one block, by their numbers in it, in the order in which they go; none: nothing but what else is said. */
export interface PagePacket {
  readonly block: number
  readonly pages: readonly number[]
  /** Counts the packets of all channels. */
  readonly number: number
  /** Ends a round. */
  readonly sync: boolean
}

export class ChannelWriter {
  readonly #memory: GuestMemory
  readonly #method: MultifdMethodName
  readonly #compressor: MultifdCompressor | undefined
  readonly #plain: Uint8Array
  readonly #compressed: Uint8Array
  #pieces: Uint8Array[] = []

  constructor(memory: GuestMemory, method: MultifdMethodName, level: number) {
    this.#memory = memory
    this.#method = method
    this.#compressor = multifdCompressor(method, level)
    const isPlain = this.#compressor === undefined
    this.#plain = new Uint8Array(isPlain ? 0 : MULTIFD_PAGES_MAX * PAGE_BYTES)
    this.#compressed = new Uint8Array(isPlain ? 0 : MULTIFD_DATA_BYTES_MAX)
  }

  /** Whether all of it is in the channel. */
  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  /** What a channel begins with. */
  open(channel: number): void {
    const bytes = new Uint8Array(MULTIFD_INIT_BYTES)
    writeMultifdInit(bytes, 0, { uuid: new Uint8Array(16), channel })
    this.#pieces.push(bytes)
  }

  /** Puts a packet behind what there is; one with pages only where there is nothing. */
  put({ block, pages, number, sync }: PagePacket): void {
    const header = new Uint8Array(MULTIFD_HEADER_BYTES)
    const content = pages.length === 0 ? [] : this.#content(block, pages)
    writeMultifdHeader(header, 0, {
      sync,
      method: this.#method,
      pagesMax: MULTIFD_PAGES_MAX,
      dataBytes: content.reduce((sum, { length }) => sum + length, 0),
      number,
      block: this.#memory.blocks[block]!.name,
      offsets: pages.map((page) => page * PAGE_BYTES),
    })
    this.#pieces.push(header, ...content)
  }

  #content(block: number, pages: readonly number[]): Uint8Array[] {
    const runs = this.#runs(block, pages)
    if (this.#compressor === undefined) return runs
    let at = 0
    for (const run of runs) {
      this.#plain.set(run, at)
      at += run.length
    }
    const made = this.#compressor.compress(this.#plain.subarray(0, at), this.#compressed, 0)
    return [this.#compressed.subarray(0, made)]
  }

  /** One view for each run of pages that follow each other. */
  #runs(block: number, pages: readonly number[]): Uint8Array[] {
    const { bytes } = this.#memory.blocks[block]!
    const runs: Uint8Array[] = []
    for (let first = 0; first < pages.length;) {
      let next = first + 1
      while (next < pages.length && pages[next] === pages[next - 1]! + 1) next++
      runs.push(bytes.subarray(pages[first]! * PAGE_BYTES, (pages[next - 1]! + 1) * PAGE_BYTES))
      first = next
    }
    return runs
  }

  /** Hands over as much as the link takes; tells how many bytes that was. @throws ChannelError */
  flush(link: ByteLink): number {
    let written = 0
    while (this.#pieces.length > 0) {
      const count = link.writev(this.#pieces)
      if (count === 0) break
      written += count
      this.#drop(count)
    }
    return written
  }

  #drop(count: number): void {
    let left = count
    let whole = 0
    while (whole < this.#pieces.length && this.#pieces[whole]!.length <= left) left -= this.#pieces[whole++]!.length
    this.#pieces = this.#pieces.slice(whole)
    if (left > 0) this.#pieces[0] = this.#pieces[0]!.subarray(left)
  }
}
