/**
 * Every combination of (status, mode, failover) that a pair in COLO can reach: with exactly one runner at the end, waiting
 * for an operator who was told, or listed as a hazard. `SWITCHOVER_UPDATE=1` writes the table anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { coloOutcomes, outcomesText } from './suites/colo-outcomes.ts'
import type { QuirkId } from '../machines/index.ts'
import type { ColoModelOptions } from './worlds/colo-model.ts'

const file = new URL('colo-outcomes.txt', import.meta.url)
const models: readonly ColoModelOptions[] = (['2.11', '7.2'] as const).flatMap((profile) =>
  [false, true].map((fence) => ({ profile, fence })),
)

const all = models.map((options) => ({ options, outcomes: coloOutcomes(options) }))

t.test('the table is that of the charts', async (t) => {
  const made = all.map(({ options, outcomes }) => outcomesText(options, outcomes)).join('\n\n')
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'SWITCHOVER_UPDATE=1 writes it anew')
})

t.test('with a fence two never run; without one only where both sides were told that the other is dead', async (t) => {
  for (const { options, outcomes } of all) {
    const { hazards, combinations } = outcomes
    if (options.fence) t.strictSame([...hazards], [], `${options.profile} with a fence`)
    else {
      t.strictSame([...hazards.keys()].sort(), ['both run', 'both serve at once'], `${options.profile} without`)
      for (const way of hazards.values())
        for (const side of ['p', 's'])
          t.ok(way.includes(`${side} is told that the other is dead`), `${options.profile}: ${side} was told`)
    }
    for (const [combination, ends] of combinations)
      if (ends.has('both run')) t.match(combination, /, told.*, told$/, `${options.profile}: both were told`)
  }
})

t.test('what QEMU does wrong shows', async (t) => {
  const hazardsOf = (profile: '2.11' | '7.2', quirk: QuirkId) => [
    ...coloOutcomes({ profile, fence: false, quirks: new Set([quirk]) }).hazards.keys(),
  ]
  t.ok(hazardsOf('7.2', 'h19').includes('a primary runs on beside a secondary that serves'))
  t.ok(hazardsOf('2.11', 'q9').includes('a failover that was accepted is forgotten'))
  t.ok(hazardsOf('2.11', 'q10').includes('it waits and nobody is told'))
})
