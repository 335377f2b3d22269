/**
 * How a schema of this folder carries its documentation: every enum member and every struct member has a description,
 * the QEMU version it appeared in and a unit, kept as annotations of the schema itself, so that help texts, charts and
 * tests read them from the one place where the member is declared.
 */
import { Schema, SchemaAST } from 'effect'

/**
 * The unit of a quantity on the wire.
 *
 * `B` bytes, `B/s` bytes a second, `ms` milliseconds, `s` seconds, `us` microseconds, `%` percent (0 to 100), `count` how many
 * of something, `pages` guest pages of the target's page size, `pages/s`, `Mbit/s` 10^6 bits a second, `ratio` a fraction,
 * `port` a TCP port, `level` a compressor's effort, `none` for what is no quantity (text, booleans, enums, structs).
 */
export type Unit =
  'B' | 'B/s' | 'ms' | 's' | 'us' | '%' | 'count' | 'pages' | 'pages/s' | 'Mbit/s' | 'ratio' | 'port' | 'level' | 'none'

/** What is said about one enum member: its meaning, and the QEMU version it appeared in (`'2.5'`). */
export interface LiteralDocumentation {
  readonly description: string
  readonly since: string
}

/** What is said about one struct member: as for a literal, and its {@link Unit}. */
export interface MemberDocumentation extends LiteralDocumentation {
  readonly unit: Unit
}

/** One member of an enum or struct as its schema declares it; `name` is the wire name, `type` the QAPI type. */
export interface MemberDescription extends MemberDocumentation {
  readonly name: string
  readonly type: string
  readonly optional: boolean
}

/**
 * A whole enum or struct as its schema declares it. Members of an enum come in the schema's order, have the type `literal`,
 * the unit `none` and are never optional.
 */
export interface TypeDescription {
  readonly name: string | undefined
  readonly kind: 'enum' | 'struct'
  readonly description: string
  readonly since: string
  readonly members: ReadonlyArray<MemberDescription>
}

/**
 * Builds an enum: a `Schema.Literals` in the given order, each member documented. The compiler refuses a literal without
 * documentation and documentation without a literal.
 *
 * @example
 * ```ts
 * const Light = enumeration({
 *   name: 'Light', since: '1.0', description: 'A traffic light.',
 *   literals: ['red', 'green'],
 *   members: { red: { description: 'Stop.', since: '1.0' }, green: { description: 'Go.', since: '1.0' } },
 * })
 * Light.literals // ['red', 'green']
 * ```
 */
export const enumeration = <const L extends ReadonlyArray<string>>(definition: {
  readonly name: string
  readonly since: string
  readonly description: string
  readonly literals: L
  readonly members: Readonly<Record<L[number], LiteralDocumentation>>
}): Schema.Literals<L> =>
  Schema.Literals(definition.literals).annotate({
    identifier: definition.name,
    description: definition.description,
    since: definition.since,
    literals: definition.members,
  })

/** Declares a struct member that is always there, with its documentation. */
export const required = <S extends Schema.Top>(schema: S, documentation: MemberDocumentation): S['Rebuild'] =>
  schema.annotateKey({ ...documentation })

/** Declares a struct member that may be absent (`*name` in the schema), with its documentation. */
export const optional = <S extends Schema.Top>(
  schema: S,
  documentation: MemberDocumentation,
): Schema.optionalKey<S>['Rebuild'] => Schema.optionalKey(schema).annotateKey({ ...documentation })

const text = (annotations: Schema.Annotations.Annotations | undefined, key: string): string => {
  const value = annotations?.[key]
  return typeof value === 'string' ? value : ''
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/**
 * The QAPI name of the type that an AST stands for: its identifier (`int`, `str`, `MigrationStats`), `[T]` for a list of T,
 * `object` for a struct without a name, `any` for what the schema leaves open.
 */
export const typeName = (ast: SchemaAST.AST): string => {
  const identifier = SchemaAST.resolveIdentifier(ast)
  if (identifier !== undefined) return identifier
  const [item] = SchemaAST.isArrays(ast) ? ast.rest : []
  if (item !== undefined) return `[${typeName(item)}]`
  return SchemaAST.isObjects(ast) ? 'object' : 'any'
}

/**
 * Reads an enum or a struct back from its schema: what is declared, not what is intended.
 *
 * @throws TypeError for a schema that is neither.
 *
 * @example
 * ```ts
 * describe(MigrationInfo).members[1]
 * // { name: 'ram', type: 'MigrationStats', optional: true, since: '1.2', unit: 'none', description: ... }
 * ```
 */
export const describe = (schema: Schema.Top): TypeDescription => {
  const { ast } = schema
  const annotations = SchemaAST.resolve(ast)
  const head = {
    name: SchemaAST.resolveIdentifier(ast),
    description: text(annotations, 'description'),
    since: text(annotations, 'since'),
  }
  if (SchemaAST.isObjects(ast)) {
    const members = ast.propertySignatures.map(({ name, type }): MemberDescription => {
      const key = type.context?.annotations
      return {
        name: String(name),
        type: typeName(type),
        optional: SchemaAST.isOptional(type),
        description: text(key, 'description'),
        since: text(key, 'since'),
        // Only `required` and `optional` write this annotation, and they take a Unit.
        unit: text(key, 'unit') as Unit,
      }
    })
    return { ...head, kind: 'struct', members }
  }
  if (SchemaAST.isUnion(ast)) {
    const documentation = annotations?.['literals']
    const members = ast.types.flatMap((type): ReadonlyArray<MemberDescription> => {
      if (!SchemaAST.isLiteral(type)) return []
      const name = String(type.literal)
      const member = isRecord(documentation) ? documentation[name] : undefined
      const fields = isRecord(member) ? member : undefined
      return [
        {
          name,
          type: 'literal',
          optional: false,
          unit: 'none',
          description: text(fields, 'description'),
          since: text(fields, 'since'),
        },
      ]
    })
    if (members.length === ast.types.length) return { ...head, kind: 'enum', members }
  }
  throw new TypeError(`expected the schema of an enum or a struct, found ${head.name ?? typeName(ast)}`)
}
