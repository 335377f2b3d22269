/**
 * Which way a page goes: here is decided what kind of record it becomes (QEMU's migration/ram.c, `ram_save_target_page`;
 * reference of the semantics, 6.3, 6.5, 6.6). Zero pages first, whatever is on; deltas from the second round over memory on.
 */
import type { TransferMethods, TransferParameters } from '../core/intent.ts'
import { PAGE_BYTES, type GuestMemory } from '../memory/index.ts'
import { takeOne, type MakePageThreads, type PageThreads, type WorkedPage } from './compression/page-threads.ts'
import { PagePackets } from './multifd/page-packets.ts'
import type { MakeSendChannels } from './multifd/send-channels.ts'
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
  readonly makeThreads: MakePageThreads
  /** The channels of multifd; only where methods say so. */
  readonly makeChannels: MakeSendChannels
  /** Whether there is room for more than the record that is being written. */
  readonly hasRoom: () => boolean
  /** Default {@link Xbzrle}. */
  readonly makeXbzrle?: (options: XbzrleOptions) => Xbzrle
}

export class PageDispatch {
  readonly #scan: PageScan
  readonly #encoder: PageRecords
  readonly #statistics: RamStatistics
  readonly #memory: GuestMemory
  readonly #hasRoom: () => boolean
  readonly #xbzrle: Xbzrle | undefined
  readonly #threads: PageThreads | undefined
  readonly #packets: PagePackets | undefined
  #parameters: TransferParameters
  #isLast = false

  constructor(options: PageDispatchOptions) {
    const { memory, scan, encoder, statistics, methods, parameters } = options
    const { makeXbzrle = (given) => new Xbzrle(given) } = options
    this.#memory = memory
    this.#hasRoom = options.hasRoom
    this.#parameters = parameters
    this.#scan = scan
    this.#encoder = encoder
    this.#statistics = statistics
    if (methods.xbzrle)
      this.#xbzrle = makeXbzrle({ memory, statistics: statistics.xbzrle, cacheBytes: parameters.xbzrleCacheBytes })
    if (methods.compress) this.#threads = options.makeThreads('deflate', parameters.compressThreads)
    if (methods.multifd !== undefined) {
      const channels = options.makeChannels({
        memory,
        method: methods.multifd.compression,
        level: parameters.multifdLevel,
      })
      this.#packets = new PagePackets(channels, statistics, parameters.multifdPageCount)
    }
  }

  /** Takes effect with the next page. */
  set parameters(parameters: TransferParameters) {
    this.#parameters = parameters
    this.#xbzrle?.resize(parameters.xbzrleCacheBytes)
    this.#threads?.resize(parameters.compressThreads)
    if (this.#packets !== undefined) this.#packets.packetPages = parameters.multifdPageCount
  }

  /** Whether every page that was taken from the scan has been written. */
  get isIdle(): boolean {
    return (this.#threads?.pending ?? 0) === 0 && this.#packets?.isIdle !== false
  }

  /** No page can be sent before a channel has room. */
  get isBlocked(): boolean {
    return this.#packets?.isBlocked === true
  }

  /** Waits for channels, be it for room or for the end of a round. */
  get awaitsChannels(): boolean {
    return this.#packets?.isIdle === false
  }

  /** Bytes of pages that count when channels have taken them. */
  get pendingBytes(): number {
    return this.#packets?.pendingBytes ?? 0
  }

  /** Looks after the channels; gives the bytes that have gone. @throws ChannelError */
  pump(): number {
    return this.#packets?.pump() ?? 0
  }

  /**
   * Ends a part: writes all that is pending, as far as there is room; true if nothing is left. A page that is under way must not be
   * looked at again before (I18): so this comes in front of each sync and each end of a part.
   */
  settle(): boolean {
    while (this.#threads !== undefined && this.#threads.pending > 0) {
      if (!this.#hasRoom()) return false
      takeOne(this.#threads, this.#write)
    }
    return this.#packets?.settle() !== false
  }

  /** Lets go of threads and channels. */
  close(): void {
    this.#threads?.close()
    this.#packets?.close()
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
    } else if (xbzrle !== undefined) this.#sendAgain(xbzrle, block, offset, isLast)
    else if (this.#threads === undefined) this.#sendWhole(block, offset)
    else this.#compress(this.#threads, block, offset)
  }

  /** From the guest's memory, over a channel where there is one. */
  #sendWhole(block: number, offset: number): void {
    if (this.#packets === undefined) return this.#encoder.whole(block, offset)
    this.#packets.add(block, offset / PAGE_BYTES)
    this.#statistics.normal++
    this.#memory.fates?.add(block, offset / PAGE_BYTES, 'sent')
  }

  #compress(threads: PageThreads, block: number, offset: number): void {
    while (this.#hasRoom() && threads.take(this.#write, 1) > 0);
    const { compressLevel, compressWaitThread } = this.#parameters
    const { bytes } = this.#memory.blocks[block]!
    while (!threads.give(block, offset, bytes, offset, PAGE_BYTES, compressLevel)) {
      if (!compressWaitThread) {
        this.#statistics.compression.busy++
        return this.#encoder.whole(block, offset)
      }
      takeOne(threads, this.#write)
    }
  }

  /** A page that does not become smaller goes as it was. */
  readonly #write = ({ block, offset, input, output }: WorkedPage): void => {
    if (output.length > 0 && output.length < PAGE_BYTES) this.#encoder.compressed(block, offset, output)
    else this.#encoder.whole(block, offset, input, 0)
  }

  #sendAgain(xbzrle: Xbzrle, block: number, offset: number, isLast: boolean): void {
    switch (xbzrle.look(block, offset, this.#statistics.syncs, isLast)) {
      case 'delta':
        return this.#encoder.delta(block, offset, xbzrle.delta)
      case 'cached':
        return this.#encoder.whole(block, offset, xbzrle.cached, xbzrle.cachedAt)
      case 'uncached':
        return this.#sendWhole(block, offset)
      case 'unchanged':
        return
    }
  }
}
