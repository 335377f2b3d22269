/**
 * Which pages of a guest are here, if postcopy was advised: what the source discards is missing again, and what is
 * missing when the guest runs can be asked for. One bit a page.
 */
import {
  PAGE_BYTES,
  PageSet,
  StreamError,
  type RamBlock,
  type RamRange,
  type ReturnPathMessage,
  type StreamSink,
} from '../../wire/index.ts'

interface TrackedBlock extends RamBlock {
  readonly here: PageSet
}

export class PostcopyPages {
  #blocks: readonly TrackedBlock[] = []
  /** Pages that were asked for and have not come; `index:offset`. */
  readonly #asked = new Set<string>()
  #lastAsked = ''
  #advised = false

  /** A sink for everything that makes a page be here. */
  readonly sink: Partial<StreamSink> = {
    ramBlocks: (blocks) => {
      this.#blocks = blocks.map((block) => ({ ...block, here: new PageSet() }))
    },
    page: (index, offset) => this.#came(index, offset),
    zeroPage: (index, offset) => this.#came(index, offset),
    xbzrlePage: (index, offset) => this.#came(index, offset),
    compressedPage: (index, offset) => this.#came(index, offset),
  }

  /** Pages that were asked for and have not come yet. */
  get outstanding(): number {
    return this.#asked.size
  }

  /** Postcopy may come; the advice comes before the first page. */
  advise(): void {
    this.#advised = true
  }

  #came(index: number, offset: number): void {
    if (!this.#advised) return
    this.#blocks[index]!.here.add(offset / PAGE_BYTES)
    if (this.#asked.size > 0) this.#asked.delete(`${index}:${offset}`)
  }

  #block(name: string): TrackedBlock {
    const found = this.#blocks.find((block) => block.name === name)
    if (found !== undefined) return found
    throw new StreamError(0, `Can't find block ${name}`, 'a name of the block list', name)
  }

  /** These ranges are missing again; the decoder has checked that they are whole pages of the block. */
  discard(name: string, ranges: readonly RamRange[]): void {
    const { here } = this.#block(name)
    for (const { start, length } of ranges)
      for (let page = start / PAGE_BYTES; page < (start + length) / PAGE_BYTES; page++) here.delete(page)
  }

  /** What of a block is here, as the return path carries it. */
  bitmap(name: string): Uint8Array {
    const { here, usedLength } = this.#block(name)
    return here.bitmap(usedLength / PAGE_BYTES)
  }

  /**
   * Ask for up to `count` missing pages, spread over all memory and in an order that no prefetching would have: what a
   * guest does that runs on. A block of huge pages is asked for huge pages.
   */
  requests(count: number): readonly ReturnPathMessage[] {
    const missing = this.#blocks.flatMap(({ here, usedLength, pageSize = PAGE_BYTES }, index) => {
      const offsets: (readonly [number, number])[] = []
      for (let offset = 0; offset < usedLength; offset += pageSize)
        if (!here.has(offset / PAGE_BYTES)) offsets.push([index, offset])
      return offsets
    })
    const step = Math.max(1, Math.floor(missing.length / count))
    const chosen = missing.filter((_page, place) => place % step === 0).slice(0, count)
    return chosen.toReversed().map(([index, offset]) => this.#ask(index, offset))
  }

  #ask(index: number, offset: number): ReturnPathMessage {
    const { name: block, pageSize = PAGE_BYTES } = this.#blocks[index]!
    this.#asked.add(`${index}:${offset}`)
    const request = { block, start: offset, length: pageSize }
    const isNamed = block !== this.#lastAsked
    this.#lastAsked = block
    return { name: isNamed ? 'REQ_PAGES_ID' : 'REQ_PAGES', ...request }
  }

  /** A new connection: the first request names its block again, and what was asked for on the old one is asked again. */
  reconnected(): void {
    this.#lastAsked = ''
    this.#asked.clear()
  }
}
