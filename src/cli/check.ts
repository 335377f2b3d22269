/**
 * `switchover check`: runs property suites against a system. Of a live QEMU two things are asked: does our double behave
 * as it does (`--property differential`), and which of its known defects can be found (`--property defects`).
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Console, Effect, Option } from 'effect'
import { Command, Flag } from 'effect/cli'
import { quirks as quirkTable, type QuirkId } from '../../machines/index.ts'
import type { Difference } from '../../properties/differential/compare.ts'
import { findDefect, findDefectsUnaimed, type DefectResult } from '../../properties/differential/defect-suite.ts'
import { defects } from '../../properties/differential/defects.ts'
import { runDifferentialSuite, type DifferentialResult } from '../../properties/differential/differential-suite.ts'
import { metaOf, recordingText } from '../../properties/differential/judge.ts'
import { justified, withFlipped } from '../../properties/differential/justified.ts'
import { parseSequenceToken, type SequenceToken } from '../../properties/differential/sequence-token.ts'
import type { Transcript } from '../../properties/differential/transcript.ts'
import { catalogue, propertyOf } from '../../properties/catalogue.ts'
import { EdgeCoverage } from '../../properties/coverage/edge-coverage.ts'
import { coverLiveRun } from '../../properties/coverage/live-runs.ts'
import { runCoreSuite } from '../../properties/suites/core-suite.ts'
import { parseReplayToken, type Suite } from '../../properties/suites/replay-token.ts'
import { describeCounterexample, type SuiteResult } from '../../properties/suites/result.ts'
import { runRuntimeSuite } from '../../properties/suites/runtime-suite.ts'
import { doubleSystem } from '../peer/double.ts'
import { findQemu, qemuSystem } from '../peer/qemu.ts'
import { checkSchedules } from './check-schedules.ts'
import { checkStream } from './check-stream.ts'
import { checkSystem } from './check-system.ts'
import { tellCoverage } from './coverage.ts'
import { Failure, WrongUsage } from './failure.ts'

interface Options {
  readonly system: 'core' | 'runtime' | 'schedules' | 'stream' | 'qemu'
  readonly runs: number
  readonly seed: number
  readonly quirk: readonly string[]
  readonly property: string
  readonly replay: Option.Option<string>
  readonly trace: Option.Option<string>
  readonly patience: number
  readonly samples: Option.Option<string>
  readonly coverage: boolean
  readonly module: Option.Option<string>
  readonly format: 'text' | 'json' | 'junit'
  readonly json: boolean
}

const isQuirk = (id: string): id is QuirkId => quirkTable.some((quirk) => quirk.id === id)

/** A transcript as a scenario's files, for `switchover replay`. */
const writeScenario = (directory: string, name: string, transcript: Transcript): string => {
  mkdirSync(directory, { recursive: true })
  for (const party of transcript.parties)
    writeFileSync(join(directory, `${name}.${party.name}.jsonl`), recordingText(party))
  writeFileSync(join(directory, `${name}.meta.json`), `${JSON.stringify(metaOf(transcript))}\n`)
  return join(directory, `${name}.meta.json`)
}

const counted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ') || 'none'

const differenceText = ({ kind, step, command, party, qemu, double }: Difference): string =>
  [
    `    ${kind}${command === undefined ? '' : ` of ${command}`}${party === undefined ? '' : `, ${party}`}${step === undefined ? '' : `, step ${step + 1}`}`,
    `      qemu    ${qemu === '' ? '(nothing)' : qemu}`,
    `      double  ${double === '' ? '(nothing)' : double}`,
  ].join('\n')

const stepLines = (steps: readonly string[]): readonly string[] =>
  steps.map((step, index) => `    ${index + 1}. ${step}`)

