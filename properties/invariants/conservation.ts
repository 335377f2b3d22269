/** I21: figures add up: what is said to be transferred is what the wire carried. */
import { invariant } from '../../machines/index.ts'
import type { CompressionStats72 } from '../../src/qapi/index.ts'
import { linesOf, type Observation, type StreamSeen } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { outgoingStatus } from '../state-view.ts'
import { runsOf } from './runs.ts'

const FRAMING_BYTES_PER_SECTION = 10

/** At the end of a run that went through, everything has been handed over and counted. */
const wire = (observation: Observation): readonly Violation[] =>
  observation.streams
    // In lock-step there is no end: the last figures that were told are of a moment before the last bytes.
    .filter(({ run, complete, streamBytes }) => run > 0 && complete && streamBytes === undefined)
    .flatMap((stream) => {
      const run = runsOf(observation, 'source').get(stream.run)?.at(-1)?.outgoing
      const last = run?.ram
      if (last === undefined) return []
      const found: Violation[] = []
      if (Number(last.transferred) !== stream.ramBytes)
        found.push(
          `run ${stream.run} says ${last.transferred} bytes of RAM transferred; the wire carried ${stream.ramBytes}`,
        )
      if (Number(last.normal) !== stream.normalPages || Number(last.duplicate) !== stream.zeroPages)
        found.push(
          `run ${stream.run} says ${last.normal} pages and ${last.duplicate} zero pages; ` +
            `the wire carried ${stream.normalPages} and ${stream.zeroPages}`,
        )
      const { deltas, deltaBytes } = run?.figures?.xbzrle ?? { deltas: 0, deltaBytes: 0 }
      if (deltas !== stream.deltaPages || deltaBytes !== stream.deltaBytes)
        found.push(
          `run ${stream.run} says ${deltas} pages as differences in ${deltaBytes} bytes; ` +
            `the wire carried ${stream.deltaPages} in ${stream.deltaBytes}`,
        )
      const multifdBytes = run?.figures?.multifdBytes ?? 0
      if (multifdBytes !== stream.channelBytes)
        found.push(
          `run ${stream.run} says ${multifdBytes} bytes over channels; the wire carried ${stream.channelBytes}`,
        )
      found.push(...compressed(run?.figures?.compression, stream))
      if (Number(last.transferred) + FRAMING_BYTES_PER_SECTION > stream.bytes.length + stream.channelBytes)
        found.push(
          `run ${stream.run} says ${last.transferred} bytes transferred of ${stream.bytes.length + stream.channelBytes} in all`,
        )
      return found
    })

const RECORD_HEADER_BYTES = 8

/** The size that is told of compressed pages is without the headers of their records. */
const compressed = (told: CompressionStats72 | undefined, stream: StreamSeen): readonly Violation[] => {
  const [pages, bytes] = told === undefined ? [0, 0] : [Number(told.pages), Number(told['compressed-size'])]
  const carried = stream.compressedBytes - stream.compressedPages * RECORD_HEADER_BYTES
  return pages === stream.compressedPages && bytes === carried
    ? []
    : [
        `run ${stream.run} says ${pages} compressed pages in ${bytes} bytes; ` +
          `the wire carried ${stream.compressedPages} in ${carried}`,
      ]
}

const within = (observation: Observation): readonly Violation[] =>
  linesOf(observation, 'state').flatMap(({ party, atMillis, after }) => {
    const ram = after.outgoing?.ram
    if (ram === undefined) return []
    const found: Violation[] = []
    if (ram.remaining > ram.total || ram.remaining < 0)
      found.push(`${party} has ${ram.remaining} of ${ram.total} bytes remaining at ${atMillis} ms`)
    if (Number(ram['normal-bytes']) !== Number(ram.normal) * Number(ram['page-size'] ?? 4096))
      found.push(`${party} has ${ram['normal-bytes']} bytes in ${ram.normal} normal pages at ${atMillis} ms`)
    const disk = after.outgoing?.figures?.disk
    if (disk !== undefined && disk.transferred + disk.remaining !== disk.total)
      found.push(
        `${party} has ${disk.transferred} and ${disk.remaining} of ${disk.total} bytes of disk at ${atMillis} ms`,
      )
    if (outgoingStatus(after) === 'completed' && Number(ram.remaining) !== 0)
      found.push(`${party} has completed with ${ram.remaining} bytes remaining at ${atMillis} ms`)
    return found
  })

export const conservation: Property = {
  ...invariant('I21'),
  check: (observation) => [...wire(observation), ...within(observation)],
}
