/**
 * Auto-converge: how much a guest is throttled that dirties its memory faster than it can be sent. A pure controller: it is
 * told, about once a second, what was dirtied and what was sent since it was last told, and says the percentage of the
 * guest's time that is taken from it. Source: reference of the semantics, 6.4; `cpu-throttle-initial`,
 * `cpu-throttle-increment` of the schema and their companions of 7.2.
 *
 * A period is high when more was dirtied than a share of what was sent (half, or `throttle-trigger-threshold`). Every second
 * high period raises the throttle by a step; nothing lowers it before the run ends.
 */
import type { Profile } from '../../machines/index.ts'
import type { Parameters } from './parameters.ts'

/** What happened between two evaluations, over a second apart. */
export interface DirtyPeriod {
  /** Bytes in pages that the guest wrote to, each page counted once a sync. */
  readonly dirtiedBytes: number
  /** Growth of `ram.transferred`. */
  readonly sentBytes: number
}

/** The parameters of the controller. */
export interface ThrottleSettings {
  /** The first step, 1 to 99. */
  readonly initialPercentage: number
  /** Each further step, 1 to 99. */
  readonly incrementPercentage: number
  /** A period is high above this share of what was sent, 1 to 100. 2.11 has no parameter for it. */
  readonly triggerPercentage: number
  /** Never more than this, 1 to 99. */
  readonly maximumPercentage: number
  /** Steps get smaller near the throttle at which the guest would be just slow enough. */
  readonly tailslow: boolean
}

/** What the controller remembers of a run. */
export interface Throttle {
  /** 0 (off) to 99. */
  readonly percentage: number
  /** High periods since the last step. */
  readonly strikes: number
}

/** Where every run begins: not throttled. */
export const unthrottled: Throttle = { percentage: 0, strikes: 0 }

/** High periods that make a step. */
const STRIKES_FOR_A_STEP = 2

/** The parameters as they are now: each takes effect with the next evaluation. */
export const throttleSettings = (state: {
  readonly profile: Profile
  readonly parameters: Parameters
}): ThrottleSettings => {
  const number = (name: string, absent: number): number => Number(state.parameters[name] ?? absent)
  return {
    initialPercentage: number('cpu-throttle-initial', 20),
    incrementPercentage: number('cpu-throttle-increment', 10),
    triggerPercentage: number('throttle-trigger-threshold', 50),
    maximumPercentage: number('max-cpu-throttle', 99),
    tailslow: state.parameters['cpu-throttle-tailslow'] === true,
  }
}

/**
 * One evaluation.
 *
 * @example
 * const settings = { initialPercentage: 20, incrementPercentage: 10, triggerPercentage: 50, maximumPercentage: 99, tailslow: false }
 * const high = { dirtiedBytes: 100, sentBytes: 100 }
 * const once = evaluate(unthrottled, high, settings) // { percentage: 0, strikes: 1 }
 * evaluate(once, high, settings) // { percentage: 20, strikes: 0 }
 */
export const evaluate = (throttle: Throttle, period: DirtyPeriod, settings: ThrottleSettings): Throttle => {
  const thresholdBytes = (period.sentBytes * settings.triggerPercentage) / 100
  if (period.dirtiedBytes <= thresholdBytes) return throttle
  const strikes = throttle.strikes + 1
  if (strikes < STRIKES_FOR_A_STEP) return { ...throttle, strikes }
  return { percentage: raised(throttle.percentage, thresholdBytes / period.dirtiedBytes, settings), strikes: 0 }
}

/** `bearable`: the part of its present writing at which the guest would not be too fast. */
const raised = (percentage: number, bearable: number, settings: ThrottleSettings): number => {
  const wanted = percentage === 0 ? settings.initialPercentage : percentage + increment(percentage, bearable, settings)
  // A maximum that was lowered meanwhile does not lower what the guest has already got.
  return Math.max(percentage, Math.min(wanted, settings.maximumPercentage, 99))
}

/** A guest with `left` percent of its time writes just slowly enough with `left * bearable` of it. */
const increment = (percentage: number, bearable: number, settings: ThrottleSettings): number => {
  if (!settings.tailslow) return settings.incrementPercentage
  const left = 100 - percentage
  return Math.min(left - Math.trunc(left * bearable), settings.incrementPercentage)
}
