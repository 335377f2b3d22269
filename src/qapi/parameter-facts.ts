/**
 * Defaults, ranges and error families of the migration parameters, as one table of data that code, tests and documentation
 * share. Source: reference of the semantics 4.4 (2.11), 8.1 to 8.3 (7.2); the ranges of what 7.2 adds were measured on a
 * running QEMU 7.2.22.
 */
import { type MemberDocumentation, type Unit } from './documentation.ts'
import {
  type AnyMigrationParameter,
  MigrationParameter,
  MigrationParameter72,
  type MigrationParameters,
  type MigrationParameters72,
  parameterDocumentation,
  parameterDocumentation72,
} from './parameters.ts'
import { defaultProfile, type Profile } from './profile.ts'
import { type Integer, maximumInt64, maximumUint64 } from './scalar.ts'

/**
 * How QEMU words a value out of range; the texts are another layer's.
 *
 * `invalid-range` (2.11, "expects is invalid, it should be in the range"), `integer-in-range` (both, "expects an integer in
 * the range", with the unit for max-bandwidth and downtime-limit), `positive` (2.11), `power-of-two` (both),
 * `value-between` (7.2), `none` (every value of the type is taken).
 */
export type RangeErrorFamily =
  'invalid-range' | 'integer-in-range' | 'positive' | 'power-of-two' | 'value-between' | 'none'

/** A bound: a number, or the name of what it is equal to at the time of the check. */
export type Bound = Integer | 'page-size' | 'cpu-throttle-initial'

/** All that is known about one parameter. Bounds are inclusive, and absent where the type has no order. */
export interface ParameterFact<Name extends AnyMigrationParameter = AnyMigrationParameter> {
  /** The wire name. */
  readonly name: Name
  /** The name in range errors, with underscores and in 2.11 without the `x-` of multifd: `multifd_channels`. Type errors use `name`. */
  readonly errorName: string
  /** The QAPI type in `migrate-set-parameters`. */
  readonly type: 'int' | 'size' | 'uint8' | 'uint32' | 'uint64' | 'bool' | 'StrOrNull' | 'MultiFDCompression' | 'list'
  readonly unit: Unit
  readonly description: string
  readonly since: string
  /** The value in a fresh process; undefined where there is none. */
  readonly default: Integer | boolean | string | undefined
  readonly minimum?: Bound
  readonly maximum?: Bound
  /** The maximum that the range error names, where it is not the one that is enforced. */
  readonly statedMaximum?: Integer
  readonly powerOfTwo?: true
  readonly rangeError: RangeErrorFamily
}

type Values = Omit<ParameterFact, 'name' | 'errorName' | 'unit' | 'description' | 'since'> & {
  readonly errorName?: string
}

const table = <Name extends AnyMigrationParameter>(
  names: ReadonlyArray<Name>,
  documentation: Readonly<Record<Name, MemberDocumentation>>,
  values: Readonly<Record<Name, Values>>,
): ReadonlyArray<ParameterFact<Name>> =>
  names.map((name) => ({
    errorName: name.replaceAll('-', '_'),
    ...values[name],
    ...documentation[name],
    name,
  }))

const throttle = { minimum: 1, maximum: 99, rangeError: 'integer-in-range' } as const
const threads = { minimum: 1, maximum: 255 } as const
const flag = { type: 'bool', default: false, rangeError: 'none' } as const
const credential = { type: 'StrOrNull', default: '', rangeError: 'none' } as const
const cache = {
  type: 'size',
  default: 67108864,
  minimum: 'page-size',
  // The largest power of two that the type holds.
  maximum: 9223372036854775808n,
  powerOfTwo: true,
  rangeError: 'power-of-two',
} as const

const facts211 = table(MigrationParameter.literals, parameterDocumentation, {
  'compress-level': { type: 'int', default: 1, minimum: 0, maximum: 9, rangeError: 'invalid-range' },
  'compress-threads': { type: 'int', default: 8, ...threads, rangeError: 'invalid-range' },
  'decompress-threads': { type: 'int', default: 2, ...threads, rangeError: 'invalid-range' },
  'cpu-throttle-initial': { type: 'int', default: 20, ...throttle },
  'cpu-throttle-increment': { type: 'int', default: 10, ...throttle },
  'tls-creds': credential,
  'tls-hostname': credential,
  'max-bandwidth': {
    type: 'int',
    default: 33554432,
    minimum: 0,
    maximum: maximumInt64,
    statedMaximum: maximumUint64,
    rangeError: 'integer-in-range',
  },
  'downtime-limit': { type: 'int', default: 300, minimum: 0, maximum: 2000000, rangeError: 'integer-in-range' },
  'x-checkpoint-delay': { type: 'int', default: 200, minimum: 0, maximum: maximumInt64, rangeError: 'positive' },
  'block-incremental': flag,
  'x-multifd-channels': {
    type: 'int',
    errorName: 'multifd_channels',
    default: 2,
    ...threads,
    rangeError: 'invalid-range',
  },
  'x-multifd-page-count': {
    type: 'int',
    errorName: 'multifd_page_count',
    default: 16,
    minimum: 1,
    maximum: 10000,
    rangeError: 'invalid-range',
  },
  'xbzrle-cache-size': cache,
})

