/**
 * What a server says about itself: its commands and events, and `query-qmp-schema`, generated from the schemas in
 * `src/qapi` in the form QEMU gives it. As in QEMU, the names of types are numbers that mean nothing and may change.
 */
import { Schema, SchemaAST } from 'effect'
import type { Profile } from '../../machines/index.ts'
import { commandNames } from '../core/index.ts'
import { enumeration, optional, required } from '../qapi/documentation.ts'
import { Bool, commands, events, Int, monitorCommands, Str } from '../qapi/index.ts'
import { schemaInfo, type NamedEntries } from './schema-info.ts'
import { isJsonObject, type JsonObject } from './message.ts'

const nothing = Schema.Struct({})
const plain = { since: '0.14', unit: 'none' } as const

const VersionTriple = Schema.Struct({
  major: required(Int, { ...plain, description: 'The major version.' }),
  minor: required(Int, { ...plain, description: 'The minor version.' }),
  micro: required(Int, { ...plain, description: 'The micro version.' }),
})

/** What `query-version` returns. Source: `VersionInfo` of `qapi/control.json`. */
export const VersionInfo = Schema.Struct({
  qemu: required(VersionTriple, { ...plain, description: 'The version of QEMU that is spoken.' }),
  package: required(Str, { ...plain, description: 'Who speaks it.' }),
})

/** An element of what `query-commands` and, in 2.11, `query-events` return. */
export const NamedInfo = Schema.Struct({ name: required(Str, { ...plain, description: 'The name.' }) })

/** What `query-name` returns. */
export const NameInfo = Schema.Struct({ name: optional(Str, { ...plain, description: 'The name, if it has one.' }) })

const cause = (name: string) => ({ description: `See ${name} of qapi/run-state.json.`, since: '4.0' })

const ShutdownCause = enumeration({
  name: 'ShutdownCause',
  since: '4.0',
  description: 'Why a guest was shut down or reset.',
  literals: [
    'none',
    'host-error',
    'host-qmp-quit',
    'host-qmp-system-reset',
    'host-signal',
    'host-ui',
    'guest-shutdown',
    'guest-reset',
    'guest-panic',
    'subsystem-reset',
    'snapshot-load',
  ],
  members: {
    none: cause('none'),
    'host-error': cause('host-error'),
    'host-qmp-quit': cause('host-qmp-quit'),
    'host-qmp-system-reset': cause('host-qmp-system-reset'),
    'host-signal': cause('host-signal'),
    'host-ui': cause('host-ui'),
    'guest-shutdown': cause('guest-shutdown'),
    'guest-reset': cause('guest-reset'),
    'guest-panic': cause('guest-panic'),
    'subsystem-reset': cause('subsystem-reset'),
    'snapshot-load': cause('snapshot-load'),
  },
})

const OobCapability = enumeration({
  name: 'QMPCapability',
  since: '2.12',
  description: 'What a session can be asked to do.',
  literals: ['oob'],
  members: { oob: { description: 'Commands that overtake.', since: '2.12' } },
})

type Codec = { readonly ast: SchemaAST.AST }
/** A schema, or entries that refer to each other by name and to built-in types. */
type Type = Codec | { readonly entries: NamedEntries; readonly root: string }

interface CommandTypes {
  readonly arguments: Codec
  readonly returns: Type
}

/** The commands that the session answers itself, without asking the process. */
const makeSessionCommands = (profile: Profile): Readonly<Record<string, CommandTypes>> => ({
  qmp_capabilities: {
    arguments:
      profile === '7.2'
        ? Schema.Struct({
            enable: optional(Schema.Array(OobCapability), { ...plain, description: 'What to switch on.' }),
          })
        : nothing,
    returns: nothing,
  },
  'query-version': { arguments: nothing, returns: VersionInfo },
  'query-commands': { arguments: nothing, returns: Schema.Array(NamedInfo) },
  ...(profile === '2.11' ? { 'query-events': { arguments: nothing, returns: Schema.Array(NamedInfo) } } : {}),
  'query-qmp-schema': { arguments: nothing, returns: { entries: schemaInfo(profile), root: '[SchemaInfo]' } },
  'query-name': { arguments: nothing, returns: NameInfo },
})

const sessionCommands: Readonly<Record<Profile, Readonly<Record<string, CommandTypes>>>> = {
  '2.11': makeSessionCommands('2.11'),
  '7.2': makeSessionCommands('7.2'),
}