const describeDifferential = (result: DifferentialResult, version: string): string => {
  const { counterexample: found, endedEarly } = result
  return [
    `differential: the double (profile 7.2) and QEMU ${version}, seed ${result.seed}: ` +
      `${result.runs} runs, ${result.commands} commands, ${result.stepsCompared} steps compared`,
    `  ended before the last step: ${endedEarly.race} by a race, ${endedEarly.parted} by a justified difference`,
    `  statuses rested in: ${counted(result.statuses)}`,
    `  quirks by which the charts explain QEMU: ${counted(result.quirksSeen)}`,
    '  justified differences:',
    ...justified.map(({ id, what }) => `    ${String(result.justified[id] ?? 0).padStart(4)} ${id}: ${what}`),
    ...(found === undefined
      ? ['  no unjustified difference']
      : [
          `  unjustified difference, ${found.commands} ${found.commands === 1 ? 'command' : 'commands'}:`,
          ...stepLines(found.steps),
          ...found.differences.slice(0, 6).map(differenceText),
          ...(found.lastWords === '' ? [] : [`  QEMU said: ${found.lastWords.trim()}`]),
          `  again with --replay ${found.token}`,
        ]),
  ].join('\n')
}

const describeDefect = ({ quirk, invariant, property, title, runs, millis, found }: DefectResult): string => {
  const head = `${quirk} ${invariant} ${property}: ${title}`
  if (found === undefined) return `${head}\n  not found in ${runs} runs, ${Math.round(millis / 1000)} s`
  const explained =
    found.explainedBy.length === 0 ? found.verdict.verdict : `explained by ${found.explainedBy.join(', ')}`
  return [
    head,
    `  found at run ${runs}: ${found.violation}`,
    `  shortest: ${found.commands} ${found.commands === 1 ? 'command' : 'commands'} (at first ${found.commandsAtFirst}; ${found.candidates} candidates, ${Math.round(millis / 1000)} s); the charts: ${explained}`,
    ...stepLines(found.steps),
    `  again with --replay ${found.token}`,
  ].join('\n')
}

const withoutTranscripts = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'parties' in value && 'lastWords' in value ? undefined : value

const tokenOf = (options: Options): Effect.Effect<SequenceToken | undefined, WrongUsage> => {
  const text = Option.getOrUndefined(options.replay)
  if (text === undefined) return Effect.succeed(undefined)
  const token = parseSequenceToken(text)
  return token === undefined
    ? Effect.fail(new WrongUsage({ reason: 'replay: expected a token that check --system qemu has printed' }))
    : Effect.succeed(token)
}

const checkDifferential = (options: Options, version: string, token: SequenceToken | undefined) =>
  Effect.gen(function* () {
    const unknown = options.quirk.find((id) => !isQuirk(id))
    if (unknown !== undefined)
      return yield* new WrongUsage({
        reason: `quirk: expected one of ${quirkTable.map(({ id }) => id).join(', ')}, found ${unknown}`,
      })
    const flipped = token?.flipped ?? options.quirk.filter(isQuirk)
    const quirks = withFlipped(flipped)
    const coverage = new EdgeCoverage()
    const differential = () =>
      runDifferentialSuite({
        qemu: qemuSystem(),
        double: doubleSystem(quirks),
        quirks,
        flipped,
        runs: options.runs,
        seed: options.seed,
        ...(token === undefined ? {} : { replay: token.sequence }),
        onRun: (done, run) => {
          if (done % 20 === 0) console.error(`${done} of ${options.runs} runs`)
          if (options.coverage) coverLiveRun(coverage, `QEMU ${version}, seed ${options.seed} run ${done}`, run.qemu)
        },
      })
    const result = yield* Effect.promise(() =>
      options.coverage ? coverage.watching('live run', 'the double beside it', differential) : differential(),
    )
    yield* Console.log(
      options.json
        ? JSON.stringify({ property: 'differential', ...result }, withoutTranscripts)
        : describeDifferential(result, version),
    )
    if (options.coverage) yield* tellCoverage(coverage, options.json)
    const directory = Option.getOrUndefined(options.trace)
    const run = result.counterexample?.run
    if (directory !== undefined && run !== undefined)
      for (const [name, transcript] of Object.entries({
        'differential-qemu': run.qemu,
        'differential-double': run.double,
      }))
        yield* Console.error(`recorded ${writeScenario(directory, name, transcript)}`)
    if (result.counterexample !== undefined) return yield* new Failure({ reason: 'the double is not what QEMU is' })
  })

