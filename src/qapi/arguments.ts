/**
 * Reads the arguments of a command as QMP does: what the schema does not name is refused, what it requires has to be there,
 * and everything has its type, before anything takes effect. Ranges and states are checked later, elsewhere.
 */
import { Predicate, Result, Schema, SchemaAST, type SchemaIssue } from 'effect'
import { type CommandArguments, type CommandDefinition, type CommandName, commands } from './commands.ts'
import { typeName } from './documentation.ts'
import { defaultProfile, type Profile } from './profile.ts'

/**
 * What is wrong with an argument: it is `missing`, it is `unexpected` (the schema has no such member), it has another `type`,
 * or it is a string that its `enum` does not have.
 */
export const InvalidArgumentKind = Schema.Literals(['missing', 'unexpected', 'type', 'enum'])
/** See {@link InvalidArgumentKind}. */
export type InvalidArgumentKind = (typeof InvalidArgumentKind)['Type']

/**
 * Arguments that do not fit the schema; nothing has been done. Of several faults it is the one that QEMU reports: members are
 * visited in the schema's order, unexpected ones come last at each level.
 *
 * `path` is as QEMU writes it, `capabilities[0].state`, and empty where the arguments as a whole are no object.
 * `expected` is a QAPI type: `int`, `str`, `bool`, `number`, `size`, `StrOrNull`, `uint8`, `object`, `array`, for kind `enum` the
 * enum's name (for what should be an enum and is no string, it is kind `type` and `str`), and `nothing` for kind `unexpected`.
 * `found` is the value as JSON; for kind `enum` it is the bare word, which QEMU's message quotes, and for `missing` it is absent.
 */
export class InvalidArguments extends Schema.TaggedError<InvalidArguments>('InvalidArguments')('InvalidArguments', {
  command: Schema.String,
  path: Schema.String,
  kind: InvalidArgumentKind,
  expected: Schema.String,
  found: Schema.optionalKey(Schema.String),
}) {
  override get message(): string {
    const found = this.found === undefined ? 'nothing' : this.found
    const place = this.path === '' ? 'arguments' : `argument ${this.path}`
    return `${this.command}: ${place}: expected ${this.expected}, found ${found} (${this.kind})`
  }
}

type Path = ReadonlyArray<PropertyKey>

/** A fault, with the position of every step of its path in the schema, by which faults are put into QEMU's order. */
interface Fault {
  readonly path: Path
  readonly rank: ReadonlyArray<number>
  readonly kind: InvalidArgumentKind
  readonly expected: string
  readonly found: unknown
}

const leaves = (issue: SchemaIssue.Issue, path: Path): ReadonlyArray<{ issue: SchemaIssue.Issue; path: Path }> => {
  if (Predicate.isTagged(issue, 'Composite')) return issue.issues.flatMap((inner) => leaves(inner, path))
  if (Predicate.isTagged(issue, 'Pointer')) return leaves(issue.issue, [...path, ...issue.path])
  return [{ issue, path }]
}

/** Bounds the text of a refused value, which may be a whole document, to what a message can carry. */
const foundLengthMax = 200

const render = (value: unknown): string => {
  const text =
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? String(value)
  return text.length > foundLengthMax ? `${text.slice(0, foundLengthMax)}...` : text
}

const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, step) =>
      typeof step === 'number' ? `${text}[${step}]` : text === '' ? String(step) : `${text}.${String(step)}`,
    '',
  )

const isEnum = (ast: SchemaAST.AST): boolean => SchemaAST.isUnion(ast) && ast.types.every(SchemaAST.isLiteral)

const memberType = (ast: SchemaAST.AST): string => {
  if (SchemaAST.isArrays(ast)) return 'array'
  return SchemaAST.isObjects(ast) ? 'object' : typeName(ast)
}

const mismatch = (ast: SchemaAST.AST, found: unknown): Pick<Fault, 'kind' | 'expected'> => {
  if (!isEnum(ast)) return { kind: 'type', expected: memberType(ast) }
  return typeof found === 'string' ? { kind: 'enum', expected: typeName(ast) } : { kind: 'type', expected: 'str' }
}

