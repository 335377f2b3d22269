/** The documented answers and events of the schema, decoded and encoded again; and what a peer of another age may say. */
import t from 'tap'
import { Result, Schema } from 'effect'
import { capabilities, PeerCapabilityStatus } from './capability.ts'
import { commands } from './commands.ts'
import { ErrorObject } from './errors.ts'
import { events, MigrationEvent, PeerMigrationEvent } from './events.ts'
import { MigrationInfo, MigrationInfo72, PeerMigrationInfo } from './migration-info.ts'
import { MigrationStatus, openMigrationStatus, OpenMigrationStatus, statuses } from './migration-status.ts'
import { isUnknownMember, openEnum, wireName } from './open-enum.ts'
import { MigrationParameters, PeerMigrationParameters } from './parameters.ts'
import { ReplicationStatus } from './replication.ts'
import { RunState, StatusInfo } from './run-state.ts'

const roundTrip = <S extends Schema.Codec<unknown, unknown>>(schema: S, value: unknown): unknown =>
  Schema.encodeUnknownSync(schema)(Schema.decodeUnknownSync(schema)(value))

const times = { 'total-time': 12345, 'setup-time': 12345 }
const pages = { duplicate: 123, normal: 123, 'normal-bytes': 123456, 'dirty-sync-count': 15 }
const progress = { total: 1057024, remaining: 1053304, transferred: 3720, ...times, 'expected-downtime': 12345 }

/** The answers of the examples of `query-migrate`, 1 to 6. From the second on they leave out counters that always come. */
const infoExamples: ReadonlyArray<unknown> = [
  {},
  { status: 'completed', ram: { transferred: 123, remaining: 123, total: 246, ...times, downtime: 12345, ...pages } },
  { status: 'failed' },
  {
    status: 'active',
    ram: { transferred: 123, remaining: 123, total: 246, ...times, 'expected-downtime': 12345, ...pages },
  },
  {
    status: 'active',
    ram: { ...progress, ...pages },
    disk: { total: 20971520, remaining: 20880384, transferred: 91136 },
  },
  {
    status: 'active',
    capabilities: [{ capability: 'xbzrle', state: true }],
    ram: { ...progress, duplicate: 10, normal: 3333, 'normal-bytes': 3412992, 'dirty-sync-count': 15 },
    'xbzrle-cache': {
      'cache-size': 67108864,
      bytes: 20971520,
      pages: 2444343,
      'cache-miss': 2244,
      'cache-miss-rate': 0.123,
      overflow: 34434,
    },
  },
]

t.test('the documented answers of query-migrate pass through the open reading unchanged', (t) => {
  for (const example of infoExamples) t.strictSame(roundTrip(PeerMigrationInfo, example), example)
  t.end()
})

t.test('the documented answers that fit the schema itself pass through it', (t) => {
  const fits = infoExamples.map((example) => Result.isSuccess(Schema.decodeUnknownResult(MigrationInfo)(example)))
  t.same(
    fits,
    [true, false, true, false, false, false],
    'examples 2, 4, 5 and 6 are older than the schema they stand in',
  )
  for (const example of [infoExamples[0], infoExamples[2]]) t.strictSame(roundTrip(MigrationInfo, example), example)
  t.end()
})

const ram = {
  transferred: 1,
  remaining: 2,
  total: 3,
  duplicate: 4,
  skipped: 0,
  normal: 5,
  'normal-bytes': 20480,
  'dirty-pages-rate': 6,
  mbps: 268.43,
  'dirty-sync-count': 7,
  'postcopy-requests': 8,
  'page-size': 4096,
}
const ram72 = {
  ...ram,
  'multifd-bytes': 9,
  'pages-per-second': 10,
  'precopy-bytes': 11,
  'downtime-bytes': 12,
  'postcopy-bytes': 13,
  'dirty-sync-missed-zero-copy': 14,
}

t.test('whole answers of both profiles pass', (t) => {
  const info = { status: 'active', ram, 'total-time': 1, 'expected-downtime': 300, 'setup-time': 0 }
  t.strictSame(roundTrip(MigrationInfo, info), info)
  const info72 = {
    ...info,
    status: 'wait-unplug',
    ram: ram72,
    'blocked-reasons': ['because'],
    'socket-address': [{ type: 'inet', host: '::', port: '4446' }],
  }
  t.strictSame(roundTrip(MigrationInfo72, info72), info72)
  t.throws(() => roundTrip(MigrationInfo, info72))
  for (const answer of [info, info72]) t.strictSame(roundTrip(PeerMigrationInfo, answer), answer)
  t.end()
})

