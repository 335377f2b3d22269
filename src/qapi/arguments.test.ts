/**
 * The arguments of commands, good and bad: the examples of the schema, and what QEMU 2.11 and 7.2 were seen to answer to bad
 * ones (which fault of several, under which path).
 */
import t from 'tap'
import { Result, Schema } from 'effect'
import { decodeArguments, type InvalidArguments } from './arguments.ts'
import { type CommandName, commandNames, commands, isCommandName } from './commands.ts'
import { type Profile } from './profile.ts'

/** The arguments of the examples in `qapi/migration.json`, by command; those without arguments are left out. */
const examples: ReadonlyArray<readonly [CommandName, unknown]> = [
  ['migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle', state: true }] }],
  ['migrate-set-parameters', { 'compress-level': 1 }],
  ['client_migrate_info', { protocol: 'spice', hostname: 'virt42.lab.kraxel.org', port: 1234 }],
  ['migrate-continue', { state: 'pre-switchover' }],
  ['migrate_set_downtime', { value: 0.1 }],
  ['migrate_set_speed', { value: 1024 }],
  ['migrate-set-cache-size', { value: 536870912 }],
  ['migrate', { uri: 'tcp:0:4446' }],
  ['migrate-incoming', { uri: 'tcp::4446' }],
  ['xen-save-devices-state', { filename: '/var/save' }],
  ['xen-set-replication', { enable: true, primary: false }],
]

t.test('the examples of the schema decode, and encode to what they were', (t) => {
  for (const [command, example] of examples) {
    const decoded = decodeArguments(command, example)
    t.strictSame(Result.getOrThrow(decoded), example, command)
    t.strictSame(Schema.encodeUnknownSync(commands['2.11'][command].arguments)(example), example, command)
  }
  t.end()
})

t.test('a command without arguments takes none or an empty object', (t) => {
  for (const command of commandNames()) {
    if (Object.keys(commands['2.11'][command].arguments.fields).length > 0) continue
    for (const input of [undefined, {}]) t.strictSame(Result.getOrThrow(decodeArguments(command, input)), {}, command)
  }
  t.end()
})

const error = (command: string, input: unknown, profile: Profile): InvalidArguments => {
  if (!isCommandName(command, profile)) throw new Error(`no command ${command} in ${profile}`)
  const result: Result.Result<unknown, InvalidArguments> = decodeArguments(command, input, profile)
  if (Result.isSuccess(result)) throw new Error(`${command} took ${JSON.stringify(input)}`)
  return result.failure
}

type Case = readonly [
  command: string,
  input: unknown,
  expected: readonly [path: string, kind: string, type: string, found?: string],
  profile?: Profile,
]

const on = (...capabilities: ReadonlyArray<unknown>): unknown => ({ capabilities })

