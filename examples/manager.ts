/**
 * A manager that moves a guest between two doubles over their QMP sockets: `switchover serve` twice, then this with both
 * addresses. It speaks to a real QEMU as well.
 */
import { Console, Effect, Stream } from 'effect'
import { connectSocketClient, eventOf } from 'switchover/node'

const [source = 'unix:source.sock', destination = 'unix:destination.sock', uri = 'unix:migration.sock'] =
  process.argv.slice(2)

const migrates = Effect.gen(function* () {
  const from = yield* connectSocketClient(source)
  const to = yield* connectSocketClient(destination)
  const events = Stream.fromSubscription(yield* from.events)
  yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  yield* to.execute('migrate-incoming', { uri }, { timeout: '5 seconds' })
  yield* from.execute('migrate', { uri })
  yield* events.pipe(
    Stream.map(eventOf),
    Stream.tap(({ event, data }) => Console.log(event, data)),
    Stream.takeUntil(({ data }) => ['completed', 'failed'].includes(String(data['status']))),
    Stream.runDrain,
  )
  const { status, ram } = yield* from.execute('query-migrate')
  yield* Console.log(status, ram?.transferred)
  yield* Console.log(yield* to.execute('query-status'))
  yield* Effect.all([from.execute('quit'), to.execute('quit')])
}).pipe(Effect.scoped)

await Effect.runPromise(migrates)
