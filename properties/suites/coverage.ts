/** What a suite has met: an empty count says that it has looked at nothing. */
import { linesOf, type Observation } from '../observation.ts'
import { idleStatuses, outgoingStatus } from '../state-view.ts'

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
    if (linesOf(observation, 'event').some(({ event }) => event.event === 'MIGRATION_PASS' && event.data.pass > 3))
      this.#count('four passes or more')
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}
