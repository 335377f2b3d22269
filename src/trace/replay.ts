/** Recordings on disk, held against the charts: what `switchover replay` does. */
import { Effect, Stream, type FileSystem, type Path } from 'effect'
import { onePathAScenario, readScenario, type ReadError } from './scenario-files.ts'
import type { Scenario } from './scenario.ts'
import { validateScenario, type ValidateOptions } from './validate.ts'
import type { Verdict } from './verdict.ts'

/**
 * The scenarios to which the paths belong, each with its verdict, one a scenario and in the order in which the scenarios
 * are first named. Any one of a scenario's files names it.
 */
export const replayScenarios = (
  paths: Iterable<string>,
  options: ValidateOptions = {},
): Stream.Stream<
  { readonly scenario: Scenario; readonly verdict: Verdict },
  ReadError,
  FileSystem.FileSystem | Path.Path
> =>
  Stream.fromIterable(onePathAScenario(paths)).pipe(
    Stream.mapEffect((path) =>
      Effect.map(readScenario(path), (scenario) => ({ scenario, verdict: validateScenario(scenario, options) })),
    ),
  )

/**
 * The verdicts alone.
 *
 * @example
 * import { NodeServices } from '@effect/platform-node'
 * import { Effect, Stream } from 'effect'
 * const verdicts = replayRecordings(['traces/2.11/idle_guest_precopy.src.jsonl'])
 * const list = await Effect.runPromise(Stream.runCollect(verdicts).pipe(Effect.provide(NodeServices.layer)))
 * list.map((one) => one.verdict) // ['conforms']
 */
export const replayRecordings = (
  paths: Iterable<string>,
  options: ValidateOptions = {},
): Stream.Stream<Verdict, ReadError, FileSystem.FileSystem | Path.Path> =>
  Stream.map(replayScenarios(paths, options), ({ verdict }) => verdict)
