/**
 * `exec:` as a destination that cannot answer: success of the command is the commit. A full disk, a command that fails, at
 * once or when it has read everything, or that is killed: the run fails and the guest goes on. A file that was written
 * whole holds the guest.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Effect } from 'effect'
import type { Test } from 'tap'
import { runState } from '../core/index.ts'
import { differingPages, PAGE_BYTES } from '../memory/index.ts'
import { silentSink, StreamDecoder } from '../wire/index.ts'
import { deviceBytes, guestStateOf, runStateOf } from './dialect.ts'
import { allocateFor, makeGuest } from './guest-program.ts'
import { programOfSpec, smallGuest } from './testing/guests.ts'
import {
  assertFailedAndReturned,
  assertMoved,
  assertReturned,
  makeDestination,
  makeSource,
  type Source,
} from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { temporaryDirectory } from './testing/temporary.ts'
import { isIn } from './testing/watch.ts'

const guest = smallGuest()

const assertCompletesElsewhere = (t: Test, source: Source) =>
  Effect.gen(function* () {
    const destination = yield* makeDestination(guest)
    t.equal(yield* source.migrate(destination.uri), 'completed', 'the next run completes')
    yield* assertMoved(t, source, destination, 'next run')
  })

realTest('commands that fail: the guest goes on, and the next run moves it', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const directory = yield* temporaryDirectory
    const commands = [
      'cat > /dev/full',
      'false',
      'exit 3',
      'cat > /dev/null; exit 3',
      'kill -9 $$',
      'cat > /dev/null; kill -9 $$',
      'head -c 1000000 > /dev/null',
      'no-such-command-anywhere 2> /dev/null',
      `cat > ${directory}/no/such/directory 2> /dev/null`,
    ]
    for (const command of commands) {
      t.equal(yield* source.migrate(`exec:${command} 2> /dev/null`), 'failed', command)
      yield* assertFailedAndReturned(t, source, command)
    }
    t.match((yield* source.query)['error-desc'], /\S/)
    yield* assertCompletesElsewhere(t, source)
  }),
)

realTest('a command that fails is named with its exit status, not with the pipe that broke', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.migrate('exec:cat > /dev/full 2> /dev/null')
    t.match((yield* source.query)['error-desc'], 'the command ended with status 1', 'a full disk')
    yield* source.migrate('exec:cat > /dev/null; exit 3')
    t.match((yield* source.query)['error-desc'], 'the command ended with status 3')
    yield* source.migrate('exec:cat > /dev/null; kill -9 $$')
    t.match((yield* source.query)['error-desc'], 'the command ended with SIGKILL')
  }),
)

realTest('a command that ends well, but before the end of the stream, has nobody’s guest', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    yield* source.migrate('exec:head -c 1000000 > /dev/null')
    yield* assertFailedAndReturned(t, source, 'head')
    yield* source.migrate('exec:true')
    yield* assertFailedAndReturned(t, source, 'true')
  }),
)

realTest('a command that dies around the end mark is not run again to be asked', (t) =>
  Effect.gen(function* () {
    // An idle guest, so that the stream is as long every time.
    const source = yield* makeSource({ ...guest, pagesPerSecond: 1 })
    yield* source.set({ 'max-bandwidth': 0, 'downtime-limit': 0 })
    const directory = yield* temporaryDirectory
    const runs = join(directory, 'runs')
    t.equal(yield* source.migrate(`exec:cat > ${directory}/saved`), 'completed')
    yield* source.execute('cont')
    const { size } = statSync(join(directory, 'saved'))
    const unread = [0, 1, 295, 296, 297, 1000, 4500, 20_000, 60_000, 100_000, 150_000, 200_000, 220_000, 250_000]
    for (const [index, bytes] of unread.entries()) {
      t.equal(yield* source.migrate(`exec:echo >> ${runs}; head -c ${size - bytes} > /dev/null; exit 1`), 'failed')
      t.equal(runState(yield* source.process.state), 'running', `${bytes} bytes unread: the source's guest runs`)
      t.equal(readFileSync(runs, 'utf8').length, index + 1, `${bytes} bytes unread: one command a run`)
    }
    t.equal(yield* source.differing, 0)
  }),
)

/** What a saved stream holds, decoded into fresh memory. */
const decodeFile = (path: string) => {
  const program = programOfSpec(guest)
  const memory = allocateFor(program)
  const devices = new Map<string, Uint8Array>()
  let ended = false
  const decoder = new StreamDecoder(
    {
      ...silentSink,
      page: (block, offset, bytes, at) => {
        memory.blocks[block]!.bytes.set(bytes.subarray(at, at + PAGE_BYTES), offset)
      },
      zeroPage: (block, offset, fill) => {
        memory.blocks[block]!.bytes.fill(fill, offset, offset + PAGE_BYTES)
      },
      device: (section, payload) => devices.set(section.idstr, payload),
      end: () => {
        ended = true
      },
    },
    { deviceLength: deviceBytes, vmDescription: 'required' },
  )
  const bytes = readFileSync(path)
  const used = decoder.feed(bytes, 0, bytes.length)
  decoder.finish(bytes.length - used)
  return { program, memory, devices, ended }
}

