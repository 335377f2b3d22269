/** I25: no second of a transfer carries more than the limit of that second lets it, over all channels together. */
import { invariant } from '../../machines/index.ts'
import type { Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { pathOf } from '../state-view.ts'
import { postcopyExcess } from './postcopy-excess.ts'

const SECOND_MILLIS = 1000
/** What a limit may be missed by: a window that begins in the middle of the second, and the last record of one. */
const SHARE = 1.2
const RECORDS_BYTES = 16 * 1024
/** Of a disk, whose records are long. */
const CHUNKS_BYTES = 1.5 * 2 ** 20

/** A stretch in which pages are sent under one limit. */
interface Stretch {
  readonly fromMillis: number
  readonly untilMillis: number
  /** Bytes a second. */
  readonly limit: number
}

const stretches = ({ timeline, end }: Observation): readonly Stretch[] => {
  const found: Stretch[] = []
  let from: { readonly atMillis: number; readonly limit: number } | undefined
  const close = (untilMillis: number): void => {
    if (from !== undefined && from.limit > 0) found.push({ fromMillis: from.atMillis, untilMillis, limit: from.limit })
    from = undefined
  }
  for (const line of timeline) {
    if (line.kind !== 'state' || line.party !== 'source') continue
    const isIterating = pathOf(line.after, 'outgoing')[1] === 'iterating'
    const limit = isIterating ? Number(line.after.parameters['max-bandwidth'] ?? 0) : 0
    if (limit === (from?.limit ?? 0)) continue
    close(line.atMillis)
    if (limit > 0) from = { atMillis: line.atMillis, limit }
  }
  close(end.atMillis)
  return found
}

const excess = (
  { carried, streams }: Observation,
  { fromMillis, untilMillis, limit }: Stretch,
): readonly Violation[] => {
  const hasDisks = streams.some(({ totalChunks }) => totalChunks > 0)
  const most = limit * SHARE + (hasDisks ? CHUNKS_BYTES : RECORDS_BYTES)
  const inside = carried.filter(({ atMillis }) => atMillis > fromMillis && atMillis < untilMillis)
  let bytes = 0
  let first = 0
  for (const { atMillis, bytes: more } of inside) {
    bytes += more
    while (inside[first]!.atMillis <= atMillis - SECOND_MILLIS) bytes -= inside[first++]!.bytes
    if (bytes > most) return [`${bytes} bytes in the second before ${atMillis} ms, with a limit of ${limit} a second`]
  }
  return []
}

export const bandwidthLimit: Property = {
  ...invariant('I25'),
  check: (observation) => [
    ...stretches(observation).flatMap((stretch) => excess(observation, stretch)),
    ...postcopyExcess(observation),
  ],
}