/** Says what the search for one defect came to, and records what was found. */
const tellDefect = (options: Options, coverage: EdgeCoverage, result: DefectResult) =>
  Effect.gen(function* () {
    yield* Console.log(options.json ? JSON.stringify(result, withoutTranscripts) : describeDefect(result))
    if (result.found === undefined) return
    const { quirk } = result
    if (options.coverage) coverLiveRun(coverage, `QEMU, ${quirk} found`, result.found.transcript)
    const directory = Option.getOrUndefined(options.trace)
    if (directory !== undefined)
      yield* Console.error(`recorded ${writeScenario(directory, `qemu-${quirk}`, result.found.transcript)}`)
  })

const checkDefects = (options: Options, token: SequenceToken | undefined, property: string) =>
  Effect.gen(function* () {
    const coverage = new EdgeCoverage()
    const search = {
      systemFor: qemuSystem,
      runs: options.runs,
      seed: options.seed,
      patienceMillis: options.patience * 1000,
    }
    const results: DefectResult[] = []
    if (property === 'unaimed')
      for (const result of yield* Effect.promise(() =>
        findDefectsUnaimed(defects, search, (runs) => {
          if (runs % 20 === 0) console.error(`${runs} of ${options.runs} runs`)
        }),
      )) {
        results.push(result)
        yield* tellDefect(options, coverage, result)
      }
    else
      for (const defect of defects.filter(({ quirk }) => property === 'defects' || quirk === property)) {
        const replay = token === undefined ? {} : { replay: token.sequence }
        const result = yield* Effect.promise(() => findDefect(defect, { ...search, ...replay }))
        results.push(result)
        yield* tellDefect(options, coverage, result)
      }
    const found = results.filter((result) => result.found !== undefined).length
    if (!options.json) yield* Console.log(`${found} of ${results.length} known defects of the live QEMU found`)
    if (options.coverage) yield* tellCoverage(coverage, options.json)
    if (found > 0) return yield* new Failure({ reason: `QEMU breaks ${found} of ${results.length} invariants` })
  })

const checkQemu = (options: Options) =>
  Effect.gen(function* () {
    const qemu = findQemu()
    if ('missing' in qemu) return yield* new Failure({ reason: `there is no QEMU to check: ${qemu.missing}` })
    const token = yield* tokenOf(options)
    const property = token?.property ?? options.property
    if (property === 'differential' || property === 'all') return yield* checkDifferential(options, qemu.version, token)
    if (['defects', 'unaimed'].includes(property) || defects.some(({ quirk }) => quirk === property))
      return yield* checkDefects(options, token, property)
    const names = ['differential', 'defects', 'unaimed', ...defects.map(({ quirk }) => quirk)]
    return yield* new WrongUsage({ reason: `property: expected one of ${names.join(', ')}, found ${property}` })
  })

const describeSuite = (result: SuiteResult): string =>
  [
    `${result.suite}: ${result.system}, seed ${result.seed}: ${result.runs} runs`,
    `  met: ${counted(result.coverage)}`,
    result.counterexample === undefined ? '  every property held' : describeCounterexample(result.counterexample),
  ].join('\n')

/** The suites of a system, each run in turn; a token names one of them. */
const checkOurs = (options: Options, suites: readonly Suite[]) =>
  Effect.gen(function* () {
    const text = Option.getOrUndefined(options.replay)
    const token = text === undefined ? undefined : parseReplayToken(text)
    if (text !== undefined && (token === undefined || !suites.includes(token.suite)))
      return yield* new WrongUsage({
        reason: `replay: expected a token that check --system ${options.system} has printed`,
      })
    const only = token?.only ?? (options.property === 'all' ? undefined : options.property)
    if (only !== undefined && propertyOf(only) === undefined)
      return yield* new WrongUsage({
        reason: `property: expected one of ${catalogue.map(({ id }) => id).join(', ')}, found ${only}`,
      })
    const coverage = new EdgeCoverage()
    let violated = 0
    for (const suite of token === undefined ? suites : [token.suite]) {
      const { path, replayPath } = token ?? {}
      const suiteOptions = {
        runs: options.runs,
        seed: token?.seed ?? options.seed,
        ...(path === undefined ? {} : { path }),
        ...(replayPath === undefined ? {} : { replayPath }),
        ...(only === undefined ? {} : { onlyProperty: only }),
      }
      const run = async () =>
        suite === 'runtime' || suite === 'lock-step'
          ? runRuntimeSuite({ ...suiteOptions, world: suite === 'runtime' ? 'migration' : suite })
          : runCoreSuite({ ...suiteOptions, world: suite === 'core' ? 'pair' : suite })
      const name = `${suite}, ${suiteOptions.runs} runs, seed ${suiteOptions.seed}`
      const result = yield* Effect.promise(() => (options.coverage ? coverage.watching('property', name, run) : run()))
      yield* Console.log(options.json ? JSON.stringify(result) : describeSuite(result))
      if (result.counterexample !== undefined) violated++
    }
    if (options.coverage) yield* tellCoverage(coverage, options.json)
    if (violated > 0) return yield* new Failure({ reason: 'a property is violated' })
  })

