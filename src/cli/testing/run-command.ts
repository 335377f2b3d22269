/** Runs a subcommand within this process, for a test: what it prints, and the exit code that it would end with. */
import { NodeServices } from '@effect/platform-node'
import { Cause, Console, Effect, Exit, Predicate } from 'effect'
import { CliError, Command } from 'effect/cli'

export interface Ended {
  readonly code: number
  /** What was printed on standard output. */
  readonly out: string
  /** The reason for which it ended, as `switchover` prints it on standard error. */
  readonly error: string
}

/** As the process does: 2 for what makes no sense, 1 for any other failure. */
const codeOf = (error: unknown): number =>
  CliError.isCliError(error) || Predicate.isTagged(error, 'WrongUsage') ? 2 : 1

/** Runs `command` with these arguments. */
export const runCommand = async <Name extends string, Input, Context, E>(
  command: Command.Command<Name, Input, Context, E, Command.Environment>,
  args: readonly string[],
): Promise<Ended> => {
  const lines: string[] = []
  const captured: Console.Console = { ...console, log: (...values) => lines.push(values.join(' ')) }
  const exit = await Effect.runPromiseExit(
    Command.runWith(command, { version: '0' })(args).pipe(
      Effect.provideService(Console.Console, captured),
      Effect.provide(NodeServices.layer),
    ),
  )
  const out = lines.map((line) => `${line}\n`).join('')
  if (Exit.isSuccess(exit)) return { code: 0, out, error: '' }
  const error = Cause.squash(exit.cause)
  return { code: codeOf(error), out, error: error instanceof Error ? error.message : String(error) }
}
