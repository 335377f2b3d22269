/**
 * The type of what `query-qmp-schema` itself returns: a union, which no other command of this project needs. Source:
 * `SchemaInfo` of `qapi/introspect.json`.
 */
import type { Profile } from '../../machines/index.ts'
import type { JsonObject } from './message.ts'

const object = (members: Readonly<Record<string, string>>, rest: JsonObject = {}): JsonObject => ({
  ...rest,
  members: Object.entries(members).map(([member, type]) =>
    type.endsWith('?') ? { name: member, default: null, type: type.slice(0, -1) } : { name: member, type },
  ),
  'meta-type': 'object',
})

const enumOf = (profile: Profile, values: readonly string[]): JsonObject => ({
  ...(profile === '7.2' ? { members: values.map((value) => ({ name: value })) } : {}),
  'meta-type': 'enum',
  values,
})

const metaTypes = ['builtin', 'enum', 'array', 'object', 'alternate', 'command', 'event']
const jsonTypes = ['string', 'number', 'int', 'boolean', 'null', 'object', 'array', 'value']

const variants = {
  tag: 'meta-type',
  variants: metaTypes.map((name) => ({ case: name, type: `${name} info` })),
}

/** Entries by names that only refer to each other; whoever lists them gives them others. */
export type NamedEntries = Readonly<Record<string, JsonObject>>

/** The entries of `SchemaInfo` and what it is made of. */
export const schemaInfo = (profile: Profile): NamedEntries => {
  const recent = profile === '7.2'
  const features: Readonly<Record<string, string>> = recent ? { features: '[str]?' } : {}
  const enumInfo = {
    members: [
      { name: 'members', type: '[enum member]' },
      { name: 'values', type: '[str]', features: ['deprecated'] },
    ],
    'meta-type': 'object',
  }
  return {
    SchemaInfo: object({ name: 'str', 'meta-type': 'meta type', ...features }, variants),
    'meta type': enumOf(profile, metaTypes),
    'json type': enumOf(profile, jsonTypes),
    'builtin info': object({ 'json-type': 'json type' }),
    'enum info': recent ? enumInfo : object({ values: '[str]' }),
    'enum member': object({ name: 'str', ...features }),
    'array info': object({ 'element-type': 'str' }),
    'object info': object({ members: '[object member]', tag: 'str?', variants: '[variant]?' }),
    'object member': object({ name: 'str', type: 'str', default: 'any?', ...features }),
    variant: object({ case: 'str', type: 'str' }),
    'alternate info': object({ members: '[alternate member]' }),
    'alternate member': object({ type: 'str' }),
    'command info': object({ 'arg-type': 'str', 'ret-type': 'str', ...(recent ? { 'allow-oob': 'bool?' } : {}) }),
    'event info': object({ 'arg-type': 'str' }),
  }
}
