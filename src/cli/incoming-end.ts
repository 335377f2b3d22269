/** What a destination is, however it is driven: commands for whoever looks after it, and its end when the load fails. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { Effect, Stream } from 'effect'
import { incomingStatus } from '../core/index.ts'
import { sha256 } from '../memory/node.ts'
import type { JsonObject } from '../qmp/message.ts'
import type { ExtraCommands } from '../qmp/session.ts'
import type { MigrationProcess } from '../transfer/migration-process.ts'
import { Failure } from './failure.ts'
import type { Stage } from './stage.ts'

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

const notListening = Effect.fail({ class: 'GenericError', desc: 'This process does not listen for a migration' })

const listeningAddress = (migration: MigrationProcess) =>
  Effect.raceFirst(
    migration.address,
    migration.states.pipe(
      Stream.filter((state) => ['none', 'failed'].includes(incomingStatus(state))),
      Stream.take(1),
      Stream.runDrain,
      Effect.andThen(notListening),
    ),
  )

/** Commands beside the schema's, by which `switchover migrate` looks at the other process. */
export const hostCommands = (stage: Stage, migration: MigrationProcess): ExtraCommands => ({
  'x-switchover-address': () => listeningAddress(migration),
  'x-switchover-memory': (args: JsonObject) =>
    Effect.gen(function* () {
      if (typeof args['filename'] === 'string') dump(stage, args['filename'])
      return { sha256: sha256(stage.memory), counter: yield* stage.guest.counter }
    }),
  'x-switchover-cpu': () => Effect.sync(cpuSeconds),
})

/** Fails when the load has failed, as a QEMU ends by itself, but not before a source in doubt could have asked. */
export const loadFailed = (migration: MigrationProcess): Effect.Effect<never, Failure> =>
  migration.states.pipe(
    Stream.filter((state) => incomingStatus(state) === 'failed'),
    Stream.take(1),
    Stream.runDrain,
    Effect.andThen(Effect.sleep(LINGER)),
    Effect.andThen(migration.state),
    Effect.flatMap(({ incoming }) => new Failure({ reason: `load of migration failed: ${incoming?.error}` })),
  )
