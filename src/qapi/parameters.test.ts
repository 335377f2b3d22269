/** Names, defaults, ranges and error families of the parameters, against the reference of the semantics (4.4, 8.1 to 8.3). */
import t from 'tap'
import { Schema } from 'effect'
import { describe } from './documentation.ts'
import {
  defaultParameters,
  parameterCheckOrder,
  parameterFact,
  parameterFacts,
  type ParameterFact,
} from './parameter-facts.ts'
import { checkParameters } from './parameter-range.ts'
import {
  MigrateSetParameters,
  MigrateSetParameters72,
  MigrationParameter,
  MigrationParameter72,
  MigrationParameters,
  MigrationParameters72,
} from './parameters.ts'
import { type Profile } from './profile.ts'

const profiles = {
  '2.11': { names: MigrationParameter, set: MigrateSetParameters, get: MigrationParameters },
  '7.2': { names: MigrationParameter72, set: MigrateSetParameters72, get: MigrationParameters72 },
}

t.test('the facts, the enum and both structs name the same parameters in the same order', (t) => {
  for (const profile of ['2.11', '7.2'] as const) {
    const { names, set, get } = profiles[profile]
    const facts = parameterFacts(profile)
    for (const schema of [names, set, get]) {
      t.same(
        describe(schema).members.map(({ name, since, description }) => ({ name, since, description })),
        facts.map(({ name, since, description }) => ({ name, since, description })),
        `${profile} ${describe(schema).name}`,
      )
    }
    t.same(
      describe(set).members.map(({ type, unit }) => [type.startsWith('[') ? 'list' : type, unit]),
      facts.map(({ type, unit }) => [type, unit]),
      `${profile}: types and units`,
    )
  }
  t.end()
})

type Row = readonly [errorName: string, unit: string, default_: unknown, min: unknown, max: unknown, family: string]
const row = (fact: ParameterFact): Row => [
  fact.errorName,
  fact.unit,
  fact.default,
  fact.minimum,
  fact.maximum,
  fact.rangeError,
]

/** The table of 4.4. */
const expected211: Readonly<Record<MigrationParameter, Row>> = {
  'compress-level': ['compress_level', 'level', 1, 0, 9, 'invalid-range'],
  'compress-threads': ['compress_threads', 'count', 8, 1, 255, 'invalid-range'],
  'decompress-threads': ['decompress_threads', 'count', 2, 1, 255, 'invalid-range'],
  'cpu-throttle-initial': ['cpu_throttle_initial', '%', 20, 1, 99, 'integer-in-range'],
  'cpu-throttle-increment': ['cpu_throttle_increment', '%', 10, 1, 99, 'integer-in-range'],
  'tls-creds': ['tls_creds', 'none', '', undefined, undefined, 'none'],
  'tls-hostname': ['tls_hostname', 'none', '', undefined, undefined, 'none'],
  'max-bandwidth': ['max_bandwidth', 'B/s', 33554432, 0, 2n ** 63n - 1n, 'integer-in-range'],
  'downtime-limit': ['downtime_limit', 'ms', 300, 0, 2000000, 'integer-in-range'],
  'x-checkpoint-delay': ['x_checkpoint_delay', 'ms', 200, 0, 2n ** 63n - 1n, 'positive'],
  'block-incremental': ['block_incremental', 'none', false, undefined, undefined, 'none'],
  'x-multifd-channels': ['multifd_channels', 'count', 2, 1, 255, 'invalid-range'],
  'x-multifd-page-count': ['multifd_page_count', 'pages', 16, 1, 10000, 'invalid-range'],
  'xbzrle-cache-size': ['xbzrle_cache_size', 'B', 67108864, 'page-size', 2n ** 63n, 'power-of-two'],
}

t.test('defaults, ranges, units and error families of 2.11', (t) => {
  t.strictSame(Object.fromEntries(parameterFacts().map((fact) => [fact.name, row(fact)])), expected211)
  t.equal(parameterFact('max-bandwidth')?.statedMaximum, 18446744073709551615n)
  t.end()
})

