/**
 * The second connection of postcopy with `postcopy-preempt`: the pages that were asked for, as bare records without any
 * framing, closed by EOS (QEMU's migration/postcopy-ram.c, `postcopy_preempt_thread`). The block that CONTINUE refers to is
 * the channel's own.
 */
import type { ByteLink } from '../../channel/byte-link.ts'
import { RAM_RECORD_BYTES_MAX, RamDecoder, StreamError, type RamBlockTable, type RamSink } from '../../wire/index.ts'

const READ_BYTES = 64 * 1024

export class PreemptChannel {
  readonly #link: ByteLink
  readonly #decoder: RamDecoder
  readonly #buffer = new Uint8Array(READ_BYTES + RAM_RECORD_BYTES_MAX)
  #held = 0
  #base = 0

  /** `makeSink` gets what gives an index of the buffer its place on this channel. */
  constructor(link: ByteLink, table: RamBlockTable, makeSink: (offsetOf: (at: number) => number) => RamSink) {
    this.#link = link
    this.#decoder = new RamDecoder(
      makeSink((at) => this.#base + at),
      table,
    )
  }

  /** Reads what is there; how many bytes that was. @throws StreamError ChannelError */
  read(): number {
    const count = this.#link.read(this.#buffer, this.#held, this.#buffer.length)
    if (count <= 0) {
      if (count < 0 && this.#held > 0) {
        throw new StreamError(this.#base, 'Channel cut off', this.#decoder.expected, `${this.#held} bytes and the end`)
      }
      return 0
    }
    this.#held += count
    let used = 0
    do {
      // Behind EOS nothing has a meaning but another run of records.
      this.#decoder.ended = false
      used = this.#decoder.read(this.#buffer, used, this.#held, this.#base)
    } while (this.#decoder.ended)
    this.#buffer.copyWithin(0, used, this.#held)
    this.#held -= used
    this.#base += used
    return count
  }
}
