/**
 * The core as a document: what each command and fact does, in the order of a migration's life. No memory, no sockets, and a
 * clock that is a number.
 */
import t from 'tap'
import type { MigrationStats } from '../qapi/index.ts'
import {
  describeState,
  deserialise,
  imagesState,
  outgoingStatus,
  runState,
  serialise,
  start,
  step,
  type CoreOptions,
  type CoreOutput,
  type Fact,
} from './index.ts'

type News<F = Fact> = F extends Fact ? Omit<F, 'run'> & { readonly run?: number } : never

/** A core with a hand on its clock. */
class Bench {
  state
  nowMillis = 1000
  constructor(options: CoreOptions = {}) {
    this.state = start(options)
  }
  command(name: string, args?: unknown): readonly CoreOutput[] {
    const [state, outputs] = step(this.state, { type: 'command', name, arguments: args, nowMillis: this.nowMillis })
    this.state = state
    return outputs
  }
  fact(news: News): readonly CoreOutput[] {
    const run = news.run ?? (news.type.startsWith('incoming.') ? this.state.incomingNumber : this.state.outgoingNumber)
    const fact = { ...news, run } as Fact
    const [state, outputs] = step(this.state, { type: 'fact', fact, nowMillis: this.nowMillis })
    this.state = state
    return outputs
  }
  /** To `active`, with events on. */
  activate(): this {
    this.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    this.command('migrate', { uri: 'tcp:h:1' })
    this.fact({ type: 'outgoing.connected', returnPath: true })
    this.fact({ type: 'outgoing.setup-done', setupMillis: 3 })
    return this
  }
  query(): Record<string, unknown> {
    const [output] = this.command('query-migrate')
    return output?.type === 'reply' ? (output.value as Record<string, unknown>) : {}
  }
}

/** Outputs in short: events by name and data, intents by type, refusals by text. */
const brief = (outputs: readonly CoreOutput[]): readonly string[] =>
  outputs.map((output) => {
    switch (output.type) {
      case 'event':
        return 'data' in output.event
          ? `${output.event.event} ${Object.values(output.event.data).join()}`
          : output.event.event
      case 'intent':
        return output.intent.type
      case 'refusal':
        return `refused: ${output.desc}`
      case 'unexpected':
        return `unexpected ${output.fact}`
      case 'reply':
        return output.ticket === undefined ? 'reply' : `reply ${output.ticket}`
      case 'deferred':
        return `deferred ${output.ticket}`
    }
  })

const ram: MigrationStats = {
  transferred: 4104,
  remaining: 4096,
  total: 8192,
  duplicate: 0,
  skipped: 0,
  normal: 1,
  'normal-bytes': 4096,
  'dirty-pages-rate': 0,
  mbps: 1,
  'dirty-sync-count': 1,
  'postcopy-requests': 0,
  'page-size': 4096,
}

t.test('precopy: events and intents come in QEMU’s order', async (t) => {
  const bench = new Bench()
  bench.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  t.strictSame(brief(bench.command('migrate', { uri: 'tcp:h:1' })), ['MIGRATION setup', 'open-channel', 'reply'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.connected', returnPath: true })), ['begin-setup'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.pass', pass: 1 })), ['MIGRATION_PASS 1'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.setup-done', setupMillis: 3 })), ['MIGRATION active', 'iterate'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.converged' })), ['stop-guest', 'STOP', 'complete-precopy'])
  t.equal(runState(bench.state), 'finish-migrate')
  t.strictSame(brief(bench.fact({ type: 'outgoing.flushed' })), [])
  t.strictSame(brief(bench.fact({ type: 'outgoing.prepared' })), ['release-images', 'commit'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.loaded' })), ['MIGRATION completed', 'teardown'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.ended' })), [])
  t.equal(runState(bench.state), 'postmigrate')
  t.equal(imagesState(bench.state), 'released')
})

t.test('without the capability events, only STOP and RESUME are emitted', async (t) => {
  const bench = new Bench()
  t.strictSame(brief(bench.command('migrate', { uri: 'tcp:h:1' })), ['open-channel', 'reply'])
  t.strictSame(brief(bench.command('stop')), ['stop-guest', 'STOP', 'reply'])
})