realTest('a file with room holds the guest', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const file = join(yield* temporaryDirectory, 'saved')
    t.equal(yield* source.migrate(`exec:cat > ${file}`), 'completed')
    t.equal(runState(yield* source.process.state), 'postmigrate')
    const { program, memory, devices, ended } = decodeFile(file)
    t.ok(ended, 'the stream is whole')
    t.equal(differingPages(memory, source.memory).count, 0, 'the memory in the file is the source’s')
    t.equal(yield* source.differing, 0, 'and the source’s is right')
    t.equal(runStateOf(devices.get('globalstate')!), 'running')
    const restored = makeGuest(program, memory)
    restored.loadState(guestStateOf(devices.get('guest')!)!)
    t.equal(restored.counter, yield* source.guest.counter, 'and so is the guest’s own state')
  }),
)

/** A file system of 4 MiB, half of the guest; undefined where one cannot be mounted. */
const tinyDisk = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, 'disk')
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      mkdirSync(path)
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stdio: 'pipe' })
        return { path }
      } catch (error) {
        return { reason: error instanceof Error ? (error.message.split('\n').at(1) ?? error.message) : String(error) }
      }
    }),
    (mounted) =>
      Effect.sync(() => {
        if (mounted.path !== undefined) execFileSync('umount', [mounted.path])
      }),
  )
})

realTest('a disk that becomes full', (t) =>
  Effect.gen(function* () {
    const disk = yield* tinyDisk
    if (disk.path === undefined) {
      t.comment(`no file system of 4 MiB can be mounted here: ${disk.reason}`)
      return t.pass('left out', { skip: 'needs the right to mount' })
    }
    const source = yield* makeSource(guest)
    const file = join(disk.path, 'saved')
    t.equal(yield* source.migrate(`exec:cat > ${file} 2> /dev/null`), 'failed')
    t.ok(statSync(file).size > 1_000_000, 'the disk was filled')
    yield* assertFailedAndReturned(t, source, 'full disk')
    yield* assertCompletesElsewhere(t, source)
  }),
)

realTest('a command that never reads is ended by a cancel, with all it has started', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(guest)
    const directory = yield* temporaryDirectory
    for (const command of ['sleep 1000', `trap '' TERM; sleep 1000`, 'sleep 1000 | sleep 1000']) {
      const started = join(directory, 'started')
      yield* source.execute('migrate', { uri: `exec:echo > ${started}; ${command}` })
      yield* source.watch.until('active', isIn('active'), source.watch.history.length)
      while (!existsSync(started)) yield* Effect.sleep('1 millis')
      yield* source.execute('migrate_cancel')
      t.equal(yield* source.settled, 'cancelled', command)
      yield* assertReturned(t, source, command)
    }
  }),
)
