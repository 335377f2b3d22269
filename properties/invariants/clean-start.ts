/** I7: a new run knows nothing of the one before it, and begins only when that one is gone. */
import { invariant } from '../../machines/index.ts'
import { linesOf, type Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { isBusy, outgoingStatus } from '../state-view.ts'

const books = (observation: Observation): readonly Violation[] =>
  linesOf(observation, 'state').flatMap(({ party, atMillis, before, after }) => {
    if (after.outgoingNumber === before.outgoingNumber) return []
    const { ram, error, stoppedMillis, totalMillis, downtimeMillis, setupMillis } = after.outgoing ?? {}
    const kept = Object.entries({ ram, error, stoppedMillis, totalMillis, downtimeMillis, setupMillis })
      .filter(([, value]) => value !== undefined && value !== 0)
      .map(([name]) => name)
    return [
      ...(isBusy(before) ? [`${party} begins a run in ${outgoingStatus(before)} at ${atMillis} ms`] : []),
      ...(kept.length > 0 ? [`${party} begins a run with ${kept.join(', ')} of another at ${atMillis} ms`] : []),
    ]
  })

const passes = (observation: Observation): readonly Violation[] => {
  const found: Violation[] = []
  let run = 0
  let last = 0
  for (const { party, event, atMillis } of linesOf(observation, 'event')) {
    if (party !== 'source') continue
    if (event.event === 'MIGRATION' && event.data.status === 'setup') {
      run++
      last = 0
    }
    if (event.event !== 'MIGRATION_PASS') continue
    if (last === 0 && event.data.pass !== 1)
      found.push(`run ${run} begins with pass ${event.data.pass} at ${atMillis} ms`)
    last = event.data.pass
  }
  return found
}

/** All pages are dirty at first, and all chunks of a disk, so a stream that is whole carries each at least once. */
const everything = ({ streams }: Observation): readonly Violation[] =>
  streams
    .filter(({ run, complete }) => run > 0 && complete)
    .flatMap(({ run, distinctPages, totalPages, distinctChunks, totalChunks }) => [
      ...(distinctPages < totalPages ? [`run ${run} is whole with ${distinctPages} of ${totalPages} pages sent`] : []),
      ...(distinctChunks < totalChunks
        ? [`run ${run} is whole with ${distinctChunks} of ${totalChunks} chunks of the disk sent`]
        : []),
    ])

export const cleanStart: Property = {
  ...invariant('I7'),
  check: (observation) => [...books(observation), ...passes(observation), ...everything(observation)],
}
