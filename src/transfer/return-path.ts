/** The way back from a destination, as its source reads it: a message at a time, whenever something is there. */
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import { ReturnPathDecoder, StreamError, type ReturnPathMessage } from '../wire/index.ts'

/** Bytes read at once; a longer message does not exist on this path. */
const BUFFER_BYTES = 1024

export class ReturnPath {
  readonly #decoder: ReturnPathDecoder
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #held = 0
  #isClosed = false

  /** @param hear Called for every message, in order; what it throws ends the reading. */
  constructor(hear: (message: ReturnPathMessage) => void) {
    this.#decoder = new ReturnPathDecoder(hear)
  }

  /** Nothing more is read: what was to be heard has been. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Hears what has come.
   * @throws ChannelError when the channel is broken or closed, StreamError on a message that makes no sense here.
   */
  listen(link: ByteLink): void {
    while (!this.#isClosed) {
      const count = link.read(this.#buffer, this.#held, BUFFER_BYTES)
      if (count === 0) return
      if (count < 0) {
        this.#decoder.finish(this.#held)
        throw new ChannelError('read', 'EOF', 'the destination closed the channel')
      }
      const end = this.#held + count
      const used = this.#decoder.feed(this.#buffer, 0, end)
      this.#buffer.copyWithin(0, used, end)
      this.#held = end - used
    }
  }

  /** A destination that gives up says so and closes: a write may find the closed channel before its word is heard. */
  lastWord(link: ByteLink): StreamError | undefined {
    try {
      this.listen(link)
    } catch (error) {
      if (error instanceof StreamError) return error
    }
    return undefined
  }

  /** The error of a message that does not belong here. */
  refusal(message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#decoder.position, message, expected, found)
  }
}
