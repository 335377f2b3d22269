/**
 * Sequences of commands for a pair: valid, invalid and racing, to either side, with second and third runs after one that
 * was cancelled, failed or completed. The same sequence goes to every implementation.
 */
import * as fc from 'fast-check'
import { HOLD_BYTES_PER_SECOND } from './execution.ts'
import { DESTINATION, FILE, NOWHERE, type Call, type Sequence, type Step } from './step.ts'

const constant = (name: string, args?: Readonly<Record<string, unknown>>): Call =>
  args === undefined ? { name } : { name, arguments: args }

const capability = (name: string, state: boolean): Call =>
  constant('migrate-set-capabilities', { capabilities: [{ capability: name, state }] })
const parameter = (name: string, value: unknown): Call => constant('migrate-set-parameters', { [name]: value })

const migrate = constant('migrate', { uri: DESTINATION })
const cancel = constant('migrate_cancel')
const proceed = constant('migrate-continue', { state: 'pre-switchover' })
const release = parameter('max-bandwidth', 0)
const hold = parameter('max-bandwidth', HOLD_BYTES_PER_SECOND)

/** Those that make a run, let it go on, hold it up and end it. */
const moving: readonly Call[] = [
  migrate,
  cancel,
  release,
  proceed,
  constant('stop'),
  constant('cont'),
  capability('pause-before-switchover', true),
  capability('return-path', true),
  capability('pause-before-switchover', false),
  hold,
  parameter('downtime-limit', 2_000_000),
]

/** Those that are right by the schema; whether they are allowed depends on the moment. */
export const validCalls: readonly Call[] = [
  constant('query-migrate'),
  constant('query-status'),
  constant('query-migrate-parameters'),
  constant('query-migrate-capabilities'),
  constant('migrate', { uri: NOWHERE }),
  constant('migrate', { uri: DESTINATION, detach: true }),
  constant('migrate', { uri: DESTINATION, resume: true }),
  constant('migrate-incoming', { uri: DESTINATION }),
  constant('migrate-continue', { state: 'none' }),
  constant('migrate-continue', { state: 'active' }),
  constant('migrate-continue', { state: 'device' }),
  constant('migrate-continue', { state: 'completed' }),
  constant('migrate-continue', { state: 'cancelled' }),
  constant('migrate-continue', { state: 'failed' }),
  constant('migrate-start-postcopy'),
  constant('x-colo-lost-heartbeat'),
  constant('migrate-pause'),
  constant('migrate-recover', { uri: DESTINATION }),
  constant('system_powerdown'),
  constant('system_reset'),
  constant('query-colo-status'),
  constant('query-xen-replication-status'),
  constant('xen-colo-do-checkpoint'),
  constant('xen-set-replication', { enable: true, primary: true }),
  constant('xen-set-replication', { enable: false, primary: false, failover: true }),
  constant('xen-save-devices-state', { filename: FILE }),
  constant('xen-save-devices-state', { filename: FILE, live: false }),
  constant('client_migrate_info', { protocol: 'spice', hostname: 'localhost', port: 5900 }),
  capability('return-path', false),
  capability('events', false),
  capability('events', true),
  capability('x-colo', true),
  capability('xbzrle', true),
  capability('auto-converge', false),
  parameter('downtime-limit', 300),
  parameter('compress-level', 9),
  parameter('cpu-throttle-initial', 99),
  parameter('x-checkpoint-delay', 100_000),
  parameter('xbzrle-cache-size', 65_536),
  parameter('announce-rounds', 3),
  parameter('max-cpu-throttle', 50),
  parameter('tls-hostname', 'example'),
  constant('migrate-set-capabilities', { capabilities: [] }),
  constant('migrate-set-parameters', { 'cpu-throttle-initial': 50, 'cpu-throttle-increment': 20, 'tls-creds': null }),
]

