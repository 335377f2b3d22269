/**
 * One duplex stream of bytes as the data plane sees it: never waits, never calls back. A caller that gets nothing comes
 * back later; so the same engine runs on a file descriptor in a worker thread and on a simulated link under a
 * simulated clock.
 */

/** Most views a single write may hand over (IOV_MAX of Linux). */
export const VIEWS_MAX = 1024

/** The channel broke, or never stood. What was handed to it before may or may not have arrived. */
export class ChannelError extends Error {
  readonly _tag = 'ChannelError'
  /**
   * What was being done, in QEMU's words: `Unable to write to socket`, `Failed to connect to '127.0.0.1:4444'`. Empty where
   * QEMU says only what is wrong.
   */
  readonly operation: string
  /** The system's code where there is one: `EPIPE`, `ECONNRESET`, `ECONNREFUSED`. */
  readonly code: string
  /** The message as QEMU 2.11 words it, where that differs. */
  readonly message211: string
  constructor(operation: string, code: string, detail: string, message211?: string) {
    super(operation === '' ? detail : `${operation}: ${detail}`)
    this.operation = operation
    this.code = code
    this.message211 = message211 ?? this.message
  }
}

/** See the head of this file. */
export interface ByteLink {
  /**
   * Hands over as many bytes, from the front, as the link takes now; 0 means full. The views must stay unchanged only as
   * long as their owner cares: what is written is what they hold at the time of the call.
   * @throws ChannelError
   */
  writev(views: readonly Uint8Array[]): number
  /**
   * Reads into `buffer[start, end)`. Returns the count, 0 if nothing is there yet, -1 at the end of the stream.
   * @throws ChannelError
   */
  read(buffer: Uint8Array, start: number, end: number): number
  /** No more writes: the other side sees the end of the stream behind the last byte. */
  endWrites(): void
}
