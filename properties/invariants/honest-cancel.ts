/** I6: a cancel that is accepted cancels, and one that cannot is refused and does nothing. */
import { invariant } from '../../machines/index.ts'
import { hasCrashed, linesOf, type CommandSeen, type Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { idleStatuses, isCommitted, outgoingStatus } from '../state-view.ts'

/** How the run that a command met ended; undefined if it has not. */
const endOf = (observation: Observation, party: string, run: number): string | undefined => {
  const states = [
    ...linesOf(observation, 'state')
      .filter((line) => line.party === party)
      .map(({ after }) => after),
    ...observation.end.parties.filter((each) => each.party === party).map(({ state }) => state),
  ].filter(({ outgoingNumber }) => outgoingNumber === run)
  const last = states.at(-1)
  return last !== undefined && idleStatuses.has(outgoingStatus(last)) ? outgoingStatus(last) : undefined
}

const verdict = (observation: Observation, line: CommandSeen): Violation | undefined => {
  const { party, atMillis, before, after, answer } = line
  const [was, is] = [outgoingStatus(before), outgoingStatus(after)]
  const where = `${party} in ${was} at ${atMillis} ms`
  if (answer.type === 'refusal')
    return is === 'cancelling' && was !== 'cancelling'
      ? `a cancel was refused and done all the same: ${where}`
      : undefined
  if (answer.type === 'none' || idleStatuses.has(was)) return undefined
  if (isCommitted(before) && is === 'cancelling') return `a cancel behind the commit was begun: ${where}`
  // What came between the question and the answer may have ended the run or committed it.
  if (isCommitted(after) || idleStatuses.has(is)) return undefined
  if (is !== 'cancelling') return `a cancel was accepted and not begun: ${where}, then ${is}`
  if (hasCrashed(observation, party)) return undefined
  const end = endOf(observation, party, before.outgoingNumber)
  return end === 'cancelled' ? undefined : `a cancel was accepted and the run ended ${end ?? 'never'}: ${where}`
}

export const honestCancel: Property = {
  ...invariant('I6'),
  check: (observation) =>
    linesOf(observation, 'command')
      .filter(({ name }) => name === 'migrate_cancel')
      .flatMap((line) => verdict(observation, line) ?? []),
}
