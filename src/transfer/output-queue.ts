/**
 * What goes out next on a link: small records in one reusable buffer, pages as views of guest RAM, in order. A batch is
 * filled, handed to the link as often as it takes, and only then filled again, so what is held beyond the guest's RAM is
 * bounded by one batch.
 */
import { VIEWS_MAX, type ByteLink } from '../channel/byte-link.ts'

/** Bytes of small records (headers, zero pages, device state) that fit into one batch. */
export const SMALL_BYTES_MAX = 64 * 1024

export class OutputQueue {
  /** Writers put small records here, from {@link at} on, and then tell {@link wrote}. */
  readonly small = new Uint8Array(SMALL_BYTES_MAX)
  /** End of what has been put into {@link small}. */
  at = 0
  #start = 0
  #views: Uint8Array[] = []
  #next = 0
  /** Bytes handed over to links in all. */
  bytesWritten = 0

  /** Whether another page with its header can be added to this batch. */
  get hasRoom(): boolean {
    return this.#views.length + 2 < VIEWS_MAX / 2 && this.at + 512 < SMALL_BYTES_MAX
  }

  /** Whether everything has been handed over. */
  get isEmpty(): boolean {
    return this.#next === this.#views.length && this.#start === this.at
  }

  /** Adds bytes that stay where they are until they are handed over. */
  push(view: Uint8Array): void {
    this.#closeSmall()
    this.#views.push(view)
  }

  #closeSmall(): void {
    if (this.#start === this.at) return
    this.#views.push(this.small.subarray(this.#start, this.at))
    this.#start = this.at
  }

  /** Hands over as much as the link takes; true when nothing is left. @throws ChannelError */
  flush(link: ByteLink): boolean {
    this.#closeSmall()
    while (this.#next < this.#views.length) {
      const views = this.#next === 0 ? this.#views : this.#views.slice(this.#next)
      let count = link.writev(views)
      if (count === 0) return false
      this.bytesWritten += count
      while (count > 0) {
        const view = this.#views[this.#next]!
        if (count < view.length) {
          this.#views[this.#next] = view.subarray(count)
          count = 0
        } else {
          count -= view.length
          this.#next++
        }
      }
    }
    this.#views = []
    this.#next = 0
    this.at = 0
    this.#start = 0
    return true
  }
}
