/**
 * The check of parameter values against their ranges, as `migrate-set-parameters` makes it: on all values together, the
 * first violation in QEMU's order is the one that is reported, and nothing is applied then.
 */
import { Schema } from 'effect'
import { type Bound, parameterCheckOrder, type ParameterFact } from './parameter-facts.ts'
import { defaultProfile, type Profile } from './profile.ts'
import { type Integer, toUnsigned } from './scalar.ts'

const Bounds = Schema.Union([Schema.Number, Schema.BigInt])

/**
 * A parameter whose value is out of range. `minimum` and `maximum` are the inclusive bounds at the time of the check, in the
 * parameter's unit; `errorName` is the name that QEMU's text uses. Nothing was changed.
 */
export class ParameterOutOfRange extends Schema.TaggedError<ParameterOutOfRange>('ParameterOutOfRange')(
  'ParameterOutOfRange',
  {
    parameter: Schema.String,
    errorName: Schema.String,
    found: Bounds,
    minimum: Schema.optionalKey(Bounds),
    maximum: Schema.optionalKey(Bounds),
    powerOfTwo: Schema.Boolean,
  },
) {
  override get message(): string {
    const power = this.powerOfTwo ? ' and a power of two' : ''
    const range = `expected ${this.minimum ?? 'anything'} to ${this.maximum ?? 'anything'}${power}`
    return `${this.parameter}: ${range}, found ${this.found}`
  }
}

/** What the check depends on beside the values. */
export interface ParameterCheckOptions {
  /** Default `2.11`. */
  readonly profile?: Profile
  /** Bytes in a page of the target, the smallest XBZRLE cache. Default 4096. */
  readonly pageSizeBytes?: number
  /**
   * Whether a negative `size` or `uint64` is what QEMU takes it for (two's complement) instead of out of range. Default false:
   * the schema calls them unsigned. QEMU 2.11 so takes a cache of -2^63 bytes. A parameter whose `rangeError` is `none` (such
   * as the bandwidth of 7.2) is not checked either way; apply `toUnsigned` to what is stored.
   */
  readonly wrapNegative?: boolean
}

const isInteger = (value: unknown): value is Integer => typeof value === 'number' || typeof value === 'bigint'

const isPowerOfTwo = (value: Integer): boolean => {
  const bits = BigInt(value)
  return bits > 0n && (bits & (bits - 1n)) === 0n
}

/**
 * The first parameter among `values` that is out of range, or undefined. Absent members are not checked; pass the current
 * values overlaid with the given ones, as QEMU does (`max-cpu-throttle` of 7.2 depends on `cpu-throttle-initial`).
 *
 * @example
 * ```ts
 * checkParameters({ 'compress-level': 10 })?.maximum // 9
 * checkParameters({ 'downtime-limit': 2000000 }) // undefined
 * ```
 */
export const checkParameters = (
  values: Readonly<Record<string, unknown>>,
  options: ParameterCheckOptions = {},
): ParameterOutOfRange | undefined => {
  const { profile = defaultProfile, pageSizeBytes = 4096, wrapNegative = false } = options
  const bound = (fact: Bound | undefined): Integer | undefined => {
    if (fact === 'page-size') return pageSizeBytes
    if (fact !== 'cpu-throttle-initial') return fact
    const initial = values[fact]
    return isInteger(initial) ? initial : 1
  }
  const violation = (fact: ParameterFact, found: Integer): ParameterOutOfRange | undefined => {
    const wraps = wrapNegative && (fact.type === 'size' || fact.type === 'uint64')
    const value = wraps ? toUnsigned(found) : found
    const minimum = bound(fact.minimum)
    const maximum = bound(fact.maximum)
    const inside = (minimum === undefined || value >= minimum) && (maximum === undefined || value <= maximum)
    if (inside && (fact.powerOfTwo !== true || isPowerOfTwo(value))) return undefined
    return new ParameterOutOfRange({
      parameter: fact.name,
      errorName: fact.errorName,
      found,
      powerOfTwo: fact.powerOfTwo === true,
      ...(minimum === undefined ? {} : { minimum }),
      ...(maximum === undefined ? {} : { maximum }),
    })
  }
  for (const fact of parameterCheckOrder(profile)) {
    const found = values[fact.name]
    const error = isInteger(found) ? violation(fact, found) : undefined
    if (error !== undefined) return error
  }
  return undefined
}