export const check = Command.make(
  'check',
  {
    system: Flag.Literals('system', ['core', 'runtime', 'schedules', 'stream', 'qemu']).pipe(
      Flag.withDescription(
        'core: the decision core; runtime: our processes on a simulated network; schedules: races of these under ' +
          'every order of their fibers (--property: one race); stream: the decoders of migration ' +
          'streams, fed with damaged ones; qemu: a live pair beside our double',
      ),
      Flag.withDefault('runtime' as const),
    ),
    runs: Flag.Int('runs').pipe(
      Flag.withDescription('random sequences; stream: damaged inputs of each kind'),
      Flag.withDefault(100),
    ),
    seed: Flag.Int('seed').pipe(Flag.withDescription('the same seed, the same sequences'), Flag.withDefault(1)),
    quirk: Flag.String('quirk').pipe(
      Flag.withDescription('flips a quirk of the double: one that QEMU 7.2 has is switched off, another on'),
      Flag.atLeast(0),
    ),
    property: Flag.String('property').pipe(
      Flag.withDescription(
        'core, runtime: one invariant (I1); stream: one decoder (precopy); qemu: differential, defects, unaimed (all defects, by sequences that know of none), or one defect (h1, h3, h4, h7, q6, q8, q13)',
      ),
      Flag.withDefault('all'),
    ),
    replay: Flag.String('replay').pipe(Flag.withDescription('a token that was printed before'), Flag.optional),
    trace: Flag.String('trace').pipe(
      Flag.withDescription('qemu: writes what was found into this directory, as scenarios for switchover replay'),
      Flag.optional,
    ),
    patience: Flag.Int('patience').pipe(
      Flag.withDescription('qemu: seconds to look for one defect'),
      Flag.withDefault(180),
    ),
    samples: Flag.String('samples').pipe(
      Flag.withDescription('stream: recordings to damage too, an index of them: {samples: [{id, files: [{file}]}]}'),
      Flag.optional,
    ),
    coverage: Flag.Boolean('coverage').pipe(
      Flag.withDescription('also name every edge of the charts, with what took it in these runs'),
      Flag.withDefault(false),
    ),
    module: Flag.String('module').pipe(
      Flag.withDescription(
        'a system of your own instead: a file whose default export is a SystemUnderTest of switchover/properties',
      ),
      Flag.optional,
    ),
    format: Flag.Literals('format', ['text', 'json', 'junit']).pipe(
      Flag.withDescription('module: how the report is written'),
      Flag.withDefault('text' as const),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON line a property'), Flag.withDefault(false)),
  },
  (options) => {
    const module = Option.getOrUndefined(options.module)
    if (module !== undefined) return checkSystem(module, options)
    if (options.system === 'qemu') return checkQemu(options)
    if (options.system === 'stream') return checkStream(options)
    if (options.system === 'schedules') return checkSchedules(options)
    return checkOurs(options, options.system === 'core' ? ['core', 'colo', 'storm'] : ['runtime', 'lock-step'])
  },
).pipe(
  Command.withDescription(
    'Run random sequences against a system and hold it to its properties; what breaks one is shortened and replayable',
  ),
)
