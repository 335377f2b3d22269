/** Checks a command's arguments against the schema and words the refusal as the profile's QEMU does. */
import { Result } from 'effect'
import type { Profile } from '../../machines/index.ts'
import { commands, decodeArguments, type CommandName, type InvalidArguments } from '../qapi/index.ts'

const isSchemaCommand = (profile: Profile, name: string): name is CommandName<'2.11'> =>
  Object.hasOwn(commands[profile], name)

const typeNames211: Readonly<Record<string, string>> = {
  int: 'integer',
  str: 'string',
  bool: 'boolean',
  number: 'number',
  object: 'object',
  array: 'array',
}

const typeNames72: Readonly<Record<string, string>> = { int: 'int64', size: 'uint64', str: 'string', bool: 'boolean' }

/** The text of a refused argument. */
const worded = (profile: Profile, error: InvalidArguments): string => {
  const { path, kind, expected, found } = error
  if (kind === 'missing') return `Parameter '${path}' is missing`
  if (kind === 'unexpected') return `Parameter '${path}' is unexpected`
  if (kind === 'enum')
    return profile === '7.2'
      ? `Parameter '${path.slice(path.lastIndexOf('.') + 1)}' does not accept value '${found}'`
      : `Invalid parameter '${found}'`
  if (profile === '7.2') {
    const primitive = ['str', 'bool', 'object', 'array'].includes(expected)
    return primitive
      ? `Invalid parameter type for '${path}', expected: ${typeNames211[expected]}`
      : `Parameter '${path}' expects ${typeNames72[expected] ?? expected}`
  }
  return expected === 'size'
    ? `Parameter '${path}' expects uint64`
    : `Invalid parameter type for '${path}', expected: ${typeNames211[expected] ?? expected}`
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The arguments, typed by the schema; or the text of the refusal. Commands of the monitor itself take none. */
export const checkArguments = (
  profile: Profile,
  name: string,
  given: unknown,
): Readonly<Record<string, unknown>> | string => {
  if (isSchemaCommand(profile, name)) {
    const decoded: Result.Result<unknown, InvalidArguments> = decodeArguments(name, given, profile as '2.11')
    if (Result.isFailure(decoded)) return worded(profile, decoded.failure)
    return isRecord(decoded.success) ? decoded.success : {}
  }
  const unexpected = isRecord(given) ? Object.keys(given)[0] : undefined
  return unexpected === undefined ? {} : `Parameter '${unexpected}' is unexpected`
}
