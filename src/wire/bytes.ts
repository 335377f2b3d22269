/**
 * Big-endian integers, counted names and a growing buffer: what every record of the stream is made of (QEMU's
 * migration/qemu-file.c, `qemu_put_be32`, `qemu_put_counted_string` and their readers). Readers trust the caller to
 * have checked that the bytes are there; writers check the room themselves, because a typed array drops what is
 * written past its end without a word.
 */

const TWO_TO_32 = 4294967296

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** A u64 as a number: exact up to 2^53, and above it never less than 2^53, so that a limit still refuses it. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * TWO_TO_32 + readU32(bytes, at + 4)
}

/** Refuse to write past the end of the buffer. */
export function requireRoom(buffer: Uint8Array, at: number, count: number): void {
  if (at < 0 || at + count > buffer.length) {
    throw new RangeError(`No room for ${count} bytes at ${at} of a buffer of ${buffer.length}`)
  }
}

export function writeU8(buffer: Uint8Array, at: number, value: number): number {
  requireRoom(buffer, at, 1)
  buffer[at] = value
  return at + 1
}

export function writeU16(buffer: Uint8Array, at: number, value: number): number {
  requireRoom(buffer, at, 2)
  buffer[at] = value >>> 8
  buffer[at + 1] = value
  return at + 2
}

export function writeU32(buffer: Uint8Array, at: number, value: number): number {
  requireRoom(buffer, at, 4)
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
  return at + 4
}

/** Write a whole number below 2^53 as a u64. */
export function writeU64(buffer: Uint8Array, at: number, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Not a whole number from 0 to 2^53: ${value}`)
  }
  const high = Math.floor(value / TWO_TO_32)
  return writeU32(buffer, writeU32(buffer, at, high), value - high * TWO_TO_32)
}

export function writeBytes(buffer: Uint8Array, at: number, bytes: Uint8Array): number {
  requireRoom(buffer, at, bytes.length)
  buffer.set(bytes, at)
  return at + bytes.length
}

/** `count` bytes as text, one character (U+0000 to U+00FF) a byte, so that a name survives a round trip whatever it holds. */
export function readText(bytes: Uint8Array, at: number, count: number): string {
  let text = ''
  for (let index = at; index < at + count; index++) text += String.fromCharCode(bytes[index]!)
  return text
}

/** The bytes of a name, the reverse of {@link readText}. Throws RangeError for a character above U+00FF. */
export function textBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0xff) throw new RangeError(`A name on the wire is made of bytes: ${JSON.stringify(text)}`)
    bytes[index] = code
  }
  return bytes
}

/**
 * A counted name as the stream has it: one length byte, then 1 to 255 bytes. Make it once per RAM block and hand it to
 * `writePageHeader` as often as needed. Throws RangeError for an empty or too long name.
 */
export function countedName(name: string): Uint8Array<ArrayBuffer> {
  if (name.length === 0 || name.length > 255) {
    throw new RangeError(`A name on the wire has 1 to 255 bytes: ${JSON.stringify(name)}`)
  }
  const bytes = new Uint8Array(1 + name.length)
  bytes[0] = name.length
  bytes.set(textBytes(name), 1)
  return bytes
}

/** Collects a body of which the stream announces the length, without trusting the announcement with memory. */
export class Accumulator {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  length = 0

  append(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.length + (to - from)
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(this.#bytes.length * 2, needed + 64 * 1024 * 1024), 4096))
      grown.set(this.#bytes.subarray(0, this.length))
      this.#bytes = grown
    }
    this.#bytes.set(bytes.subarray(from, to), this.length)
    this.length = needed
  }

  /** What has been collected so far; valid until the next `append`. */
  peek(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length)
  }

  /** Hand over what was collected and start empty: the receiver owns it. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.peek()
    this.#bytes = new Uint8Array(0)
    this.length = 0
    return taken
  }
}
