/** `switchover stream extract`: the RAM blocks of a recorded migration as sparse files. */
import { mkdirSync, statSync } from 'node:fs'
import { Console, Effect } from 'effect'
import { Command, Flag } from 'effect/cli'
import { Failure, WrongUsage } from '../failure.ts'
import { formatBytes } from '../units.ts'
import { recordingArgument } from './inspect.ts'
import { memoryOf } from './memory-of.ts'

interface Options {
  readonly files: readonly string[]
  readonly output: string
  readonly block: readonly string[]
  readonly json: boolean
}

const BLOCK_BYTES = 512

const run = Effect.fn('stream.extract')(function* (options: Options) {
  const { files, output, block: wanted } = options
  yield* Effect.try({
    try: () => mkdirSync(output, { recursive: true }),
    catch: (error) => new WrongUsage({ reason: `--output: ${error instanceof Error ? error.message : String(error)}` }),
  })
  const names = new Set(wanted)
  const memory = yield* memoryOf(files, output, names.size === 0 ? undefined : ({ name }) => names.has(name))
  const made = memory.files.map(({ block, path }) => {
    const { size, blocks } = statSync(path)
    return { block: block.name, path, bytes: size, bytesOnDisk: blocks * BLOCK_BYTES }
  })
  if (options.json) yield* Console.log(JSON.stringify(made))
  else {
    for (const { block, path, bytes, bytesOnDisk } of made)
      yield* Console.log(`${path}: ${block}, ${formatBytes(bytes)}, ${formatBytes(bytesOnDisk)} on disk`)
  }
  const missing = wanted.filter((name) => !made.some(({ block }) => block === name))
  if (missing.length > 0) return yield* new Failure({ reason: `no RAM block ${missing.join(', ')} in the recording` })
})

export const extract = Command.make(
  'extract',
  {
    files: recordingArgument,
    output: Flag.String('output').pipe(
      Flag.withDescription('a directory for the files, one a RAM block; none of them may be there'),
    ),
    block: Flag.String('block').pipe(
      Flag.withDescription('a RAM block to extract, such as pc.ram; all unless told'),
      Flag.atLeast(0),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => Effect.scoped(run(options)),
).pipe(Command.withDescription('Write the RAM blocks of a recorded migration to files, sparse where they are zero'))
