/**
 * The one error of the codec: the bytes are not a migration stream as QEMU's docs/devel/migration.rst has it, or claim
 * more than a limit allows. It says where, what would have been accepted and what was there; nothing of the refused
 * record has reached the sink.
 */
export class StreamError extends Error {
  readonly _tag = 'StreamError'
  override readonly name = 'StreamError'
  /** Byte offset in the stream, counted from the first byte ever fed. */
  readonly offset: number
  /** What would have been accepted here. */
  readonly expected: string
  /** What was there instead. */
  readonly found: string

  constructor(offset: number, message: string, expected: string, found: string) {
    super(`${message} (at byte ${offset}: expected ${expected}, found ${found})`)
    this.offset = offset
    this.expected = expected
    this.found = found
  }
}

/** `0x2a`, the way QEMU's own messages print numbers. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`
}
