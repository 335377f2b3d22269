/** `switchover serve` as a process of its own: addresses, a migration between two of them, and every way to end. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Effect, Stream } from 'effect'
import { eventOf } from '../qmp/client.ts'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { connected, serve } from './testing/serving.ts'

const small = 'write:size=2M,working-set=64K,rate=100'

effectTest('quit ends it with 0, and the unix socket goes with it', (t) =>
  Effect.gen(function* () {
    const path = join(yield* scratchDirectory, 'qmp')
    const serving = yield* serve(
      '--qmp',
      `unix:${path}`,
      '--name',
      'guest 1',
      '-S',
      '--profile',
      '7.2',
      '--guest',
      small,
    )
    const client = yield* connected(serving)
    t.match(client.greeting, { QMP: { capabilities: ['oob'] } })
    t.same(yield* client.execute('query-name'), { name: 'guest 1' })
    t.match(yield* client.execute('query-status'), { status: 'prelaunch' })
    yield* client.execute('quit')
    t.equal(yield* serving.code, 0)
    t.notOk(existsSync(path))
    t.match(serving.stderr(), `switchover: QMP on unix:${path}`)
  }),
)

effectTest('a guest moves from one to another; the source keeps it until then, and each says so', (t) =>
  Effect.gen(function* () {
    const source = yield* serve('--guest', small)
    const destination = yield* serve('--guest', small, '--incoming', 'tcp:127.0.0.1:0')
    const from = yield* connected(source)
    const to = yield* connected(destination)
    const { incoming } = yield* destination.line
    yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    const events = Stream.fromSubscription(yield* from.events)
    yield* from.execute('migrate', { uri: incoming })
    const statuses = yield* events.pipe(
      Stream.map(eventOf),
      Stream.filter(({ event }) => event === 'MIGRATION'),
      Stream.map(({ data }) => String(data['status'])),
      Stream.takeUntil((status) => status === 'completed' || status === 'failed'),
      Stream.runCollect,
    )
    t.same(statuses, ['setup', 'active', 'completed'])
    t.match(yield* from.execute('query-status'), { status: 'postmigrate' })
    t.match(yield* to.execute('query-status'), { status: 'running' })
    yield* from.execute('quit')
    yield* to.execute('quit')
    t.same([yield* source.code, yield* destination.code], [0, 0])
  }),
)

effectTest('SIGTERM cancels a migration that runs; the guest is not lost, and the client is told', (t) =>
  Effect.gen(function* () {
    const source = yield* serve('--guest', 'write:size=64M,working-set=64M,rate=1000')
    const destination = yield* serve(
      '--guest',
      'write:size=64M,working-set=64M,rate=1000',
      '--incoming',
      'tcp:127.0.0.1:0',
    )
    const from = yield* connected(source)
    yield* destination.line
    const { incoming } = yield* destination.line
    yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    yield* from.execute('migrate-set-parameters', { 'max-bandwidth': 1 << 20 })
    const events = Stream.fromSubscription(yield* from.events).pipe(
      Stream.map(eventOf),
      Stream.filter(({ event }) => event === 'MIGRATION'),
      Stream.tap(({ data }) => Effect.sync(() => data['status'] === 'active' && source.child.kill('SIGTERM'))),
      Stream.map(({ data }) => String(data['status'])),
    )
    yield* from.execute('migrate', { uri: incoming })
    t.same(yield* Stream.runCollect(events), ['setup', 'active', 'cancelling', 'cancelled'])
    t.not(yield* source.code, 0)
    t.equal(yield* destination.code, 1, 'the load has failed')
    t.match(destination.stderr(), /load of migration failed: /)
  }),
)

effectTest('wrong usage is exit code 2 and says what would have been right', (t) =>
  Effect.gen(function* () {
    for (const [args, said] of [
      [['--qmp', 'nowhere'], /expected unix:PATH or tcp:HOST:PORT, found nowhere/],
      [['--quirk', 'q999'], /expected all or, of QEMU 2.11, one of q1, .*found q999/],
      [['--quirk', 'h7'], /found h7/],
      [['--quirk', 'h21'], /found h21/],
      [['--guest', 'cow'], /cow/],
    ] as const) {
      const serving = yield* serve(...args)
      t.equal(yield* serving.code, 2, args.join(' '))
      t.match(serving.stderr(), said)
    }
    const taken = yield* serve('--incoming', 'nonsense:1')
    t.equal(yield* taken.code, 1)
    t.match(taken.stderr(), /--incoming nonsense:1: /)
  }),
)