const between = (minimum: number, maximum: number) => ({ minimum, maximum, rangeError: 'value-between' }) as const

const facts72 = table(MigrationParameter72.literals, parameterDocumentation72, {
  'announce-initial': { type: 'size', default: 50, ...between(0, 100000) },
  'announce-max': { type: 'size', default: 550, ...between(0, 100000) },
  'announce-rounds': { type: 'size', default: 5, ...between(0, 1000) },
  // The error says "between 0 and 10000", and 0 is refused with just that.
  'announce-step': { type: 'size', default: 100, ...between(1, 10000) },
  'compress-level': { type: 'uint8', default: 1, ...between(0, 9) },
  'compress-threads': { type: 'uint8', default: 8, ...between(1, 255) },
  'compress-wait-thread': { type: 'bool', default: true, rangeError: 'none' },
  'decompress-threads': { type: 'uint8', default: 2, ...between(1, 255) },
  'throttle-trigger-threshold': {
    type: 'uint8',
    default: 50,
    minimum: 1,
    maximum: 100,
    rangeError: 'integer-in-range',
  },
  'cpu-throttle-initial': { type: 'uint8', default: 20, ...throttle },
  'cpu-throttle-increment': { type: 'uint8', default: 10, ...throttle },
  'cpu-throttle-tailslow': flag,
  'tls-creds': credential,
  'tls-hostname': credential,
  'tls-authz': credential,
  'max-bandwidth': { type: 'size', default: 134217728, minimum: 0, maximum: maximumUint64, rangeError: 'none' },
  'downtime-limit': { type: 'uint64', default: 300, minimum: 0, maximum: 2000000, rangeError: 'integer-in-range' },
  'x-checkpoint-delay': { type: 'uint32', default: 20000, minimum: 0, maximum: 4294967295, rangeError: 'none' },
  'block-incremental': flag,
  'multifd-channels': { type: 'uint8', default: 2, ...between(1, 255) },
  'xbzrle-cache-size': cache,
  'max-postcopy-bandwidth': { type: 'size', default: 0, minimum: 0, maximum: maximumUint64, rangeError: 'none' },
  'max-cpu-throttle': {
    type: 'uint8',
    default: 99,
    minimum: 'cpu-throttle-initial',
    maximum: 99,
    rangeError: 'integer-in-range',
  },
  'multifd-compression': { type: 'MultiFDCompression', default: 'none', rangeError: 'none' },
  // Set by QMP, both levels are taken unchecked and have no effect: they read back as 1.
  'multifd-zlib-level': { type: 'uint8', default: 1, ...between(0, 9) },
  'multifd-zstd-level': { type: 'uint8', default: 1, ...between(0, 20) },
  'block-bitmap-mapping': { type: 'list', default: undefined, rangeError: 'none' },
})

/**
 * The facts of every parameter of the profile, in enum order: 14 of `2.11`, 27 of `7.2`.
 *
 * @example
 * ```ts
 * parameterFacts('7.2').find(({ name }) => name === 'max-bandwidth')?.default // 134217728
 * ```
 */
export const parameterFacts = (profile: Profile = defaultProfile): ReadonlyArray<ParameterFact> =>
  profile === '7.2' ? facts72 : facts211

/** The facts of one parameter, or undefined where the profile has no such parameter. */
export const parameterFact = (name: string, profile: Profile = defaultProfile): ParameterFact | undefined =>
  parameterFacts(profile).find((fact) => fact.name === name)

/**
 * The parameters whose value can be refused, in the order in which QEMU checks them: of several bad ones the first in this
 * order is reported. In 2.11 that is the enum's order (reference of the semantics, 4.4); that of 7.2 was measured.
 */
export const parameterCheckOrder = (profile: Profile = defaultProfile): ReadonlyArray<ParameterFact> => {
  const checked = parameterFacts(profile).filter(({ rangeError }) => rangeError !== 'none')
  if (profile === '2.11') return checked
  const late = (fact: ParameterFact): number =>
    fact.name.startsWith('announce-') ? 2 : fact.name === 'max-cpu-throttle' ? 1 : 0
  return checked.toSorted((a, b) => late(a) - late(b))
}

/** Every parameter of 2.11 with its default. */
export type DefaultParameters = Required<MigrationParameters>

/** Every parameter of 7.2 that has a default, with it. */
export type DefaultParameters72 = Required<Omit<MigrationParameters72, 'block-bitmap-mapping'>>

/** The parameters of a fresh process, as `query-migrate-parameters` answers them. */
export function defaultParameters(profile?: '2.11'): DefaultParameters
export function defaultParameters(profile: '7.2'): DefaultParameters72
export function defaultParameters(profile: Profile): DefaultParameters | DefaultParameters72
export function defaultParameters(profile: Profile = defaultProfile): DefaultParameters | DefaultParameters72 {
  const values = Object.fromEntries(
    parameterFacts(profile).flatMap((fact) => (fact.default === undefined ? [] : [[fact.name, fact.default]])),
  )
  // The table gives every name its default; a test decodes the result with the profile's own schema.
  return values as unknown as DefaultParameters | DefaultParameters72
}
