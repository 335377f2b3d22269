/**
 * For each quirk that the core shows, a way to where it shows: a state that a scenario leads to, and inputs after which the
 * core with the quirk differs from the safe one. A test takes each way with and without it.
 */
import type { Profile, QuirkId } from '../../machines/index.ts'
import type { CoreOptions } from './core-state.ts'
import { scenarios, type Scenario, type ScenarioInput } from './scenarios.ts'

/** A way to a quirk. */
export interface QuirkWay {
  readonly quirk: QuirkId
  readonly profile: Profile
  readonly scenario: Scenario
  readonly capabilities: readonly string[]
  readonly options: CoreOptions
  readonly inputs: readonly ScenarioInput[]
  /** Quirks without which this one does not show. */
  readonly beside: readonly QuirkId[]
}

const command = (name: string, given?: unknown): ScenarioInput => ['command', name, given]
const cause = { reason: 'gone', side: 'channel' } as const
const cancels = command('migrate_cancel')
const heartbeat = command('x-colo-lost-heartbeat')
const ends: ScenarioInput = ['fact', { type: 'outgoing.ended' }]
const fails: ScenarioInput = ['fact', { type: 'outgoing.failed', ...cause }]
const migrates = command('migrate', { uri: 'tcp:other:4444' })
const flushes: ScenarioInput = ['fact', { type: 'outgoing.flushed' }]
const switches = (...names: readonly string[]): ScenarioInput =>
  command('migrate-set-capabilities', { capabilities: names.map((capability) => ({ capability, state: true })) })

const way = (
  quirk: QuirkId,
  profile: Profile,
  at: readonly [side: Scenario['side'], name: string],
  inputs: readonly ScenarioInput[],
  more: Partial<Pick<QuirkWay, 'capabilities' | 'options' | 'beside'>> = {},
): QuirkWay => {
  const [side, name] = at
  const scenario = scenarios(profile).find((one) => one.side === side && one.name === name)
  if (scenario === undefined) throw new Error(`${quirk}: expected a scenario of ${profile}, found ${side} ${name}`)
  return { quirk, profile, scenario, inputs, capabilities: [], options: {}, beside: [], ...more }
}

const ram = {
  transferred: 100,
  remaining: 0,
  total: 8192,
  duplicate: 1,
  skipped: 0,
  normal: 2,
  'normal-bytes': 8192,
  'dirty-pages-rate': 0,
  mbps: 0,
  'dirty-sync-count': 2,
  'postcopy-requests': 0,
  'page-size': 4096,
}
const progress: ScenarioInput = ['fact', { type: 'outgoing.progress', ram, expectedDowntimeMillis: 1 }]

const compression = { pages: 3, busy: 0, 'busy-rate': 0, 'compressed-size': 300, 'compression-rate': 40 }
const compressedProgress: ScenarioInput = [
  'fact',
  { type: 'outgoing.progress', ram, expectedDowntimeMillis: 1, compression },
]

