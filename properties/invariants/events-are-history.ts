/** I13: what events tell is what happened: each step once, in order, none left out. */
import { invariant } from '../../machines/index.ts'
import type { CoreState } from '../../src/core/index.ts'
import { hasCrashed, linesOf, partiesOf, type Observation, type Party, type StateSeen } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { failoverStatus, incomingStatus, outgoingStatus, runState } from '../state-view.ts'

/** A failover stops the guest, changes the status and goes on with the guest, all in one step. */
const failsOver = ({ before, after }: StateSeen): readonly string[] => {
  const told = after.capabilities['events'] === true
  const left = incomingStatus(before) === 'colo' || outgoingStatus(before) === 'colo'
  return [
    ...(runState(before) === 'running' ? ['STOP'] : []),
    ...(told && left ? ['completed'] : []),
    ...(runState(after) === 'running' ? ['RESUME'] : []),
  ]
}

/** The events that a step has to bring about. */
const due = (line: StateSeen): readonly string[] =>
  failoverStatus(line.after) === 'completed' && failoverStatus(line.before) !== 'completed'
    ? failsOver(line)
    : dueOtherwise(line)

const dueOtherwise = ({ before, after }: StateSeen): readonly string[] => {
  const told = after.capabilities['events'] === true
  const guest = [runState(before), runState(after)] as const
  const stops = guest[0] === 'running' && guest[1] !== 'running' && guest[1] !== 'suspended'
  const resumes = guest[1] === 'running' && guest[0] !== 'running'
  const status = told && outgoingStatus(before) !== outgoingStatus(after) ? [outgoingStatus(after)] : []
  const arrives = told && incomingStatus(before) !== incomingStatus(after) ? [incomingStatus(after)] : []
  // A secondary's guest runs when it is said that it is one.
  const isMirrored = incomingStatus(after) === 'colo'
  // Without a pause QEMU publishes postcopy-active before it stops the guest.
  const isFirst = outgoingStatus(after) === 'postcopy-active'
  // A guest of which a part will never come is stopped when that is said.
  const isLost = incomingStatus(after) === 'failed'
  return [
    ...(isFirst ? status : []),
    ...(isLost ? arrives : []),
    ...(stops ? ['STOP'] : []),
    ...(isMirrored ? arrives : []),
    ...(resumes ? ['RESUME'] : []),
    ...(after.incomingNumber > before.incomingNumber || listensAgain(before, after) ? ['setup'] : []),
    ...(isMirrored || isLost ? [] : arrives),
    ...(isFirst ? [] : status),
  ]
}

/** A broken postcopy is waited for at another place: told like the first listener, whatever the status. */
const listensAgain = (before: CoreState, after: CoreState): boolean => {
  const asked = after.pending.find(({ command }) => command === 'migrate-recover')
  return asked !== undefined && !before.pending.some(({ ticket }) => ticket === asked.ticket)
}

const history = (observation: Observation, party: Party): readonly string[] =>
  linesOf(observation, 'state')
    .filter((line) => line.party === party)
    .flatMap(due)

const told = (observation: Observation, party: Party): readonly string[] =>
  linesOf(observation, 'event')
    .filter((line) => line.party === party)
    .flatMap(({ event }) => {
      if (event.event === 'MIGRATION') return [event.data.status]
      return event.event === 'STOP' || event.event === 'RESUME' ? [event.event] : []
    })

const passes = (observation: Observation): readonly Violation[] => {
  const found: Violation[] = []
  let last = 0
  for (const { party, event, atMillis } of linesOf(observation, 'event')) {
    if (party !== 'source') continue
    if (event.event === 'MIGRATION' && event.data.status === 'setup') last = 0
    if (event.event !== 'MIGRATION_PASS') continue
    if (event.data.pass !== last + 1 && last > 0)
      found.push(`pass ${event.data.pass} follows pass ${last} at ${atMillis} ms`)
    last = event.data.pass
  }
  return found
}

export const eventsAreHistory: Property = {
  ...invariant('I13'),
  check: (observation) => [
    ...partiesOf(observation).flatMap((party) => {
      const happened = history(observation, party)
      const events = told(observation, party)
      // What a crashed party had not told yet is lost with it.
      const [longer, shorter] = [Math.max(happened.length, events.length), Math.min(happened.length, events.length)]
      const at = hasCrashed(observation, party) ? shorter : longer
      for (let index = 0; index < at; index++)
        if (happened[index] !== events[index])
          return [
            `${party}: event ${index + 1} is ${events[index] ?? 'missing'} where ${happened[index] ?? 'nothing'} happened ` +
              `(behind ${happened.slice(0, index).join(', ') || 'nothing'})`,
          ]
      return []
    }),
    ...passes(observation),
  ],
}
