/**
 * Every edge of the charts of both profiles is proved by a recording of this package or taken by a property; the others
 * are listed with a reason, and the list is not longer than it has to be.
 */
import { readdirSync } from 'node:fs'
import { NodeServices } from '@effect/platform-node'
import { Effect } from 'effect'
import t from 'tap'
import { edgesOfProfile } from '../../src/explore/profile-edges.ts'
import { explainScenario, onePathAScenario, readScenario } from '../../src/trace/index.ts'
import { walkCharts } from '../suites/chart-walk.ts'
import { EdgeCoverage, isUncovered } from './edge-coverage.ts'
import { coverProperties, walkPlaces } from './property-runs.ts'
import { coverRecording } from './recordings.ts'
import { coverageText, isUnexplained } from './report.ts'
import { uncoveredEdges } from './uncovered-edges.ts'

const root = new URL('../../traces/', import.meta.url)
const paths = ['2.11', '7.2', '7.2-found'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, root))
    .filter((file) => file.endsWith('.jsonl'))
    .sort()
    .map((file) => new URL(`${folder}/${file}`, root).pathname),
)
const scenarios = await Effect.runPromise(
  Effect.forEach(onePathAScenario(paths), (path) => readScenario(path)).pipe(Effect.provide(NodeServices.layer)),
)
const coverage = new EdgeCoverage()
const explained = scenarios.map((scenario) => {
  const { verdict, parties } = explainScenario(scenario)
  return { scenario, parties, proved: coverRecording(coverage, scenario, verdict) }
})
coverProperties(coverage)
const lines = coverage.lines()

t.test('no edge is taken by nothing, but for those that the list has a reason for', async (t) => {
  t.strictSame(
    lines.filter(isUnexplained).map(({ profile, edge }) => `${profile} ${edge}`),
    [],
    'expected a recording or a property that takes it, or a reason in properties/coverage/uncovered-edges.ts',
  )
})

t.test('no reason is stale', async (t) => {
  const uncovered = new Set(lines.filter(isUncovered).map(({ profile, edge }) => `${profile} ${edge}`))
  const known = new Set(lines.map(({ edge }) => edge))
  for (const { profiles, edges, rare } of uncoveredEdges)
    for (const edge of edges) {
      t.ok(known.has(edge), `there is ${edge}`)
      if (rare !== true) for (const profile of profiles) t.ok(uncovered.has(`${profile} ${edge}`), `${profile} ${edge}`)
    }
})

t.test('recordings alone prove most of what the sending side does', async (t) => {
  const outgoing = lines.filter(({ chart, quirk }) => chart === 'outgoing' && quirk === undefined)
  const proved = outgoing.filter(({ sources }) => sources.recording.length > 0).length
  t.comment(`${proved} of ${outgoing.length}`)
  t.ok(proved > outgoing.length * 0.4, String(proved))
})

t.test('what a recording proves is part of its shortest explanation too', async (t) => {
  for (const { scenario, parties, proved } of explained) {
    const taken = new Set(parties.flatMap(({ steps }) => steps.flatMap(({ chartEdges }) => chartEdges)))
    const known = new Set(edgesOfProfile(scenario.profile).map(({ edge }) => edge))
    for (const edge of proved) if (!taken.has(edge) || !known.has(edge)) t.fail(`${scenario.name}: ${edge}`)
  }
})

t.test('a walk over the charts breaks nothing that holds of one process whatever it is told', async (t) => {
  for (const profile of ['2.11', '7.2'] as const) {
    const { violations } = walkCharts({ places: walkPlaces(profile), seed: 7, steps: 10_000 })
    t.same(violations, [], profile)
  }
})

t.test('the report has every edge once, with what took it', async (t) => {
  const text = coverageText(lines).split('\n')
  for (const { edge, quirk } of lines) {
    const suffix = quirk === undefined ? '' : ` (${quirk})`
    t.ok(text.includes(`  ${edge}${suffix}`), edge)
  }
  const at = text.indexOf('  outgoing: cancelling --migrate_cancel--> stays (h7)')
  t.match(text[at + 1], /recording cancel-active-pipelined5.*; property /)
})
