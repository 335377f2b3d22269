/** I11: who fails says why, at once, and stays with it. */
import { invariant } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { coloMode, incomingStatus, isColoBroken, outgoingStatus } from '../state-view.ts'

const isReason = (reason: unknown): boolean => typeof reason === 'string' && reason.trim() !== ''

export const failureHasAReason: Property = {
  ...invariant('I11'),
  check: (observation) => {
    const found: Violation[] = []
    for (const { party, atMillis, before, after } of linesOf(observation, 'state')) {
      if (outgoingStatus(after) === 'failed' && !isReason(after.outgoing?.error))
        found.push(`${party} failed without a reason at ${atMillis} ms`)
      if (incomingStatus(after) === 'failed' && !isReason(after.incoming?.error))
        found.push(`${party} failed without a reason at ${atMillis} ms (incoming)`)
      if (
        isColoBroken(after) &&
        !isReason(coloMode(after) === 'primary' ? after.outgoing?.error : after.incoming?.error)
      )
        found.push(`the pair of ${party} came apart without a reason at ${atMillis} ms`)
      const sameRun = before.outgoingNumber === after.outgoingNumber
      // More may be learnt of a failure; the first cause stays in front. What keeps a broken postcopy broken is news.
      const canBeMended = ['postcopy-paused', 'postcopy-recover'].includes(outgoingStatus(before))
      if (sameRun && !canBeMended && after.outgoing?.error?.startsWith(before.outgoing?.error ?? '') === false)
        found.push(`${party} gave up "${before.outgoing?.error}" for "${after.outgoing?.error}" at ${atMillis} ms`)
    }
    for (const { party, state, query } of observation.end.parties) {
      if (outgoingStatus(state) !== 'failed' && !isColoBroken(state)) continue
      const told =
        typeof query === 'object' && query !== null && 'error-desc' in query ? query['error-desc'] : undefined
      if (query !== undefined && !isReason(told))
        found.push(`${party} failed, or its pair, and query-migrate does not say why`)
    }
    return found
  },
}
