/** Checks a command's arguments against the schema and words the refusal as the profile's QEMU does. */
import { Result } from 'effect'
import type { Profile } from '../../machines/index.ts'
import {
  commands,
  decodeArgumentsOf,
  monitorCommands,
  type CommandDefinition,
  type InvalidArguments,
} from '../qapi/index.ts'
import { argumentsNotObject } from './wording.ts'

/** What a command takes and gives; commands of the monitor that take nothing may have no entry. */
const definitionOf = (profile: Profile, name: string): CommandDefinition | undefined => {
  const tables: readonly Readonly<Record<string, CommandDefinition>>[] = [commands[profile], monitorCommands[profile]]
  return tables.find((table) => Object.hasOwn(table, name))?.[name]
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'integer',
  str: 'string',
  bool: 'boolean',
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Unsigned types are read as 64 bits first; of what fits there, the size that does not is named. Only parameters have them. */
const unsigned = (path: string, expected: string, given: unknown): string => {
  const found = isRecord(given) ? given[path] : undefined
  const isInteger = typeof found === 'bigint' ? found < 2n ** 64n : Number.isSafeInteger(found)
  const sized = isInteger && (expected === 'uint8' || expected === 'uint32')
  return `Parameter '${path}' expects ${sized ? `${expected}_t` : 'uint64'}`
}

/** The text of a refused argument. */
const worded = (profile: Profile, error: InvalidArguments, given: unknown): string => {
  const { path, kind, expected, found } = error
  if (kind === 'missing') return `Parameter '${path}' is missing`
  if (kind === 'unexpected') return `Parameter '${path}' is unexpected`
  if (kind === 'enum')
    return profile === '7.2'
      ? `Parameter '${path.slice(path.lastIndexOf('.') + 1)}' does not accept value '${found}'`
      : `Invalid parameter '${found}'`
  if (['size', 'uint8', 'uint32', 'uint64'].includes(expected)) return unsigned(path, expected, given)
  return `Invalid parameter type for '${path}', expected: ${typeNames[expected] ?? expected}`
}

/** The arguments, typed by the schema; or the text of the refusal. Commands of the monitor itself take none. */
export const checkArguments = (
  profile: Profile,
  name: string,
  given: unknown,
): Readonly<Record<string, unknown>> | string => {
  if (given !== undefined && !isRecord(given)) return argumentsNotObject
  const definition = definitionOf(profile, name)
  if (definition !== undefined) {
    const decoded = decodeArgumentsOf(definition, name, given)
    if (Result.isFailure(decoded)) return worded(profile, decoded.failure, given)
    return isRecord(decoded.success) ? decoded.success : {}
  }
  const unexpected = isRecord(given) ? Object.keys(given)[0] : undefined
  return unexpected === undefined ? {} : `Parameter '${unexpected}' is unexpected`
}
