/**
 * Capabilities in pairs, on the real runtime under a simulated clock: whatever two that it carries out and that go together
 * are on, guests arrive whole and every property holds; with changes of parameters, a cut and a cancel on the way.
 */
import t from 'tap'
import { cellOf, pairsOf } from '../src/core/combination-table.ts'
import { runtimeCapabilities } from '../src/transfer/migration-process.ts'
import type { RuntimeAction } from './arbitraries/runtime-commands.ts'
import { breaches } from './catalogue.ts'
import { outgoingStatus } from './state-view.ts'
import { observeRuntime } from './suites/runtime-suite.ts'
import { defaultPlan, ourRuntime, type Plan } from './worlds/runtime-world.ts'

/** With x-colo a migration does not end where these do: lock-step has a suite of its own. */
const carriedOut: ReadonlySet<string> = new Set(runtimeCapabilities.filter((name) => name !== 'x-colo'))

const pairs = pairsOf('2.11').filter(
  (pair) => pair.every((name) => carriedOut.has(name)) && cellOf('2.11', ...pair).kind !== 'refused',
)

const call = (name: string, args: object): RuntimeAction => ({
  do: 'command',
  to: 'source',
  call: { name, arguments: args },
})

const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const onwards: RuntimeAction = { do: 'continue', state: 'pre-switchover' }

/** A run that is cut, one that is cancelled, one that completes; parameters change all the while. */
const script: readonly RuntimeAction[] = [
  { do: 'migrate' },
  advance(120),
  call('migrate-set-parameters', { 'max-bandwidth': 80_000, 'xbzrle-cache-size': 64 * 1024 }),
  advance(2500),
  { do: 'cut', fate: 'dropped' },
  advance(200),
  { do: 'migrate' },
  advance(60),
  call('migrate-set-parameters', { 'max-bandwidth': 300_000, 'downtime-limit': 20 }),
  advance(100),
  { do: 'cancel' },
  advance(300),
  { do: 'migrate' },
  call('migrate-set-parameters', { 'max-bandwidth': 0, 'downtime-limit': 300 }),
  advance(1000),
  onwards,
  advance(1000),
]

/** What is moved where a pair moves disks. */
const disk: Partial<Plan> = { diskChunks: 3, diskWritesPerSecond: 10, capacityBytes: 256 * 1024 }

const plan: Plan = { ...defaultPlan, pagesPerSecond: 900, maxBandwidth: 60_000 }

t.test('there are pairs to go through', async (t) => {
  t.ok(pairs.length >= 10, `${pairs.length} pairs`)
})

for (const pair of pairs)
  t.test(pair.join(' and '), async (t) => {
    const observation = await observeRuntime(
      ourRuntime,
      { ...plan, ...(pair.includes('block') ? disk : {}), capabilities: pair },
      script,
    )
    for (const { property, violations } of breaches(observation)) t.same(violations, [], property.title)
    const [source] = observation.end.parties
    t.equal(source === undefined ? '' : outgoingStatus(source.state), 'completed')
  })