t.test('a peer of the future is read, not refused', (t) => {
  const future = { status: 'dozing', ram: { ...ram72, total: 2n ** 60n, warp: 9 }, brand: { new: true } }
  const info = Schema.decodeUnknownSync(PeerMigrationInfo)(future)
  t.strictSame(info.status, { _tag: 'UnknownMember', enum: 'MigrationStatus', value: 'dozing' })
  t.strictSame(info.ram, future.ram)
  t.strictSame(info['brand'], { new: true })
  t.strictSame(roundTrip(PeerMigrationInfo, future), future)
  t.throws(() => roundTrip(PeerMigrationInfo, { status: 5 }), 'but a known member keeps its type')
  t.throws(() => roundTrip(PeerMigrationInfo, { ram: { total: 'x' } }))
  t.strictSame(Schema.decodeUnknownSync(PeerMigrationInfo)({ 'total-time': 7n }), { 'total-time': 7 })
  t.end()
})

t.test('an open enum carries an unknown word along and marks it', (t) => {
  const open = openEnum(MigrationStatus)
  for (const status of MigrationStatus.literals) {
    t.equal(Schema.decodeUnknownSync(open)(status), status)
    t.notOk(isUnknownMember(status))
  }
  const unknown = Schema.decodeUnknownSync(open)('wait-unplug')
  t.ok(isUnknownMember(unknown))
  t.equal(wireName(unknown), 'wait-unplug')
  t.equal(wireName('active'), 'active')
  t.equal(Schema.encodeSync(open)(unknown), 'wait-unplug')
  t.equal(Schema.decodeUnknownSync(OpenMigrationStatus)('wait-unplug'), 'wait-unplug')
  t.equal(Schema.decodeUnknownSync(openMigrationStatus('7.2'))('wait-unplug'), 'wait-unplug')
  t.ok(isUnknownMember(Schema.decodeUnknownSync(openMigrationStatus('2.11'))('wait-unplug')))
  t.throws(() => Schema.decodeUnknownSync(open)(1))
  t.end()
})

t.test('the members of each profile, in order', (t) => {
  t.equal(statuses(), MigrationStatus.literals)
  const added = new Set<string>(['postcopy-paused', 'postcopy-recover', 'wait-unplug'])
  t.same(
    statuses('7.2').filter((status) => !added.has(status)),
    MigrationStatus.literals,
    'what 7.2 adds leaves the order of the others',
  )
  t.equal(statuses('7.2').length, 14)
  t.equal(capabilities().length, 13)
  t.equal(capabilities('7.2').length, 21)
  t.same(capabilities('7.2').slice(0, 12), capabilities().slice(0, 12))
  t.same([capabilities()[12], capabilities('7.2')[12]], ['x-multifd', 'multifd'])
  t.equal(RunState.literals.length, 16)
  t.end()
})

t.test('the other documented answers pass', (t) => {
  const answers: ReadonlyArray<readonly [Schema.Codec<unknown, unknown>, unknown]> = [
    [
      commands['2.11']['query-migrate-capabilities'].returns,
      ['xbzrle', 'rdma-pin-all', 'auto-converge', 'zero-blocks', 'compress', 'events', 'postcopy-ram', 'x-colo'].map(
        (capability) => ({ state: capability === 'events', capability }),
      ),
    ],
    [
      MigrationParameters,
      {
        'decompress-threads': 2,
        'cpu-throttle-increment': 10,
        'compress-threads': 8,
        'compress-level': 1,
        'cpu-throttle-initial': 20,
        'max-bandwidth': 33554432,
        'downtime-limit': 300,
      },
    ],
    [commands['2.11']['query-migrate-cache-size'].returns, 67108864],
    [ReplicationStatus, { error: false }],
    [ReplicationStatus, { error: true, desc: 'I/O error occurred' }],
    [commands['2.11'].migrate.returns, {}],
    [StatusInfo, { running: true, singlestep: false, status: 'running' }],
    [ErrorObject, { class: 'GenericError', desc: "Parameter 'uri' is missing" }],
    [PeerCapabilityStatus, { capability: 'mapped-ram', state: false }],
    [PeerMigrationParameters, { 'x-multifd-channels': 2, 'multifd-compression': 'qpl', mode: 'normal' }],
  ]
  for (const [schema, answer] of answers) t.strictSame(roundTrip(schema, answer), answer)
  t.throws(() => roundTrip(commands['2.11'].migrate.returns, 5))
  t.throws(() => roundTrip(commands['2.11'].migrate.returns, []))
  t.end()
})

t.test('the documented events pass', (t) => {
  const messages = [
    {
      timestamp: { seconds: 1432121972, microseconds: 744001 },
      event: 'MIGRATION',
      data: { status: 'completed' },
    },
    { timestamp: { seconds: 1449669631, microseconds: 239225 }, event: 'MIGRATION_PASS', data: { pass: 2 } },
  ]
  for (const message of messages) {
    t.strictSame(roundTrip(MigrationEvent, message), message)
    t.strictSame(roundTrip(PeerMigrationEvent, message), message)
  }
  const later = { ...messages[0], data: { status: 'dozing' } }
  t.throws(() => roundTrip(MigrationEvent, later))
  t.strictSame(roundTrip(PeerMigrationEvent, later), later)
  t.strictSame(Object.keys(events['7.2']), ['MIGRATION', 'MIGRATION_PASS', 'COLO_EXIT', 'UNPLUG_PRIMARY'])
  t.end()
})
