/** A thread of a campaign: is given one unit of work at a time, and tells what came of it. */
import { parentPort } from 'node:worker_threads'
import { formatChoices, searchRace } from '../schedules/race.ts'
import { races } from '../schedules/races.ts'
import { runCoreSuite } from '../suites/core-suite.ts'
import { describeCounterexample, type SuiteResult } from '../suites/result.ts'
import { runRuntimeSuite } from '../suites/runtime-suite.ts'
import { ourRuntime } from '../worlds/runtime-world.ts'

/** What a campaign is made of. */
export const campaignSuites = ['core', 'colo', 'storm', 'runtime', 'lock-step', 'schedules'] as const

/** A unit: a suite with a seed of its own. */
export interface CampaignUnit {
  readonly suite: (typeof campaignSuites)[number]
  readonly seed: number
}

/** What came of it. */
export interface CampaignDone extends CampaignUnit {
  /** Random sequences, or schedules. */
  readonly runs: number
  /** What is broken, as text with the token that makes it again. */
  readonly found?: string
}

/** Units take some seconds each: small enough to stop soon, large enough to be worth a message. */
const CORE_RUNS = 400
const RUNTIME_RUNS = 60
const SCHEDULES = 12

const told = (unit: CampaignUnit, { runs, counterexample }: SuiteResult): CampaignDone => ({
  ...unit,
  runs,
  ...(counterexample === undefined ? {} : { found: describeCounterexample(counterexample) }),
})

const schedules = async (unit: CampaignUnit): Promise<CampaignDone> => {
  let runs = 0
  for (const race of races) {
    const result = await searchRace(race, ourRuntime, { schedulesMax: SCHEDULES, seed: unit.seed * SCHEDULES })
    runs += result.schedules
    if (result.found === undefined) continue
    const { choices, breaches } = result.found
    const lines = breaches.map(({ property, violations }) => `${property.id}: ${violations[0]}`)
    const again = `again with check --system schedules --replay switchover-schedule:${race.id}:${formatChoices(choices)}`
    return { ...unit, runs, found: [race.title, ...lines, again].join('\n') }
  }
  return { ...unit, runs }
}

/** Does a unit. */
export const campaignUnit = async (unit: CampaignUnit): Promise<CampaignDone> => {
  const { suite, seed } = unit
  switch (suite) {
    case 'core':
    case 'colo':
    case 'storm':
      return told(unit, runCoreSuite({ seed, runs: CORE_RUNS, world: suite === 'core' ? 'pair' : suite }))
    case 'runtime':
      return told(unit, await runRuntimeSuite({ seed, runs: RUNTIME_RUNS }))
    case 'lock-step':
      return told(unit, await runRuntimeSuite({ seed, runs: RUNTIME_RUNS, world: 'lock-step' }))
    case 'schedules':
      return schedules(unit)
  }
}

if (parentPort !== null) {
  const port = parentPort
  port.on('message', (unit: CampaignUnit) => {
    void campaignUnit(unit).then((done) => port.postMessage(done))
  })
}
