/** How a subcommand ends when the answer is no: exit code 1, and a sentence on stderr that says why. */
import { Schema } from 'effect'

/** The answer is no: a failed migration, a rejected trace, a violated property. */
export class Failure extends Schema.TaggedError<Failure>('Failure')('Failure', { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** What was asked for makes no sense: exit code 2. */
export class WrongUsage extends Schema.TaggedError<WrongUsage>('WrongUsage')('WrongUsage', {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason
  }
}
