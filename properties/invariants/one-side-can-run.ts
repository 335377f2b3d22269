/** I2: when all is quiet, one side has the guest; and a source that keeps it has it as it was before. */
import { invariant } from '../../machines/index.ts'
import { linesOf, partiesOf, type Observation } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import type { CoreState } from '../../src/core/index.ts'
import { canRun, coloMode, incomingStatus, isColoBroken, outgoingStatus, pathOf, runState } from '../state-view.ts'
import { keptInLockStep } from './lock-step.ts'
import { forcedMillis } from './one-runner.ts'

/** The destination could not be asked, so nobody could know who has the guest. */
const nobodyCouldTell = ({ timeline, end }: Observation): boolean =>
  timeline.some((line) => line.kind === 'fault' && ['crash', 'refuse', 'freeze'].includes(line.fault)) &&
  end.parties.some(({ party, crashed }) => crashed || party === 'source')

/**
 * Postcopy gives up safety: what breaks in it may leave both sides stopped, for an operator. 2.11 has no way back, and
 * 7.2 waits to be resumed, or keeps the source stopped (QEMU's 7287cbd46e).
 */
const brokeInPostcopy = (observation: Observation): boolean =>
  observation.timeline.some(({ kind }) => kind === 'fault') &&
  linesOf(observation, 'state').some(({ after }) => outgoingStatus(after).startsWith('postcopy-'))

/** A pair that came apart, and no operator has said yet who goes on; or nobody is left who could. */
const waitsForOperator = ({ end }: Observation): boolean =>
  end.parties.some(({ state, crashed }) => !crashed && isColoBroken(state)) ||
  end.parties.some(({ state }) => incomingStatus(state) === 'failed' && coloWasLeft(state))

const coloWasLeft = ({ leftColo }: CoreState): boolean => leftColo !== undefined

/** A primary whose guest stands still for a checkpoint: it goes on by itself, or every wait does not end (I9). */
const isWholePrimary = (state: CoreState): boolean => coloMode(state) === 'primary' && !isColoBroken(state)

const holders = (observation: Observation): readonly Violation[] => {
  const { end } = observation
  if (end.unsettled.length > 0 || end.partitioned || forcedMillis(observation) < Infinity) return []
  const able = end.parties
    .filter(({ crashed, state }) => !crashed && (canRun(state) || isWholePrimary(state)))
    .map(({ party }) => party)
  const nobodyMay = nobodyCouldTell(observation) || brokeInPostcopy(observation) || waitsForOperator(observation)
  if (able.length === 1 || (able.length === 0 && nobodyMay)) return []
  return [`${able.length === 0 ? 'nobody' : able.join(' and ')} can run the guest when all is quiet`]
}

/** What a stop that was accepted during the switchover makes of a guest that ran before. */
const afterStop = (before: string, stopped: boolean): string => (stopped && before === 'running' ? 'paused' : before)

/** A guest that was stopped for a migration comes back as it was, or as a stop in between left it. */
const returns = (observation: Observation, party: string): readonly Violation[] => {
  const found: Violation[] = []
  let before: string | undefined
  let stopped = false
  for (const line of observation.timeline) {
    if (line.kind === 'command' && line.party === party && line.name === 'stop' && line.answer.type === 'reply')
      stopped ||= runState(line.before) === 'finish-migrate' && runState(line.after) === 'finish-migrate'
    if (line.kind !== 'state' || line.party !== party) continue
    const [from, to] = [runState(line.before), runState(line.after)]
    if (from === to) continue
    if (to === 'finish-migrate') {
      before = from
      stopped = false
    } else if (from === 'finish-migrate' && before !== undefined && to !== afterStop(before, stopped)) {
      const [status, phase] = pathOf(line.after, 'outgoing')
      // A failover takes a guest on from where the migration left it; it then has its run state back.
      if (to === 'colo') continue
      const left = to === 'postmigrate' && (status === 'completed' || (status === 'failed' && phase === 'settled'))
      if (!left)
        found.push(
          `${party} was ${before} before the switchover${stopped ? ', was stopped in it' : ''} and is ${to} after it, ` +
            `at ${line.atMillis} ms`,
        )
    }
  }
  return found
}

/** A run that ended before the commit leaves the guest where it was. */
const keeps = ({ end }: Observation): readonly Violation[] =>
  end.parties
    .filter(({ party, crashed, state }) => !crashed && party === 'source' && outgoingStatus(state) === 'cancelled')
    .filter(({ state }) => !canRun(state) && runState(state) !== 'shutdown' && runState(state) !== 'postmigrate')
    .map(({ party, state }) => `${party} was cancelled and cannot run: ${runState(state)}`)

/** A guest that is said to run does. */
const doesAsItSays = ({ end }: Observation): readonly Violation[] =>
  end.parties
    .filter(({ party, crashed, state, running }) => {
      const counts = !crashed && !end.unsettled.includes(party)
      return counts && runState(state) === 'running' && !running
    })
    .map(({ party }) => `${party} says that its guest runs, and its vCPUs stand still`)

export const oneSideCanRun: Property = {
  ...invariant('I2'),
  check: (observation) => [
    ...holders(observation),
    ...partiesOf(observation).flatMap((party) => returns(observation, party)),
    ...partiesOf(observation).flatMap((party) => keptInLockStep(observation, party)),
    ...keeps(observation),
    ...doesAsItSays(observation),
  ],
}
