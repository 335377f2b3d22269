/** The generated schema against what QEMU said of itself: every command and event, down to the last built-in type. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import { knownCommands, knownEvents, qmpSchema } from './introspection.ts'
import { isJsonObject, type JsonObject } from './message.ts'

const recorded = JSON.parse(readFileSync(new URL('fixtures/schema.json', import.meta.url), 'utf8')) as Readonly<
  Record<Profile, readonly JsonObject[]>
>

const nameOf = (part: unknown): string => (isJsonObject(part) ? String(part['name']) : '')
const byName = (a: unknown, b: unknown): number => (nameOf(a) < nameOf(b) ? -1 : 1)

/** A type with the types it is made of in place of their names, which mean nothing. */
const expand = (entries: readonly JsonObject[], name: unknown): unknown => {
  const entry = entries.find((candidate) => candidate['name'] === name)
  if (entry === undefined) return `unknown type ${String(name)}`
  if (entry['meta-type'] === 'builtin') return entry
  const { name: own, ...rest } = entry
  const part = (value: unknown): unknown =>
    isJsonObject(value) && 'type' in value ? { ...value, type: expand(entries, value['type']) } : value
  const body = Object.entries(rest).map(([key, value]) => {
    if (['arg-type', 'ret-type', 'element-type'].includes(key)) return [key, expand(entries, value)]
    if (!Array.isArray(value)) return [key, value]
    const parts = value.map(part)
    // The order of the members of a struct means nothing; that of an enum's values is kept.
    return [key, entry['meta-type'] === 'object' ? parts.sort(byName) : parts]
  })
  return {
    ...Object.fromEntries(body),
    ...(entry['meta-type'] === 'command' || entry['meta-type'] === 'event' ? { own } : {}),
  }
}

/** Where ours differs from QEMU's on purpose. */
const simplified: ReadonlySet<string> = new Set([
  // A list of addresses is a union of four kinds there; here it is a list of whatever the peer sends.
  'query-migrate',
  // Names of nodes and bitmaps, which no guest of ours has.
  'migrate-set-parameters',
  'query-migrate-parameters',
])

for (const profile of ['2.11', '7.2'] as const) {
  const ours = qmpSchema(profile, { replication: true })

  t.test(`${profile}: commands and events have the types that QEMU gives them`, async (t) => {
    let compared = 0
    for (const { name } of recorded[profile]) {
      if (typeof name !== 'string' || !ours.some((entry) => entry['name'] === name)) continue
      if (/^\d+$|^\[/.test(name) || (profile === '7.2' && simplified.has(name))) continue
      t.strictSame(expand(ours, name), expand(recorded[profile], name), name)
      compared++
    }
    t.ok(compared >= 25, `${compared} compared`)
  })

  t.test(`${profile}: every command and event is there once, and every type that is named`, async (t) => {
    const names = ours.map(({ name }) => name)
    t.equal(new Set(names).size, names.length)
    for (const name of [...knownCommands(profile, { replication: true }), ...knownEvents(profile)])
      t.ok(names.includes(name), name)
    t.notMatch(JSON.stringify(ours.map(({ name }) => expand(ours, name))), /unknown type/)
  })
}

t.test('7.2: what is simplified differs in nothing else', async (t) => {
  const members = (entries: readonly JsonObject[], name: string, type: 'arg-type' | 'ret-type'): JsonObject => {
    const expanded = expand(entries, name)
    const holder = isJsonObject(expanded) ? expanded[type] : undefined
    const list: readonly unknown[] = isJsonObject(holder) && Array.isArray(holder['members']) ? holder['members'] : []
    return Object.fromEntries(list.filter(isJsonObject).map((member) => [String(member['name']), member]))
  }
  for (const [name, type, except] of [
    ['query-migrate', 'ret-type', 'socket-address'],
    ['migrate-set-parameters', 'arg-type', 'block-bitmap-mapping'],
    ['query-migrate-parameters', 'ret-type', 'block-bitmap-mapping'],
  ] as const) {
    const { [except]: ours, ...rest } = members(qmpSchema('7.2'), name, type)
    const { [except]: theirs, ...wanted } = members(recorded['7.2'], name, type)
    t.strictSame(rest, wanted, name)
    t.same([typeof ours, typeof theirs], ['object', 'object'], except)
  }
})
