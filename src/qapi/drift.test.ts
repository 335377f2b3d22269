/**
 * Holds the schemas of this folder against the facts of `qapi/migration.json`, in both directions: whatever one side declares
 * and the other does not, or declares otherwise, is a difference. The last tests alter the facts and expect to be told.
 */
import t from 'tap'
import { type Schema } from 'effect'
import { MigrationCapability, MigrationCapabilityStatus } from './capability.ts'
import { COLOMessage, COLOMode, FailoverStatus } from './colo.ts'
import { commands } from './commands.ts'
import { describe, typeName } from './documentation.ts'
import { events } from './events.ts'
import { facts, type MemberFacts, type SchemaFacts } from './facts.ts'
import { MigrationInfo, MigrationStats, XBZRLECacheStats } from './migration-info.ts'
import { MigrationStatus } from './migration-status.ts'
import { MigrateSetParameters, MigrationParameter, MigrationParameters } from './parameters.ts'
import { ReplicationStatus } from './replication.ts'

const enums = { MigrationStatus, MigrationCapability, MigrationParameter, COLOMessage, COLOMode, FailoverStatus }
const structs = {
  MigrationStats,
  XBZRLECacheStats,
  MigrationInfo,
  MigrationCapabilityStatus,
  MigrateSetParameters,
  MigrationParameters,
  ReplicationStatus,
}

const membersOf = (schema: Schema.Top): MemberFacts =>
  Object.fromEntries(describe(schema).members.map(({ name, optional, type }) => [(optional ? '*' : '') + name, type]))

const argumentsOf = (schema: Schema.Top): MemberFacts | string => describe(schema).name ?? membersOf(schema)

const mapValues = <A, B>(values: Readonly<Record<string, A>>, f: (value: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, f(value)]))

/** What the schemas of this folder declare, in the form of the facts. */
const declared: SchemaFacts = {
  enums: mapValues<Schema.Top, ReadonlyArray<string>>(enums, (schema) =>
    describe(schema).members.map(({ name }) => name),
  ),
  structs: mapValues<Schema.Top, MemberFacts>(structs, membersOf),
  commands: mapValues<{ arguments: Schema.Top; returns: Schema.Top }, SchemaFacts['commands'][string]>(
    commands['2.11'],
    (command) => ({ arguments: argumentsOf(command.arguments), returns: typeName(command.returns.ast) }),
  ),
  events: mapValues<{ data: Schema.Top }, MemberFacts>(events['2.11'], ({ data }) => membersOf(data)),
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every place where two trees differ, as `place: expected x, found y`; lists are compared with their order. */
const differences = (expected: unknown, found: unknown, place = ''): ReadonlyArray<string> => {
  if (isTree(expected) && isTree(found)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(found)])
    return [...keys].flatMap((key) => differences(expected[key], found[key], place === '' ? key : `${place}/${key}`))
  }
  const [e, f] = [JSON.stringify(expected), JSON.stringify(found)]
  return e === f ? [] : [`${place}: expected ${e}, found ${f}`]
}

t.test('the schemas declare what the facts say, no more and no less', (t) => {
  t.same(differences(facts, declared), [])
  t.end()
})

t.test('struct members come in the order of the schema', (t) => {
  for (const [name, members] of Object.entries(facts.structs)) {
    t.same(Object.keys(declared.structs[name] ?? {}), Object.keys(members), name)
  }
  t.end()
})

t.test('every schema is known by the name it is exported under', (t) => {
  for (const [name, schema] of Object.entries({ ...enums, ...structs })) t.equal(describe(schema).name, name)
  t.end()
})

const count = (record: object): number => Object.keys(record).length

const altered = (change: (copy: { [K in keyof SchemaFacts]: Record<string, unknown> }) => void): SchemaFacts => {
  const copy = structuredClone(facts)
  change(copy as unknown as { [K in keyof SchemaFacts]: Record<string, unknown> })
  return copy
}

const without = (members: MemberFacts, name: string): MemberFacts =>
  Object.fromEntries(Object.entries(members).filter(([key]) => key !== name))

t.test('the facts are of the size of the schema', (t) => {
  t.same([facts.enums, facts.structs, facts.commands, facts.events].map(count), [6, 7, 20, 2])
  t.end()
})

t.test('an altered copy of the facts is reported', (t) => {
  const stats = facts.structs['MigrationStats'] ?? {}
  const info = facts.structs['MigrationInfo'] ?? {}
  const cases: Readonly<Record<string, [SchemaFacts, ReadonlyArray<string>]>> = {
    'a member missing here': [
      altered((copy) => (copy.structs['MigrationStats'] = { ...stats, extra: 'int' })),
      ['structs/MigrationStats/extra: expected "int", found undefined'],
    ],
    'a member too many here': [
      altered((copy) => (copy.structs['MigrationStats'] = without(stats, 'mbps'))),
      ['structs/MigrationStats/mbps: expected undefined, found "number"'],
    ],
    'another optionality': [
      altered((copy) => (copy.structs['MigrationInfo'] = { ...without(info, '*status'), status: 'MigrationStatus' })),
      [
        'structs/MigrationInfo/status: expected "MigrationStatus", found undefined',
        'structs/MigrationInfo/*status: expected undefined, found "MigrationStatus"',
      ],
    ],
    'another type': [
      altered((copy) => (copy.events['MIGRATION_PASS'] = { pass: 'number' })),
      ['events/MIGRATION_PASS/pass: expected "number", found "int"'],
    ],
    'another order of an enum': [
      altered((copy) => (copy.enums['COLOMode'] = ['primary', 'unknown', 'secondary'])),
      ['enums/COLOMode: expected ["primary","unknown","secondary"], found ["unknown","primary","secondary"]'],
    ],
    'another result': [
      altered((copy) => (copy.commands['query-migrate-cache-size'] = { arguments: {}, returns: 'size' })),
      ['commands/query-migrate-cache-size/returns: expected "size", found "int"'],
    ],
    'a command missing here': [
      altered((copy) => (copy.commands['migrate-undo'] = { arguments: {}, returns: 'nothing' })),
      ['commands/migrate-undo: expected {"arguments":{},"returns":"nothing"}, found undefined'],
    ],
  }
  for (const [name, [copy, expected]] of Object.entries(cases)) {
    t.same([...differences(copy, declared)].toSorted(), [...expected].toSorted(), name)
  }
  t.end()
})
