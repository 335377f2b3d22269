/** I9: whatever waits is woken: commands are answered, runs end, and nobody stays busy in a world that has come to rest. */
import { invariant } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property } from '../property.ts'
import { describeState } from '../../src/core/index.ts'
import { tellsBreak } from './lock-step.ts'

export const everyWaitEnds: Property = {
  ...invariant('I9'),
  check: (observation) => {
    const { end } = observation
    const unanswered = linesOf(observation, 'command').filter(({ answer }) => answer.type === 'none')
    return [
      ...unanswered.map(({ party, name, atMillis }) => `${party} never answers ${name} of ${atMillis} ms`),
      ...linesOf(observation, 'spin').map(({ engine, atMillis }) => `an ${engine} engine spins at ${atMillis} ms`),
      ...tellsBreak(observation),
      ...(end.rescued ? [`a run with all it needs has not ended by itself, and was cancelled`] : []),
      ...end.unsettled.map((party) => {
        const state = end.parties.find((each) => each.party === party)?.state
        return `${party} is still busy at ${end.atMillis} ms: ${state === undefined ? '?' : describeState(state)}`
      }),
    ]
  },
}
