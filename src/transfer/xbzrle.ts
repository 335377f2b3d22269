/**
 * XBZRLE on the side that sends: what becomes of a page that is sent again, and the cache of what was sent (QEMU's
 * migration/ram.c, `save_xbzrle_page`; reference of the semantics, 6.5). A difference is always between what the
 * destination holds and a copy of the page taken once: whatever the guest writes meanwhile, that copy is what goes out and
 * what is cached (I17).
 */
import { copyPageFrom, PAGE_BYTES, PageCache, type GuestMemory } from '../memory/index.ts'
import { encodeXbzrle } from '../wire/index.ts'
import type { XbzrleStatistics } from './xbzrle-statistics.ts'

/**
 * What a page goes out as: not at all, as it is what the destination has; as {@link Xbzrle.delta}; whole, from where it
 * is cached; or whole from the guest's memory, as nobody keeps a copy of it.
 */
export type XbzrleOutcome = 'unchanged' | 'delta' | 'cached' | 'uncached'

export interface XbzrleOptions {
  readonly memory: GuestMemory
  readonly statistics: XbzrleStatistics
  /** As parameter `xbzrle-cache-size`. */
  readonly cacheBytes: number
}

export class Xbzrle {
  readonly #memory: GuestMemory
  readonly #statistics: XbzrleStatistics
  readonly #cache: PageCache
  /** Number of the first page of each block, blocks laid end to end. */
  readonly #firstPages: readonly number[]
  readonly #current = new Uint8Array(PAGE_BYTES)
  readonly #body = new Uint8Array(PAGE_BYTES)
  #bodyBytes = 0
  #place = 0

  constructor({ memory, statistics, cacheBytes }: XbzrleOptions) {
    this.#memory = memory
    this.#statistics = statistics
    const firstPages: number[] = []
    let pages = 0
    for (const block of memory.blocks) {
      firstPages.push(pages)
      pages += block.pageCount
    }
    this.#firstPages = firstPages
    this.#cache = new PageCache(cacheBytes, pages)
  }

  /** Another size of the cache, at once. */
  resize(cacheBytes: number): void {
    this.#cache.resize(cacheBytes)
  }

  /** Bytes of memory that cached pages take. */
  get cachedBytes(): number {
    return this.#cache.bytes
  }

  /** Behind the outcome `delta`: the body of the record. Valid until the next page. */
  get delta(): Uint8Array {
    return this.#body.subarray(0, this.#bodyBytes)
  }

  /** Behind the outcome `cached`: the page, from {@link cachedAt} on. Valid until the next page. */
  get cached(): Uint8Array {
    return this.#cache.bytesOf(this.#place)
  }

  get cachedAt(): number {
    return this.#cache.offsetOf(this.#place)
  }

  /**
   * Looks at a page that is not zero, at `offset` (bytes) of a block, in a pass. With `isLast` it is never sent again, so
   * that nothing of it is kept.
   */
  look(block: number, offset: number, pass: number, isLast: boolean): XbzrleOutcome {
    const page = this.#pageAt(block, offset)
    this.#place = this.#cache.find(page, pass)
    if (this.#place >= 0) return this.#compare(block, offset, isLast)
    this.#statistics.cacheMiss++
    this.#place = isLast ? -1 : this.#cache.claim(page, pass)
    if (this.#place < 0) return 'uncached'
    this.#cache.put(this.#place, this.#memory.blocks[block]!.bytes, offset)
    return 'cached'
  }

  /** A copy of what is cached of a page, by its number in a block; undefined if nothing is. */
  copyOf(block: number, page: number): Uint8Array | undefined {
    const place = this.#cache.placeOf(this.#firstPages[block]! + page)
    if (place < 0) return undefined
    const at = this.#cache.offsetOf(place)
    return this.#cache.bytesOf(place).slice(at, at + PAGE_BYTES)
  }

  /** The page goes out as zero: what is cached of it would otherwise be what the destination no longer has. */
  zeroed(block: number, offset: number, pass: number): void {
    const place = this.#cache.claim(this.#pageAt(block, offset), pass)
    if (place >= 0) this.#cache.zero(place)
  }

  #pageAt(block: number, offset: number): number {
    return this.#firstPages[block]! + offset / PAGE_BYTES
  }

  #compare(block: number, offset: number, isLast: boolean): XbzrleOutcome {
    copyPageFrom(this.#memory.blocks[block]!.bytes, offset, this.#current, 0)
    const bytes = encodeXbzrle(this.cached, this.cachedAt, this.#current, 0, this.#body, 0)
    if (bytes === 0) {
      this.#statistics.unchanged++
      return 'unchanged'
    }
    if (!isLast) this.#cache.put(this.#place, this.#current, 0)
    if (bytes < 0) {
      this.#statistics.overflow++
      return isLast ? 'uncached' : 'cached'
    }
    this.#bodyBytes = bytes
    return 'delta'
  }
}
