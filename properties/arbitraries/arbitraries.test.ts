/**
 * What the generators yield for a seed. They feed every suite and every replay token, so that a change of one is a change
 * of what all of them look at: it has to be seen, and meant. `SWITCHOVER_UPDATE=1` writes the file anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import { anyCommand, invalidCommand, validCommand } from './command-calls.ts'
import { coloCommands, pairCommands, stormCommands } from './core-actions.ts'
import { coloPlan, corePlan } from './core-plans.ts'
import { anyFact } from './facts.ts'
import { plan } from './plans.ts'
import { runtimeCommands } from './runtime-commands.ts'

const SEED = 20171213
const file = new URL('arbitraries.txt', import.meta.url)

const yields = (arbitrary: fc.Arbitrary<unknown>): readonly string[] =>
  fc.sample(arbitrary, { seed: SEED, numRuns: 8 }).map((value) => JSON.stringify(value))

const mix = <T extends { toString(): string }>(arbitraries: readonly fc.Arbitrary<T>[]): fc.Arbitrary<string> =>
  fc.tuple(...arbitraries).map((all) => all.map(String).join('\n'))

const pinned = (): string =>
  Object.entries({
    'valid commands': yields(validCommand),
    'invalid commands': yields(invalidCommand),
    'any command': yields(anyCommand),
    facts: yields(anyFact),
    'plans of cores': yields(corePlan),
    'plans of cores in lock-step': yields(coloPlan),
    'plans of processes': yields(plan),
    'commands of the runtime suite': fc.sample(mix(runtimeCommands), { seed: SEED, numRuns: 3 }),
    'commands of a pair of cores': fc.sample(mix(pairCommands), { seed: SEED, numRuns: 3 }),
    'commands of a pair in lock-step': fc.sample(mix(coloCommands), { seed: SEED, numRuns: 3 }),
    'commands of a storm': fc.sample(mix(stormCommands), { seed: SEED, numRuns: 3 }),
  })
    .map(([name, lines]) => `# ${name}\n${lines.join('\n')}\n`)
    .join('\n')

t.test('the generators yield what they yielded', async (t) => {
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, pinned())
  t.equal(readFileSync(file, 'utf8'), pinned(), 'SWITCHOVER_UPDATE=1 writes it anew')
})
