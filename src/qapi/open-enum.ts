/**
 * Enums as they are read from a peer. A peer may be newer than we are, so a member we do not know is carried along and
 * marked, and it is the reader's business to report it; refusing it would turn a new word into a lost guest.
 */
import { Schema, SchemaAST, SchemaTransformation } from 'effect'

/** A member that the enum named `enum` does not have in the profile it was read under; `value` is the word as it came. */
export const UnknownMember = Schema.Struct({
  _tag: Schema.tag('UnknownMember'),
  enum: Schema.String,
  value: Schema.String,
}).annotate({ identifier: 'UnknownMember', description: 'A member of an enum that this profile does not know.' })
/** See {@link UnknownMember}. */
export type UnknownMember = (typeof UnknownMember)['Type']

/** Whether a value read through an open enum is one that we do not know. */
export const isUnknownMember: (value: unknown) => value is UnknownMember = Schema.is(UnknownMember)

/** The word on the wire of a value read through an open enum: `wireName('active')` and `wireName(unknown)` are strings. */
export const wireName = <L extends string>(member: L | UnknownMember): L | string =>
  typeof member === 'string' ? member : member.value

/**
 * Opens an enum: any string decodes, a known one to itself and any other to an {@link UnknownMember}; encoding gives the
 * string back. Only what is no string fails.
 *
 * @example
 * ```ts
 * const Open = openEnum(MigrationStatus)
 * Schema.decodeUnknownSync(Open)('active') // 'active'
 * Schema.decodeUnknownSync(Open)('wait-unplug') // { _tag: 'UnknownMember', enum: 'MigrationStatus', value: 'wait-unplug' }
 * ```
 */
export const openEnum = <L extends ReadonlyArray<string>>(
  schema: Schema.Literals<L>,
): Schema.Codec<L[number] | UnknownMember, string> => {
  const name = SchemaAST.resolveIdentifier(schema.ast) ?? 'enum'
  const isKnown = Schema.is(schema)
  return Schema.String.pipe(
    Schema.decodeTo(
      Schema.Union([schema, UnknownMember]),
      SchemaTransformation.transform<L[number] | UnknownMember, string>({
        decode: (value) => (isKnown(value) ? value : { _tag: 'UnknownMember', enum: name, value }),
        encode: wireName,
      }),
    ),
  ).annotate({ identifier: `open ${name}` })
}
