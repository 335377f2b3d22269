/** QMP messages as they are on the wire, one JSON value a line. */
import type { Profile } from '../../machines/index.ts'
import { JsonFloat } from './json-float.ts'

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown }

/** Whether a value is a JSON object. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat)

/** The version of a server. `package` names this project, so that nobody takes it for QEMU itself. */
export const versionInfo = (profile: Profile) => ({
  qemu: profile === '7.2' ? { micro: 22, minor: 2, major: 7 } : { micro: 0, minor: 11, major: 2 },
  package: 'switchover',
})

/** What a server says first. */
export const greeting = (profile: Profile): JsonObject => ({
  QMP: { version: versionInfo(profile), capabilities: profile === '7.2' ? ['oob'] : [] },
})

/** An event as QMP has it. */
export const eventMessage = (event: JsonObject, atMillis: number): JsonObject => ({
  timestamp: { seconds: Math.floor(atMillis / 1000), microseconds: Math.round((atMillis % 1000) * 1000) },
  ...event,
})

/** An error as QMP has it. */
export const errorMessage = (errorClass: string, desc: string): JsonObject => ({ error: { class: errorClass, desc } })

const hex = (unit: number): string => `\\u${unit.toString(16).toUpperCase().padStart(4, '0')}`

/** ASCII only, escapes with capital digits, a lone surrogate as U+FFFD: as QEMU writes them. */
const quoted = (text: string): string => {
  const plain = JSON.stringify(text.toWellFormed())
  return plain.replaceAll(/\\\\|\\u[0-9a-f]{4}|[\u007f-\uffff]/g, (found) => {
    if (found === '\\\\') return found
    return found.length === 1 ? hex(found.charCodeAt(0)) : found.slice(0, 2) + found.slice(2).toUpperCase()
  })
}

/** JSON knows no infinity; this reads back as one. */
const numberText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'null' : value > 0 ? '1e999' : '-1e999'

/**
 * A value as JSON, spaced as QEMU spaces it; integers beyond 2^53 with all their digits. Members without a value are left
 * out.
 */
export const encodeValue = (value: unknown): string => {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof JsonFloat) return numberText(value.value)
  if (Array.isArray(value)) return `[${value.map(encodeValue).join(', ')}]`
  if (!isJsonObject(value)) return 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${quoted(name)}: ${encodeValue(member)}`).join(', ')}}`
}

/**
 * A message as one line.
 *
 * @example
 * encodeLine({ return: {}, id: 'é' }) // '{"return": {}, "id": "\\u00E9"}\r\n'
 */
export const encodeLine = (message: unknown): string => `${encodeValue(message)}\r\n`
