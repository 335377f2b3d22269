/**
 * `fd:` between real processes: a socket pair that both have inherited, a file and a pipe, by number and by name; what a
 * process was not given it cannot use.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Socket } from 'node:net'
import { Effect, Stream, type Scope } from 'effect'
import type { Test } from 'tap'
import { eventOf, type QmpClient } from '../qmp/client.ts'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { connected, serve, serveWith, type Inherited, type Serving } from './testing/serving.ts'

// Both sides of a fixed guest, so that memory can be compared by its digest; it is paused while it moves.
const guest = 'write:size=2M,working-set=64K,rate=100'

const opened = (path: string, flags: string): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => openSync(path, flags)),
    (descriptor) => Effect.sync(() => closeSync(descriptor)),
  )

/** Migrates a guest that stands still; gives the status the run came to. */
const migrate = (client: QmpClient, uri: string) =>
  Effect.gen(function* () {
    yield* client.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    const events = Stream.fromSubscription(yield* client.events)
    yield* client.execute('migrate', { uri })
    const last = yield* events.pipe(
      Stream.map(eventOf),
      Stream.filter(({ event }) => event === 'MIGRATION'),
      Stream.map(({ data }) => String(data['status'])),
      Stream.takeUntil((status) => ['completed', 'failed', 'cancelled'].includes(status)),
      Stream.runLast,
    )
    return last._tag === 'Some' ? last.value : 'nothing'
  })

const memoryOf = (client: QmpClient) => client.execute('x-switchover-memory')

const isLoaded = (client: QmpClient) =>
  Effect.gen(function* () {
    for (;;) {
      const { status } = (yield* client.execute('query-status')) as { readonly status: string }
      if (status !== 'inmigrate') return
      yield* Effect.sleep('2 millis')
    }
  })

const assertSame = (t: Test, from: QmpClient, to: QmpClient) =>
  Effect.gen(function* () {
    yield* isLoaded(to)
    t.same(yield* memoryOf(to), yield* memoryOf(from), 'the same memory, at the same operation')
  })

/** A guest that has run for a while and stands still. */
const makeSource = (inherited: readonly Inherited[], ...args: readonly string[]) =>
  Effect.gen(function* () {
    const source = yield* serveWith(inherited, '--guest', guest, ...args)
    const client = yield* connected(source)
    yield* client.execute('stop')
    return client
  })

const makeDestination = (inherited: readonly Inherited[], ...args: readonly string[]) =>
  Effect.gen(function* () {
    const serving = yield* serveWith(inherited, '--guest', guest, ...args)
    return { serving, client: yield* connected(serving) }
  })

/** The end of a socket pair that is left to this process. */
const otherEnd = (serving: Serving): Socket => serving.child.stdio[3] as Socket

effectTest('a socket pair: by name here, by number there, with the answer on the way back', (t) =>
  Effect.gen(function* () {
    const serving = yield* serveWith(['pipe'], '--guest', guest, '--fd', 'channel=3')
    const from = yield* connected(serving)
    const to = yield* makeDestination([otherEnd(serving)], '--incoming', 'fd:3')
    yield* from.execute('stop')
    yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'return-path', state: true }] })
    t.equal(yield* migrate(from, 'fd:channel'), 'completed')
    yield* assertSame(t, from, to.client)
    const again = yield* Effect.flip(to.client.execute('migrate-incoming', { uri: 'fd:3' }))
    t.match(again, { desc: 'The incoming migration has already been started' })
  }),
)

effectTest('a file: saved and loaded again; without a way back that is refused where it is asked for', (t) =>
  Effect.gen(function* () {
    const path = join(yield* scratchDirectory, 'saved')
    const from = yield* makeSource([yield* opened(path, 'w'), yield* opened(path, 'w')], '--fd', 'a=3', '--fd', 'b=4')
    yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'return-path', state: true }] })
    t.equal(yield* migrate(from, 'fd:a'), 'failed')
    t.match(yield* from.execute('query-migrate'), { 'error-desc': /^Unable to open return-path: fd:a is no socket/ })
    yield* from.execute('migrate-set-capabilities', { capabilities: [{ capability: 'return-path', state: false }] })
    t.equal(yield* migrate(from, 'fd:b'), 'completed')
    t.ok(statSync(path).size > 2 ** 21)
    const to = yield* makeDestination([yield* opened(path, 'r')], '--incoming', 'defer', '--fd', 'file=3')
    yield* to.client.execute('migrate-incoming', { uri: 'fd:file' })
    yield* assertSame(t, from, to.client)
  }),
)

effectTest('a pipe, from one process into the other', (t) =>
  Effect.gen(function* () {
    const path = join(yield* scratchDirectory, 'pipe')
    execFileSync('mkfifo', [path])
    // Opened for both, as otherwise each end waits for the other.
    const both = yield* opened(path, 'r+')
    const to = yield* makeDestination([yield* opened(path, 'r')], '--incoming', 'fd:3')
    const from = yield* makeSource([both], '--fd', 'pipe=3')
    t.equal(yield* migrate(from, 'fd:pipe'), 'completed')
    yield* assertSame(t, from, to.client)
  }),
)

effectTest('a full disk: the run fails, the guest stays', (t) =>
  Effect.gen(function* () {
    const from = yield* makeSource([yield* opened('/dev/full', 'w')], '--fd', 'full=3')
    t.equal(yield* migrate(from, 'fd:full'), 'failed')
    t.match(yield* from.execute('query-migrate'), {
      'error-desc': 'Unable to write to file: No space left on device (channel)',
    })
    t.match(yield* from.execute('query-status'), { status: 'paused' })
    const gone = yield* Effect.flip(from.execute('migrate', { uri: 'fd:full' }))
    t.match(gone, { desc: "File descriptor named 'full' has not been found" })
  }),
)

effectTest('what a process was not given', (t) =>
  Effect.gen(function* () {
    const path = join(yield* scratchDirectory, 'file')
    const from = yield* makeSource([yield* opened(path, 'w')], '--fd', 'given=3')
    for (const name of ['3', '4', 'nosuch'])
      t.match(yield* Effect.flip(from.execute('migrate', { uri: `fd:${name}` })), {
        desc: `File descriptor named '${name}' has not been found`,
      })
    yield* from.execute('closefd', { fdname: 'given' })
    t.match(yield* Effect.flip(from.execute('closefd', { fdname: 'given' })), {
      desc: "File descriptor named 'given' not found",
    })
    t.match(yield* Effect.flip(from.execute('getfd', { fdname: 'x' })), { desc: /^No file descriptor supplied/ })
    for (const [args, said] of [
      [['--fd', 'x'], /expected NAME=NUMBER or a number, found x/],
      [['--fd', '1a=3'], /expected NAME=NUMBER or a number, found 1a=3/],
      [['--fd', 'x=99'], /descriptor 99: expected one that this process was started with/],
      [['--fd', 'x=1', '--fd', 'x=2'], /expected each name once, found x twice/],
      [['--incoming', 'fd:99'], /descriptor 99: expected one/],
    ] as const) {
      const serving = yield* serve(...args)
      t.equal(yield* serving.code, 2, args.join(' '))
      t.match(serving.stderr(), said)
    }
  }),
)