t.test('pause-before-switchover waits in pre-switchover until migrate-continue names it', async (t) => {
  const bench = new Bench()
  const capabilities = [{ capability: 'pause-before-switchover', state: true }]
  bench.command('migrate-set-capabilities', { capabilities })
  bench.activate()
  t.strictSame(brief(bench.fact({ type: 'outgoing.converged' })), ['stop-guest', 'STOP', 'MIGRATION pre-switchover'])
  const refusal = ['refused: Migration not in expected state: pre-switchover']
  t.strictSame(brief(bench.command('migrate-continue', { state: 'device' })), refusal)
  t.strictSame(brief(bench.command('migrate-continue', { state: 'pre-switchover' })), [
    'MIGRATION device',
    'complete-precopy',
    'reply',
  ])
  bench.fact({ type: 'outgoing.flushed' })
  bench.fact({ type: 'outgoing.prepared' })
  t.strictSame(brief(bench.fact({ type: 'outgoing.loaded' })), ['MIGRATION completed', 'teardown'])
})

t.test('a cancel gives the guest back before it is published as cancelled', async (t) => {
  const bench = new Bench().activate()
  bench.fact({ type: 'outgoing.converged' })
  t.strictSame(brief(bench.command('migrate_cancel')), ['MIGRATION cancelling', 'teardown', 'reply'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.ended' })), ['start-guest', 'RESUME', 'MIGRATION cancelled'])
  t.equal(runState(bench.state), 'running')
})

t.test('a cancel after the commit comes too late, and says so by ending completed', async (t) => {
  const bench = new Bench().activate()
  bench.fact({ type: 'outgoing.converged' })
  bench.fact({ type: 'outgoing.flushed' })
  bench.fact({ type: 'outgoing.prepared' })
  t.strictSame(brief(bench.command('migrate_cancel')), ['reply'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.loaded' })), ['MIGRATION completed', 'teardown'])
})

t.test('a guest the user stopped during the switchover stays stopped after a cancel', async (t) => {
  const bench = new Bench().activate()
  bench.fact({ type: 'outgoing.converged' })
  t.strictSame(brief(bench.command('stop')), ['reply'])
  bench.command('migrate_cancel')
  t.strictSame(brief(bench.fact({ type: 'outgoing.ended' })), ['MIGRATION cancelled'])
  t.equal(runState(bench.state), 'paused')
})

/** A source whose postcopy has come as far as to the package. */
const packaging = (profile: '2.11' | '7.2') => {
  const bench = new Bench({ profile })
  const on = ['events', 'postcopy-ram'].map((capability) => ({ capability, state: true }))
  bench.command('migrate-set-capabilities', { capabilities: on })
  bench.activate()
  return bench
}

for (const profile of ['2.11', '7.2'] as const) {
  t.test(`postcopy, ${profile}: the guest may run there only when its devices are loaded there`, async (t) => {
    const bench = packaging(profile)
    t.strictSame(brief(bench.command('migrate-start-postcopy')), ['start-postcopy', 'reply'])
    t.strictSame(brief(bench.fact({ type: 'outgoing.postcopy' })), [
      'MIGRATION postcopy-active',
      'stop-guest',
      'STOP',
      'send-package',
    ])
    t.match(brief(bench.command('migrate_cancel')), [/cannot cancel/])
    t.strictSame(brief(bench.fact({ type: 'outgoing.prepared' })), ['release-images', 'commit'])
    t.match(brief(bench.command('migrate_cancel')), [/cannot cancel/])
    t.strictSame(brief(bench.fact({ type: 'outgoing.package-sent' })), [])
    t.match(brief(bench.command('migrate_cancel')), [/cannot cancel/])
    t.strictSame(brief(bench.fact({ type: 'outgoing.loaded' })), ['MIGRATION completed', 'teardown'])
    bench.fact({ type: 'outgoing.ended' })
    t.equal(runState(bench.state), 'postmigrate')
  })

  t.test(`postcopy, ${profile}: a failure before that gives the guest back`, async (t) => {
    const bench = packaging(profile)
    bench.command('migrate-start-postcopy')
    bench.fact({ type: 'outgoing.postcopy' })
    t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'gone', side: 'channel' })), [
      'MIGRATION failed',
      'teardown',
    ])
    t.strictSame(brief(bench.fact({ type: 'outgoing.ended' })), ['start-guest', 'RESUME'])
  })

  t.test(`postcopy, ${profile}: a channel lost with the leave to run, the destination’s word decides`, async (t) => {
    const doubt = () => {
      const bench = packaging(profile)
      bench.command('migrate-start-postcopy')
      bench.fact({ type: 'outgoing.postcopy' })
      bench.fact({ type: 'outgoing.prepared' })
      t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'gone', side: 'channel' })), ['inquire'])
      return bench
    }
    const dead = doubt()
    dead.fact({ type: 'outgoing.outcome-not-running', reason: 'it has given up' })
    t.strictSame(brief(dead.fact({ type: 'outgoing.ended' })), ['acquire-images', 'start-guest', 'RESUME'])
    for (const outcome of [
      { type: 'outgoing.outcome-running' },
      { type: 'outgoing.outcome-unknown', reason: 'nobody answers' },
    ] as const) {
      const left = doubt()
      left.fact(outcome)
      if (profile === '2.11') left.fact({ type: 'outgoing.ended' })
      t.equal(outgoingStatus(left.state), profile === '7.2' ? 'postcopy-paused' : 'failed')
      t.equal(runState(left.state), profile === '7.2' ? 'finish-migrate' : 'postmigrate', 'nobody starts it here')
    }
  })
}