/** Whether a session answers a command itself. */
export const isSessionCommand = (profile: Profile, name: string): boolean =>
  Object.hasOwn(sessionCommands[profile], name)

const schemaCommands = (profile: Profile): Readonly<Record<string, CommandTypes>> => commands[profile]

const guestFlag = required(Bool, { ...plain, description: 'Whether the guest itself asked for it.' })

const guestEvent = (profile: Profile): Codec =>
  profile === '7.2'
    ? Schema.Struct({ guest: guestFlag, reason: required(ShutdownCause, { ...plain, description: 'Why.' }) })
    : Schema.Struct({ guest: guestFlag })

/** Events of the monitor that a process can emit beside those of the migration. */
const monitorEvents = (profile: Profile): Readonly<Record<string, Codec>> => ({
  STOP: nothing,
  RESUME: nothing,
  SHUTDOWN: guestEvent(profile),
  RESET: guestEvent(profile),
  POWERDOWN: nothing,
})

const eventTypes = (profile: Profile): Readonly<Record<string, Codec>> => ({
  ...Object.fromEntries(Object.entries(events[profile]).map(([name, { data }]) => [name, data])),
  ...monitorEvents(profile),
})

/** Commands that may be asked for with `exec-oob`, where it was negotiated. */
const outOfBand: ReadonlySet<string> = new Set(['migrate-pause', 'migrate-recover'])

/** Whether a command may overtake others. */
export const allowsOutOfBand = (profile: Profile, name: string): boolean => profile === '7.2' && outOfBand.has(name)

/** What was built into a process beside what every one has. */
export interface BuiltIn {
  /** Block replication. Default false. */
  readonly replication?: boolean
}

/** All commands a server of a profile answers: the session's own, and those of the process behind it. */
export const knownCommands = (profile: Profile, builtIn: BuiltIn = {}): readonly string[] => [
  ...Object.keys(sessionCommands[profile]),
  ...commandNames(profile, builtIn),
]

/** All events a server of a profile can send. */
export const knownEvents = (profile: Profile): readonly string[] => Object.keys(eventTypes(profile))

const builtins: Readonly<Record<string, { readonly name: string; readonly json: string }>> = {
  str: { name: 'str', json: 'string' },
  bool: { name: 'bool', json: 'boolean' },
  number: { name: 'number', json: 'number' },
  null: { name: 'null', json: 'null' },
  any: { name: 'any', json: 'value' },
  ...Object.fromEntries(
    ['int', 'size', 'uint64', 'uint32', 'uint8'].map((name) => [name, { name: 'int', json: 'int' }]),
  ),
}

/** What is marked unstable in 7.2 is what has a name that begins with x-. */
const features = (profile: Profile, name: string): JsonObject =>
  profile === '7.2' && name.startsWith('x-') ? { features: ['unstable'] } : {}

/** Gives types their numbers, each once, and collects their entries. */
class TypeTable {
  readonly entries: JsonObject[] = []
  readonly #names = new Map<string, string>()
  readonly #profile: Profile
  #numbers = 0

  constructor(profile: Profile) {
    this.#profile = profile
  }

  /** The name of a type, with its entry made. Equal types have one entry. */
  nameOf(type: Type): string {
    return 'ast' in type ? this.#ofAst(type.ast) : this.#ofNamed(type.entries, type.root)
  }

