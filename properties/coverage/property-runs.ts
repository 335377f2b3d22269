/** The properties as sources of coverage: ways, scripts and random sequences that always take the same edges. */
import { type Profile, type QuirkId } from '../../machines/index.ts'
import { rows } from '../../src/core/command-table.ts'
import { machineOf } from '../../src/core/index.ts'
import { quirkWays } from '../../src/core/quirk-ways.ts'
import { reachFar, scenarios } from '../../src/core/scenarios.ts'
import { edgesOfProfile } from '../../src/explore/profile-edges.ts'
import { walkCharts, type WalkPlace } from '../suites/chart-walk.ts'
import { coreScripts } from '../suites/core-scripts.ts'
import { observeCore, runCoreSuite } from '../suites/core-suite.ts'
import { lockStepScripts } from '../suites/lock-step-scripts.ts'
import { ourCore, type CoreSystem } from '../worlds/core-world.ts'
import type { EdgeCoverage } from './edge-coverage.ts'

/** Random sequences of each kind. */
const RUNS = 150
/** Steps of a walk over the chart of a process. */
const WALK_STEPS = 45_000
const SEED = 1

const profiles = ['2.11', '7.2'] as const

const withQuirk = (quirk: QuirkId): CoreSystem => ({
  name: quirk,
  start: (options) => ourCore.start({ ...options, quirks: [quirk] }),
  step: ourCore.step,
})

/** Every command in every state: the table that is checked in, and the same with one quirk. */
const coverTable = (coverage: EdgeCoverage, profile: Profile, quirk?: QuirkId): void => {
  for (const scenario of scenarios(profile))
    coverage.watching('property', `table of commands, ${scenario.side} ${scenario.name}${suffixOf(quirk)}`, () => {
      const { core } = reachFar(scenario, { profile, quirks: quirk === undefined ? [] : [quirk] })
      for (const { name, given, givenFor } of rows) core.try(name, givenFor?.(core.state) ?? given)
    })
}

const suffixOf = (quirk?: QuirkId): string => (quirk === undefined ? '' : ` with ${quirk}`)

/** Scripts of a pair, and those of lock-step that are of the profile. */
const coverScripts = (coverage: EdgeCoverage, profile: Profile, quirk?: QuirkId): void => {
  const system = quirk === undefined ? ourCore : withQuirk(quirk)
  for (const { name, plan, actions } of [
    ...coreScripts,
    ...lockStepScripts.filter((script) => script.plan.profile === profile),
  ])
    coverage.watching('property', `script '${name}'${suffixOf(quirk)}`, () =>
      observeCore(system, { ...plan, profile }, actions),
    )
}

/** The ways to where each quirk shows. */
const coverQuirkWays = (coverage: EdgeCoverage): void => {
  for (const { quirk, profile, scenario, capabilities, options, inputs, beside } of quirkWays)
    coverage.watching('property', `way to ${quirk}`, () => {
      const { core } = reachFar(scenario, { profile, quirks: [...beside, quirk], capabilities, options })
      for (const input of inputs) core.take(input)
    })
}

/** Every state of the table of commands; with disks that can be replicated, with a fence, and without either. */
export const walkPlaces = (profile: Profile): readonly WalkPlace[] =>
  scenarios(profile).flatMap((scenario) => {
    const role = scenario.side === 'incoming' ? 'secondary' : 'primary'
    return [{}, { replication: [role] as const }, { fence: true }].map((options) => {
      const { state } = reachFar(scenario, { profile, options }).core
      const machine = machineOf(state)
      return { machine, snapshot: machine.resolveState(state.chart) }
    })
  })

const coverWalks = (coverage: EdgeCoverage): void => {
  for (const profile of profiles) {
    const { edges } = walkCharts({ places: walkPlaces(profile), seed: SEED, steps: WALK_STEPS })
    for (const edge of edges) coverage.add(profile, edge, 'property', `walk over the chart, seed ${SEED}`)
  }
}

/** Runs them all and notes the edges; the walk, which goes where no world leads, last. */
export const coverProperties = (coverage: EdgeCoverage): void => {
  for (const profile of profiles) {
    coverTable(coverage, profile)
    coverScripts(coverage, profile)
  }
  coverQuirkWays(coverage)
  for (const world of ['pair', 'colo', 'storm'] as const)
    coverage.watching('property', `${RUNS} random sequences, ${world}, seed ${SEED}`, () =>
      runCoreSuite({ world, runs: RUNS, seed: SEED }),
    )
  for (const profile of profiles)
    for (const quirk of new Set(edgesOfProfile(profile).flatMap((edge) => edge.quirk ?? []))) {
      coverTable(coverage, profile, quirk)
      coverScripts(coverage, profile, quirk)
    }
  coverWalks(coverage)
}