const fault = (root: SchemaAST.AST, input: unknown, leaf: { issue: SchemaIssue.Issue; path: Path }): Fault => {
  let ast: SchemaAST.AST | undefined = root
  let found = input
  const rank = leaf.path.map((step) => {
    found = Predicate.isObjectOrArray(found) ? Reflect.get(found, step) : undefined
    if (ast !== undefined && SchemaAST.isArrays(ast)) {
      ast = ast.rest[0]
      return Number(step)
    }
    const members: ReadonlyArray<SchemaAST.PropertySignature> =
      ast !== undefined && SchemaAST.isObjects(ast) ? ast.propertySignatures : []
    const index = members.findIndex(({ name }) => name === step)
    ast = members[index]?.type
    return index === -1 ? members.length : index
  })
  const at = { path: leaf.path, rank, found }
  if (ast === undefined || Predicate.isTagged(leaf.issue, 'UnexpectedKey')) {
    return { ...at, kind: 'unexpected', expected: 'nothing' }
  }
  if (Predicate.isTagged(leaf.issue, 'MissingKey')) return { ...at, kind: 'missing', expected: memberType(ast) }
  return { ...at, ...mismatch(ast, found) }
}

const isBefore = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean => {
  const at = a.findIndex((index, i) => index !== b[i])
  if (at === -1) return a.length < b.length
  const other = b[at]
  return other !== undefined && (a[at] ?? 0) < other
}

const refused = (command: string, { path, kind, expected, found }: Fault): InvalidArguments =>
  new InvalidArguments({
    command,
    path: pathText(path),
    kind,
    expected,
    ...(kind === 'missing' ? {} : { found: kind === 'enum' ? String(found) : render(found) }),
  })

/** Decodes the arguments of any command by its definition; `undefined` is the same as `{}`. */
export const decodeArgumentsOf = (
  definition: CommandDefinition,
  command: string,
  given: unknown,
): Result.Result<unknown, InvalidArguments> => {
  const input = given === undefined ? {} : given
  if (!Predicate.isObject(input)) {
    return Result.fail(refused(command, { path: [], rank: [], kind: 'type', expected: 'object', found: input }))
  }
  const { ast } = definition.arguments
  const [stray] = Object.keys(input)
  // Effect takes a struct without members for "anything but null", whatever it is told about excess members.
  if (stray !== undefined && SchemaAST.isObjects(ast) && ast.propertySignatures.length === 0) {
    const found = Reflect.get(input, stray)
    return Result.fail(refused(command, { path: [stray], rank: [0], kind: 'unexpected', expected: 'nothing', found }))
  }
  const decode = Schema.decodeUnknownResult(definition.arguments, { errors: 'all', onExcessProperty: 'error' })
  return Result.mapError(decode(input), ({ issue }) => {
    const faults = leaves(issue, []).map((leaf) => fault(ast, input, leaf))
    // A failed decoding has at least one issue, so there is a first fault.
    return refused(
      command,
      faults.reduce((first, next) => (isBefore(next.rank, first.rank) ? next : first)),
    )
  })
}

/**
 * Decodes the arguments of a command of a profile (default 2.11), or says what is wrong with them. `undefined`, for a request
 * without arguments, is the same as `{}`. Pure and synchronous.
 *
 * @example
 * ```ts
 * decodeArguments('migrate', { uri: 'tcp:0:4446' }) // Result.succeed({ uri: 'tcp:0:4446' })
 * decodeArguments('migrate', { uri: 'tcp:0:4446', now: true })
 * // Result.fail(InvalidArguments { command: 'migrate', path: 'now', kind: 'unexpected', expected: 'nothing', found: 'true' })
 * ```
 */
export const decodeArguments = <N extends CommandName<P>, P extends Profile = '2.11'>(
  command: N,
  input: unknown,
  profile?: P,
): Result.Result<CommandArguments<N, P>, InvalidArguments> => {
  const table: Readonly<Record<string, CommandDefinition>> = commands[profile ?? defaultProfile]
  const definition = table[command]
  if (definition === undefined)
    throw new TypeError(`expected a command of ${profile ?? defaultProfile}, found ${command}`)
  const result = decodeArgumentsOf(definition, command, input)
  // The table's schema of this very command has just decoded the value.
  return result as Result.Result<CommandArguments<N, P>, InvalidArguments>
}
