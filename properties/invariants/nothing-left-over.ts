/** I10: nothing of a run is left behind, and nothing is let go twice. */
import { invariant } from '../../machines/index.ts'
import type { Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { idleStatuses, incomingStatus, isBusy, outgoingStatus } from '../state-view.ts'

/** Ends of channels that are open although their owner's run is over. */
const openAfterRun = ({ end }: Observation): readonly Violation[] =>
  end.ends.flatMap(({ connection, party, open, direction }) => {
    const member = end.parties.find((each) => each.party === party)
    if (!open || member === undefined || member.crashed || isBusy(member.state)) return []
    const over =
      direction === 'forward'
        ? idleStatuses.has(outgoingStatus(member.state))
        : ['completed', 'failed'].includes(incomingStatus(member.state))
    return over ? [`${party} still holds connection ${connection} although its run is over`] : []
  })

export const nothingLeftOver: Property = {
  ...invariant('I10'),
  check: (observation) => {
    const { endsAfter, listeningAfter } = observation.end
    return [
      ...openAfterRun(observation),
      ...endsAfter
        .filter(({ open }) => open)
        .map(({ party, connection }) => `${party} has ended and holds connection ${connection}`),
      ...endsAfter
        .filter(({ releases }) => releases !== 1)
        .map(({ party, connection, releases }) => `${party} let connection ${connection} go ${releases} times`),
      ...listeningAfter.map((uri) => `somebody still listens at ${uri}`),
    ]
  },
}
