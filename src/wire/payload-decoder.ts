/** What reads the payload of one kind of iterable section: the framing gives it bytes until it says that EOS has come. */
export interface PayloadDecoder {
  /** EOS has been read; the framing clears it to read the next run of records. */
  ended: boolean
  /** What comes next, for the error of a stream that is cut off. */
  readonly expected: string
  /**
   * Consume complete records of `bytes[start .. end)` up to and including EOS; returns the offset behind the last one.
   * `base` is the stream offset of index 0, for errors. Throws StreamError.
   */
  read(bytes: Uint8Array, start: number, end: number, base: number): number
  /** A new connection continues a broken one: whatever was cut off is forgotten. */
  forget(): void
}
