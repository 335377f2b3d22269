/** I8: a command that is refused has changed nothing. */
import { invariant } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { serialise, type CoreState } from '../../src/core/index.ts'

/** What only commands change: facts that come in between leave it alone. */
const settings = ({ capabilities, parameters, outgoingNumber, incomingNumber, chart }: CoreState): string => {
  const { pause, postcopy, colo } = chart.context
  return serialise({
    capabilities,
    parameters,
    outgoingNumber,
    incomingNumber,
    chart: { value: '', context: { pause, postcopy, colo } },
  } as CoreState)
}

export const refusalChangesNothing: Property = {
  ...invariant('I8'),
  check: (observation) => {
    const found: Violation[] = []
    for (const { party, atMillis, name, answer, raced, before, after } of linesOf(observation, 'command'))
      if (answer.type === 'refusal' && raced !== true && settings(before) !== settings(after))
        found.push(`${party} refused ${name} at ${atMillis} ms and changed its settings`)
    for (const { party, atMillis, input, outputs = [], before, after } of linesOf(observation, 'state')) {
      if (input?.type !== 'command' || !outputs.some(({ type }) => type === 'refusal')) continue
      if (outputs.length > 1) found.push(`${party} refused ${input.name} at ${atMillis} ms and did something else too`)
      if (serialise(before) !== serialise(after))
        found.push(`${party} refused ${input.name} at ${atMillis} ms and changed`)
    }
    return found
  },
}
