/**
 * What goes out next on a link: records in stream order in one reusable buffer. A batch is filled, handed to the link as
 * often as it takes, and only then filled again, so that what is held beyond the guest's RAM is one batch.
 *
 * Pages are copied into it rather than handed to the kernel where they lie: a record has its header in front, so that the
 * kernel would get two pieces a page, and each piece is an object. That costs as much as the copy, which moreover stays in
 * the processor's cache until the kernel takes it; and what was sent is then what was looked at, whatever the guest writes
 * meanwhile.
 */
import type { ByteLink } from '../channel/byte-link.ts'

export class OutputQueue {
  /** Writers put records here, from {@link at} on, and move that behind them. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** End of what has been put in. */
  at = 0
  #start = 0
  #handedOver = 0
  /** Follows when the batch is gone. */
  #behind: Uint8Array[] = []

  /** @param capacityBytes Bytes of a batch. */
  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes)
  }

  /** Bytes handed over to links in all. */
  get bytesWritten(): number {
    return this.#handedOver
  }

  /** Bytes that this batch can still take. */
  get room(): number {
    return this.#behind.length > 0 ? 0 : this.bytes.length - this.at
  }

  /** Bytes that wait to be handed over. */
  get pending(): number {
    return this.#behind.reduce((sum, { length }) => sum + length, this.at - this.#start)
  }

  /** Whether everything has been handed over. */
  get isEmpty(): boolean {
    return this.#start === this.at && this.#behind.length === 0
  }

  /** Puts in bytes of any length. What has no room follows when the batch is gone; only `append` puts more behind it. */
  append(bytes: Uint8Array): void {
    const count = Math.min(bytes.length, this.room)
    this.bytes.set(bytes.subarray(0, count), this.at)
    this.at += count
    if (count < bytes.length) this.#behind.push(bytes.subarray(count))
  }

  /** Hands over as much as the link takes; true when nothing is left. @throws ChannelError */
  flush(link: ByteLink): boolean {
    do {
      while (this.#start < this.at) {
        const count = link.writev([this.bytes.subarray(this.#start, this.at)])
        if (count === 0) return false
        this.#start += count
        this.#handedOver += count
      }
      this.at = 0
      this.#start = 0
      this.#refill()
    } while (this.at > 0)
    return true
  }

  #refill(): void {
    const pieces = this.#behind
    this.#behind = []
    for (const piece of pieces) this.append(piece)
  }
}
