/** The states of a party, sorted into its outgoing runs. */
import type { CoreState } from '../../src/core/index.ts'
import { linesOf, type Observation, type Party } from '../observation.ts'

/** The states of each run, in order, by its number; run 0 is before the first. */
export const runsOf = (observation: Observation, party: Party): ReadonlyMap<number, readonly CoreState[]> => {
  const runs = new Map<number, CoreState[]>()
  for (const line of linesOf(observation, 'state')) {
    if (line.party !== party) continue
    const known = runs.get(line.after.outgoingNumber)
    if (known === undefined) runs.set(line.after.outgoingNumber, [line.after])
    else known.push(line.after)
  }
  return runs
}
