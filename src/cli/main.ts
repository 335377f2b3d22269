/** The `switchover` command. Exit codes: 0 yes, 1 no (with the reason on stderr), 2 wrong usage. */
import { NodeRuntime, NodeServices } from '@effect/platform-node'
import { Cause, Console, Effect, Exit, Logger, Predicate } from 'effect'
import { CliError, Command } from 'effect/cli'
import { chart } from './chart.ts'
import { check } from './check.ts'
import { destination } from './destination.ts'
import { exploreCommand } from './explore.ts'
import { migrate } from './migrate.ts'
import { mutants } from './mutants.ts'
import { replay } from './replay.ts'
import { serve } from './serve.ts'
import { stream } from './stream.ts'
import { view } from './view.ts'

const switchover = Command.make('switchover').pipe(
  Command.withDescription('A verified core of VM live migration'),
  Command.withSubcommands([migrate, serve, replay, exploreCommand, check, mutants, chart, stream, view, destination]),
)

const exitCodeOf = (error: unknown): number =>
  CliError.isCliError(error) || Predicate.isTagged(error, 'WrongUsage') ? 2 : 1

const program = switchover.pipe(
  Command.run({ version: '0.1.0' }),
  Effect.tapError((error) =>
    CliError.isCliError(error)
      ? Effect.void
      : Console.error(`switchover: ${Predicate.isError(error) ? error.message : String(error)}`),
  ),
  Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)])),
  Effect.provide(NodeServices.layer),
)

NodeRuntime.runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => {
    if (Exit.isSuccess(exit)) return onExit(0)
    const error = Cause.squash(exit.cause)
    if (Cause.hasDies(exit.cause)) console.error(`switchover: ${error instanceof Error ? error.stack : String(error)}`)
    onExit(exitCodeOf(error))
  },
})
