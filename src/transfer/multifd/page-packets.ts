/**
 * Whole pages on their way to the channels of multifd: gathered into packets, counted when they have gone, and ended by a
 * SYNC on every channel where the main stream ends a part. Nothing of the next part goes before all of this one has, so that
 * no copy of a page is overtaken by a newer one (I18).
 */
import { MULTIFD_PAGES_MAX } from '../../wire/index.ts'
import { PAGE_BYTES } from '../../memory/index.ts'
import type { RamStatistics } from '../ram-statistics.ts'
import type { PagePacket } from './channel-writer.ts'
import type { SendChannels } from './send-channels.ts'

export class PagePackets {
  readonly #channels: SendChannels
  readonly #statistics: RamStatistics
  #packetPages: number
  #block = 0
  #pages: number[] = []
  /** Full, but no channel has had room for it. */
  #waiting: PagePacket | undefined
  #number = 0
  #isSynced = false
  #pendingBytes = 0

  /** @param packetPages As parameter `x-multifd-page-count`; a packet has at most 128. */
  constructor(channels: SendChannels, statistics: RamStatistics, packetPages: number) {
    this.#channels = channels
    this.#statistics = statistics
    this.#packetPages = packetPages
    // The list of blocks on the main stream ends with an EOS of its own.
    this.#sync()
  }

  /** Takes effect with the page that is added next. */
  set packetPages(packetPages: number) {
    this.#packetPages = packetPages
  }

  /** No page can be added until there is room in a channel. */
  get isBlocked(): boolean {
    return this.#waiting !== undefined
  }

  /** Nothing is on its way. */
  get isIdle(): boolean {
    return this.#pages.length === 0 && this.#waiting === undefined && this.#channels.isIdle
  }

  /** Bytes of pages on their way, which will count when they have gone; at least what is left of them. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Adds a page of a block, by its number. */
  add(block: number, page: number): void {
    if (block !== this.#block) this.#close()
    this.#block = block
    this.#pages.push(page)
    this.#pendingBytes += PAGE_BYTES
    if (this.#pages.length >= Math.min(this.#packetPages, MULTIFD_PAGES_MAX)) this.#close()
  }

  #close(): void {
    if (this.#pages.length === 0) return
    const packet = { block: this.#block, pages: this.#pages, number: this.#number++, sync: false }
    this.#pages = []
    if (!this.#channels.give(packet)) this.#waiting = packet
  }

  #sync(): void {
    this.#channels.giveAll({ block: 0, pages: [], number: this.#number++, sync: true })
  }

  /** Looks after the channels; gives the bytes that have gone. @throws ChannelError */
  pump(): number {
    const bytes = this.#channels.collect()
    this.#statistics.multifdBytes += bytes
    this.#statistics.transferred += bytes
    if (this.#waiting !== undefined && this.#channels.give(this.#waiting)) this.#waiting = undefined
    this.#pendingBytes = this.isIdle ? 0 : Math.max(0, this.#pendingBytes - bytes)
    return bytes
  }

  /** Ends the round; true when all of it has gone. Until then it is to be called again. */
  settle(): boolean {
    if (this.#waiting === undefined) this.#close()
    if (this.#waiting !== undefined) return false
    if (!this.#isSynced) {
      this.#sync()
      this.#isSynced = true
    }
    if (!this.isIdle) return false
    this.#isSynced = false
    return true
  }

  close(): void {
    this.#channels.close()
  }
}
