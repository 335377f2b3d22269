/**
 * The other process of `switchover migrate`: a destination with a guest that waits, driven by QMP on standard input and
 * output. Not listed in the help, as a person has no use for it.
 */
import { writeSync, openSync, closeSync } from 'node:fs'
import { Console, Effect, Stdio, Stream } from 'effect'
import { Command, Flag } from 'effect/cli'
import { incomingStatus } from '../core/index.ts'
import { sha256 } from '../memory/node.ts'
import { encodeLine, type JsonObject } from '../qmp/message.ts'
import { openSession } from '../qmp/session.ts'
import { makeMigrationProcess } from '../transfer/migration-process.ts'
import { guestProgram, guestSpec, preallocate, realPlatform, setStage, type Stage } from './stage.ts'

/** How long a destination that has failed can still be asked what became of the guest. */
const LINGER = '3 seconds'

/** Writes all RAM blocks, end to end, into a file. */
const dump = (stage: Stage, path: string): void => {
  const file = openSync(path, 'w', 0o600)
  try {
    for (const { bytes } of stage.memory.blocks)
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, Math.min(bytes.length - at, 1 << 28))
  } finally {
    closeSync(file)
  }
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const run = Effect.fn('destination')(function* (options: { readonly guest: string; readonly prealloc: boolean }) {
  const program = yield* guestProgram(yield* guestSpec(options.guest), false)
  const stage = yield* setStage(program)
  if (options.prealloc) preallocate(stage.memory)
  const migration = yield* makeMigrationProcess({ guest: stage.guest, incoming: 'defer' })
  const stdio = yield* Stdio.Stdio
  const session = yield* openSession({
    process: migration,
    profile: '2.11',
    send: (message) => Effect.sync(() => process.stdout.write(encodeLine(message))),
    extra: {
      'x-switchover-address': () => migration.address,
      'x-switchover-memory': (args: JsonObject) =>
        Effect.gen(function* () {
          if (typeof args['filename'] === 'string') dump(stage, args['filename'])
          return { sha256: sha256(stage.memory), counter: yield* stage.guest.counter }
        }),
      'x-switchover-cpu': () => Effect.sync(cpuSeconds),
    },
  })
  const commands = stdio.stdin.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.trim() !== ''),
    Stream.runForEach((line) =>
      Effect.try({ try: (): unknown => JSON.parse(line), catch: () => undefined }).pipe(
        Effect.catch(() => Effect.succeed(undefined)),
        Effect.flatMap(session.receive),
      ),
    ),
  )
  // A failed destination ends by itself, as QEMU does, but not before a source in doubt could have asked.
  const failed = migration.states.pipe(
    Stream.filter((state) => incomingStatus(state) === 'failed'),
    Stream.take(1),
    Stream.runDrain,
    Effect.andThen(Effect.sleep(LINGER)),
    Effect.andThen(migration.state),
    Effect.flatMap((state) => Console.error(`switchover: load of migration failed: ${state.incoming?.error}`)),
    Effect.andThen(Effect.sync(() => process.exit(1))),
  )
  yield* Effect.raceAllFirst([commands, migration.ended, failed])
  // A manager may leave this open behind `quit`, and an open standard input alone would keep the process alive.
  process.stdin.destroy()
})

/** The hidden subcommand. */
export const destination = Command.make(
  'destination',
  {
    guest: Flag.String('guest'),
    prealloc: Flag.Boolean('prealloc').pipe(Flag.withDefault(false)),
  },
  (options) => run(options).pipe(Effect.scoped, Effect.provide(realPlatform)),
).pipe(Command.unlisted)
