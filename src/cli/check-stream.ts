/**
 * `switchover check --system stream`: damaged migration streams for every decoder of the codec, made from small streams of
 * its own and from recordings.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Console, Effect, Option, Schema } from 'effect'
import { runCampaign } from '../../properties/fuzz/campaign.ts'
import { subjectOf, type SubjectSource } from '../../properties/fuzz/fuzz-thread.ts'
import { fuzz, parseFuzzToken, type FuzzResult } from '../../properties/fuzz/fuzz.ts'
import { syntheticSubjects } from '../../properties/fuzz/synthetic.ts'
import { Failure, WrongUsage } from './failure.ts'
import { formatBytes } from './units.ts'

export interface CheckStreamOptions {
  readonly runs: number
  readonly seed: number
  readonly property: string
  readonly samples: Option.Option<string>
  readonly replay: Option.Option<string>
  readonly json: boolean
}

const Samples = Schema.Struct({
  samples: Schema.Array(
    Schema.Struct({ id: Schema.String, files: Schema.Array(Schema.Struct({ file: Schema.String })) }),
  ),
})

const read = (path: string): Uint8Array => {
  const bytes = readFileSync(path)
  return new Uint8Array(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes)
}

const recordings = (index: string): Effect.Effect<readonly SubjectSource[], WrongUsage> =>
  Effect.try({
    try: () =>
      Schema.decodeUnknownSync(Samples)(JSON.parse(readFileSync(index, 'utf8'))).samples.map(({ id, files }) => ({
        name: id,
        inputs: files.map(({ file }) => read(join(dirname(index), file))),
      })),
    catch: (error) =>
      new WrongUsage({ reason: `--samples: ${index}: ${error instanceof Error ? error.message : String(error)}` }),
  })

const describe = (result: FuzzResult): string => {
  const { subject, inputBytes, cases, outcomes, violation } = result
  return [
    `${subject} (${formatBytes(inputBytes)}): ${cases} damaged, ${outcomes.refused} refused, ${outcomes.decoded} decoded; ` +
      `slowest ${result.slowestMillis.toFixed(0)} ms, at most ${formatBytes(result.memoryBytesMax)} of buffers and ` +
      `${formatBytes(result.heapBytesMax)} of objects`,
    ...(violation === undefined
      ? []
      : [
          `  violated by case ${violation.number} (${violation.kinds.join(', ')}): ${violation.what}`,
          `  again with --replay ${violation.token}`,
        ]),
  ].join('\n')
}

const report = (results: readonly FuzzResult[], json: boolean) =>
  Effect.gen(function* () {
    for (const result of results) yield* Console.log(json ? JSON.stringify(result) : describe(result))
    const violated = results.filter(({ violation }) => violation !== undefined).length
    if (violated > 0) return yield* new Failure({ reason: `${violated} of ${results.length} decoders broke a promise` })
  })

/** Runs the campaign, or one case again. */
export const checkStream = (options: CheckStreamOptions) =>
  Effect.gen(function* () {
    const index = Option.getOrUndefined(options.samples)
    const all: readonly SubjectSource[] = [
      ...syntheticSubjects().map(({ name }) => ({ name })),
      ...(index === undefined ? [] : yield* recordings(index)),
    ]
    const text = Option.getOrUndefined(options.replay)
    const token = text === undefined ? undefined : parseFuzzToken(text)
    const wanted = token?.subject ?? (options.property === 'all' ? undefined : options.property)
    const sources = all.filter(({ name }) => wanted === undefined || name === wanted)
    if (sources.length === 0 || (text !== undefined && token === undefined)) {
      const names = all.map(({ name }) => name).join(', ')
      const reason = `expected one of ${names}, found ${wanted ?? text}`
      return yield* new WrongUsage({ reason: `${text === undefined ? 'property' : 'replay'}: ${reason}` })
    }
    if (token !== undefined) {
      const again = fuzz(subjectOf(sources[0]!), { seed: token.seed, first: token.number, cases: 1 })
      return yield* report([again], options.json)
    }
    const results = yield* Effect.promise(() =>
      runCampaign({
        sources,
        seed: options.seed,
        cases: options.runs,
        threads: availableParallelism(),
        onPart: ({ subject, cases }) => console.error(`${subject}: ${cases} more`),
      }),
    )
    yield* report(results, options.json)
  })
