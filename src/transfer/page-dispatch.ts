/**
 * Which way a page goes: here is decided what kind of record it becomes (QEMU's migration/ram.c, `ram_save_target_page`;
 * reference of the semantics, 6.3, 6.5, 6.6). Zero pages first, whatever is on; deltas from the second round over memory on.
 */
import type { TransferMethods, TransferParameters } from '../core/intent.ts'
import type { GuestMemory } from '../memory/index.ts'
import type { PageRecords } from './page-encoder.ts'
import type { PageScan } from './page-scan.ts'
import type { RamSection } from './ram-section.ts'
import type { RamStatistics } from './ram-statistics.ts'
import { Xbzrle, type XbzrleOptions } from './xbzrle.ts'

/** The parts of a sending engine that pages pass through. */
export interface PageDispatchOptions {
  readonly memory: GuestMemory
  readonly scan: PageScan
  readonly encoder: PageRecords
  readonly statistics: RamStatistics
  readonly section: RamSection
  readonly methods: TransferMethods
  readonly parameters: TransferParameters
  /** Default {@link Xbzrle}. */
  readonly makeXbzrle?: (options: XbzrleOptions) => Xbzrle
}

export class PageDispatch {
  readonly #scan: PageScan
  readonly #encoder: PageRecords
  readonly #statistics: RamStatistics
  readonly #xbzrle: Xbzrle | undefined
  #isLast = false

  constructor(options: PageDispatchOptions) {
    const { memory, scan, encoder, statistics, methods, parameters } = options
    const { makeXbzrle = (given) => new Xbzrle(given) } = options
    this.#scan = scan
    this.#encoder = encoder
    this.#statistics = statistics
    if (methods.xbzrle)
      this.#xbzrle = makeXbzrle({ memory, statistics: statistics.xbzrle, cacheBytes: parameters.xbzrleCacheBytes })
  }

  /** Takes effect with the next page. */
  set parameters({ xbzrleCacheBytes }: TransferParameters) {
    this.#xbzrle?.resize(xbzrleCacheBytes)
  }

  /** What the destination has of a page, where this side keeps that for a pass to come; undefined where it does not. */
  cached(block: number, page: number): Uint8Array | undefined {
    return this.#isLast ? undefined : this.#xbzrle?.copyOf(block, page)
  }

  /** Sends the page that the scan has taken. With `isLast` no page is sent again after this pass. */
  send(isLast: boolean): void {
    const { block, offset, isFirstRound } = this.#scan
    this.#isLast = isLast
    this.#statistics.taken++
    const xbzrle = isFirstRound ? undefined : this.#xbzrle
    if (this.#encoder.isZero(block, offset)) {
      xbzrle?.zeroed(block, offset, this.#statistics.syncs)
      this.#encoder.zero(block, offset)
    } else if (xbzrle === undefined) this.#encoder.whole(block, offset)
    else this.#sendAgain(xbzrle, block, offset, isLast)
  }

  #sendAgain(xbzrle: Xbzrle, block: number, offset: number, isLast: boolean): void {
    switch (xbzrle.look(block, offset, this.#statistics.syncs, isLast)) {
      case 'delta':
        return this.#encoder.delta(block, offset, xbzrle.delta)
      case 'cached':
        return this.#encoder.whole(block, offset, xbzrle.cached, xbzrle.cachedAt)
      case 'uncached':
        return this.#encoder.whole(block, offset)
      case 'unchanged':
        return
    }
  }
}
