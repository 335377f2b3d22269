/** QMP messages as they are on the wire, one JSON value a line. */
import type { Profile } from '../../machines/index.ts'

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown }

/** Whether a value is a JSON object. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a server says first. `package` names this project, so that nobody takes it for QEMU itself. */
export const greeting = (profile: Profile): JsonObject => ({
  QMP: {
    version: {
      qemu: profile === '7.2' ? { micro: 22, minor: 2, major: 7 } : { micro: 0, minor: 11, major: 2 },
      package: 'switchover',
    },
    capabilities: profile === '7.2' ? ['oob'] : [],
  },
})

/** An event as QMP has it. */
export const eventMessage = (event: JsonObject, atMillis: number): JsonObject => ({
  timestamp: { seconds: Math.floor(atMillis / 1000), microseconds: Math.round((atMillis % 1000) * 1000) },
  ...event,
})

/** An error as QMP has it. */
export const errorMessage = (errorClass: string, desc: string): JsonObject => ({ error: { class: errorClass, desc } })

/** Part of JavaScript since 2025, and of Node since 22; the type library does not have it yet. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (digits: string) => unknown }

/** A message as one line: ASCII only, integers beyond 2^53 with all their digits. */
export const encodeLine = (message: unknown): string =>
  JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? rawJSON(String(value)) : value))
    .replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .concat('\r\n')
