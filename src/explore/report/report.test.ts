/** A counterexample in all its forms, each read back by somebody else; and the ways that once broke a claim. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Result } from 'effect'
import t from 'tap'
import { parseRecording } from '../../trace/recording.ts'
import { makeScenario, parseMeta } from '../../trace/scenario.ts'
import { validateScenario } from '../../trace/validate.ts'
import { initialState, stepOf, type Step } from '../model/interpreter.ts'
import { World } from '../model/world.ts'
import { findQuirk, quirksAndProfiles } from '../models/quirk-search.ts'
import { makeModel, parseSettings, settingsText, type ModelSettings } from '../models/settings.ts'
import { explore } from '../search/explorer.ts'
import { leadsTo } from '../search/leads-to.ts'
import { columns } from './columns.ts'
import { itf } from './itf.ts'
import { qmpSessions, type QmpSessions } from './qmp.ts'
import { sequence } from './sequence.ts'
import { formatToken, parseToken } from './token.ts'
import { followTrail, testFile, type TrailFile } from './trail-file.ts'
import { lassoTrail, trailOf, violationTrail } from './trail.ts'

const settings: ModelSettings = { model: 'pair', profile: '2.11', quirks: ['h1'] }
const found = explore(makeModel(settings), { only: ['I1'] })
const violation = found.violations[0]!
const trail = violationTrail(found.world, violation)
const rules = violation.steps.map(({ rule }) => rule)

t.test('columns: a lane a party, only what changed, and what is broken', async (t) => {
  const lines = columns(trail).split('\n')
  t.match(lines[0], /^ +# +by +what +source +destination +world$/)
  t.equal(lines.filter((line) => /^ *\d+ /.test(line)).length, violation.steps.length)
  t.ok(lines.some((line) => /images: held → released/.test(line)))
  t.ok(lines.some((line) => /"end mark" on its way to destination/.test(line)))
  t.match(lines.at(-1), /^breaks I1: /)
  t.notMatch(columns(trail), /published/, 'what only properties look at is not shown')
})

t.test('ITF: every variable in every state, and the action that led to it', async (t) => {
  const trace = itf(trail)
  t.equal(trace.states.length, violation.steps.length + 1)
  for (const state of trace.states) t.strictSame(Object.keys(state), ['#meta', ...trace.vars])
  t.equal(trace.states.at(-1)?.['source.guest'], 'running')
  t.equal(trace.states.at(-1)?.['destination.guest'], 'running')
})

t.test('a circle is marked where it begins', async (t) => {
  const stuck = explore(makeModel({ model: 'pair', profile: '2.11', quirks: ['h14'] }), {
    only: ['I6 ends'],
    keepsEdges: true,
  })
  const lasso = leadsTo(stuck.graph, 0)!
  const shown = lassoTrail(stuck.world, lasso)
  t.equal(itf(shown).loop, lasso.stem.length)
  t.match(columns(shown), /nothing more happens by itself/)
})

t.test('a sequence diagram names every party and every message', async (t) => {
  const lines = sequence(trail).split('\n')
  t.equal(lines[0], 'sequenceDiagram')
  for (const party of ['operator', 'source', 'destination']) t.ok(lines.includes(`  participant ${party} as ${party}`))
  t.ok(lines.includes('  source-)destination: "end mark"'))
  t.ok(lines.includes('  operator->>source: migrate_cancel'))
})

const verdictOf = (name: string, { sessions, meta }: Extract<QmpSessions, { sessions: unknown }>) =>
  validateScenario(
    makeScenario(
      name,
      sessions.map(({ party, text }) => [party, Result.getOrThrow(parseRecording(party, text))] as const),
      parseMeta(meta),
    ),
  )

t.test(
  'QMP sessions: the core goes the model’s way, and the recordings are explained by the quirk, if by any',
  async (t) => {
    let explained = 0
    for (const [quirk, profile] of quirksAndProfiles.filter(([id]) => id !== 'q14')) {
      const shown = findQuirk(quirk, profile, { goesOn: false })
      if (shown.world === undefined) continue
      const made = qmpSessions(violationTrail(shown.world, shown.violations[0]!), { profile, quirks: [quirk] })
      if ('missing' in made) {
        t.fail(`${quirk}: ${made.missing}`)
        continue
      }
      const verdict = verdictOf(quirk, made)
      // Some are broken before a manager can see it.
      if (verdict.verdict === 'conforms') continue
      t.match(verdict, { verdict: 'conforms-with-quirks', quirks: [{ id: quirk }] }, `${quirk} ${profile}`)
      explained++
    }
    t.ok(explained > 10, `${explained} recordings need their quirk`)
  },
)

t.test('the core goes the model’s way on random walks, and what its managers see conforms', async (t) => {
  const model = makeModel({ model: 'pair', profile: '2.11', quirks: [], faults: 2, capabilities: ['none', 'pause'] })
  const world = new World(model)
  // A plain generator of Lehmer's: the same walks at every run.
  let random = 20_171_213
  const below = (limit: number): number => (random = (random * 48_271) % 2_147_483_647) % limit
  for (let walk = 0; walk < 60; walk++) {
    const steps: Step[] = []
    let state = initialState(world)
    while (steps.length < 45) {
      const possible = model.rules.flatMap((rule) => stepOf(world, state, rule) ?? [])
      if (possible.length === 0) break
      const step = possible[below(possible.length)]!
      steps.push(step)
      state = step.after
    }
    const made = qmpSessions(trailOf(world, steps), { profile: '2.11', quirks: [] })
    if ('missing' in made) t.fail(`walk ${walk}: ${made.missing}`)
    else t.match(verdictOf(`walk-${walk}`, made), { verdict: 'conforms' }, `walk ${walk}`)
  }
})

t.test('a token names the trail; one of another version says so', async (t) => {
  const token = formatToken(settings, found.world.model, rules, 'I1')
  const read = parseToken(`again with ${token}`)
  if ('problem' in read) return t.fail(read.problem)
  t.strictSame(read.settings, settings)
  t.equal(read.property, 'I1')
  t.strictSame(
    read.rules.map(({ name }) => name),
    rules.map(({ name }) => name),
  )
  t.match(parseToken(token.replace(/of=\w+/, 'of=1')), { problem: /another version/ })
  t.match(parseToken('switchover-explore:nothing:0'), { problem: /expected a token/ })
  t.match(parseToken(token.replace(/\.[^.]*$/, '.zzz')), { problem: /rules that the model has not/ })
  const all: ModelSettings = {
    model: 'two-runs',
    profile: '7.2',
    quirks: ['h1', 'h7'],
    faults: 2,
    capabilities: ['none', 'pause+postcopy'],
    noReturnPath: true,
    fence: true,
    guest: true,
    noDestinationPostcopy: true,
  }
  t.strictSame(parseSettings(settingsText(all)), all)
})

t.test('the test that is written fails as long as the property is broken', async (t) => {
  // Inside the package, where it can import the package by its name.
  const parent = fileURLToPath(new URL('../../../.switchover', import.meta.url))
  mkdirSync(parent, { recursive: true })
  const directory = mkdtempSync(join(parent, 'written-test-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const steps = rules.map(({ name }) => name)
  const run = async (name: string, of: ModelSettings): Promise<string> => {
    const path = join(directory, name)
    writeFileSync(path, testFile({ settings: of, property: 'I1', steps }, 'one runner'))
    const ended = promisify(execFile)(process.execPath, ['--conditions=switchover-source', path], { env: {} })
    return ended.then(
      ({ stdout }) => stdout,
      (error: { readonly stdout: string }) => error.stdout,
    )
  }
  t.match(await run('broken.test.ts', settings), /not ok/)
  t.notMatch(await run('safe.test.ts', { ...settings, quirks: [] }), /not ok/)
})

const explored = new URL('../../../traces/explored/', import.meta.url)

t.test('every way that once broke a claim of the safe charts breaks it no more', async (t) => {
  const files = readdirSync(explored)
  t.ok(files.length >= 4)
  for (const name of files) {
    const file = JSON.parse(readFileSync(new URL(name, explored), 'utf8')) as TrailFile
    const { broken, steps, world } = followTrail(file)
    t.equal(broken, undefined, `${name}: ${file.found}`)
    t.ok(steps.length > 0, `${name}: the model still knows how it begins`)
    for (const rule of file.steps)
      t.ok(
        world.model.rules.some((each) => each.name === rule),
        `${name}: the model still has "${rule}"`,
      )
  }
})
