/** I5: every step of a status is one that the schema's QEMU has, and what is over is left by a new migrate only. */
import { invariant, successors } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { incomingStatus, outgoingStatus } from '../state-view.ts'

export const statusSteps: Property = {
  ...invariant('I5'),
  check: (observation) =>
    linesOf(observation, 'state').flatMap(({ party, atMillis, before, after }) => {
      const found: Violation[] = []
      const outgoing = [outgoingStatus(before), outgoingStatus(after)] as const
      if (outgoing[0] !== outgoing[1]) {
        if (!successors('outgoing', before.profile, outgoing[0]).includes(outgoing[1]))
          found.push(`${party} goes from ${outgoing.join(' to ')} at ${atMillis} ms`)
        const isNewRun = after.outgoingNumber === before.outgoingNumber + 1
        if ((outgoing[1] === 'setup') !== isNewRun)
          found.push(`${party} goes from ${outgoing.join(' to ')} with run ${before.outgoingNumber} at ${atMillis} ms`)
      }
      const incoming = [incomingStatus(before), incomingStatus(after)] as const
      if (incoming[0] !== incoming[1] && !successors('incoming', before.profile, incoming[0]).includes(incoming[1]))
        found.push(`${party} goes from ${incoming.join(' to ')} (incoming) at ${atMillis} ms`)
      return found
    }),
}
