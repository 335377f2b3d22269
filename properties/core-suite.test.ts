/** The core alone against every property that speaks of it: scripts, a pair in a world of rules, one core in a storm. */
import t from 'tap'
import { breaches } from './catalogue.ts'
import { coreScripts } from './suites/core-scripts.ts'
import { observeCore, runCoreSuite } from './suites/core-suite.ts'
import { describeCounterexample } from './suites/result.ts'
import { ourCore } from './worlds/core-world.ts'

t.test('every script keeps every property', async (t) => {
  for (const { name, plan, actions } of coreScripts)
    t.same(
      breaches(observeCore(ourCore, plan, actions)).map(({ property, violations }) => [property.id, ...violations]),
      [],
      name,
    )
})

for (const world of ['pair', 'storm'] as const)
  t.test(`random sequences: ${world}`, async (t) => {
    const result = runCoreSuite({ world, runs: 600, seed: 20171213 })
    t.comment(`${result.runs} sequences: ${JSON.stringify(result.coverage)}`)
    t.equal(result.counterexample === undefined ? '' : describeCounterexample(result.counterexample), '')
    const met =
      world === 'pair'
        ? [
            'two runs or more',
            'ended completed',
            'ended cancelled',
            'ended failed',
            'met device',
            'met postcopy-active',
          ]
        : ['met active', 'ended failed', 'met cancelling']
    for (const each of met) t.ok((result.coverage[each] ?? 0) > 0, each)
  })