/** All of them. */
export const quirkWays: readonly QuirkWay[] = [
  way('q1', '2.11', ['outgoing', 'none'], [switches('postcopy-ram', 'compress'), switches('xbzrle')]),
  way('q2', '2.11', ['incoming', 'none (listening)'], [command('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })]),
  way('q3', '2.11', ['outgoing', 'cancelling'], [switches('xbzrle')]),
  way('q6', '2.11', ['outgoing', 'none'], [command('migrate', { uri: 'bogus:1' })]),
  way('q7', '2.11', ['outgoing', 'postcopy-active'], [cancels, ends]),
  way('q8', '2.11', ['outgoing', 'colo'], [cancels]),
  way('q9', '2.11', ['outgoing', 'colo (entering)'], [heartbeat]),
  way('q10', '2.11', ['incoming', 'colo (failover, loading)'], [['fact', { type: 'incoming.failed', ...cause }]]),
  way('q11', '2.11', ['outgoing', 'colo'], [fails]),
  way('q12', '2.11', ['incoming', 'colo'], [heartbeat, ['fact', { type: 'incoming.interrupted' }]]),
  way('q13', '2.11', ['outgoing', 'completed (ending)'], [command('query-migrate')]),
  way('q14', '2.11', ['outgoing', 'completed'], [migrates]),
  way('q15', '2.11', ['outgoing', 'pre-switchover'], [command('cont')]),
  way('h1', '2.11', ['outgoing', 'active (committing)'], [cancels, ends]),
  way('h2', '7.2', ['outgoing', 'postcopy-paused'], [cancels]),
  way('h3', '7.2', ['outgoing', 'pre-switchover (postcopy)'], [cancels, ends]),
  way('h4', '2.11', ['guest', 'paused'], [migrates, ...connected(), flushes, fails, ends]),
  way('h5', '7.2', ['outgoing', 'cancelling'], [fails, ends]),
  way('h6', '7.2', ['outgoing', 'failed'], [fails]),
  way('h7', '7.2', ['outgoing', 'cancelling'], [cancels]),
  way('h8', '7.2', ['outgoing', 'colo'], [migrates]),
  way('h12', '2.11', ['incoming', 'postcopy-active'], [['fact', { type: 'incoming.lost', ...cause }]]),
  way('h14', '2.11', ['outgoing', 'setup'], [cancels, ['fact', { type: 'outgoing.connect-failed', ...cause }], ends]),
  way('h15', '2.11', ['outgoing', 'device'], [flushes, cancels], { capabilities: ['x-colo'] }),
  way('h18', '2.11', ['outgoing', 'active'], [command('migrate-set-parameters', { 'max-bandwidth': 5 })]),
  way('h19', '7.2', ['outgoing', 'colo'], [fails]),
  way('h22', '7.2', ['outgoing', 'completed (ending)'], [migrates]),
  way('h26', '2.11', ['outgoing', 'postcopy-active'], [fails, ends]),
  way('h27', '2.11', ['outgoing', 'active (committing)'], [fails, ends]),
  way('h29', '2.11', ['outgoing', 'pre-switchover'], [command('stop'), cancels, ends]),
  way('h30', '2.11', ['outgoing', 'colo (checkpoint)'], [command('stop'), ...checkpointEnds()]),
  way('s1', '2.11', ['outgoing', 'none'], [command('migrate-set-cache-size', { value: 100_000_000 })]),
  way('s2', '2.11', ['outgoing', 'none'], [command('migrate', { uri: 'bogus:1', blk: true })], { beside: ['q6'] }),
  way('s3', '2.11', ['incoming', 'none (deferred)'], [command('migrate-incoming', { uri: 'bogus:1' })]),
  way('s4', '2.11', ['outgoing', 'none'], [command('migrate-set-cache-size', { value: -(2n ** 63n) })]),
  way(
    's5',
    '2.11',
    ['outgoing', 'active'],
    [progress, cancels, ends, migrates, ...connected(), progress, command('query-migrate')],
  ),
  way('s6', '7.2', ['outgoing', 'active'], [command('migrate-set-parameters', { 'xbzrle-cache-size': 2 ** 20 })]),
  way('s7', '7.2', ['outgoing', 'none'], [command('migrate-set-parameters', { 'multifd-zstd-level': 3 })]),
  way('s8', '2.11', ['outgoing', 'active'], [compressedProgress, command('query-migrate')]),
  way('s10', '2.11', ['outgoing', 'none'], [switches('x-multifd'), migrates]),
]

function connected(): readonly ScenarioInput[] {
  return [
    ['fact', { type: 'outgoing.connected', returnPath: true }],
    ['fact', { type: 'outgoing.setup-done', setupMillis: 1 }],
    ['fact', { type: 'outgoing.converged' }],
  ]
}

function checkpointEnds(): readonly ScenarioInput[] {
  return [
    ['fact', { type: 'outgoing.vmstate-saved' }],
    ['fact', { type: 'outgoing.vmstate-sent' }],
    ['fact', { type: 'outgoing.vmstate-received' }],
    ['fact', { type: 'outgoing.vmstate-loaded' }],
  ]
}
