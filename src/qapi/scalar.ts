/**
 * The built-in types of QAPI as schemas. The one that needs care is the integer: QMP integers have 64 bits, a JavaScript
 * number is exact only up to 2^53 - 1, and an approximated integer is worse than a refused one.
 *
 * Representation: an integer within ±(2^53 - 1) is a `number`; one beyond is a `bigint`; a `number` beyond is refused,
 * because it may already have been rounded by whoever parsed the JSON. A `bigint` that fits into a `number` is accepted and
 * becomes one, on decoding and on encoding, so that a value has one form. Comparison (`<`, `>=`) works between both forms
 * as it is; for arithmetic use {@link toBigInt}. `JSON.parse` alone rounds: a reader of QMP has to hand over a
 * `bigint` where the digits say so, and where it can tell `1.0` from `1` it has to refuse the first itself (QMP does).
 */
import { Schema, SchemaTransformation } from 'effect'

/** An integer of up to 64 bits: a safe `number`, or a `bigint` where a `number` would not be exact. */
export type Integer = number | bigint

const minimumSafe = BigInt(Number.MIN_SAFE_INTEGER)
const maximumSafe = BigInt(Number.MAX_SAFE_INTEGER)

/** 2^63 - 1, the largest `int`. */
export const maximumInt64 = 9223372036854775807n
/** -2^63, the smallest `int`. */
export const minimumInt64 = -9223372036854775808n
/** 2^64 - 1, the largest `size` and `uint64`. */
export const maximumUint64 = 18446744073709551615n

/** The one form of an integer: `number` where that is exact, else `bigint`. `toInteger(5n)` is `5`. */
export const toInteger = (value: Integer): Integer =>
  typeof value === 'bigint' && value >= minimumSafe && value <= maximumSafe ? Number(value) : value

/** The integer as a `bigint`, for arithmetic on mixed forms. The value has to be an integer. */
export const toBigInt = (value: Integer): bigint => BigInt(value)

/**
 * An integer as QEMU's unsigned 64-bit reader takes it: a negative one wraps around (two's complement), so
 * `toUnsigned(-1)` is 2^64 - 1. This is how `xbzrle-cache-size` -2^63 becomes 2^63 in 2.11, and `max-bandwidth` -1 the
 * largest bandwidth in 7.2. Source: reference of the semantics, 4.4 and 8.3.
 */
export const toUnsigned = (value: Integer): Integer => toInteger(BigInt.asUintN(64, BigInt(value)))

const integerBetween = (name: string, minimum: bigint, maximum: bigint, description: string) => {
  const side = Schema.Union([
    Schema.Finite.check(
      Schema.makeFilter<number>((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, {
        expected: name,
      }),
    ),
    Schema.BigInt.check(Schema.makeFilter<bigint>((value) => value >= minimum && value <= maximum, { expected: name })),
  ])
  return side
    .pipe(
      Schema.decodeTo(side, SchemaTransformation.transform<Integer, Integer>({ decode: toInteger, encode: toInteger })),
    )
    .annotate({ identifier: name, description })
}

/** QAPI `int`: a signed integer of 64 bits, -2^63 to 2^63 - 1. See the head of this file for its representation. */
export const Int = integerBetween('int', minimumInt64, maximumInt64, 'A signed integer of 64 bits.')

/**
 * QAPI `size`: an unsigned integer of 64 bits, 0 to 2^64 - 1, bytes. A negative number down to -2^63 is taken as well, as
 * QEMU does, and is carried as it came; {@link toUnsigned} gives the value QEMU reads into it.
 */
export const Size = integerBetween('size', minimumInt64, maximumUint64, 'An unsigned integer of 64 bits, in bytes.')

/** QAPI `uint64`: as {@link Size}, without being bytes. Only 7.2 uses it. */
export const Uint64 = integerBetween('uint64', minimumInt64, maximumUint64, 'An unsigned integer of 64 bits.')

/** QAPI `uint32`: 0 to 2^32 - 1; out of this range is a type error on the wire. Only 7.2 uses it. */
export const Uint32 = integerBetween('uint32', 0n, 4294967295n, 'An unsigned integer of 32 bits.')

/** QAPI `uint8`: 0 to 255; out of this range is a type error on the wire. Only 7.2 uses it. */
export const Uint8 = integerBetween('uint8', 0n, 255n, 'An unsigned integer of 8 bits.')

/** QAPI `number`: a finite double; an integer is a number too, and one beyond 2^53 is rounded, as QEMU itself does. */
export const Num = Schema.Union([Schema.Finite, Schema.BigInt])
  .pipe(
    Schema.decodeTo(
      Schema.Finite,
      SchemaTransformation.transform<number, Integer>({ decode: Number, encode: (value) => value }),
    ),
  )
  .annotate({ identifier: 'number', description: 'A finite double.' })

/** QAPI `str`: a string. */
export const Str = Schema.String.annotate({ identifier: 'str', description: 'A string.' })

/** QAPI `bool`: true or false, never 0 or 1. */
export const Bool = Schema.Boolean.annotate({ identifier: 'bool', description: 'True or false.' })

/** QAPI `StrOrNull` (`qapi/common.json`): a string, or null to take back what was set. */
export const StrOrNull = Schema.Union([Schema.String, Schema.Null]).annotate({
  identifier: 'StrOrNull',
  description: 'A string, or null to take back what was set.',
})

/** What a command without a result returns, `{}`. Decoding drops members that a later QEMU may add. */
export const Nothing = Schema.Struct({})
  .check(
    Schema.makeFilter<object>((value) => typeof value === 'object' && !Array.isArray(value), { expected: 'object' }),
  )
  .annotate({ identifier: 'nothing', description: 'Nothing: an empty object.' })