t.test('postcopy that was asked for before there is an engine begins with it', async (t) => {
  const bench = new Bench()
  const on = ['postcopy-ram', 'release-ram'].map((capability) => ({ capability, state: true }))
  bench.command('migrate-set-capabilities', { capabilities: on })
  bench.command('migrate', { uri: 'tcp:h:1' })
  t.strictSame(brief(bench.command('migrate-start-postcopy')), ['reply'])
  t.match(bench.fact({ type: 'outgoing.connected', returnPath: true }), [
    { intent: { type: 'begin-setup', postcopy: { isStarted: true, releasesRam: true } } },
  ])
})

t.test('a postcopy that breaks is paused, and resumed on another channel with the same figures', async (t) => {
  const bench = packaging('7.2')
  bench.command('migrate-start-postcopy')
  bench.fact({ type: 'outgoing.postcopy' })
  bench.fact({ type: 'outgoing.prepared' })
  bench.fact({ type: 'outgoing.package-sent' })
  t.strictSame(brief(bench.command('migrate-pause')), ['break-channel', 'reply'])
  t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'broken', side: 'channel' })), [
    'close-channel',
    'MIGRATION postcopy-paused',
  ])
  t.match(bench.query(), { status: 'postcopy-paused', 'error-desc': /broken/ })
  t.match(brief(bench.command('migrate', { uri: 'tcp:h:1' })), [/migration process in progress/])
  const resumes = () => bench.command('migrate', { uri: 'tcp:h:2', resume: true })
  t.strictSame(brief(resumes()), ['reopen-channel', 'reply'])
  t.match(brief(resumes()), [/migration process in progress/], 'once at a time')
  t.strictSame(brief(bench.fact({ type: 'outgoing.connect-failed', reason: 'refused', side: 'channel' })), [])
  t.match(bench.query(), { status: 'postcopy-paused', 'error-desc': /refused/ })
  resumes()
  t.strictSame(brief(bench.fact({ type: 'outgoing.connected', returnPath: true })), [
    'MIGRATION postcopy-recover',
    'resume',
  ])
  t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'again', side: 'channel' })), [
    'close-channel',
    'MIGRATION postcopy-paused',
  ])
  resumes()
  bench.fact({ type: 'outgoing.connected', returnPath: true })
  t.strictSame(brief(bench.fact({ type: 'outgoing.resumed' })), ['MIGRATION postcopy-active'])
  t.equal(bench.query()['error-desc'], undefined)
  t.strictSame(brief(bench.fact({ type: 'outgoing.loaded' })), ['MIGRATION completed', 'teardown'])
  t.equal(bench.state.outgoingNumber, 1)
})

