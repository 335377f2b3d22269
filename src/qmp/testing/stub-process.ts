/** A process that answers when, and in the order, a test says: to see what a session does meanwhile. */
import { Effect, PubSub, Stream } from 'effect'
import { start, type CoreState, type ManagerEvent } from '../../core/index.ts'
import type { Profile } from '../../../machines/index.ts'
import { NO_FIGURES } from '../../transfer/colo/guest-network.ts'
import { CommandRefused, type MigrationProcess, type ProcessOutput } from '../../transfer/migration-process.ts'

/** A command that was handed over. */
export interface Submitted {
  readonly ticket: number
  readonly name: string
  readonly args: unknown
}

/** The stub, and the strings it is moved by. */
export interface StubProcess {
  readonly process: MigrationProcess
  readonly submitted: Submitted[]
  readonly answer: (ticket: number, value: unknown) => Effect.Effect<void>
  readonly refuse: (ticket: number, desc: string) => Effect.Effect<void>
  readonly emit: (event: ManagerEvent, atMillis?: number) => Effect.Effect<void>
}

/** Makes one. It answers nothing by itself, but for query-status, by which a session that ends catches up. */
export const stubProcess = (profile: Profile): Effect.Effect<StubProcess> =>
  Effect.gen(function* () {
    const outputs = yield* PubSub.unbounded<ProcessOutput>()
    const state: CoreState = start({ profile })
    const submitted: Submitted[] = []
    const say = (output: ProcessOutput) => Effect.asVoid(PubSub.publish(outputs, output))
    const process: MigrationProcess = {
      network: () => NO_FIGURES,
      execute: () => Effect.never,
      events: Stream.never,
      submit: (name, args) => {
        if (name !== 'query-status') return submitted.push({ ticket: submitted.length + 1, name, args })
        Effect.runFork(say({ kind: 'answer', ticket: -1, result: { value: {} } }))
        return -1
      },
      outputs: PubSub.subscribe(outputs),
      state: Effect.succeed(state),
      states: Stream.make(state),
      address: Effect.never,
      ended: Effect.never,
      guestFact: () => Effect.void,
    }
    return {
      process,
      submitted,
      answer: (ticket, value) => say({ kind: 'answer', ticket, result: { value } }),
      refuse: (ticket, desc) =>
        say({
          kind: 'answer',
          ticket,
          result: { refused: new CommandRefused({ command: '', class: 'GenericError', desc }) },
        }),
      emit: (event, atMillis = 0) => say({ kind: 'event', atMillis, event }),
    }
  })
