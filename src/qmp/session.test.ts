/** The rules of a session, on messages: negotiation, ids, order, out-of-band. Texts as recorded from QEMU 2.11 and 7.2. */
import { readFileSync } from 'node:fs'
import { Effect, Fiber } from 'effect'
import type { Profile } from '../../machines/index.ts'
import { JsonFloat } from './json-float.ts'
import type { JsonObject } from './message.ts'
import { IN_FLIGHT_MAX, openSession, type SessionOptions } from './session.ts'
import { stubProcess } from './testing/stub-process.ts'
import { effectTest, smallProcess } from './testing/served.ts'

const negotiation = JSON.parse(readFileSync(new URL('fixtures/negotiation.json', import.meta.url), 'utf8')) as Readonly<
  Record<Profile, readonly (readonly [request: JsonObject, reply: JsonObject])[]>
>

/** The recording begins a second session here. */
const SECOND_SESSION = 14

/** A session whose messages are collected. */
const collected = (options: Omit<SessionOptions, 'send'>) =>
  Effect.gen(function* () {
    const said: JsonObject[] = []
    const session = yield* openSession({ ...options, send: (message) => Effect.sync(() => said.push(message)) })
    return { session, said }
  })

/** Lets every fiber that can run do so. */
const settle = Effect.gen(function* () {
  for (let round = 0; round < 20; round++) yield* Effect.yieldNow
})

/** What the session says to these requests when it is done with them all, without the greeting. */
const answers = (profile: Profile, requests: readonly unknown[], options: Partial<SessionOptions> = {}) =>
  Effect.gen(function* () {
    const process = yield* smallProcess({ profile })
    const { session, said } = yield* collected({ process, profile, ...options })
    for (const request of requests) yield* session.receive(request)
    yield* session.finish
    return said.slice(1)
  })

const enable = { execute: 'qmp_capabilities', arguments: { enable: ['oob'] } }
const negotiate = { execute: 'qmp_capabilities' }
const generic = (desc: string) => ({ error: { class: 'GenericError', desc } })

