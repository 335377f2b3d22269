/** What a request must look like, and what QEMU says if it does not. */
import type { Profile } from '../../machines/index.ts'
import { commands, describe } from '../qapi/index.ts'
import { JsonFloat } from './json-float.ts'
import { isJsonObject, type JsonObject } from './message.ts'

/** A request that is well formed. */
export interface Request {
  readonly name: string
  readonly arguments: JsonObject | undefined
  /** Asked for with `exec-oob`. */
  readonly outOfBand: boolean
}

/** Members of QEMU's dictionaries are looked at in the order of the buckets they hash into (`qobject/qdict.c`). */
const BUCKETS = 512

const bucketOf = (name: string): number => {
  const bytes = new TextEncoder().encode(name)
  let value = Math.imul(0x238f13af, bytes.length)
  for (const [index, byte] of bytes.entries()) value = (value + (byte << ((index * 5) % 24))) | 0
  return ((Math.imul(1103515243, value) + 12345) >>> 0) % BUCKETS
}

/** The members in QEMU's order, so that of several faults the same one is named. */
const inOrder = (message: JsonObject): readonly (readonly [string, unknown])[] =>
  Object.entries(message).sort(([a], [b]) => bucketOf(a) - bucketOf(b))

/** Reads a message as a request; a text says what is wrong with it. */
export const requestOf = (message: unknown, oobEnabled: boolean): Request | string => {
  if (!isJsonObject(message)) return 'QMP input must be a JSON object'
  let key: string | undefined
  for (const [member, value] of inOrder(message)) {
    if (member === 'execute' || (member === 'exec-oob' && oobEnabled)) {
      if (typeof value !== 'string') return `QMP input member '${member}' must be a string`
      if (key !== undefined) return `QMP input member '${member}' clashes with '${key}'`
      key = member
    } else if (member === 'arguments') {
      if (!isJsonObject(value)) return "QMP input member 'arguments' must be an object"
    } else if (member !== 'id') return `QMP input member '${member}' is unexpected`
  }
  if (key === undefined) return "QMP input lacks member 'execute'"
  const given = message['arguments']
  return {
    name: String(message[key]),
    arguments: isJsonObject(given) ? given : undefined,
    outOfBand: key === 'exec-oob',
  }
}

/** The id of a request, if it has one, put where QEMU puts it: first in an error, last in a success. */
export const withId = (request: unknown, reply: JsonObject): JsonObject => {
  if (!isJsonObject(request) || !Object.hasOwn(request, 'id')) return reply
  return 'error' in reply ? { id: request['id'], ...reply } : { ...reply, id: request['id'] }
}

const isSchemaCommand = (profile: Profile, name: string): name is keyof (typeof commands)['2.11'] =>
  Object.hasOwn(commands[profile], name)

const numbersOf = (profile: Profile, name: string): ReadonlySet<string> =>
  isSchemaCommand(profile, name)
    ? new Set(
        describe(commands[profile as '2.11'][name].arguments)
          .members.filter(({ type }) => type === 'number')
          .map((member) => member.name),
      )
    : new Set()

const withoutFloats = (value: unknown): unknown => {
  // The schema's checks take NaN for what it is here: a number, and no integer.
  if (value instanceof JsonFloat) return Number.NaN
  if (Array.isArray(value)) return value.map(withoutFloats)
  return isJsonObject(value) ? withoutFloatsIn(value) : value
}

const withoutFloatsIn = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutFloats(member)]))

/**
 * Arguments as the core takes them, which has one kind of number: a whole floating-point number becomes a number where the
 * command takes any, and elsewhere something that no check accepts as an integer, as QEMU accepts no `1.0` for one.
 */
export const plainArguments = (profile: Profile, name: string, given: JsonObject): JsonObject => {
  const numbers = numbersOf(profile, name)
  return Object.fromEntries(
    Object.entries(given).map(([member, value]) => [
      member,
      value instanceof JsonFloat && numbers.has(member) ? value.value : withoutFloats(value),
    ]),
  )
}