t.test('defaults of 7.2, as a fresh process answers them', (t) => {
  t.strictSame(defaultParameters('7.2'), {
    'announce-initial': 50,
    'announce-max': 550,
    'announce-rounds': 5,
    'announce-step': 100,
    'compress-level': 1,
    'compress-threads': 8,
    'compress-wait-thread': true,
    'decompress-threads': 2,
    'throttle-trigger-threshold': 50,
    'cpu-throttle-initial': 20,
    'cpu-throttle-increment': 10,
    'cpu-throttle-tailslow': false,
    'tls-creds': '',
    'tls-hostname': '',
    'tls-authz': '',
    'max-bandwidth': 134217728,
    'downtime-limit': 300,
    'x-checkpoint-delay': 20000,
    'block-incremental': false,
    'multifd-channels': 2,
    'xbzrle-cache-size': 67108864,
    'max-postcopy-bandwidth': 0,
    'max-cpu-throttle': 99,
    'multifd-compression': 'none',
    'multifd-zlib-level': 1,
    'multifd-zstd-level': 1,
  })
  t.end()
})

t.test('defaults decode with the schema of their profile and are in range', (t) => {
  t.strictSame(Schema.decodeUnknownSync(MigrationParameters)(defaultParameters()), defaultParameters())
  t.strictSame(Schema.decodeUnknownSync(MigrationParameters72)(defaultParameters('7.2')), defaultParameters('7.2'))
  t.equal(Object.keys(defaultParameters()).length, 14)
  for (const profile of ['2.11', '7.2'] as const) {
    t.equal(checkParameters({ ...defaultParameters(profile) }, { profile }), undefined)
  }
  t.end()
})

t.test('each bound is inside, and one beyond it is refused', (t) => {
  for (const profile of ['2.11', '7.2'] as const) {
    for (const fact of parameterCheckOrder(profile)) {
      if (fact.rangeError === 'power-of-two') continue
      const check = (value: bigint) => checkParameters({ 'cpu-throttle-initial': 20, [fact.name]: value }, { profile })
      const minimum = BigInt(fact.minimum === 'cpu-throttle-initial' ? 20 : Number(fact.minimum))
      const maximum = BigInt(fact.maximum as number | bigint)
      t.equal(check(minimum), undefined, `${fact.name} ${minimum}`)
      t.equal(check(maximum), undefined, `${fact.name} ${maximum}`)
      for (const value of [minimum - 1n, maximum + 1n]) {
        const { parameter, errorName, found } = check(value) ?? {}
        t.strictSame([parameter, errorName, found], [fact.name, fact.errorName, value])
      }
    }
  }
  t.end()
})

const takesCache = (value: number | bigint, pageSizeBytes: number, wrapNegative = false) =>
  checkParameters({ 'xbzrle-cache-size': value }, { pageSizeBytes, wrapNegative }) === undefined

t.test('the XBZRLE cache is a power of two from a page up', (t) => {
  t.ok(takesCache(4096, 4096))
  t.notOk(takesCache(4096, 16384))
  t.notOk(takesCache(2048, 4096))
  t.notOk(takesCache(100000000, 4096))
  t.ok(takesCache(2n ** 63n, 4096))
  t.notOk(takesCache(-(2n ** 63n), 4096), 'the schema calls it unsigned')
  t.ok(takesCache(-(2n ** 63n), 4096, true), 'the code of 2.11 takes it for 2^63')
  t.notOk(takesCache(-1, 4096, true))
  t.match(
    checkParameters({ 'xbzrle-cache-size': 1000 })?.message,
    'xbzrle-cache-size: expected 4096 to 9223372036854775808 and a power of two, found 1000',
  )
  t.end()
})

const reported = (profile: Profile): ReadonlyArray<string> => {
  const values: Record<string, unknown> = Object.fromEntries(
    parameterFacts(profile).map(({ name, rangeError }) => [name, rangeError === 'none' ? undefined : -1]),
  )
  const order: Array<string> = []
  for (;;) {
    const error = checkParameters(values, { profile })
    if (error === undefined) return order
    order.push(error.parameter)
    delete values[error.parameter]
  }
}

t.test('of several bad values the one that QEMU checks first is reported', (t) => {
  t.same(reported('2.11'), [
    'compress-level',
    'compress-threads',
    'decompress-threads',
    'cpu-throttle-initial',
    'cpu-throttle-increment',
    'max-bandwidth',
    'downtime-limit',
    'x-checkpoint-delay',
    'x-multifd-channels',
    'x-multifd-page-count',
    'xbzrle-cache-size',
  ])
  t.same(reported('7.2'), [
    'compress-level',
    'compress-threads',
    'decompress-threads',
    'throttle-trigger-threshold',
    'cpu-throttle-initial',
    'cpu-throttle-increment',
    'downtime-limit',
    'multifd-channels',
    'xbzrle-cache-size',
    'multifd-zlib-level',
    'multifd-zstd-level',
    'max-cpu-throttle',
    'announce-initial',
    'announce-max',
    'announce-rounds',
    'announce-step',
  ])
  t.end()
})
