/**
 * Reads the file header and the configuration section (QEMU's migration/savevm.c, `qemu_loadvm_state_header` and
 * `vmstate_configuration`). Where byte 8 opens no configuration section the source is of a machine type up to 2.3, which
 * sends no footers either.
 */
import {
  CAPABILITY_COUNT_MAX,
  MACHINE_NAME_BYTES_MAX,
  SECTION_CONFIGURATION,
  SECTION_SUBSECTION,
  STREAM_MAGIC,
  STREAM_VERSION,
} from './constants.ts'
import { readText, readU32 } from './bytes.ts'
import { CAPABILITIES_NAME, TARGET_PAGE_BITS_NAME, UUID_NAME, type Configuration } from './header.ts'
import { StreamError, hex } from './stream-error.ts'

const MAGIC = 0
const CONFIGURATION = 1
const SUBSECTION = 2
const DONE = 3

const WANTED = [
  'the file header',
  'the configuration section or the first section',
  'a configuration subsection or the first section',
  'the first section',
]

/** Resumable on any byte boundary; whole pieces only are consumed. */
export class HeaderDecoder {
  #state = MAGIC
  #base = 0
  #configuration: { -readonly [K in keyof Configuration]: Configuration[K] } | undefined

  /** Everything up to the first section has been read. */
  get done(): boolean {
    return this.#state === DONE
  }

  /** What the source says of itself; undefined without a configuration section. Complete once {@link done}. */
  get configuration(): Configuration | undefined {
    return this.#configuration
  }

  /** What comes next, for the error of a stream that is cut off. */
  get expected(): string {
    return WANTED[this.#state]!
  }

  /**
   * Consume what is whole of `bytes[start .. end)`; returns the offset behind it. `base` is the stream offset of index 0,
   * for errors. Throws StreamError.
   */
  read(bytes: Uint8Array, start: number, end: number, base: number): number {
    this.#base = base
    let at = start
    while (this.#state !== DONE) {
      const state = this.#state
      const next = this.#step(bytes, at, end)
      if (next === at && state === this.#state) break
      at = next
    }
    return at
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case MAGIC:
        return this.#magic(bytes, at, end)
      case CONFIGURATION:
        return this.#section(bytes, at, end)
      default:
        return this.#subsection(bytes, at, end)
    }
  }

  #magic(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 8) return at
    const magic = readU32(bytes, at)
    if (magic !== STREAM_MAGIC) throw this.#error(at, 'Not a migration stream', hex(STREAM_MAGIC), hex(magic))
    const version = readU32(bytes, at + 4)
    if (version !== STREAM_VERSION) {
      throw this.#error(at + 4, 'Unsupported migration stream version', `${STREAM_VERSION}`, `${version}`)
    }
    this.#state = CONFIGURATION
    return at + 8
  }

  #section(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    if (bytes[at] !== SECTION_CONFIGURATION) {
      this.#state = DONE
      return at
    }
    if (end - at < 5) return at
    const length = readU32(bytes, at + 1)
    if (length === 0 || length > MACHINE_NAME_BYTES_MAX) {
      throw this.#error(at + 1, 'Bad machine name length', `1 to ${MACHINE_NAME_BYTES_MAX}`, `${length}`)
    }
    if (end - at < 5 + length) return at
    this.#configuration = { machine: readText(bytes, at + 5, length) }
    this.#state = SUBSECTION
    return at + 5 + length
  }

  #subsection(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    if (bytes[at] !== SECTION_SUBSECTION) {
      this.#state = DONE
      return at
    }
    if (end - at < 2) return at
    const nameLength = bytes[at + 1]!
    const body = at + 2 + nameLength + 4
    if (end < body) return at
    const name = readText(bytes, at + 2, nameLength)
    const version = readU32(bytes, body - 4)
    if (version !== 1) throw this.#error(body - 4, `Unsupported version of subsection ${name}`, '1', `${version}`)
    const configuration = this.#configuration!
    const repeated = (): StreamError => this.#error(at, `Subsection ${name} came twice`, 'it once', 'a second one')
    switch (name) {
      case TARGET_PAGE_BITS_NAME: {
        if (configuration.targetPageBits !== undefined) throw repeated()
        if (end - body < 4) return at
        const bits = readU32(bytes, body)
        if (bits !== 12) throw this.#error(body, 'Target page size does not fit', '12 bits', `${bits}`)
        configuration.targetPageBits = bits
        return body + 4
      }
      case CAPABILITIES_NAME:
        if (configuration.capabilities !== undefined) throw repeated()
        return this.#capabilities(bytes, at, body, end, configuration)
      case UUID_NAME:
        if (configuration.uuid !== undefined) throw repeated()
        if (end - body < 16) return at
        // A copy, whatever was fed: the slice of a Buffer would be a view, and change with the next read.
        configuration.uuid = Uint8Array.from(bytes.subarray(body, body + 16))
        return body + 16
      default:
        throw this.#error(
          at,
          'Unknown configuration subsection',
          `${TARGET_PAGE_BITS_NAME}, ${CAPABILITIES_NAME} or ${UUID_NAME}`,
          JSON.stringify(name),
        )
    }
  }

  #capabilities(
    bytes: Uint8Array,
    at: number,
    body: number,
    end: number,
    configuration: { capabilities?: readonly string[] },
  ): number {
    if (end - body < 4) return at
    const count = readU32(bytes, body)
    if (count > CAPABILITY_COUNT_MAX) {
      throw this.#error(body, 'Too many capabilities', `at most ${CAPABILITY_COUNT_MAX}`, `${count}`)
    }
    const capabilities: string[] = []
    let next = body + 4
    while (capabilities.length < count) {
      if (next >= end) return at
      const length = bytes[next]!
      if (length === 0) throw this.#error(next, 'Empty capability name', '1 to 255 bytes', '0')
      if (end - next < 1 + length) return at
      capabilities.push(readText(bytes, next + 1, length))
      next += 1 + length
    }
    configuration.capabilities = capabilities
    return next
  }
}
