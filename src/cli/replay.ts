/** `switchover replay`: holds recorded QMP sessions against the charts. */
import { Console, Effect, Stream } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { renderSummary, renderVerdict, replayRecordings, type Verdict } from '../trace/index.ts'
import { Failure } from './failure.ts'

const run = Effect.fn('replay')(function* (options: { readonly files: readonly string[]; readonly json: boolean }) {
  const verdicts: Verdict[] = []
  yield* replayRecordings(options.files).pipe(
    Stream.runForEach((verdict) => {
      verdicts.push(verdict)
      return Console.log(options.json ? JSON.stringify(verdict) : renderVerdict(verdict))
    }),
  )
  if (!options.json && verdicts.length > 1) yield* Console.log(renderSummary(verdicts))
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
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON line a scenario'), Flag.withDefault(false)),
  },
  run,
).pipe(
  Command.withDescription(
    'Hold recorded QMP sessions against the charts: conforms, conforms with named quirks, or rejected with the line, ' +
      'the longest accepted prefix and what was allowed next',
  ),
)
