/** All properties, in the order of their invariants. */
import {
  bandwidthLimit,
  cleanStart,
  conservation,
  consistentQuery,
  eventsAreHistory,
  everyWaitEnds,
  failoverCompletes,
  failureHasAReason,
  faultsAnswered,
  finiteRatios,
  framing,
  honestCancel,
  honestThrottle,
  imageOwnership,
  memoryArrives,
  monotonicStatistics,
  neverOvertaken,
  noLostWrites,
  noReturn,
  nothingLeftOver,
  oneRunner,
  oneSideCanRun,
  queryFollowsEvent,
  refusalChangesNothing,
  sharedCopies,
  statusSteps,
  survivorServes,
  wholeCheckpoint,
} from './invariants/index.ts'
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
  sharedCopies,
  neverOvertaken,
  framing,
  faultsAnswered,
  conservation,
  monotonicStatistics,
  finiteRatios,
  bandwidthLimit,
  honestThrottle,
  wholeCheckpoint,
  failoverCompletes,
  survivorServes,
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
