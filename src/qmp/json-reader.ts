/**
 * Reads a stream of JSON values from bytes that come split anywhere, as QEMU's monitor does: any white space between
 * values or none, several on a line, one over several lines, single-quoted strings, integers of 64 bits, and after an error
 * it goes on where QEMU goes on, with QEMU's texts. What it holds is bounded.
 */
import type { Profile } from '../../machines/index.ts'
import { lexerTable, Lexeme, LOOKAHEAD, type LexemeCode } from './json-lexer.ts'
import { JsonParser, type JsonItem } from './json-parser.ts'
import { textOf } from './json-string.ts'

export { JsonFloat } from './json-float.ts'
export type { JsonItem } from './json-parser.ts'

/** What one value may take; by default QEMU's own limits. A limit that is exceeded is an error, and the rest of the line is skipped. */
export interface JsonLimits {
  /** Bytes of all tokens of one value. Default 64 MiB. */
  readonly valueBytesMax?: number
  /** Default 2,097,152. */
  readonly tokensMax?: number
  /** Default 1024. */
  readonly depthMax?: number
}

/** How a reader is made. */
export interface JsonReaderOptions extends JsonLimits {
  /** Whose rules and texts. Default `2.11`. */
  readonly profile?: Profile
}

/** A bad token is shown up to this length; QEMU shows all of it. */
const STRAY_LENGTH_MAX = 1024

/** The text of an error in 2.11, which does not say more. */
const SYNTAX = 'Invalid JSON syntax'

/**
 * A reader of one stream.
 *
 * @example
 * const reader = new JsonReader({ profile: '7.2' })
 * const bytes = (text: string) => new TextEncoder().encode(text)
 * const first = [...reader.read(bytes("{'execute': 'sto"))] // []
 * const second = [...reader.read(bytes("p'} nonsense\n"))]
 * second[0] // { type: 'value', value: { execute: 'stop' } }
 * second[1] // { type: 'error', desc: "JSON parse error, invalid keyword 'nonsense'" }
 */
export class JsonReader {
  readonly #profile: Profile
  readonly #table: Uint8Array
  readonly #parser: JsonParser
  readonly #valueBytesMax: number
  readonly #tokensMax: number
  readonly #depthMax: number
  #state: LexemeCode = Lexeme.start
  /** The parts of an unfinished token from earlier bytes. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #valueBytes = 0
  #tokens = 0

  constructor(options: JsonReaderOptions = {}) {
    this.#profile = options.profile ?? '2.11'
    this.#table = lexerTable(this.#profile)
    this.#parser = new JsonParser(this.#profile)
    this.#valueBytesMax = options.valueBytesMax ?? 64 * 1024 * 1024
    this.#tokensMax = options.tokensMax ?? 2 * 1024 * 1024
    this.#depthMax = options.depthMax ?? 1024
  }

  /**
   * What these bytes complete, in order. It is read as the caller asks for it, so a caller that stops asking for a while
   * makes nothing pile up; but all of it has to be asked for before the next bytes are given.
   */
  *read(bytes: Uint8Array): Generator<JsonItem, void> {
    let begin = 0
    for (let at = this.#skim(bytes, 0); at < bytes.length; at = this.#skim(bytes, at)) {
      const entry = this.#table[this.#state * 256 + bytes[at]!]!
      const next = entry & ~LOOKAHEAD
      if (entry < LOOKAHEAD) at++
      let item: JsonItem | undefined
      if (next === Lexeme.error) {
        item = this.#stray(this.#token(bytes, begin, at))
        this.#state = this.#profile === '7.2' ? Lexeme.recovery : Lexeme.start
      } else if (next < Lexeme.start) item = this.#take(next, this.#token(bytes, begin, at))
      else this.#state = next
      begin = at
      if (item !== undefined) yield item
    }
    if (this.#state > Lexeme.skipLine) yield* this.#hold(bytes.subarray(begin))
  }

  /** Goes on to the first byte that ends a token, begins one or is wrong. */
  #skim(bytes: Uint8Array, from: number): number {
    const table = this.#table
    let state = this.#state
    let at = from
    for (; at < bytes.length; at++) {
      const next = table[state * 256 + bytes[at]!]!
      if (next <= Lexeme.skipLine || next >= LOOKAHEAD) break
      state = next
    }
    this.#state = state
    return at
  }

  /** Keeps the beginning of a token for the bytes to come. */
  *#hold(part: Uint8Array): Generator<JsonItem, void> {
    this.#held.push(part.slice())
    this.#heldBytes += part.length
    if (this.#valueBytes + this.#heldBytes <= this.#valueBytesMax) return
    yield this.#exceeded('JSON token size limit exceeded')
  }

  #token(bytes: Uint8Array, begin: number, end: number): Uint8Array {
    if (this.#held.length === 0) return bytes.subarray(begin, end)
    const token = new Uint8Array(this.#heldBytes + end - begin)
    let at = 0
    for (const part of this.#held) {
      token.set(part, at)
      at += part.length
    }
    token.set(bytes.subarray(begin, end), at)
    this.#release()
    return token
  }

  #release(): void {
    this.#held = []
    this.#heldBytes = 0
  }

  #forget(): void {
    this.#parser.reset()
    this.#release()
    this.#valueBytes = 0
    this.#tokens = 0
  }

  #take(token: LexemeCode, bytes: Uint8Array): JsonItem | undefined {
    this.#state = Lexeme.start
    this.#valueBytes += bytes.length
    this.#tokens++
    const opens = token === Lexeme.leftBrace || token === Lexeme.leftBracket
    const limit =
      this.#valueBytes > this.#valueBytesMax
        ? 'JSON token size limit exceeded'
        : this.#tokens > this.#tokensMax
          ? 'JSON token count limit exceeded'
          : opens && this.#parser.depth >= this.#depthMax
            ? 'JSON nesting depth limit exceeded'
            : undefined
    if (limit !== undefined) return this.#exceeded(limit)
    const item = this.#parser.take(token, bytes)
    if (item !== undefined) this.#forget()
    return item
  }

  #exceeded(limit: string): JsonItem {
    this.#forget()
    this.#state = Lexeme.skipLine
    return { type: 'error', desc: this.#profile === '7.2' ? limit : SYNTAX }
  }

  #stray(token: Uint8Array): JsonItem {
    this.#forget()
    if (this.#profile === '2.11') return { type: 'error', desc: SYNTAX }
    const zero = token.indexOf(0)
    const shown = zero === -1 ? token : token.subarray(0, zero)
    return { type: 'error', desc: `JSON parse error, stray '${textOf(shown.subarray(0, STRAY_LENGTH_MAX))}'` }
  }
}
