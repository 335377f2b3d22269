/** How the cores of a world are started. */
import * as fc from 'fast-check'
import { defaultCorePlan, type CorePlan } from '../worlds/core-world.ts'

/** The plans that random sequences run on; the first is the plainest. */
export const corePlans: readonly CorePlan[] = [
  defaultCorePlan,
  { ...defaultCorePlan, pause: true },
  { ...defaultCorePlan, fence: true },
  { ...defaultCorePlan, postcopy: true },
  { ...defaultCorePlan, profile: '7.2' },
  { ...defaultCorePlan, profile: '7.2', pause: true, postcopy: true },
]

/** One of them. */
export const corePlan: fc.Arbitrary<CorePlan> = fc.constantFrom(...corePlans)

/** The plans of pairs that go on in lock-step: both versions, with and without a fence, and behind a pause. */
export const coloPlans: readonly CorePlan[] = [
  { ...defaultCorePlan, colo: true },
  { ...defaultCorePlan, colo: true, profile: '7.2' },
  { ...defaultCorePlan, colo: true, profile: '7.2', fence: true },
  { ...defaultCorePlan, colo: true, fence: true },
  { ...defaultCorePlan, colo: true, profile: '7.2', returnPath: false },
  { ...defaultCorePlan, colo: true, profile: '7.2', pause: true },
]

/** One of them. */
export const coloPlan: fc.Arbitrary<CorePlan> = fc.constantFrom(...coloPlans)
