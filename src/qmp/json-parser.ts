/**
 * Builds JSON values from tokens, one token at a time, and words what is wrong as QEMU's parser does. It holds the value
 * so far and nothing else: QEMU collects all tokens of a value first, which takes far more memory for the same answer.
 */
import type { Profile } from '../../machines/index.ts'
import { floatOf } from './json-float.ts'
import { Lexeme, type LexemeCode } from './json-lexer.ts'
import { BadString, stringOf, textOf } from './json-string.ts'

/** What came of a token: nothing yet, a value, or the text of an error. */
export type JsonItem =
  { readonly type: 'value'; readonly value: unknown } | { readonly type: 'error'; readonly desc: string }

type ObjectFrame = {
  readonly kind: 'object'
  readonly members: Record<string, unknown>
  phase: 'first' | 'key' | 'colon' | 'value' | 'next'
  key: string
}
type ArrayFrame = { readonly kind: 'array'; readonly items: unknown[]; phase: 'first' | 'value' | 'next' }
type Frame = ObjectFrame | ArrayFrame

/** QEMU formats the reason of an error into a buffer of 1024 bytes. */
const REASON_LENGTH_MAX = 1023

const maximumUint64 = 18446744073709551615n
const minimumInt64 = -9223372036854775808n

/** An integer if it has 64 bits at most, else a floating-point number, as in QEMU. */
const integerOf = (text: string): unknown => {
  if (text.length <= 15) return Number(text) + 0
  if (text.length > 20) return floatOf(Number(text))
  const exact = BigInt(text)
  if (exact < minimumInt64 || exact > maximumUint64) return floatOf(Number(text))
  const rounded = Number(exact)
  return Number.isSafeInteger(rounded) ? rounded : exact
}

const keywords: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
])

/** A value is over when neither braces nor brackets are open, or when more were closed than opened, whatever is between. */
export class JsonParser {
  readonly #profile: Profile
  readonly #frames: Frame[] = []
  #braces = 0
  #brackets = 0
  #problem: string | undefined

  constructor(profile: Profile) {
    this.#profile = profile
  }

  /** How deep the value is nested now. */
  get depth(): number {
    return this.#braces + this.#brackets
  }

  /** Forgets what has been begun. */
  reset(): void {
    this.#frames.length = 0
    this.#braces = 0
    this.#brackets = 0
    this.#problem = undefined
  }

  /** Takes the next token with its bytes. */
  take(token: LexemeCode, bytes: Uint8Array): JsonItem | undefined {
    if (token === Lexeme.leftBrace) this.#braces++
    else if (token === Lexeme.rightBrace) this.#braces--
    else if (token === Lexeme.leftBracket) this.#brackets++
    else if (token === Lexeme.rightBracket) this.#brackets--
    let done: { readonly value: unknown } | undefined
    if (this.#problem === undefined) done = this.#place(token, bytes)
    if ((this.#braces > 0 || this.#brackets > 0) && this.#braces >= 0 && this.#brackets >= 0) return undefined
    const problem = this.#problem
    this.reset()
    if (problem !== undefined) return { type: 'error', desc: `JSON parse error, ${problem}` }
    return { type: 'value', value: done?.value }
  }

  /** In 2.11 the outermost reader has the last word, in 7.2 whoever finds the error first. */
  #fail(reason: string, within: 'container' | 'value'): void {
    const outer = this.#frames[0]
    const levels = this.#frames.length - (within === 'container' ? 1 : 0)
    if (this.#profile === '7.2' || outer === undefined || levels < 1) this.#problem = reason.slice(0, REASON_LENGTH_MAX)
    else if (outer.kind === 'array') this.#problem = 'expecting value'
    else this.#problem = outer.phase === 'value' ? 'Missing value in dict' : 'key is not a string in object'
    this.#frames.length = 0
  }

  #place(token: LexemeCode, bytes: Uint8Array): { readonly value: unknown } | undefined {
    const frame = this.#frames.at(-1)
    if (frame === undefined) return this.#value(token, bytes)
    switch (frame.phase) {
      case 'colon':
        if (token === Lexeme.colon) frame.phase = 'value'
        else this.#fail('missing : in object pair', 'container')
        return undefined
      case 'next':
        if (token === (frame.kind === 'object' ? Lexeme.rightBrace : Lexeme.rightBracket)) return this.#close()
        if (token !== Lexeme.comma)
          this.#fail(`expected separator in ${frame.kind === 'object' ? 'dict' : 'list'}`, 'container')
        else if (frame.kind === 'object') frame.phase = 'key'
        else frame.phase = 'value'
        return undefined
      case 'first':
        if (token === (frame.kind === 'object' ? Lexeme.rightBrace : Lexeme.rightBracket)) return this.#close()
        if (frame.kind === 'object') frame.phase = 'key'
        else frame.phase = 'value'
        return this.#value(token, bytes)
      default:
        return this.#value(token, bytes)
    }
  }

  #value(token: LexemeCode, bytes: Uint8Array): { readonly value: unknown } | undefined {
    switch (token) {
      case Lexeme.leftBrace:
        this.#frames.push({ kind: 'object', members: {}, phase: 'first', key: '' })
        return undefined
      case Lexeme.leftBracket:
        this.#frames.push({ kind: 'array', items: [], phase: 'first' })
        return undefined
      case Lexeme.integer:
        return this.#complete(integerOf(textOf(bytes)))
      case Lexeme.float:
        return this.#complete(floatOf(Number(textOf(bytes))))
      case Lexeme.string:
        return this.#string(bytes)
      case Lexeme.keyword: {
        const word = textOf(bytes)
        if (keywords.has(word)) return this.#complete(keywords.get(word))
        this.#fail(`invalid keyword '${word}'`, 'value')
        return undefined
      }
      default:
        this.#fail('expecting value', 'value')
        return undefined
    }
  }

  #string(bytes: Uint8Array): { readonly value: unknown } | undefined {
    try {
      return this.#complete(stringOf(this.#profile, bytes))
    } catch (error) {
      if (!(error instanceof BadString)) throw error
      this.#fail(error.message, 'value')
      return undefined
    }
  }

  #close(): { readonly value: unknown } | undefined {
    const frame = this.#frames.pop()
    return this.#complete(frame?.kind === 'object' ? frame.members : frame?.items)
  }

  /** Hands a value to what it is part of; gives it back if that is nothing. */
  #complete(value: unknown): { readonly value: unknown } | undefined {
    const frame = this.#frames.at(-1)
    if (frame === undefined) return { value }
    if (frame.kind === 'array') {
      frame.items.push(value)
      frame.phase = 'next'
    } else if (frame.phase === 'key') {
      if (typeof value === 'string') {
        frame.key = value
        frame.phase = 'colon'
      } else this.#fail('key is not a string in object', 'container')
    } else this.#member(frame, value)
    return undefined
  }

  #member(frame: ObjectFrame, value: unknown): void {
    const { members, key } = frame
    if (this.#profile === '7.2' && Object.hasOwn(members, key)) return this.#fail('duplicate key', 'container')
    // An assignment would set the prototype.
    if (key === '__proto__')
      Object.defineProperty(members, key, { value, enumerable: true, writable: true, configurable: true })
    else members[key] = value
    frame.phase = 'next'
  }
}
