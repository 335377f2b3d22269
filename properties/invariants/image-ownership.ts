/** I3: the image locks have one holder, are taken and released in turn, and are held by whoever runs. */
import { invariant } from '../../machines/index.ts'
import type { Party } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { incomingStatus } from '../state-view.ts'
import { forcedMillis } from './one-runner.ts'

export const imageOwnership: Property = {
  ...invariant('I3'),
  check: (observation) => {
    const forced = forcedMillis(observation)
    const held = new Set<Party>(['source'])
    // Copies of a party's own, which COLO keeps equal to the service's: nobody else locks them.
    const own = new Set<Party>()
    const found: Violation[] = []
    for (const line of observation.timeline) {
      if (line.kind === 'fault' && line.fault === 'crash' && line.party !== undefined) held.delete(line.party)
      if (line.kind === 'guest' && line.action === 'start' && !held.has(line.party) && !own.has(line.party))
        found.push(`${line.party} runs without the images at ${line.atMillis} ms`)
      if (line.kind === 'state' && incomingStatus(line.after) === 'colo') own.add(line.party)
      if (line.kind !== 'images' || line.action === 'mirror') continue
      const { party, action, atMillis } = line
      if (action === 'release') {
        if (!held.delete(party)) found.push(`${party} releases images it does not hold at ${atMillis} ms`)
        continue
      }
      const others = [...held].filter((other) => other !== party)
      if (held.has(party)) found.push(`${party} takes the images twice at ${atMillis} ms`)
      else if (others.length > 0 && !own.has(party) && atMillis < forced)
        found.push(`${party} takes the images that ${others.join(' and ')} holds at ${atMillis} ms`)
      held.add(party)
    }
    return found
  },
}
