/** What a suite has met: an empty count says that it has looked at nothing. */
import { linesOf, type Observation } from '../observation.ts'
import { forcedMillis } from '../invariants/one-runner.ts'
import { coloMode, failoverStatus, idleStatuses, incomingStatus, isColoBroken, outgoingStatus } from '../state-view.ts'

/** Counts what observations met: how runs ended, and what they went through. */
export class Coverage {
  readonly counts: Record<string, number> = {}

  add(observation: Observation): void {
    const states = linesOf(observation, 'state').filter(({ party }) => party === 'source')
    const runs = Math.max(0, ...states.map(({ after }) => after.outgoingNumber))
    this.#count(runs > 1 ? 'two runs or more' : runs === 1 ? 'one run' : 'no run')
    for (const { before, after } of states) {
      const status = outgoingStatus(after)
      if (status !== outgoingStatus(before)) this.#count(idleStatuses.has(status) ? `ended ${status}` : `met ${status}`)
    }
    for (const { fault } of linesOf(observation, 'fault')) this.#count(`fault ${fault}`)
    for (const { answer } of linesOf(observation, 'command')) if (answer.type === 'refusal') this.#count('refusal')
    this.#addLockStep(observation)
    if (linesOf(observation, 'event').some(({ event }) => event.event === 'MIGRATION_PASS' && event.data.pass > 3))
      this.#count('four passes or more')
  }

  /** Roles and failovers, in words such as `failover relaunch of a secondary`. */
  #addLockStep(observation: Observation): void {
    for (const { before, after } of linesOf(observation, 'state')) {
      const failover = failoverStatus(after)
      const role = coloMode(before)
      if (failover !== failoverStatus(before) && failover !== 'none') this.#count(`failover ${failover} of a ${role}`)
      if (isColoBroken(after) && !isColoBroken(before)) this.#count(`a ${role} came apart`)
      if (incomingStatus(after) === 'failed' && role === 'secondary') this.#count('a torn secondary')
    }
    for (const { cause, fate } of linesOf(observation, 'output')) this.#count(`output ${cause}, ${fate}`)
    this.#count('checkpoint loaded', linesOf(observation, 'load').length)
    if (forcedMillis(observation) < Infinity) this.#count('made two of one guest by an operator')
  }

  #count(what: string, times = 1): void {
    if (times > 0) this.counts[what] = (this.counts[what] ?? 0) + times
  }
}