t.test('a destination whose postcopy broke waits where it is told to', async (t) => {
  const bench = new Bench({ profile: '7.2', incoming: 'defer' })
  bench.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  bench.command('migrate-incoming', { uri: 'tcp:h:1' })
  bench.fact({ type: 'incoming.bound', uri: 'tcp:h:1' })
  bench.fact({ type: 'incoming.connected' })
  bench.fact({ type: 'incoming.advised' })
  bench.fact({ type: 'incoming.listening' })
  t.strictSame(brief(bench.fact({ type: 'incoming.running' })), ['acquire-images'])
  t.strictSame(brief(bench.fact({ type: 'incoming.start', running: true })), ['start-guest', 'RESUME'])
  t.match(brief(bench.command('migrate-recover', { uri: 'tcp:h:2' })), [/only be run/])
  bench.fact({ type: 'incoming.lost', reason: 'gone', side: 'channel' })
  t.equal(runState(bench.state), 'running', 'until it misses a page')
  t.strictSame(brief(bench.command('migrate-recover', { uri: 'tcp:h:2' })), [
    'MIGRATION setup',
    'listen-again',
    'deferred 2',
  ])
  t.match(brief(bench.fact({ type: 'incoming.listen-failed', reason: 'in use' })), [/in use/])
  t.equal(bench.state.incoming?.uri, 'tcp:h:1', 'nothing has changed')
  bench.command('migrate-recover', { uri: 'tcp:h:3' })
  t.strictSame(brief(bench.fact({ type: 'incoming.bound', uri: 'tcp:h:3' })), ['reply 3'])
  t.strictSame(brief(bench.fact({ type: 'incoming.recovering' })), ['MIGRATION postcopy-recover', 'resume-load'])
  t.strictSame(brief(bench.fact({ type: 'incoming.recovered' })), ['MIGRATION postcopy-active'])
  t.strictSame(brief(bench.command('migrate-pause')), ['break-channel', 'reply'])
  bench.fact({ type: 'incoming.lost', reason: 'broken', side: 'channel' })
  t.strictSame(brief(bench.fact({ type: 'incoming.failed', reason: 'nonsense', side: 'source' })), [
    'MIGRATION failed',
    'reject',
    'stop-guest',
    'STOP',
  ])
  t.equal(runState(bench.state), 'internal-error', 'a guest of which a part will never come')
  t.match(brief(bench.command('cont')), [/no guest that could run here/])
})

t.test('a failure is published with its first cause and the side it lies on', async (t) => {
  const bench = new Bench().activate()
  bench.fact({ type: 'outgoing.failed', reason: 'write: the channel is broken (EPIPE)', side: 'channel' })
  t.strictSame(bench.query(), { status: 'failed', 'error-desc': 'write: the channel is broken (EPIPE) (channel)' })
  t.strictSame(brief(bench.fact({ type: 'outgoing.ended' })), [])
  t.equal(runState(bench.state), 'running')
})

t.test('a channel lost after the commit: the destination’s word decides', async (t) => {
  const doubt = () => {
    const bench = new Bench().activate()
    bench.fact({ type: 'outgoing.converged' })
    bench.fact({ type: 'outgoing.flushed' })
    bench.fact({ type: 'outgoing.prepared' })
    t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'gone', side: 'channel' })), ['inquire'])
    return bench
  }
  const runs = doubt()
  t.strictSame(brief(runs.fact({ type: 'outgoing.outcome-running' })), ['MIGRATION completed', 'teardown'])
  const dead = doubt()
  t.strictSame(brief(dead.fact({ type: 'outgoing.outcome-not-running', reason: 'dead' })), [
    'MIGRATION failed',
    'teardown',
  ])
  t.strictSame(brief(dead.fact({ type: 'outgoing.ended' })), ['acquire-images', 'start-guest', 'RESUME'])
  const unknown = doubt()
  unknown.fact({ type: 'outgoing.outcome-unknown', reason: 'nobody answers' })
  t.strictSame(brief(unknown.fact({ type: 'outgoing.ended' })), [])
  t.equal(runState(unknown.state), 'postmigrate')
})

t.test('a fact of an earlier run edits nothing', async (t) => {
  const bench = new Bench().activate()
  bench.command('migrate_cancel')
  bench.fact({ type: 'outgoing.ended' })
  bench.activate()
  const before = bench.state
  t.strictSame(brief(bench.fact({ type: 'outgoing.failed', reason: 'late', side: 'channel', run: 1 })), [
    'unexpected outgoing.failed',
  ])
  t.equal(bench.state, before)
})

t.test('a fact that fits no state is named, not dropped', async (t) => {
  const bench = new Bench().activate()
  const [output] = bench.fact({ type: 'outgoing.prepared' })
  t.match(output, { type: 'unexpected', fact: 'outgoing.prepared', state: /outgoing\.active\.iterating/ })
})

