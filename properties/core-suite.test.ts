/** The core alone against every property that speaks of it: scripts, a pair in a world of rules and in lock-step, one core in a storm. */
import t from 'tap'
import { breaches } from './catalogue.ts'
import { coreScripts } from './suites/core-scripts.ts'
import { observeCore, runCoreSuite } from './suites/core-suite.ts'
import { describeCounterexample } from './suites/result.ts'
import { lockStepScripts } from './suites/lock-step-scripts.ts'
import { ourCore } from './worlds/core-world.ts'

t.test('every script keeps every property', async (t) => {
  const inBoth = coreScripts.flatMap((script) =>
    (['2.11', '7.2'] as const).map((profile) => ({ ...script, plan: { ...script.plan, profile } })),
  )
  for (const { name, plan, actions } of [...inBoth, ...lockStepScripts])
    t.same(
      breaches(observeCore(ourCore, plan, actions)).map(({ property, violations }) => [property.id, ...violations]),
      [],
      `${plan.profile}: ${name}`,
    )
})

const met = {
  pair: ['two runs or more', 'ended completed', 'ended cancelled', 'ended failed', 'met device', 'met postcopy-active'],
  colo: [
    'two runs or more',
    'checkpoint loaded',
    'output agreed, told',
    'output checkpoint, told',
    'output open, told',
    'a primary came apart',
    'a secondary came apart',
    'a torn secondary',
    'failover completed of a primary',
    'failover completed of a secondary',
    'failover relaunch of a secondary',
  ],
  storm: ['met active', 'ended failed', 'met cancelling'],
} as const

for (const [world, runs] of [
  ['pair', 600],
  ['colo', 2000],
  ['storm', 600],
] as const)
  t.test(`random sequences: ${world}`, async (t) => {
    const result = runCoreSuite({ world, runs, seed: 20171213 })
    t.comment(`${result.runs} sequences: ${JSON.stringify(result.coverage)}`)
    t.equal(result.counterexample === undefined ? '' : describeCounterexample(result.counterexample), '')
    for (const each of met[world]) t.ok((result.coverage[each] ?? 0) > 0, each)
  })