/** Those that have to be refused wherever they come. */
export const invalidCalls: readonly Call[] = [
  constant('migrate'),
  constant('migrate', { uri: 'bogus:1' }),
  constant('migrate', { uri: 7 }),
  constant('migrate', { uri: DESTINATION, zzz: 1 }),
  constant('migrate', { uri: DESTINATION, blk: true }),
  constant('migrate', { uri: DESTINATION, detach: 'yes' }),
  constant('migrate_cancel', { now: true }),
  constant('migrate-incoming', {}),
  constant('migrate-incoming', { uri: 'bogus:1' }),
  constant('migrate-continue', {}),
  constant('migrate-continue', { state: 'nonsense' }),
  constant('migrate-continue', { state: 3 }),
  constant('migrate-set-capabilities', {}),
  constant('migrate-set-capabilities', { capabilities: 'all' }),
  constant('migrate-set-capabilities', { capabilities: [{ capability: 'nope', state: true }] }),
  constant('migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle' }] }),
  constant('migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle', state: 1 }] }),
  parameter('compress-level', 10),
  parameter('compress-level', 'x'),
  parameter('compress-threads', 0),
  parameter('compress-threads', 256),
  parameter('cpu-throttle-initial', 0),
  parameter('cpu-throttle-increment', 100),
  parameter('downtime-limit', 2_000_001),
  parameter('downtime-limit', -1),
  parameter('x-checkpoint-delay', -1),
  parameter('xbzrle-cache-size', 1000),
  parameter('multifd-channels', 0),
  parameter('x-multifd-channels', 2),
  parameter('zzz', 1),
  constant('migrate-set-parameters', { 'downtime-limit': 7, 'cpu-throttle-increment': 120 }),
  constant('xen-set-replication', { enable: true, primary: true, failover: false }),
  constant('xen-save-devices-state', { filename: '/nonexistent/file' }),
  constant('xen-save-devices-state', { live: true }),
  constant('client_migrate_info', { protocol: 'vnc', hostname: 'localhost' }),
  constant('migrate_set_speed', { value: 1 }),
  constant('migrate_set_downtime', { value: 1 }),
  constant('query-migrate-cache-size'),
  constant('dance'),
]

/** Those to the side that waits for a guest. */
const forDestination: readonly Call[] = [
  constant('migrate-incoming', { uri: DESTINATION }),
  constant('query-migrate'),
  constant('query-status'),
  constant('cont'),
  constant('stop'),
  cancel,
  migrate,
  constant('migrate', { uri: NOWHERE }),
  constant('migrate-incoming', { uri: 'bogus:1' }),
  capability('return-path', true),
  capability('pause-before-switchover', true),
  constant('migrate-continue', { state: 'active' }),
  constant('migrate-start-postcopy'),
]

const call = (to: 'source' | 'destination', calls: readonly Call[]): fc.Arbitrary<Step> =>
  fc.constantFrom(...calls).map((one): Step => ({ do: 'call', to, call: one }))

/** Commands whose order among each other, or against the run, is what matters. */
const racing: readonly Call[] = [
  cancel,
  migrate,
  release,
  proceed,
  constant('stop'),
  constant('cont'),
  constant('query-migrate'),
]

const race: fc.Arbitrary<Step> = fc
  .record({
    calls: fc.array(fc.constantFrom(...racing), { minLength: 2, maxLength: 3 }),
    until: fc.option(
      fc.constantFrom<readonly string[]>(
        ['MIGRATION active'],
        ['STOP'],
        ['MIGRATION cancelled', 'MIGRATION completed'],
      ),
      { nil: undefined },
    ),
  })
  .map(({ calls, until }): Step => ({ do: 'race', to: 'source', calls, ...(until === undefined ? {} : { until }) }))

/** One step. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: call('source', moving) },
  { weight: 4, arbitrary: call('source', [migrate]) },
  { weight: 4, arbitrary: call('source', validCalls) },
  { weight: 3, arbitrary: call('source', invalidCalls) },
  { weight: 2, arbitrary: call('destination', forDestination) },
  { weight: 2, arbitrary: race },
)

/** Longest sequence. */
export const STEPS_MAX = 9

/** Shapes that random steps seldom form: the way into each status that a run can rest in, and then something else. */
const shapes: readonly (readonly Call[])[] = [
  [release, migrate],
  [migrate, cancel],
  [capability('pause-before-switchover', true), release, migrate],
  [constant('stop'), capability('pause-before-switchover', true), release, migrate, cancel],
  [capability('x-colo', true), release, migrate, cancel],
  [capability('return-path', true), release, migrate],
]

/** A shape, with steps around it and sometimes one in the middle of it. */
const shaped: fc.Arbitrary<Sequence> = fc
  .record({
    before: fc.array(step, { maxLength: 1, size: 'max' }),
    shape: fc.constantFrom(...shapes),
    within: fc.option(fc.tuple(fc.nat(3), step), { nil: undefined }),
    after: fc.array(step, { maxLength: 4, size: 'max' }),
  })
  .map(({ before, shape, within, after }): Sequence => {
    const steps = shape.map((one): Step => ({ do: 'call', to: 'source', call: one }))
    const [at, other] = within ?? []
    return [...before, ...(at === undefined || other === undefined ? steps : steps.toSpliced(at, 0, other)), ...after]
  })

/** Sequences. Pinned by a test: what a seed gives does not change by accident. */
export const sequence: fc.Arbitrary<Sequence> = fc.oneof(
  { weight: 2, arbitrary: fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: 'max' }) },
  { weight: 1, arbitrary: shaped },
)
