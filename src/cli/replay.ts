/** `switchover replay`: holds recorded QMP sessions against the charts. */
import { Console, Effect, Stream } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { EdgeCoverage } from '../../properties/coverage/edge-coverage.ts'
import { coverProperties } from '../../properties/coverage/property-runs.ts'
import { coverRecording } from '../../properties/coverage/recordings.ts'
import { renderSummary, renderVerdict, replayScenarios, type Verdict } from '../trace/index.ts'
import { tellCoverage } from './coverage.ts'
import { Failure } from './failure.ts'

interface Options {
  readonly files: readonly string[]
  readonly coverage: boolean
  readonly json: boolean
}

const run = Effect.fn('replay')(function* ({ files, coverage: withCoverage, json }: Options) {
  const verdicts: Verdict[] = []
  const coverage = new EdgeCoverage()
  yield* replayScenarios(files).pipe(
    Stream.runForEach(({ scenario, verdict }) => {
      verdicts.push(verdict)
      if (withCoverage) coverRecording(coverage, scenario, verdict)
      return Console.log(json ? JSON.stringify(verdict) : renderVerdict(verdict))
    }),
  )
  if (!json && verdicts.length > 1) yield* Console.log(renderSummary(verdicts))
  if (withCoverage) {
    coverProperties(coverage)
    yield* tellCoverage(coverage, json)
  }
  const rejected = verdicts.filter(({ verdict }) => verdict === 'rejected').length
  if (rejected > 0) return yield* new Failure({ reason: `${rejected} of ${verdicts.length} recordings rejected` })
})

export const replay = Command.make(
  'replay',
  {
    files: Argument.File('recording', { mustExist: true }).pipe(
      Argument.withDescription('any file of a scenario: NAME.PARTY.jsonl or NAME.meta.json'),
      Argument.variadic({ min: 1 }),
    ),
    coverage: Flag.Boolean('coverage').pipe(
      Flag.withDescription(
        'also name every edge of the charts, with the recordings that prove it and the properties that take it',
      ),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON line a scenario'), Flag.withDefault(false)),
  },
  run,
).pipe(
  Command.withDescription(
    'Hold recorded QMP sessions against the charts: conforms, conforms with named quirks, or rejected with the line, ' +
      'the longest accepted prefix and what was allowed next',
  ),
)
