/** Files for the page, from disk: a recording brings the others of its scenario along. */
import { Effect, FileSystem, Path, type PlatformError } from 'effect'
import { fileBytesMax, ScenarioFileError, scenarioNameOf } from '../trace/index.ts'
import type { ViewFile } from './open-files.ts'

const isOfScenario = (scenario: string, fileName: string): boolean =>
  fileName === `${scenario}.jsonl` ||
  (fileName.startsWith(`${scenario}.`) &&
    /^[a-z][a-z0-9]*\.jsonl$|^(meta|memory)\.json$/.test(fileName.slice(scenario.length + 1)))

const readOne = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const { size } = yield* files.stat(path)
  if (Number(size) > fileBytesMax)
    return yield* new ScenarioFileError({ path, expected: `at most ${fileBytesMax} bytes`, found: `${size} bytes` })
  return yield* files.readFileString(path)
})

/** The files that paths stand for, each once. */
export const readViewFiles = (
  paths: readonly string[],
): Effect.Effect<
  readonly ViewFile[],
  ScenarioFileError | PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const pathService = yield* Path.Path
    const found = new Map<string, ViewFile>()
    for (const path of paths) {
      const folder = pathService.dirname(path)
      const base = pathService.basename(path)
      const scenario = scenarioNameOf(base.replace(/\.memory\.json$/, '.meta.json'))
      const names =
        scenario === undefined
          ? [base]
          : (yield* files.readDirectory(folder)).filter((name) => isOfScenario(scenario, name)).sort()
      for (const name of names) {
        const full = pathService.join(folder, name)
        if (!found.has(full)) found.set(full, { name, text: yield* readOne(full) })
      }
    }
    return [...found.values()]
  })
