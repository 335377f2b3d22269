/**
 * Writes of a primary's guest on their way to the secondary's disk, and the count of those that are on it, on the way back.
 *
 * ```
 * u64 byte offset   u32 length   length bytes        there, big-endian
 * u64 writes that have been taken so far             back
 * ```
 */
import { DiskError } from './disk.ts'

/** A write. */
export interface MirrorWrite {
  readonly byteOffset: number
  readonly bytes: Uint8Array
}

/** Longest write that is taken. */
export const WRITE_BYTES_MAX = 4 * 1024 * 1024

const HEAD_BYTES = 12
const ACKNOWLEDGEMENT_BYTES = 8

export const encodeWrite = ({ byteOffset, bytes }: MirrorWrite): Uint8Array<ArrayBuffer> => {
  const frame = new Uint8Array(HEAD_BYTES + bytes.length)
  const view = new DataView(frame.buffer)
  view.setBigUint64(0, BigInt(byteOffset))
  view.setUint32(8, bytes.length)
  frame.set(bytes, HEAD_BYTES)
  return frame
}

export const encodeAcknowledgement = (count: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(ACKNOWLEDGEMENT_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(count))
  return bytes
}

const joined = (held: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const all = new Uint8Array(held.length + bytes.length)
  all.set(held)
  all.set(bytes, held.length)
  return all
}

/** Takes writes apart from bytes that come in pieces of any size; each has to lie inside the image. */
export class MirrorReader {
  readonly #imageBytes: number
  #held: Uint8Array = new Uint8Array(0)

  constructor(imageBytes: number) {
    this.#imageBytes = imageBytes
  }

  /** Bytes of a write that is not all there. */
  get held(): number {
    return this.#held.length
  }

  /** @throws DiskError on a write that no image of this size can take */
  feed(bytes: Uint8Array): readonly MirrorWrite[] {
    const all = joined(this.#held, bytes)
    const view = new DataView(all.buffer)
    const writes: MirrorWrite[] = []
    let at = 0
    while (all.length - at >= HEAD_BYTES) {
      const byteOffset = Number(view.getBigUint64(at))
      const length = view.getUint32(at + 8)
      if (length > WRITE_BYTES_MAX || byteOffset + length > this.#imageBytes)
        throw new DiskError(
          `write: expected a range inside ${this.#imageBytes} bytes, found ${length} at ${byteOffset}`,
        )
      if (all.length - at - HEAD_BYTES < length) break
      writes.push({ byteOffset, bytes: all.slice(at + HEAD_BYTES, at + HEAD_BYTES + length) })
      at += HEAD_BYTES + length
    }
    this.#held = all.slice(at)
    return writes
  }
}

/** A reader of acknowledgements; `hear` gets each new count. */
export const readAcknowledgement = (hear: (count: number) => void): ((bytes: Uint8Array) => void) => {
  let held: Uint8Array = new Uint8Array(0)
  return (bytes) => {
    const all = joined(held, bytes)
    const whole = all.length - (all.length % ACKNOWLEDGEMENT_BYTES)
    held = all.slice(whole)
    if (whole > 0) hear(Number(new DataView(all.buffer).getBigUint64(whole - ACKNOWLEDGEMENT_BYTES)))
  }
}