for (const profile of ['2.11', '7.2'] as const) {
  effectTest(`${profile}: the negotiation as it was recorded, with the members of every answer in order`, (t) =>
    Effect.gen(function* () {
      const recorded = negotiation[profile]
      for (const part of [recorded.slice(0, SECOND_SESSION), recorded.slice(SECOND_SESSION)]) {
        const said = yield* answers(
          profile,
          part.map(([request]) => request),
        )
        for (const [index, [request, reply]] of part.entries())
          t.equal(JSON.stringify(said[index]), JSON.stringify(reply), JSON.stringify(request))
      }
    }),
  )

  effectTest(`${profile}: what is no request is refused before it has an effect`, (t) =>
    Effect.gen(function* () {
      const said = yield* answers(profile, [
        negotiate,
        [],
        'stop',
        null,
        {},
        { execute: 1 },
        { execute: 'stop', bogus: 1 },
        { execute: 'stop', arguments: [] },
        { execute: 'stop', arguments: { zzz: 1 } },
        { execute: 'nope', arguments: { zzz: 1 } },
        { execute: 'query-version', arguments: { zzz: 1 } },
        { execute: 'query-status' },
      ])
      t.same(said.slice(1, -1), [
        generic('QMP input must be a JSON object'),
        generic('QMP input must be a JSON object'),
        generic('QMP input must be a JSON object'),
        generic("QMP input lacks member 'execute'"),
        generic("QMP input member 'execute' must be a string"),
        generic("QMP input member 'bogus' is unexpected"),
        generic("QMP input member 'arguments' must be an object"),
        generic("Parameter 'zzz' is unexpected"),
        { error: { class: 'CommandNotFound', desc: 'The command nope has not been found' } },
        generic("Parameter 'zzz' is unexpected"),
      ])
      t.match(said.at(-1), { return: { status: 'running' } }, 'no stop took effect')
    }),
  )

  effectTest(`${profile}: any id comes back, first in an error, last in a success`, (t) =>
    Effect.gen(function* () {
      const ids = [0, '', null, false, [1, { a: [] }], { deep: { er: 1 } }, 18446744073709551615n, 'é']
      const said = yield* answers(profile, [
        negotiate,
        ...ids.flatMap((id) => [
          { id, execute: 'query-name' },
          { execute: 'nope', id },
        ]),
      ])
      t.strictSame(
        said.slice(1).map((reply) => reply['id']),
        ids.flatMap((id) => [id, id]),
      )
      t.same(Object.keys(said[1] ?? {}), ['return', 'id'])
      t.same(Object.keys(said[2] ?? {}), ['id', 'error'])
    }),
  )

  effectTest(`${profile}: no event before the negotiation, and all of them after it`, (t) =>
    Effect.gen(function* () {
      const stub = yield* stubProcess(profile)
      const { session, said } = yield* collected({ process: stub.process, profile })
      yield* stub.emit({ event: 'STOP' })
      yield* settle
      yield* session.receive(negotiate)
      yield* settle
      for (let pass = 1; pass <= 500; pass++) yield* stub.emit({ event: 'MIGRATION_PASS', data: { pass } }, pass)
      yield* settle
      t.same(said.slice(1, 2), [{ return: {} }])
      t.same(
        said.slice(2).map(({ data }) => data),
        Array.from({ length: 500 }, (_, index) => ({ pass: index + 1 })),
        'none is merged or dropped, and they are in order',
      )
    }),
  )

  effectTest(`${profile}: in-band answers are strictly serial, each behind the events before it`, (t) =>
    Effect.gen(function* () {
      const stub = yield* stubProcess(profile)
      const { session, said } = yield* collected({ process: stub.process, profile })
      yield* session.receive(negotiate)
      for (const id of [1, 2, 3]) yield* session.receive({ execute: 'stop', id })
      yield* session.receiveBroken('Invalid JSON syntax')
      yield* settle
      t.equal(stub.submitted.length, 1, 'the second command waits for the first')
      for (const ticket of [1, 2, 3]) {
        yield* stub.emit({ event: 'STOP' }, ticket)
        yield* ticket === 2 ? stub.refuse(ticket, 'no') : stub.answer(ticket, {})
        yield* settle
      }
      t.match(said.slice(2), [
        { event: 'STOP' },
        { return: {}, id: 1 },
        { event: 'STOP' },
        { id: 2, error: { desc: 'no' } },
        { event: 'STOP' },
        { return: {}, id: 3 },
        { error: { desc: 'Invalid JSON syntax' } },
      ])
    }),
  )

  effectTest(`${profile}: at ${IN_FLIGHT_MAX} requests in flight nothing more is read`, (t) =>
    Effect.gen(function* () {
      const stub = yield* stubProcess(profile)
      const { session } = yield* collected({ process: stub.process, profile })
      yield* session.receive(negotiate)
      yield* settle
      for (let id = 1; id <= IN_FLIGHT_MAX; id++) yield* session.receive({ execute: 'stop', id })
      const ninth = yield* Effect.forkScoped(session.receive({ execute: 'stop', id: 9 }))
      yield* settle
      t.equal(ninth.pollUnsafe(), undefined, 'the ninth is not taken')
      yield* stub.answer(1, {})
      yield* Fiber.join(ninth)
      t.pass('and taken when one is answered')
    }),
  )

  effectTest(`${profile}: requests wait while the client does not take what was sent`, (t) =>
    Effect.gen(function* () {
      const stub = yield* stubProcess(profile)
      const { session } = yield* collected({ process: stub.process, profile, ready: Effect.never })
      yield* session.receive(negotiate)
      yield* settle
      t.same(stub.submitted, [])
    }),
  )
}

