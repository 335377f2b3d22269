/** Which member query-migrate has when: the presence matrix (reference of the semantics, 5.1), decoded by the schema. */
import { Schema } from 'effect'
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import { commands, type MigrationStats } from '../qapi/index.ts'
import type { Progress } from './fact.ts'
import { reach, scenarios, type ScenarioCore, type ScenarioInput, type ScenarioVariant } from './scenarios.ts'

const stats = (transferred: number, normal: number): MigrationStats => ({
  transferred,
  remaining: 4096,
  total: 1_048_576,
  duplicate: 2,
  skipped: 0,
  normal,
  'normal-bytes': normal * 4096,
  'dirty-pages-rate': 7,
  mbps: 1.5,
  'dirty-sync-count': 2,
  'postcopy-requests': 0,
  'page-size': 4096,
})

/** What an engine that does everything reports. */
const everything: Progress = {
  ram: stats(41_000, 10),
  expectedDowntimeMillis: 12,
  xbzrle: {
    deltas: 3,
    deltaBytes: 100,
    unchanged: 2,
    overflow: 1,
    cacheMiss: 4,
    cacheMissRate: 0.5,
    encodingRate: 4,
  },
  disk: { transferred: 10, remaining: 20, total: 30 },
  compression: { pages: 1, busy: 0, 'busy-rate': 0, 'compressed-size': 9, 'compression-rate': 2 },
}

const query = (core: ScenarioCore): Record<string, unknown> => {
  const [, outputs] = core.try('query-migrate')
  const reply = outputs.find((output) => output.type === 'reply')
  const { profile } = core.state
  // Decoding fails on a member that the schema does not have, or has with another type.
  const returns: Schema.Codec<unknown, unknown> = commands[profile]['query-migrate'].returns
  return Schema.decodeUnknownSync(returns, { onExcessProperty: 'error' })(reply?.value) as Record<string, unknown>
}

const highPeriod: ScenarioInput = [
  'fact',
  { type: 'outgoing.pass', pass: 2, period: { dirtiedBytes: 100, sentBytes: 100 } },
]
const throttled: ScenarioVariant = { capabilities: ['auto-converge'] }

/** A core in a state of the source, with everything reported, and the guest too fast, as soon as a report is taken. */
const reported = (profile: Profile, name: string, report: Progress, variant: ScenarioVariant = {}): ScenarioCore => {
  const scenario = scenarios(profile).find((one) => one.side === 'outgoing' && one.name === name)
  if (scenario === undefined) throw new Error(`expected a scenario ${name}`)
  const at = scenario.inputs.findIndex((input) => input[0] === 'fact' && input[1].type === 'outgoing.setup-done')
  const inputs = [...scenario.inputs]
  if (at !== -1) inputs.splice(at + 1, 0, ['fact', { type: 'outgoing.progress', ...report }], highPeriod, highPeriod)
  return reach({ ...scenario, inputs }, { ...variant, profile })
}

const running = ['status', 'total-time', 'expected-downtime', 'setup-time', 'ram']
const passing = ['disk', 'cpu-throttle-percentage']
const completed = ['status', 'total-time', 'downtime', 'setup-time', 'ram']

/** 5.1, a line a status: without capabilities, and what xbzrle and compress add. */
const presence: readonly (readonly [name: string, members: readonly string[], withCounters: boolean])[] = [
  ['none', [], false],
  ['setup', ['status'], false],
  ['active', [...running, ...passing], true],
  ['postcopy-active', [...running, ...passing], true],
  ['pre-switchover', [...running, ...passing], true],
  ['device', [...running, ...passing], true],
  // The throttle has been taken off already.
  ['cancelling', [...running, 'disk'], true],
  ['cancelled', ['status'], false],
  ['completed', completed, true],
  ['failed', ['status', 'error-desc'], false],
  ['colo', ['status'], false],
]

t.test('5.1: each member is there exactly in its statuses, in both profiles', async (t) => {
  for (const profile of ['2.11', '7.2'] as const)
    for (const [name, members] of presence) {
      const core = reported(profile, name, everything, throttled)
      t.strictSame(Object.keys(query(core)).sort(), [...members].sort(), `${profile} ${name}`)
    }
})

t.test('5.1: xbzrle-cache and compression follow their capability', async (t) => {
  for (const profile of ['2.11', '7.2'] as const)
    for (const [name, members, withCounters] of presence) {
      const capabilities = profile === '7.2' ? ['xbzrle', 'compress'] : ['xbzrle']
      const more = withCounters ? (profile === '7.2' ? ['xbzrle-cache', 'compression'] : ['xbzrle-cache']) : []
      const core = reported(profile, name, everything, { capabilities: [...capabilities, 'auto-converge'] })
      t.strictSame(Object.keys(query(core)).sort(), [...members, ...more].sort(), `${profile} ${name}`)
    }
})

t.test('the cache has the size that is set now, and counts nothing before the first report', async (t) => {
  const core = reported('2.11', 'setup (starting)', everything, { capabilities: ['xbzrle'] })
  core.take(['fact', { type: 'outgoing.setup-done', setupMillis: 1 }])
  core.take(['command', 'migrate-set-cache-size', { value: 8192 }])
  const none = { bytes: 0, pages: 0, 'cache-miss': 0, 'cache-miss-rate': 0, overflow: 0 }
  t.strictSame(query(core)['xbzrle-cache'], { 'cache-size': 8192, ...none })
})

