/** I9: whatever waits is woken: commands are answered, runs end, and nobody stays busy in a world that has come to rest. */
import { invariant } from '../../machines/index.ts'
import { linesOf, type Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { outgoingStatus } from '../state-view.ts'
import { describeState } from '../../src/core/index.ts'
import { tellsBreak } from './lock-step.ts'

/** A postcopy that was mended goes on, and does not break by itself. */
const breaksByItself = (observation: Observation): readonly Violation[] => {
  const breaks = linesOf(observation, 'state').filter(
    ({ party, before, after }) =>
      party === 'source' && outgoingStatus(before) === 'postcopy-active' && outgoingStatus(after) === 'postcopy-paused',
  )
  const pauses = linesOf(observation, 'command').filter(({ name }) => name === 'migrate-pause')
  const faults = linesOf(observation, 'fault')
  const causes = pauses.length + faults.length
  return breaks.length > causes ? [`a postcopy breaks ${breaks.length} times, for ${causes} reasons`] : []
}

export const everyWaitEnds: Property = {
  ...invariant('I9'),
  check: (observation) => {
    const { end } = observation
    const unanswered = linesOf(observation, 'command').filter(({ answer }) => answer.type === 'none')
    return [
      ...unanswered.map(({ party, name, atMillis }) => `${party} never answers ${name} of ${atMillis} ms`),
      ...linesOf(observation, 'spin').map(({ engine, atMillis }) => `an ${engine} engine spins at ${atMillis} ms`),
      ...tellsBreak(observation),
      ...breaksByItself(observation),
      ...(end.rescued ? [`a run with all it needs has not ended by itself, and was cancelled`] : []),
      ...end.unsettled.map((party) => {
        const state = end.parties.find((each) => each.party === party)?.state
        return `${party} is still busy at ${end.atMillis} ms: ${state === undefined ? '?' : describeState(state)}`
      }),
    ]
  },
}
