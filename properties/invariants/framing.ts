/** I19: what a source writes is a migration stream, whole only with its last byte. */
import { invariant } from '../../machines/index.ts'
import { streamOptions } from '../../src/transfer/dialect.ts'
import { silentSink, StreamDecoder, StreamError } from '../../src/wire/index.ts'
import type { StreamSeen } from '../observation.ts'
import type { Property, Violation } from '../property.ts'

/** Into how many places a stream is cut to see that no part of it passes for the whole. */
const CUTS = 16

/** Whether these bytes pass for a whole stream; throws what is no error of the codec. */
const passes = (bytes: Uint8Array): boolean => {
  const decoder = new StreamDecoder(silentSink, streamOptions)
  try {
    const used = decoder.feed(bytes, 0, bytes.length)
    decoder.finish(bytes.length - used)
    return decoder.complete
  } catch (error) {
    if (error instanceof StreamError) return false
    throw error
  }
}

const problems = ({ run, bytes: all, streamBytes, complete, error }: StreamSeen): readonly Violation[] => {
  if (error !== undefined) return [`the stream of run ${run} is none: ${error}`]
  if (run === 0 || !complete) return []
  const bytes = all.subarray(0, streamBytes)
  const found: Violation[] = []
  if (!passes(bytes)) found.push(`the stream of run ${run} came in pieces and is none as a whole`)
  for (let cut = 1; cut <= CUTS; cut++) {
    const length = cut === CUTS ? bytes.length - 1 : Math.floor((bytes.length * cut) / CUTS)
    if (length < bytes.length && passes(bytes.subarray(0, length)))
      found.push(`the first ${length} of ${bytes.length} bytes of run ${run} pass for the whole stream`)
  }
  return found
}

export const framing: Property = {
  ...invariant('I19'),
  check: ({ streams, timeline, end }) => [
    ...streams.flatMap(problems),
    ...(end.parties.some(({ party, state }) => party !== 'source' && state.incoming?.error !== undefined) &&
    timeline.every(({ kind }) => kind !== 'fault')
      ? end.parties.flatMap(({ party, state }) => refused(party, state.incoming?.error))
      : []),
  ],
}

/** What a destination may find fault with: another guest, capabilities of another kind, a channel that ended. */
const expected = ['Size mismatch', 'postcopy is disabled', 'cut off']

/** A destination that finds fault with a stream that nobody has broken. */
const refused = (party: string, error: string | undefined): readonly Violation[] =>
  error !== undefined && error.includes('(at byte') && !expected.some((each) => error.includes(each))
    ? [`${party} cannot read what its source wrote: ${error}`]
    : []
