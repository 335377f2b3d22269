/** I26: a guest is throttled for what it did, and only while pages of it are sent. */
import { invariant } from '../../machines/index.ts'
import { hasCrashed, partiesOf, type Observation, type Party } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { isBusy } from '../state-view.ts'

/** Two periods of more than a second each. */
const TWO_PERIODS_MILLIS = 2000
const PERCENTAGE_MAX = 99

/** What is known of a party on the way through its timeline. */
class Watch {
  readonly party: Party
  readonly violations: Violation[] = []
  #run = 0
  #percentage = 0
  /** Of the start of the run, or of the last step. */
  #sinceMillis = 0
  /** Operations at the first throttle that could be judged. */
  #operationsBefore: number | undefined

  constructor(party: Party) {
    this.party = party
  }

  enters(run: number, atMillis: number): void {
    if (run === this.#run) return
    this.#run = run
    this.#sinceMillis = atMillis
    this.#operationsBefore = undefined
  }

  throttles(percentage: number, operations: number, atMillis: number): void {
    if (percentage !== 0) this.#rises(percentage, operations, atMillis)
    this.#percentage = percentage
    this.#sinceMillis = atMillis
  }

  #rises(percentage: number, operations: number, atMillis: number): void {
    const step = `run ${this.#run} of ${this.party}: ${this.#percentage} to ${percentage} at ${atMillis} ms`
    if (percentage > PERCENTAGE_MAX || percentage <= this.#percentage) this.violations.push(`${step} is no step up`)
    const passed = atMillis - this.#sinceMillis
    if (passed < TWO_PERIODS_MILLIS) this.violations.push(`${step} comes ${passed} ms after the step before`)
    if (operations === (this.#operationsBefore ?? 0))
      this.violations.push(`${step}, and the guest has not done an operation`)
    this.#operationsBefore = operations
  }

  starts(atMillis: number): void {
    if (this.#percentage > 0)
      this.violations.push(`the guest of ${this.party} is started at ${atMillis} ms with ${this.#percentage} percent`)
  }

  rests(atMillis: number): void {
    if (this.#percentage > 0)
      this.violations.push(`${this.party} has no run any more at ${atMillis} ms, and ${this.#percentage} percent`)
  }
}

const violationsOf = (observation: Observation, party: Party): readonly Violation[] => {
  const watch = new Watch(party)
  for (const line of observation.timeline) {
    if (!('party' in line) || line.party !== party) continue
    if (line.kind === 'state') watch.enters(line.after.outgoingNumber, line.atMillis)
    else if (line.kind === 'throttle') watch.throttles(line.percentage, line.operations, line.atMillis)
    else if (line.kind === 'guest' && line.action === 'start') watch.starts(line.atMillis)
  }
  const end = observation.end.parties.find((each) => each.party === party)
  if (end !== undefined && !isBusy(end.state) && !hasCrashed(observation, party)) watch.rests(observation.end.atMillis)
  return watch.violations
}

export const honestThrottle: Property = {
  ...invariant('I26'),
  check: (observation) => partiesOf(observation).flatMap((party) => violationsOf(observation, party)),
}
