/**
 * What a string token stands for. 2.11 has checked its escapes before and takes any bytes; 7.2 checks here, and says what is
 * wrong with the first thing that is.
 */
import type { Profile } from '../../machines/index.ts'

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const loose = new TextDecoder('utf-8', { ignoreBOM: true })

/** Bytes as text for a message; what is no UTF-8 becomes U+FFFD. */
export const textOf = (bytes: Uint8Array): string => loose.decode(bytes)

/** A token that is no string, with the reason in QEMU's words. */
export class BadString extends Error {}

const simpleEscapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff

/** 2.11 knows no surrogates: each becomes a character that nothing can show, and a zero ends up as nothing. */
const string211 = (token: Uint8Array): string =>
  textOf(token.subarray(1, -1)).replaceAll(
    /\\(?:u([0-9a-fA-F]{4})|([^]))/g,
    (_all, hex: string | undefined, simple: string | undefined) => {
      if (hex === undefined) return simpleEscapes[simple ?? ''] ?? simple ?? ''
      const code = Number.parseInt(hex, 16)
      if (code === 0) return ''
      return isSurrogate(code) ? '\ufffd' : String.fromCharCode(code)
    },
  )

const noncharacter = /\p{Noncharacter_Code_Point}/u

const plainText = (bytes: Uint8Array): string => {
  let text: string
  try {
    text = strict.decode(bytes)
  } catch {
    throw new BadString('invalid UTF-8 sequence in string')
  }
  if (noncharacter.test(text)) throw new BadString('invalid UTF-8 sequence in string')
  return text
}

const BACKSLASH = 0x5c
const ESCAPE_BYTES = 2
const UNICODE_BYTES = 6

/** The four digits from `at` on; NaN if they are none. */
const hexAt = (token: Uint8Array, at: number): number => {
  const digits = textOf(token.subarray(at, at + 4))
  return /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
}

/** The character of the escape that begins at a backslash, and how many bytes it takes. */
const escapeAt = (token: Uint8Array, at: number): { readonly text: string; readonly bytes: number } => {
  const letter = textOf(token.subarray(at + 1, at + ESCAPE_BYTES))
  if (letter === 'u') return unicodeAt(token, at)
  const text = '"\'\\/'.includes(letter) ? letter : simpleEscapes[letter]
  if (text === undefined) throw new BadString('invalid escape sequence in string')
  return { text, bytes: ESCAPE_BYTES }
}

const unicodeAt = (token: Uint8Array, at: number): { readonly text: string; readonly bytes: number } => {
  const code = hexAt(token, at + 2)
  const second = at + UNICODE_BYTES
  if (isSurrogate(code) && token[second] === BACKSLASH && token[second + 1] === 0x75) {
    const pair = String.fromCharCode(code, hexAt(token, second + 2))
    if (pair.isWellFormed() && !noncharacter.test(pair)) return { text: pair, bytes: 2 * UNICODE_BYTES }
  } else if (!Number.isNaN(code) && !isSurrogate(code)) {
    const text = String.fromCharCode(code)
    if (!noncharacter.test(text)) return { text, bytes: UNICODE_BYTES }
  }
  throw new BadString(`${textOf(token.subarray(at, second))} is not a valid Unicode character`)
}

const string72 = (token: Uint8Array): string => {
  const end = token.length - 1
  const parts: string[] = []
  for (let at = 1; at < end;) {
    const found = token.indexOf(BACKSLASH, at)
    const stop = found === -1 ? end : found
    if (stop > at) parts.push(plainText(token.subarray(at, stop)))
    at = stop
    if (found === -1) break
    const { text, bytes } = escapeAt(token, at)
    parts.push(text)
    at += bytes
  }
  return parts.join('')
}

/** The string of a token, quotes and all. @throws BadString in 7.2 */
export const stringOf = (profile: Profile, token: Uint8Array): string =>
  profile === '7.2' ? string72(token) : string211(token)
