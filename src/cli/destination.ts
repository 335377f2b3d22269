/**
 * The other process of `switchover migrate`: a destination with a guest that waits, driven by QMP on standard input and
 * output. Not listed in the help, as a person has no use for it.
 */
import { Effect, Stdio, Stream } from 'effect'
import { Command, Flag } from 'effect/cli'
import { JsonReader } from '../qmp/json-reader.ts'
import { encodeLine } from '../qmp/message.ts'
import { openSession } from '../qmp/session.ts'
import { makeMigrationProcess } from '../transfer/migration-process.ts'
import { driveFlag, driveOptions, openDrives } from './drive-option.ts'
import { hostCommands, loadFailed } from './incoming-end.ts'
import { guestProgram, guestSpec, preallocate, realPlatform, setStage } from './stage.ts'

interface Options {
  readonly guest: string
  readonly drive: readonly string[]
  readonly prealloc: boolean
}

const run = Effect.fn('destination')(function* (options: Options) {
  const spec = yield* guestSpec(options.guest)
  const program = yield* guestProgram(spec, false)
  const drives = yield* openDrives(yield* driveOptions(options.drive), spec, true)
  const stage = yield* setStage(program)
  if (options.prealloc) preallocate(stage.memory)
  const migration = yield* makeMigrationProcess({
    ...(drives === undefined ? {} : { drives }),
    guest: stage.guest,
    incoming: 'defer',
  })
  const stdio = yield* Stdio.Stdio
  const session = yield* openSession({
    process: migration,
    profile: '2.11',
    send: (message) => Effect.sync(() => process.stdout.write(encodeLine(message))),
    extra: hostCommands(stage, migration),
  })
  const reader = new JsonReader()
  const commands = stdio.stdin.pipe(
    Stream.runForEach((bytes) =>
      Effect.forEach(reader.read(bytes), (item) =>
        item.type === 'value' ? session.receive(item.value) : session.receiveBroken(item.desc),
      ),
    ),
  )
  yield* Effect.raceAllFirst([commands, migration.ended, loadFailed(migration)])
  yield* session.finish
  // A manager may leave this open behind `quit`, and an open standard input alone would keep the process alive.
  process.stdin.destroy()
})

/** The hidden subcommand. */
export const destination = Command.make(
  'destination',
  {
    guest: Flag.String('guest'),
    drive: driveFlag,
    prealloc: Flag.Boolean('prealloc').pipe(Flag.withDefault(false)),
  },
  (options) => run(options).pipe(Effect.scoped, Effect.provide(realPlatform)),
).pipe(Command.unlisted)
