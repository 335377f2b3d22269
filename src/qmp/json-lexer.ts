/**
 * The lexical rules of JSON as QEMU reads it, one table a profile: which bytes continue a token, end it, or are an error.
 * They follow `qobject/json-lexer.c` of 2.11 and 7.2, which differ in what a string may hold and in how an error is
 * recovered from. QEMU's `%` interpolation is for its own source code and is left out.
 */
import type { Profile } from '../../machines/index.ts'

/** What the lexer is in the middle of, and what it has found. */
export const Lexeme = {
  error: 0,
  leftBrace: 1,
  rightBrace: 2,
  leftBracket: 3,
  rightBracket: 4,
  colon: 5,
  comma: 6,
  integer: 7,
  float: 8,
  keyword: 9,
  string: 10,
  /** From here on: states. Between two tokens. */
  start: 11,
  /** After an error in 7.2: skips to what may begin something good. */
  recovery: 12,
  /** After a limit was exceeded: skips to the end of the line. */
  skipLine: 13,
  doubleQuoted: 14,
  doubleQuotedEscape: 15,
  singleQuoted: 20,
  singleQuotedEscape: 21,
  zero: 26,
  digits: 27,
  sign: 28,
  mantissa: 29,
  mantissaDigits: 30,
  exponent: 31,
  exponentSign: 32,
  exponentDigits: 33,
  inKeyword: 34,
} as const

/** A value of {@link Lexeme}. */
export type LexemeCode = number

/** The byte belongs to what comes next, and is looked at again. */
export const LOOKAHEAD = 0x80

const STATES = 35
/** The four digits of `\uXXXX` that are still missing, as states behind the escape's. */
const HEX_DIGITS = 4

type Set = (state: number, bytes: string | readonly [from: number, to: number], next: number) => void

const strings211 = (set: Set): void => {
  for (const [string, escape, quote] of [
    [Lexeme.doubleQuoted, Lexeme.doubleQuotedEscape, '"'],
    [Lexeme.singleQuoted, Lexeme.singleQuotedEscape, "'"],
  ] as const) {
    set(string, [0x01, 0xbf], string)
    set(string, [0xc2, 0xf4], string)
    set(string, '\\', escape)
    set(string, quote, Lexeme.string)
    set(escape, 'bfnrt/\\\'"', string)
    set(escape, 'u', escape + 1)
    for (let digit = 1; digit <= HEX_DIGITS; digit++)
      set(escape + digit, '0123456789abcdefABCDEF', digit === HEX_DIGITS ? string : escape + digit + 1)
  }
}

/** 7.2 leaves escapes and UTF-8 to the parser, which can say what is wrong. */
const strings72 = (set: Set): void => {
  for (const [string, escape, quote] of [
    [Lexeme.doubleQuoted, Lexeme.doubleQuotedEscape, '"'],
    [Lexeme.singleQuoted, Lexeme.singleQuotedEscape, "'"],
  ] as const) {
    set(string, [0x20, 0xfd], string)
    set(string, '\\', escape)
    set(string, quote, Lexeme.string)
    set(escape, [0x20, 0xfd], string)
  }
}

const numbers = (set: Set, lastLookahead: number): void => {
  const ends = (state: number, token: number) => set(state, [0x00, lastLookahead], token | LOOKAHEAD)
  ends(Lexeme.zero, Lexeme.integer)
  set(Lexeme.zero, '0123456789', Lexeme.error)
  set(Lexeme.zero, '.', Lexeme.mantissa)
  ends(Lexeme.digits, Lexeme.integer)
  set(Lexeme.digits, '0123456789', Lexeme.digits)
  set(Lexeme.digits, 'eE', Lexeme.exponent)
  set(Lexeme.digits, '.', Lexeme.mantissa)
  set(Lexeme.sign, '0', Lexeme.zero)
  set(Lexeme.sign, '123456789', Lexeme.digits)
  set(Lexeme.mantissa, '0123456789', Lexeme.mantissaDigits)
  ends(Lexeme.mantissaDigits, Lexeme.float)
  set(Lexeme.mantissaDigits, '0123456789', Lexeme.mantissaDigits)
  set(Lexeme.mantissaDigits, 'eE', Lexeme.exponent)
  set(Lexeme.exponent, '-+', Lexeme.exponentSign)
  set(Lexeme.exponent, '0123456789', Lexeme.exponentDigits)
  set(Lexeme.exponentSign, '0123456789', Lexeme.exponentDigits)
  ends(Lexeme.exponentDigits, Lexeme.float)
  set(Lexeme.exponentDigits, '0123456789', Lexeme.exponentDigits)
  ends(Lexeme.inKeyword, Lexeme.keyword)
  set(Lexeme.inKeyword, 'abcdefghijklmnopqrstuvwxyz', Lexeme.inKeyword)
}

const starts = (set: Set): void => {
  set(Lexeme.start, ' \t\r\n', Lexeme.start)
  set(Lexeme.start, '"', Lexeme.doubleQuoted)
  set(Lexeme.start, "'", Lexeme.singleQuoted)
  set(Lexeme.start, '0', Lexeme.zero)
  set(Lexeme.start, '123456789', Lexeme.digits)
  set(Lexeme.start, '-', Lexeme.sign)
  set(Lexeme.start, 'abcdefghijklmnopqrstuvwxyz', Lexeme.inKeyword)
  for (const [index, character] of [...'{}[]:,'].entries()) set(Lexeme.start, character, Lexeme.leftBrace + index)
}

/** What a lost reader starts again at: structural characters, line ends, and what can never be part of a token. */
const recoveries = (set: Set): void => {
  for (const state of [Lexeme.recovery, Lexeme.skipLine]) {
    set(state, [0x00, 0xff], state)
    set(state, [0x00, 0x1f], Lexeme.start | LOOKAHEAD)
    set(state, [0xfe, 0xff], Lexeme.start | LOOKAHEAD)
    set(state, '\t', state)
  }
  set(Lexeme.recovery, '[]{}:,', Lexeme.start | LOOKAHEAD)
}

const tableOf = (profile: Profile): Uint8Array => {
  // Zero is the error, so what no rule names is one.
  const table = new Uint8Array(STATES * 256)
  const set: Set = (state, bytes, next) => {
    if (typeof bytes !== 'string') table.fill(next, state * 256 + bytes[0], state * 256 + bytes[1] + 1)
    else for (const character of bytes) table[state * 256 + character.charCodeAt(0)] = next
  }
  if (profile === '7.2') strings72(set)
  else strings211(set)
  numbers(set, profile === '7.2' ? 0xff : 0x7f)
  starts(set)
  recoveries(set)
  return table
}

const tables: Readonly<Record<Profile, Uint8Array>> = { '2.11': tableOf('2.11'), '7.2': tableOf('7.2') }

/** The table of a profile: the next state or token by `state * 256 + byte`, perhaps with {@link LOOKAHEAD}. */
export const lexerTable = (profile: Profile): Uint8Array => tables[profile]