effectTest('7.2: with oob enabled, exec-oob overtakes what is in flight; other commands do not support it', (t) =>
  Effect.gen(function* () {
    const stub = yield* stubProcess('7.2')
    const { session, said } = yield* collected({ process: stub.process, profile: '7.2' })
    yield* session.receive(enable)
    yield* session.receive({ execute: 'migrate', arguments: { uri: 'tcp:host:1' }, id: 'slow' })
    yield* settle
    yield* session.receive({ 'exec-oob': 'migrate-pause', id: 'fast' })
    yield* session.receive({ 'exec-oob': 'query-migrate', id: 'never' })
    yield* session.receive({ 'exec-oob': 'nope', id: 'none' })
    yield* session.receive({ 'exec-oob': 'qmp_capabilities', id: 'own' })
    yield* settle
    t.same(
      stub.submitted.map(({ name }) => name),
      ['migrate', 'migrate-pause'],
    )
    yield* stub.answer(2, {})
    yield* settle
    yield* stub.answer(1, {})
    yield* settle
    t.same(said.slice(2), [
      { return: {}, id: 'fast' },
      { id: 'never', error: { class: 'GenericError', desc: 'The command query-migrate does not support OOB' } },
      { id: 'none', error: { class: 'CommandNotFound', desc: 'The command nope has not been found' } },
      { id: 'own', error: { class: 'GenericError', desc: 'The command qmp_capabilities does not support OOB' } },
      { return: {}, id: 'slow' },
    ])
  }),
)

effectTest('7.2: what is wrong with a request that mentions exec-oob', (t) =>
  Effect.gen(function* () {
    const said = yield* answers('7.2', [
      enable,
      { 'exec-oob': 1 },
      { execute: 'stop', 'exec-oob': 'stop' },
      { execute: 'qmp_capabilities', arguments: { enable: [1] } },
    ])
    t.same(said.slice(1), [
      generic("QMP input member 'exec-oob' must be a string"),
      generic("QMP input member 'execute' clashes with 'exec-oob'"),
      generic("Invalid parameter type for 'enable[0]', expected: string"),
    ])
  }),
)

effectTest('a float is no integer, in the words of the profile, and a number where one is wanted', (t) =>
  Effect.gen(function* () {
    const set = { execute: 'migrate-set-parameters', arguments: { 'max-bandwidth': new JsonFloat(1) } }
    const downtime = { execute: 'migrate_set_downtime', arguments: { value: new JsonFloat(2) } }
    t.same((yield* answers('2.11', [negotiate, set, downtime])).slice(1), [
      generic("Invalid parameter type for 'max-bandwidth', expected: integer"),
      { return: {} },
    ])
    t.same((yield* answers('7.2', [negotiate, set])).slice(1), [generic("Parameter 'max-bandwidth' expects uint64")])
  }),
)

effectTest('commands of the host are answered in their turn, and listed', (t) =>
  Effect.gen(function* () {
    const said = yield* answers(
      '2.11',
      [negotiate, { execute: 'x-yes', id: 1 }, { execute: 'x-no', id: 2 }, { execute: 'query-commands' }],
      {
        extra: {
          'x-yes': () => Effect.succeed(7),
          'x-no': () => Effect.fail({ class: 'DeviceNotFound', desc: 'none' }),
        },
      },
    )
    t.same(said.slice(1, 3), [
      { return: 7, id: 1 },
      { id: 2, error: { class: 'DeviceNotFound', desc: 'none' } },
    ])
    t.match(said[3], { return: [] })
    t.ok(JSON.stringify(said[3]).includes('x-no'))
  }),
)

effectTest('query-name, query-version, query-events answer by profile', (t) =>
  Effect.gen(function* () {
    const asked = [negotiate, { execute: 'query-name' }, { execute: 'query-version' }, { execute: 'query-events' }]
    const old = yield* answers('2.11', asked, { name: 'guest 1' })
    t.same(old[1], { return: { name: 'guest 1' } })
    t.match(old[2], { return: { qemu: { major: 2, minor: 11 } } })
    t.ok(JSON.stringify(old[3]).includes('MIGRATION_PASS'))
    const recent = yield* answers('7.2', asked)
    t.same(recent[1], { return: {} })
    t.match(recent[3], { error: { class: 'CommandNotFound' } })
  }),
)

effectTest('stop, cont and quit: the events come before their answers', (t) =>
  Effect.gen(function* () {
    const said = yield* answers('2.11', [
      negotiate,
      ...['stop', 'cont', 'stop', 'stop', 'quit'].map((execute) => ({ execute })),
    ])
    t.match(said.slice(1), [
      { event: 'STOP' },
      { return: {} },
      { event: 'RESUME' },
      { return: {} },
      { event: 'STOP' },
      { return: {} },
      { return: {} },
      { event: 'SHUTDOWN' },
      { return: {} },
    ])
  }),
)
