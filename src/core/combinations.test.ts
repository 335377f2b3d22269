/**
 * Which capabilities go together: every pair against the table, against what a live QEMU 7.2 said of it (recorded), and
 * against the core. `SWITCHOVER_UPDATE=1` writes the printed table anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import { capabilities } from '../qapi/index.ts'
import { cellOf, combinationTable, pairsOf } from './combination-table.ts'
import { dependents, effects, exclusions } from './combinations.ts'
import { ScenarioCore } from './scenarios.ts'

const profiles: readonly Profile[] = ['2.11', '7.2']
const file = new URL('combinations.txt', import.meta.url)

const recorded = JSON.parse(readFileSync(new URL('fixtures/pairs-7.2.json', import.meta.url), 'utf8')) as {
  readonly capabilities: readonly string[]
  readonly refused: Readonly<Record<string, string>>
}

/** What a new core answers when these are switched on; nothing where it takes them. */
const refusalOf = (profile: Profile, names: readonly string[], parameters: object = {}): string | undefined => {
  const core = new ScenarioCore({ profile })
  core.take(['command', 'migrate-set-parameters', parameters])
  const switches = names.map((capability) => ({ capability, state: true }))
  const outputs = core.take(['command', 'migrate-set-capabilities', { capabilities: switches }])
  const refusal = outputs.find((output) => output.type === 'refusal')
  for (const name of names)
    if ((core.state.capabilities[name] === true) !== (refusal === undefined)) throw new Error(`${name} is half on`)
  return refusal?.desc
}

t.test('the printed table is that of the data', async (t) => {
  const made = profiles.map(combinationTable).join('\n\n')
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'SWITCHOVER_UPDATE=1 writes it anew')
})

for (const profile of profiles)
  t.test(`${profile}: every pair is taken or refused as the table says, whole`, async (t) => {
    for (const pair of pairsOf(profile)) {
      const cell = cellOf(profile, ...pair)
      t.equal(refusalOf(profile, pair), cell.kind === 'refused' ? cell.text : undefined, pair.join(' '))
    }
  })

t.test('7.2: every capability and every pair is answered as a live QEMU answers', async (t) => {
  t.strictSame(capabilities('7.2'), recorded.capabilities)
  for (const name of capabilities('7.2')) t.equal(refusalOf('7.2', [name]), recorded.refused[name], name)
  for (const pair of pairsOf('7.2')) {
    const text = recorded.refused[pair.join(' ')]
    t.equal(refusalOf('7.2', pair), text, pair.join(' '))
  }
  t.equal(Object.keys(recorded.refused).length, 55)
})

t.test('2.11: one pair is refused, and no other (seen on the real one)', async (t) => {
  const refused = pairsOf('2.11').filter((pair) => cellOf('2.11', ...pair).kind === 'refused')
  t.strictSame(refused, [['compress', 'postcopy-ram']])
})

t.test('what needs more than a partner', async (t) => {
  const zeroCopy = 'Zero copy only available for non-compressed non-TLS multifd migration'
  const on = ['multifd', 'zero-copy-send']
  t.equal(refusalOf('7.2', on), undefined)
  t.equal(refusalOf('7.2', [...on, 'xbzrle']), zeroCopy)
  t.equal(refusalOf('7.2', on, { 'multifd-compression': 'zlib' }), zeroCopy)
  t.equal(refusalOf('7.2', on, { 'tls-creds': 'tls0' }), zeroCopy)
  t.equal(refusalOf('7.2', ['postcopy-ram', 'postcopy-preempt']), undefined)
  t.equal(
    refusalOf('7.2', ['postcopy-ram', 'postcopy-preempt', 'compress']),
    'Postcopy preempt not compatible with compress',
  )
})

t.test('the table speaks of capabilities that there are, and each line of it can be reached', async (t) => {
  for (const { profiles: where, on } of [...exclusions, ...effects])
    for (const profile of where)
      for (const name of on) t.ok((capabilities(profile) as readonly string[]).includes(name), `${profile} ${name}`)
  for (const { profiles: where, on } of effects)
    for (const profile of where) t.equal(cellOf(profile, ...on).kind, 'effect', `${profile} ${on.join(' ')}`)
  for (const pair of Object.entries(dependents))
    t.ok(pairsOf('7.2').some((each) => pair.every((name) => each.includes(name))))
})