t.test('query-migrate has each member exactly when it should', async (t) => {
  const bench = new Bench()
  t.strictSame(bench.query(), {})
  bench.command('migrate', { uri: 'tcp:h:1' })
  t.strictSame(Object.keys(bench.query()), ['status'])
  bench.fact({ type: 'outgoing.connected', returnPath: true })
  bench.fact({ type: 'outgoing.setup-done', setupMillis: 3 })
  bench.fact({ type: 'outgoing.progress', ram, expectedDowntimeMillis: 12 })
  bench.nowMillis += 40
  t.strictSame(bench.query(), {
    status: 'active',
    'total-time': 40,
    'expected-downtime': 12,
    'setup-time': 3,
    ram,
  })
  bench.fact({ type: 'outgoing.converged' })
  bench.fact({ type: 'outgoing.flushed' })
  bench.fact({ type: 'outgoing.prepared' })
  bench.nowMillis += 7
  bench.fact({ type: 'outgoing.loaded' })
  bench.nowMillis += 1000
  t.strictSame(bench.query(), {
    status: 'completed',
    'total-time': 47,
    downtime: 7,
    'setup-time': 3,
    ram: { ...ram, remaining: 0, 'dirty-pages-rate': 0 },
  })
  bench.fact({ type: 'outgoing.ended' })
  bench.command('cont')
  bench.command('migrate', { uri: 'tcp:h:1' })
  bench.command('migrate_cancel')
  bench.fact({ type: 'outgoing.ended' })
  t.strictSame(bench.query(), { status: 'cancelled' })
})

t.test('a refused command changes nothing', async (t) => {
  const refusals: readonly (readonly [string, unknown, string])[] = [
    ['nope', undefined, 'The command nope has not been found'],
    ['migrate', {}, "Parameter 'uri' is missing"],
    ['migrate', { uri: 'bogus:1' }, "Parameter 'uri' expects a valid migration protocol"],
    ['migrate', { uri: 'tcp:1' }, "error parsing address '1'"],
    ['migrate', { uri: 'tcp:h:1', x: 1 }, "Parameter 'x' is unexpected"],
    ['migrate', { uri: 1 }, "Invalid parameter type for 'uri', expected: string"],
    ['migrate-incoming', { uri: 'tcp:h:1' }, "For use with '-incoming defer'"],
    ['migrate-continue', { state: 'active' }, 'Migration not in expected state: none'],
    ['migrate-continue', { state: 'postcopy-paused' }, "Invalid parameter 'postcopy-paused'"],
    ['migrate-start-postcopy', undefined, 'Enable postcopy with migrate_set_capability before the start of migration'],
    ['migrate-set-capabilities', { capabilities: [{ capability: 'x', state: true }] }, "Invalid parameter 'x'"],
    [
      'migrate-set-capabilities',
      { capabilities: [{ capability: 'events', state: 1 }] },
      "Invalid parameter type for 'capabilities[0].state', expected: boolean",
    ],
    [
      'migrate-set-capabilities',
      {
        capabilities: [
          { capability: 'postcopy-ram', state: true },
          { capability: 'compress', state: true },
        ],
      },
      'Postcopy is not currently compatible with compression',
    ],
    [
      'migrate-set-parameters',
      { 'downtime-limit': 100, 'compress-level': 10 },
      "Parameter 'compress_level' expects is invalid, it should be in the range of 0 to 9",
    ],
    [
      'migrate-set-parameters',
      { 'x-multifd-channels': 0 },
      "Parameter 'multifd_channels' expects is invalid, it should be in the range of 1 to 255",
    ],
    [
      'migrate_set_downtime',
      { value: 2000.001 },
      "Parameter 'downtime_limit' expects an integer in the range of 0 to 2000 seconds",
    ],
    ['x-colo-lost-heartbeat', undefined, "The feature 'colo' is not enabled"],
  ]
  for (const [name, args, desc] of refusals) {
    const bench = new Bench()
    const before = serialise(bench.state)
    t.strictSame(brief(bench.command(name, args)), [`refused: ${desc}`], `${name} ${JSON.stringify(args)}`)
    t.equal(serialise(bench.state), before)
  }
})