t.test('XBZRLE counts what its version counts', async (t) => {
  const common = { 'cache-size': 67_108_864, 'cache-miss': 4, 'cache-miss-rate': 0.5, overflow: 1 }
  const told = (profile: Profile) =>
    query(reported(profile, 'active', everything, { capabilities: ['xbzrle'] }))['xbzrle-cache']
  t.strictSame(told('2.11'), { ...common, pages: 3, bytes: 100 })
  t.strictSame(told('7.2'), { ...common, pages: 6, bytes: 100 - 3 * 8 + 4096, 'encoding-rate': 4 })
})

t.test('a disk has three figures; without a throttle there is no member of it', async (t) => {
  const { disk } = query(reported('2.11', 'active', everything)) as { disk: Record<string, unknown> }
  t.match(disk, { transferred: 10, remaining: 20, total: 30, normal: 0, 'page-size': 0 })
  t.equal(query(reported('2.11', 'active', everything, throttled))['cpu-throttle-percentage'], 20)
  t.notOk('cpu-throttle-percentage' in query(reported('2.11', 'active', everything)))
})

t.test('7.2: bytes are attributed to what the guest did while they were sent', async (t) => {
  const core = reported('7.2', 'active', { ram: stats(40_960, 10), expectedDowntimeMillis: 1 })
  core.take(['fact', { type: 'outgoing.converged' }])
  core.nowMillis += 500
  core.take(['fact', { type: 'outgoing.progress', ram: stats(49_152, 12), expectedDowntimeMillis: 1 }])
  t.match(query(core)['ram'], {
    'precopy-bytes': 40_960,
    'downtime-bytes': 8192,
    'postcopy-bytes': 0,
    'pages-per-second': 4,
    'multifd-bytes': 0,
    'dirty-sync-missed-zero-copy': 0,
  })
  const phases = { precopyBytes: 1, downtimeBytes: 2, postcopyBytes: 3 }
  const exact = { ram: stats(49_152, 12), expectedDowntimeMillis: 1, phases, pagesPerSecond: 9, multifdBytes: 5 }
  core.take(['fact', { type: 'outgoing.progress', ...exact }])
  t.match(query(core)['ram'], { 'precopy-bytes': 1, 'postcopy-bytes': 3, 'pages-per-second': 9, 'multifd-bytes': 5 })
})

t.test('completed: nothing remains, and the times are final', async (t) => {
  const core = reported('2.11', 'completed', everything)
  core.nowMillis += 60_000
  t.match(query(core), { 'total-time': 1, downtime: 0, ram: { remaining: 0, 'dirty-pages-rate': 0, normal: 10 } })
})

t.test(
  'downtime: a guest that the user had stopped counts from the switchover, a postcopy to its package',
  async (t) => {
    const stopped = reported('2.11', 'active', everything)
    stopped.take(['command', 'stop'])
    stopped.nowMillis += 5000
    stopped.take(['fact', { type: 'outgoing.converged' }])
    stopped.nowMillis += 20
    for (const type of ['outgoing.flushed', 'outgoing.prepared', 'outgoing.loaded'] as const)
      stopped.take(['fact', { type }])
    t.match(query(stopped), { 'total-time': 5020, downtime: 20 })

    const postcopy = reported('2.11', 'postcopy-active (packaging)', everything)
    postcopy.nowMillis += 30
    postcopy.take(['fact', { type: 'outgoing.prepared' }])
    postcopy.take(['fact', { type: 'outgoing.package-sent' }])
    postcopy.nowMillis += 7000
    postcopy.take(['fact', { type: 'outgoing.loaded' }])
    t.match(query(postcopy), { 'total-time': 7030, downtime: 30 })
  },
)

t.test('a destination: nothing in 2.11; its status and where it listens in 7.2', async (t) => {
  const address = { port: '4444', ipv4: true, host: '127.0.0.1', type: 'inet' }
  const expected: Readonly<Record<string, unknown>> = {
    'none (deferred)': {},
    'none (opening)': {},
    'none (listening)': { 'socket-address': [address] },
    active: { 'socket-address': [address], status: 'active' },
    colo: { 'socket-address': [address], status: 'colo' },
    completed: { status: 'completed' },
    failed: { status: 'failed' },
  }
  for (const profile of ['2.11', '7.2'] as const)
    for (const scenario of scenarios(profile).filter(({ side, name }) => side === 'incoming' && name in expected))
      t.strictSame(
        query(reach(scenario, { profile })),
        profile === '7.2' ? expected[scenario.name] : {},
        `${profile} ${scenario.name}`,
      )
})

t.test('7.2: why a guest cannot be migrated', async (t) => {
  const [first] = scenarios('7.2')
  const blockers = ["State blocked by non-migratable device 'mtp'"]
  if (first === undefined) throw new Error('expected a scenario')
  const core = reach(first, { profile: '7.2', options: { blockers } })
  t.strictSame(query(core), { 'blocked-reasons': blockers })
  t.match(core.try('migrate', { uri: 'tcp:h:1' })[1], [{ type: 'refusal', desc: blockers[0] }])
})
