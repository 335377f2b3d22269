/** `switchover replay`: holds recorded QMP sessions against the charts. */
import { Console, Effect } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { Failure } from './failure.ts'

export const replay = Command.make(
  'replay',
  {
    files: Argument.File('recording', { mustExist: true }).pipe(Argument.variadic({ min: 1 })),
    json: Flag.Boolean('json').pipe(Flag.withDefault(false)),
  },
  Effect.fn('replay')(function* () {
    yield* Console.error('not here yet')
    return yield* new Failure({ reason: 'replay is not linked' })
  }),
)