t.test('what a runtime cannot do is refused by name, never accepted and ignored', async (t) => {
  const bench = new Bench({ supportedCapabilities: ['events'] })
  const [refusal] = bench.command('migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle', state: true }] })
  t.match(refusal, { type: 'refusal', desc: /Capability 'xbzrle' is not supported/ })
})

t.test('parameters: aliases, rounding, and a change that reaches a running migration', async (t) => {
  const bench = new Bench().activate()
  bench.command('migrate_set_downtime', { value: 0.1 })
  bench.command('migrate-set-cache-size', { value: 100_000_000 })
  t.equal(bench.state.parameters['downtime-limit'], 100)
  t.equal(bench.state.parameters['xbzrle-cache-size'], 67_108_864, 'rounded down to a power of two, as the schema says')
  const outputs = bench.command('migrate_set_speed', { value: 1024 })
  t.match(outputs[0], { type: 'intent', intent: { type: 'set-parameters', parameters: { maxBandwidth: 1024 } } })
})

t.test('the state survives being written down, in every state of a run', async (t) => {
  const bench = new Bench()
  bench.command('migrate-set-parameters', { 'max-bandwidth': 9223372036854775807n })
  const inputs: readonly (() => unknown)[] = [
    () => bench.activate(),
    () => bench.fact({ type: 'outgoing.converged' }),
    () => bench.fact({ type: 'outgoing.flushed' }),
    () => bench.fact({ type: 'outgoing.prepared' }),
    () => bench.fact({ type: 'outgoing.loaded' }),
    () => bench.fact({ type: 'outgoing.ended' }),
  ]
  for (const input of inputs) {
    input()
    const restored = deserialise(serialise(bench.state))
    t.strictSame(restored, bench.state, describeState(bench.state))
    bench.state = restored
  }
  t.equal(outgoingStatus(bench.state), 'completed')
})

t.test('a destination: setup is published even with events off, the guest runs before completed', async (t) => {
  const bench = new Bench({ incoming: 'defer' })
  t.strictSame(brief(bench.command('migrate', { uri: 'tcp:h:1' })), [
    'refused: Guest is waiting for an incoming migration',
  ])
  const listening = ['MIGRATION setup', 'listen', 'deferred 1']
  t.strictSame(brief(bench.command('migrate-incoming', { uri: 'tcp:h:0' })), listening)
  t.strictSame(brief(bench.fact({ type: 'incoming.bound', uri: 'tcp:127.0.0.1:4444' })), ['reply 1'])
  t.strictSame(brief(bench.command('migrate-incoming', { uri: 'tcp:h:0' })), [
    'refused: The incoming migration has already been started',
  ])
  bench.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  t.strictSame(brief(bench.fact({ type: 'incoming.connected' })), ['MIGRATION active', 'load'])
  bench.fact({ type: 'incoming.prepared' })
  t.equal(runState(bench.state), 'inmigrate')
  t.strictSame(brief(bench.fact({ type: 'incoming.ended', running: true })), [
    'acquire-images',
    'start-guest',
    'RESUME',
    'acknowledge',
    'MIGRATION completed',
  ])
})

t.test('a destination that failed never runs the guest, whatever comes later', async (t) => {
  const bench = new Bench({ incoming: 'defer' })
  bench.command('migrate-incoming', { uri: 'tcp:h:0' })
  bench.fact({ type: 'incoming.connected' })
  bench.fact({ type: 'incoming.prepared' })
  bench.fact({ type: 'incoming.lost', reason: 'gone', side: 'channel' })
  t.strictSame(brief(bench.fact({ type: 'incoming.ended', running: true })), ['unexpected incoming.ended'])
  t.strictSame(brief(bench.command('cont')), ['reply'])
  t.equal(runState(bench.state), 'inmigrate')
})

t.test('of a guest whose postcopy failed only a part is here: nobody can start it', async (t) => {
  const bench = new Bench({ incoming: 'defer' })
  bench.command('migrate-incoming', { uri: 'tcp:h:1' })
  for (const type of ['connected', 'advised', 'listening', 'running'] as const) bench.fact({ type: `incoming.${type}` })
  bench.fact({ type: 'incoming.start', running: false })
  t.equal(runState(bench.state), 'paused')
  bench.fact({ type: 'incoming.failed', reason: 'a page is damaged', side: 'source' })
  t.match(brief(bench.command('cont')), [/there is no guest that could run here/])
  t.equal(runState(bench.state), 'paused')
})