  #ofAst(ast: SchemaAST.AST): string {
    const identifier = SchemaAST.resolveIdentifier(ast)
    const builtin = identifier === undefined ? undefined : builtins[identifier]
    if (builtin !== undefined) return this.#builtin(builtin)
    if (identifier === 'nothing') return this.#ofAst(nothing.ast)
    if (SchemaAST.isArrays(ast)) return this.#array(this.#ofAst(ast.rest[0] ?? SchemaAST.unknown))
    if (SchemaAST.isObjects(ast)) return this.#object(ast)
    if (SchemaAST.isUnion(ast)) {
      return ast.types.every(SchemaAST.isLiteral)
        ? this.#enum(ast.types.map(({ literal }) => String(literal)))
        : this.#alternate(ast.types)
    }
    if (SchemaAST.isLiteral(ast)) return this.#enum([String(ast.literal)])
    return this.#builtin(builtins['any']!)
  }

  #builtin({ name, json }: { readonly name: string; readonly json: string }): string {
    return this.#entry(name, { 'json-type': json, 'meta-type': 'builtin' }, name)
  }

  #array(element: string): string {
    return this.#entry(`[${element}]`, { 'element-type': element, 'meta-type': 'array' }, `[${element}]`)
  }

  #enum(values: readonly string[]): string {
    const members = values.map((name) => ({ name, ...features(this.#profile, name) }))
    const body = { ...(this.#profile === '7.2' ? { members } : {}), 'meta-type': 'enum', values }
    return this.#entry(JSON.stringify(body), body)
  }

  #alternate(types: readonly SchemaAST.AST[]): string {
    const members = types.map((type) => ({
      type: SchemaAST.isNull(type) ? this.#builtin(builtins['null']!) : this.#builtin(builtins['str']!),
    }))
    const body = { members, 'meta-type': 'alternate' }
    return this.#entry(JSON.stringify(body), body)
  }

  #object(ast: SchemaAST.Objects): string {
    const members = ast.propertySignatures.map(({ name, type }) => ({
      name: String(name),
      ...(SchemaAST.isOptional(type) ? { default: null } : {}),
      type: this.#ofAst(type),
      ...features(this.#profile, String(name)),
    }))
    const body = { members, 'meta-type': 'object' }
    return this.#entry(JSON.stringify(body), body)
  }

  #ofNamed(entries: NamedEntries, name: string): string {
    const builtin = builtins[name]
    if (builtin !== undefined) return this.#builtin(builtin)
    if (name.startsWith('[')) return this.#array(this.#ofNamed(entries, name.slice(1, -1)))
    const renamed = (part: unknown): unknown =>
      isJsonObject(part) && typeof part['type'] === 'string'
        ? { ...part, type: this.#ofNamed(entries, part['type']) }
        : part
    const body = Object.fromEntries(
      Object.entries(entries[name] ?? {}).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map(renamed) : value,
      ]),
    )
    return this.#entry(JSON.stringify(body), body)
  }

  #entry(key: string, body: JsonObject, name?: string): string {
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const given = name ?? String(this.#numbers++)
    this.#names.set(key, given)
    this.entries.push({ name: given, ...body })
    return given
  }
}

const makeSchema = (profile: Profile, builtIn: BuiltIn, added: readonly string[]): readonly JsonObject[] => {
  const table = new TypeTable(profile)
  const empty = { arguments: nothing, returns: nothing }
  /** Of what a host adds only the names are known. */
  const unknown = { arguments: nothing, returns: Schema.Unknown }
  const types: Readonly<Record<string, CommandTypes>> = {
    ...monitorCommands[profile],
    ...schemaCommands(profile),
    ...sessionCommands[profile],
  }
  const commandEntry = (name: string): JsonObject => {
    const { arguments: given, returns } = types[name] ?? (added.includes(name) ? unknown : empty)
    return {
      name,
      'ret-type': table.nameOf(returns),
      ...(allowsOutOfBand(profile, name) ? { 'allow-oob': true } : {}),
      'meta-type': 'command',
      'arg-type': table.nameOf(given),
      ...features(profile, name),
    }
  }
  const eventEntries = Object.entries(eventTypes(profile)).map(([name, data]) => ({
    name,
    'meta-type': 'event',
    'arg-type': table.nameOf(data),
  }))
  return [
    ...knownCommands(profile, builtIn).map(commandEntry),
    ...added.map(commandEntry),
    ...eventEntries,
    ...table.entries,
  ]
}

const made = new Map<string, readonly JsonObject[]>()

/**
 * What `query-qmp-schema` answers: one entry a command, an event and a type that one of them needs. `added` are commands of
 * the host.
 *
 * @example
 * qmpSchema('2.11').find(({ name }) => name === 'migrate-incoming')
 * // { name: 'migrate-incoming', 'ret-type': '0', 'meta-type': 'command', 'arg-type': '…' }
 */
export const qmpSchema = (
  profile: Profile,
  builtIn: BuiltIn = {},
  added: readonly string[] = [],
): readonly JsonObject[] => {
  const key = `${profile} ${builtIn.replication === true} ${added.join()}`
  const known = made.get(key)
  if (known !== undefined) return known
  const schema = makeSchema(profile, builtIn, added)
  made.set(key, schema)
  return schema
}
