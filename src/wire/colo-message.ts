/**
 * COLO messages: what primary and secondary say to each other once the first migration is through, u32 numbers on the
 * migration's own channel in both directions (QEMU's migration/colo.c, `colo_send_message`; the numbers are the schema's
 * COLOMessage). Between them travels what a checkpoint consists of; in which form depends on the dialect:
 *
 *   7.2 (3.1 and later)  vmstate-send, memory up to EOF, vmstate-size, that many bytes of device sections and EOF
 *   2.11                 vmstate-send, vmstate-size, that many bytes of a whole stream, memory included
 */
import { readU32, readU64, writeU32, writeU64 } from './bytes.ts'

/** Form of the checkpoints. */
export type ColoDialect = '2.11' | '7.2'

/** The device section by which a 2.11 source announces COLO; its payload is one byte, 1. Since 3.1 a command does. */
export const COLO_STATE_IDSTR = 'COLOState'

/** Numbers of the messages. */
export const COLO_MESSAGE_NUMBER = {
  'checkpoint-ready': 0,
  'checkpoint-request': 1,
  'checkpoint-reply': 2,
  'vmstate-send': 3,
  'vmstate-size': 4,
  'vmstate-received': 5,
  'vmstate-loaded': 6,
} as const

export type ColoMessageName = keyof typeof COLO_MESSAGE_NUMBER

/** `bytes` is the length of what follows: below 2^53. */
export type ColoMessage =
  | { readonly name: Exclude<ColoMessageName, 'vmstate-size'> }
  | { readonly name: 'vmstate-size'; readonly bytes: number }

const names = Object.keys(COLO_MESSAGE_NUMBER) as readonly ColoMessageName[]

/** Longest message. */
export const COLO_MESSAGE_BYTES_MAX = 12

/** Bytes that {@link writeColoMessage} needs for this message. */
export function coloMessageBytes(message: ColoMessage): number {
  return message.name === 'vmstate-size' ? 12 : 4
}

/** One message. Returns the offset behind it; RangeError if there is no room. */
export function writeColoMessage(buffer: Uint8Array, at: number, message: ColoMessage): number {
  const next = writeU32(buffer, at, COLO_MESSAGE_NUMBER[message.name])
  return message.name === 'vmstate-size' ? writeU64(buffer, next, message.bytes) : next
}

/** Name of the message whose number stands at `bytes[at]`; undefined for a number that has none. */
export function coloMessageName(bytes: Uint8Array, at: number): ColoMessageName | undefined {
  return names[readU32(bytes, at)]
}

/**
 * The message at `bytes[at .. end)`: undefined if it is not all there, a number if that number is no message's. The length
 * of a `vmstate-size` is exact up to 2^53 and never less than that above.
 */
export function readColoMessage(bytes: Uint8Array, at: number, end: number): ColoMessage | number | undefined {
  if (end - at < 4) return undefined
  const name = coloMessageName(bytes, at)
  if (name === undefined) return readU32(bytes, at)
  if (name !== 'vmstate-size') return { name }
  return end - at < 12 ? undefined : { name, bytes: readU64(bytes, at + 4) }
}
