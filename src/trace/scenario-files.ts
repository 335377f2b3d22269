/**
 * Scenarios on disk: `<scenario>.<party>.jsonl` for each party and, where there is one, `<scenario>.meta.json`. Any one of
 * the files names the scenario; the others are found beside it.
 */
import { Effect, FileSystem, Path, type PlatformError, Schema } from 'effect'
import { parseRecording, type Recording, RecordingLineError } from './recording.ts'
import { partyOf, scenarioNameOf } from './scenario-name.ts'
import { makeScenario, parseMeta, type Scenario } from './scenario.ts'

/** Largest recording that is read, in bytes. */
export const fileBytesMax = 256 * 1024 * 1024

/** A path that names no scenario. */
export class ScenarioFileError extends Schema.TaggedError<ScenarioFileError>()('ScenarioFileError', {
  path: Schema.String,
  /** What would have been accepted. */
  expected: Schema.String,
  /** What was there instead. */
  found: Schema.String,
}) {
  override get message(): string {
    return `${this.path}: expected ${this.expected}, found ${this.found}`
  }
}

/** Why a scenario cannot be read. */
export type ReadError = RecordingLineError | ScenarioFileError | PlatformError.PlatformError

const readRecording = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const { size } = yield* files.stat(path)
  if (Number(size) > fileBytesMax)
    return yield* new ScenarioFileError({ path, expected: `at most ${fileBytesMax} bytes`, found: `${size} bytes` })
  return yield* Effect.fromResult(parseRecording(path, yield* files.readFileString(path)))
})

/**
 * Reads the scenario to which a file belongs, with all its parties.
 *
 * @example
 * import { NodeServices } from '@effect/platform-node'
 * import { Effect } from 'effect'
 * const program = readScenario('traces/2.11/idle_guest_precopy.src.jsonl').pipe(Effect.provide(NodeServices.layer))
 * const scenario = await Effect.runPromise(program)
 * scenario.parties.map((party) => party.name) // ['dst', 'src']
 */
export const readScenario = (path: string): Effect.Effect<Scenario, ReadError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const name = scenarioNameOf(paths.basename(path))
    if (name === undefined)
      return yield* new ScenarioFileError({
        path,
        expected: 'a name that ends in .<party>.jsonl or .meta.json',
        found: paths.basename(path),
      })
    const folder = paths.dirname(path)
    const recordings: [string, Recording][] = []
    for (const fileName of (yield* files.readDirectory(folder)).sort()) {
      const party = partyOf(name, fileName)
      if (party !== undefined) recordings.push([party, yield* readRecording(paths.join(folder, fileName))])
    }
    if (recordings.length === 0)
      return yield* new ScenarioFileError({
        path,
        expected: `recordings ${name}.<party>.jsonl beside it`,
        found: 'none',
      })
    const metaPath = paths.join(folder, `${name}.meta.json`)
    const meta = (yield* files.exists(metaPath)) ? parseMeta(yield* files.readFileString(metaPath)) : undefined
    return makeScenario(name, recordings, meta)
  })

/** One path a scenario, in the order in which they are first named: what remains of a shell's `traces/*.jsonl`. */
export const onePathAScenario = (paths: Iterable<string>): readonly string[] => {
  const byScenario = new Map<string, string>()
  for (const path of paths) {
    const slash = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
    const name = scenarioNameOf(path.slice(slash + 1))
    const key = name === undefined ? path : path.slice(0, slash + 1) + name
    if (!byScenario.has(key)) byScenario.set(key, path)
  }
  return [...byScenario.values()]
}
