/** Every member that is exported is documented, and every built-in type of QAPI takes and refuses what QMP does. */
import t from 'tap'
import { Predicate, Result, Schema, SchemaAST } from 'effect'
import { describe, type MemberDescription, typeName } from './documentation.ts'
import * as qapi from './index.ts'

const isEnumOrStruct = (schema: Schema.Top): boolean =>
  SchemaAST.isObjects(schema.ast) || (SchemaAST.isUnion(schema.ast) && schema.ast.types.every(SchemaAST.isLiteral))

const ownTypes = Object.entries(qapi).flatMap(([name, value]): ReadonlyArray<readonly [string, Schema.Top]> =>
  Schema.isSchema(value) && isEnumOrStruct(value) && describe(value).since !== '' ? [[name, value]] : [],
)
const commandTypes = Object.entries(qapi.commands).flatMap(([profile, table]) =>
  Object.entries<qapi.CommandDefinition>(table).map(([name, c]): readonly [string, Schema.Top] => [
    `${profile} ${name}`,
    c.arguments,
  ]),
)
const eventTypes = Object.entries(qapi.events).flatMap(([profile, table]) =>
  Object.entries<qapi.EventDefinition>(table).map(([name, e]): readonly [string, Schema.Top] => [
    `${profile} ${name}`,
    e.data,
  ]),
)
const version = /^\d+\.\d+$/
const quantities = new Set(['int', 'size', 'number', 'uint8', 'uint32', 'uint64', '[int]'])

t.test('every member has a description, a version and the kind of unit its type needs', (t) => {
  t.ok(ownTypes.length >= 30, `${ownTypes.length} types`)
  for (const [name, schema] of [...ownTypes, ...commandTypes, ...eventTypes]) {
    for (const member of describe(schema).members) {
      const at = `${name}.${member.name}`
      t.match(member.description, /^[A-Z].*\.$/, at)
      t.match(member.since, version, at)
      t.equal(member.unit !== 'none', quantities.has(member.type), `${at}: unit ${member.unit} of ${member.type}`)
    }
  }
  t.end()
})

t.test('every type, command and event has a description and a version', (t) => {
  for (const [name, schema] of ownTypes) {
    t.match(describe(schema).description, /^[A-Z].*\.$/, name)
    t.match(describe(schema).since, version, name)
  }
  for (const table of [...Object.values(qapi.commands), ...Object.values(qapi.events)]) {
    for (const [name, { description, since }] of Object.entries<{ description: string; since: string }>(table)) {
      t.match(description, /^[A-Z].*\.$/, name)
      t.match(since, version, name)
    }
  }
  t.end()
})

t.test('a member without documentation would be noticed', (t) => {
  const bare: MemberDescription | undefined = describe(Schema.Struct({ bare: qapi.Int })).members[0]
  t.same(bare, { name: 'bare', type: 'int', optional: false, description: '', since: '', unit: '' })
  t.end()
})

t.test('describe refuses what is neither an enum nor a struct', (t) => {
  t.throws(() => describe(qapi.Int), new TypeError('expected the schema of an enum or a struct, found int'))
  t.equal(typeName(Schema.Struct({}).ast), 'object')
  t.equal(typeName(Schema.Unknown.ast), 'any')
  t.end()
})

const max = 2 ** 53 - 1
const integers = { taken: [0, 1, max, 255n], refused: [1.5, NaN, Infinity, '1', true, null, {}, max + 1, 2n ** 64n] }
const samples: Readonly<Record<string, { taken: ReadonlyArray<unknown>; refused: ReadonlyArray<unknown> }>> = {
  int: {
    ...integers,
    taken: [...integers.taken, -1, -(2n ** 63n), 2n ** 63n - 1n],
    refused: [...integers.refused, 2n ** 63n],
  },
  size: { ...integers, taken: [...integers.taken, -1, -(2n ** 63n), 2n ** 64n - 1n] },
  uint64: { ...integers, taken: [...integers.taken, 2n ** 64n - 1n] },
  uint32: { taken: [0, 4294967295], refused: [-1, 4294967296, '1'] },
  uint8: { taken: [0, 255], refused: [-1, 256, 1.5, '1'] },
  number: { taken: [0, 0.1, -1, 2n ** 60n], refused: ['0.1', true, null, NaN] },
  str: { taken: ['', 'x'], refused: [1, null, true] },
  bool: { taken: [true, false], refused: [0, 1, 'true', null] },
  StrOrNull: { taken: ['', 'x', null], refused: [1, true, {}] },
}

t.test('members of a built-in type take and refuse what QMP does', (t) => {
  const seen = new Set<string>()
  for (const [name, schema] of [...ownTypes, ...commandTypes, ...eventTypes]) {
    if (!('fields' in schema) || !Predicate.isObject(schema.fields)) continue
    for (const member of describe(schema).members) {
      const sample = samples[member.type]
      const field = schema.fields[member.name]
      if (sample === undefined || !Schema.isSchema(field)) continue
      seen.add(member.type)
      const takes = Schema.is(Schema.toEncoded(field))
      t.same(
        sample.taken.filter((value) => !takes(value)),
        [],
        `${name}.${member.name} takes`,
      )
      t.same(sample.refused.filter(takes), [], `${name}.${member.name} refuses`)
    }
  }
  t.same([...seen].toSorted(), Object.keys(samples).toSorted())
  t.end()
})

t.test('an integer has one form', (t) => {
  const decode = Schema.decodeUnknownSync(qapi.Int)
  t.equal(decode(5n), 5)
  t.equal(decode(BigInt(max)), max)
  t.equal(decode(BigInt(max) + 1n), BigInt(max) + 1n)
  t.equal(Schema.encodeSync(qapi.Int)(5n), 5)
  t.equal(decode(qapi.maximumInt64), 9223372036854775807n)
  t.ok(Result.isFailure(Schema.decodeUnknownResult(qapi.Int)(2 ** 53)), 'an inexact number is refused')
  t.equal(qapi.toUnsigned(-1), qapi.maximumUint64)
  t.equal(qapi.toUnsigned(qapi.minimumInt64), 2n ** 63n)
  t.equal(qapi.toUnsigned(7), 7)
  t.equal(qapi.toBigInt(7), 7n)
  t.ok(qapi.maximumInt64 > max)
  t.end()
})
