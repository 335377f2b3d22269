/** All properties, in the order of their invariants. */
import { cleanStart } from './invariants/clean-start.ts'
import { conservation } from './invariants/conservation.ts'
import { consistentQuery, queryFollowsEvent } from './invariants/consistent-query.ts'
import { eventsAreHistory } from './invariants/events-are-history.ts'
import { everyWaitEnds } from './invariants/every-wait-ends.ts'
import { failureHasAReason } from './invariants/failure-has-a-reason.ts'
import { finiteRatios } from './invariants/finite-ratios.ts'
import { framing } from './invariants/framing.ts'
import { honestCancel } from './invariants/honest-cancel.ts'
import { imageOwnership } from './invariants/image-ownership.ts'
import { memoryArrives, noLostWrites } from './invariants/memory-arrives.ts'
import { monotonicStatistics } from './invariants/monotonic-statistics.ts'
import { nothingLeftOver } from './invariants/nothing-left-over.ts'
import { noReturn, oneRunner } from './invariants/one-runner.ts'
import { oneSideCanRun } from './invariants/one-side-can-run.ts'
import { refusalChangesNothing } from './invariants/refusal-changes-nothing.ts'
import { statusSteps } from './invariants/status-steps.ts'
import type { Observation } from './observation.ts'
import type { Property, Violation } from './property.ts'

/** See the head of this file. */
export const catalogue: readonly Property[] = [
  oneRunner,
  oneSideCanRun,
  imageOwnership,
  noReturn,
  statusSteps,
  honestCancel,
  cleanStart,
  refusalChangesNothing,
  everyWaitEnds,
  nothingLeftOver,
  failureHasAReason,
  consistentQuery,
  eventsAreHistory,
  queryFollowsEvent,
  memoryArrives,
  noLostWrites,
  framing,
  conservation,
  monotonicStatistics,
  finiteRatios,
]

/** The property of an invariant, by its identifier: `I7`. */
export const propertyOf = (id: string): Property | undefined => catalogue.find((property) => property.id === id)

/** What an observation breaks: each property once, with everything that breaks it. */
export interface Breach {
  readonly property: Property
  readonly violations: readonly Violation[]
}

/** Holds an observation against some properties, by default all. */
export const breaches = (observation: Observation, properties: readonly Property[] = catalogue): readonly Breach[] =>
  properties
    .map((property) => ({ property, violations: property.check(observation) }))
    .filter(({ violations }) => violations.length > 0)