const cases: ReadonlyArray<Case> = [
  ['migrate', {}, ['uri', 'missing', 'str']],
  ['migrate', undefined, ['uri', 'missing', 'str']],
  ['migrate', { uri: 1 }, ['uri', 'type', 'str', '1']],
  ['migrate', { uri: null }, ['uri', 'type', 'str', 'null']],
  ['migrate', { uri: 'tcp::1', blk: 'x' }, ['blk', 'type', 'bool', '"x"']],
  ['migrate', { uri: 'tcp::1', bogus: true }, ['bogus', 'unexpected', 'nothing', 'true']],
  // What is missing goes before what is unexpected, and an earlier member before a later one.
  ['migrate', { bogus: true }, ['uri', 'missing', 'str']],
  ['migrate', { zzz: 1, inc: 1, blk: 1, uri: 'tcp::1' }, ['blk', 'type', 'bool', '1']],
  ['migrate', [], ['', 'type', 'object', '[]']],
  ['migrate', null, ['', 'type', 'object', 'null']],
  ['migrate_cancel', { a: 1 }, ['a', 'unexpected', 'nothing', '1']],
  ['migrate_cancel', 5, ['', 'type', 'object', '5']],
  ['migrate-set-capabilities', {}, ['capabilities', 'missing', 'array']],
  ['migrate-set-capabilities', { capabilities: {} }, ['capabilities', 'type', 'array', '{}']],
  ['migrate-set-capabilities', on([]), ['capabilities[0]', 'type', 'object', '[]']],
  ['migrate-set-capabilities', on({ capability: 'xbzrle' }), ['capabilities[0].state', 'missing', 'bool']],
  ['migrate-set-capabilities', on({ state: true }), ['capabilities[0].capability', 'missing', 'MigrationCapability']],
  [
    'migrate-set-capabilities',
    on({ capability: 'xbzrle', state: true, x: 1 }),
    ['capabilities[0].x', 'unexpected', 'nothing', '1'],
  ],
  [
    'migrate-set-capabilities',
    on({ capability: 'events', state: true }, { capability: 'bogus', state: 1, z: 1 }),
    ['capabilities[1].capability', 'enum', 'MigrationCapability', 'bogus'],
  ],
  [
    'migrate-set-capabilities',
    on({ capability: 1, state: 1, z: 1 }),
    ['capabilities[0].capability', 'type', 'str', '1'],
  ],
  [
    'migrate-set-capabilities',
    on({ capability: 'multifd', state: true }),
    ['capabilities[0].capability', 'enum', 'MigrationCapability', 'multifd'],
  ],
  [
    'migrate-set-capabilities',
    on({ capability: 'x-multifd', state: true }),
    ['capabilities[0].capability', 'enum', 'MigrationCapability', 'x-multifd'],
    '7.2',
  ],
  ['migrate-continue', { state: 'x' }, ['state', 'enum', 'MigrationStatus', 'x']],
  ['migrate-continue', { state: 'postcopy-paused' }, ['state', 'enum', 'MigrationStatus', 'postcopy-paused']],
  ['migrate-continue', { state: 1 }, ['state', 'type', 'str', '1']],
  ['migrate-set-parameters', { 'compress-level': '1' }, ['compress-level', 'type', 'int', '"1"']],
  ['migrate-set-parameters', { 'compress-level': 1.5 }, ['compress-level', 'type', 'int', '1.5']],
  ['migrate-set-parameters', { 'tls-creds': 1 }, ['tls-creds', 'type', 'StrOrNull', '1']],
  [
    'migrate-set-parameters',
    { 'max-bandwidth': 9223372036854775808n },
    ['max-bandwidth', 'type', 'int', '"9223372036854775808"'],
  ],
  ['migrate-set-parameters', { 'xbzrle-cache-size': 'x' }, ['xbzrle-cache-size', 'type', 'size', '"x"']],
  ['migrate-set-parameters', { 'multifd-channels': 2 }, ['multifd-channels', 'unexpected', 'nothing', '2']],
  ['migrate-set-parameters', { 'x-multifd-channels': 2 }, ['x-multifd-channels', 'unexpected', 'nothing', '2'], '7.2'],
  ['migrate-set-parameters', { 'compress-threads': 256 }, ['compress-threads', 'type', 'uint8', '256'], '7.2'],
  ['migrate-set-parameters', { 'x-checkpoint-delay': -1 }, ['x-checkpoint-delay', 'type', 'uint32', '-1'], '7.2'],
  [
    'migrate-set-parameters',
    { 'multifd-compression': 'nope' },
    ['multifd-compression', 'enum', 'MultiFDCompression', 'nope'],
    '7.2',
  ],
  ['migrate', { uri: 'tcp::1', resume: true }, ['resume', 'unexpected', 'nothing', 'true']],
  ['migrate_set_downtime', { value: '1' }, ['value', 'type', 'number', '"1"']],
  ['migrate_set_speed', { value: 0.5 }, ['value', 'type', 'int', '0.5']],
  ['xen-set-replication', { enable: 1 }, ['enable', 'type', 'bool', '1']],
  ['xen-set-replication', { enable: true }, ['primary', 'missing', 'bool']],
]

t.test('bad arguments are told as QEMU tells them', (t) => {
  for (const [command, input, [path, kind, expected, found], profile = '2.11'] of cases) {
    const { command: named, path: at, kind: is, expected: type, found: value } = error(command, input, profile)
    t.strictSame([named, at, is, type, value], [command, path, kind, expected, found], `${command} ${at} ${is}`)
  }
  t.end()
})

t.test('the error says what was expected and what was found, in bounded length', (t) => {
  const failure = error('migrate', { uri: ['x'.repeat(1000)] }, '2.11')
  t.match(failure, { _tag: 'InvalidArguments' })
  t.match(failure.message, /^migrate: argument uri: expected str, found \["xxx.*\.\.\. \(type\)$/)
  t.ok(failure.message.length < 300)
  t.match(error('migrate', 5, '2.11').message, 'migrate: arguments: expected object, found 5 (type)')
  t.end()
})

t.test('what only one profile has', (t) => {
  t.equal(commandNames().length, 20)
  t.equal(commandNames('7.2').length, 19)
  const gone = commandNames().filter((name) => !isCommandName(name, '7.2'))
  t.same(gone, ['migrate_set_downtime', 'migrate_set_speed', 'migrate-set-cache-size', 'query-migrate-cache-size'])
  t.same(
    commandNames().filter((name) => 'deprecated' in commands['2.11'][name]),
    gone,
    'what was removed had been deprecated',
  )
  t.same(
    commandNames('7.2').filter((name) => !isCommandName(name)),
    ['migrate-recover', 'migrate-pause', 'query-colo-status'],
  )
  const resume = { uri: 'tcp::1', resume: true }
  t.strictSame(Result.getOrThrow(decodeArguments('migrate', resume, '7.2')), resume)
  // @ts-expect-error A command that the profile does not have is refused by the compiler, and without it too.
  t.throws(() => decodeArguments('migrate_set_speed', { value: 1 }, '7.2'), TypeError)
  t.equal(isCommandName('toString'), false)
  t.end()
})

t.test('integers are exact up to 64 bits', (t) => {
  const values = { 'max-bandwidth': 9223372036854775807n, 'xbzrle-cache-size': -9223372036854775808n }
  t.strictSame(Result.getOrThrow(decodeArguments('migrate-set-parameters', values)), values)
  const large = { 'max-bandwidth': 18446744073709551615n }
  t.strictSame(Result.getOrThrow(decodeArguments('migrate-set-parameters', large, '7.2')), large)
  t.end()
})
