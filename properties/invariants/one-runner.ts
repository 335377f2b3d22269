/**
 * I1 and I4: the guest runs in one place. After the destination may have started it, the source does not start it again
 * unless an operator says so.
 */
import { linesOf, type GuestSeen, type Observation, type Party } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { isCommitted, pathOf, runState } from '../state-view.ts'

/**
 * When an operator first started a guest that had left; Infinity if nobody did. What follows is the operator's decision,
 * also for whoever the second copy is sent to.
 */
export const forcedMillis = (observation: Observation): number =>
  Math.min(
    ...linesOf(observation, 'command')
      .filter(({ name, answer, before, after }) => {
        const left = runState(before) === 'postmigrate' || runState(before) === 'finish-migrate'
        return name === 'cont' && answer.type === 'reply' && left && runState(after) === 'running'
      })
      .map(({ atMillis }) => atMillis),
  )

const runnersOverTime = function* (observation: Observation): Generator<readonly [GuestSeen, ReadonlySet<Party>]> {
  const running = new Set<Party>(['source'])
  for (const line of observation.timeline) {
    if (line.kind === 'fault' && line.fault === 'crash' && line.party !== undefined) running.delete(line.party)
    if (line.kind !== 'guest') continue
    if (line.action === 'start') running.add(line.party)
    else running.delete(line.party)
    yield [line, running]
  }
}

export const oneRunner: Property = {
  id: 'I1',
  title: 'one runner',
  text: 'At no moment do the vCPUs of two parties run, unless an operator starts a guest that has left.',
  check: (observation) => {
    const forced = forcedMillis(observation)
    const found: Violation[] = []
    for (const [{ atMillis }, running] of runnersOverTime(observation))
      if (running.size > 1 && atMillis < forced) found.push(`${[...running].join(' and ')} run at ${atMillis} ms`)
    return found
  },
}

export const noReturn: Property = {
  id: 'I4',
  title: 'no return',
  text: 'After the commit point the source never starts the guest by itself, except when the destination is known not to have it.',
  check: (observation) => {
    const forced = forcedMillis(observation)
    return linesOf(observation, 'guest')
      .filter(({ atMillis, action, state }) => action === 'start' && atMillis < forced && isCommitted(state))
      .map(
        ({ party, atMillis, state }) => `${party} starts at ${atMillis} ms in ${pathOf(state, 'outgoing').join('.')}`,
      )
  },
}
