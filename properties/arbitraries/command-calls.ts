/** Calls of the schema's commands: with arguments as they should be, and with ones that no process may take. */
import * as fc from 'fast-check'

/** A command by name, with its arguments as JSON has them. */
export interface CommandCall {
  readonly name: string
  readonly arguments?: unknown
}

const call = (name: string, args?: fc.Arbitrary<unknown>): fc.Arbitrary<CommandCall> =>
  args === undefined ? fc.constant({ name }) : args.map((value) => ({ name, arguments: value }))

const uri = fc.constantFrom('tcp:destination:4444', 'unix:/run/migration', 'exec:cat >/dev/null')

const capability = fc.record({
  capability: fc.constantFrom(
    'events',
    'pause-before-switchover',
    'return-path',
    'xbzrle',
    'postcopy-ram',
    'compress',
    'x-colo',
  ),
  state: fc.boolean(),
})

const parameters = fc.oneof(
  fc.record({ 'max-bandwidth': fc.oneof(fc.nat(10_000_000), fc.constant(0)) }),
  fc.record({ 'downtime-limit': fc.nat(2_000_000) }),
  fc.record({ 'compress-level': fc.nat(9), 'cpu-throttle-initial': fc.integer({ min: 1, max: 99 }) }),
  fc.record({ 'xbzrle-cache-size': fc.constantFrom(4096, 65536, 2 ** 20) }),
)

/** A call whose arguments are of the schema; whether it is allowed depends on the state that it meets. */
export const validCommand: fc.Arbitrary<CommandCall> = fc.oneof(
  call('migrate', fc.record({ uri })),
  call('migrate-incoming', fc.record({ uri })),
  call('migrate_cancel'),
  call(
    'migrate-continue',
    fc.record({ state: fc.constantFrom('pre-switchover', 'active', 'setup', 'device', 'none') }),
  ),
  call('migrate-start-postcopy'),
  call('migrate-set-capabilities', fc.record({ capabilities: fc.array(capability, { maxLength: 3 }) })),
  fc.constant({
    name: 'migrate-set-capabilities',
    arguments: { capabilities: ['postcopy-ram', 'compress'].map((capability) => ({ capability, state: true })) },
  }),
  call('migrate-set-parameters', parameters),
  call('migrate_set_speed', fc.record({ value: fc.nat(10_000_000) })),
  call('migrate_set_downtime', fc.record({ value: fc.double({ min: 0, max: 2000, noNaN: true }) })),
  call('migrate-set-cache-size', fc.record({ value: fc.integer({ min: 4096, max: 2 ** 20 }) })),
  call('query-migrate'),
  call('query-migrate-parameters'),
  call('query-migrate-capabilities'),
  call('query-migrate-cache-size'),
  call('query-status'),
  call('client_migrate_info', fc.record({ protocol: fc.constant('spice'), hostname: fc.constant('host') })),
  call('x-colo-lost-heartbeat'),
  call('stop'),
  call('cont'),
)

/** A call that has to be refused wherever it comes: its arguments are not of the schema, or out of range. */
export const invalidCommand: fc.Arbitrary<CommandCall> = fc.constantFrom<CommandCall>(
  { name: 'migrate' },
  { name: 'migrate', arguments: { uri: 'nowhere' } },
  { name: 'migrate', arguments: { uri: 'tcp:host' } },
  { name: 'migrate', arguments: { uri: 7 } },
  { name: 'migrate', arguments: { uri: 'tcp:host:1', surprise: true } },
  { name: 'migrate-incoming', arguments: { uri: '' } },
  { name: 'migrate-continue', arguments: { state: 'sideways' } },
  { name: 'migrate-set-capabilities', arguments: { capabilities: [{ capability: 'teleport', state: true }] } },
  { name: 'migrate-set-capabilities', arguments: { capabilities: 'all' } },
  { name: 'migrate-set-parameters', arguments: { 'max-bandwidth': -1 } },
  { name: 'migrate-set-parameters', arguments: { 'max-bandwidth': 5, 'compress-level': 10 } },
  { name: 'migrate-set-parameters', arguments: { 'downtime-limit': 2_000_001 } },
  { name: 'migrate-set-parameters', arguments: { 'xbzrle-cache-size': 5000 } },
  { name: 'migrate_set_downtime', arguments: { value: -0.5 } },
  { name: 'migrate_cancel', arguments: { now: true } },
  { name: 'stop', arguments: { gently: true } },
  { name: 'migrate-recover', arguments: { uri: 'tcp:host:1' } },
  { name: 'dance' },
)

/** Any call. */
export const anyCommand: fc.Arbitrary<CommandCall> = fc.oneof({ weight: 4, arbitrary: validCommand }, invalidCommand)
