/** Guests and networks for a runtime world: small, and each of another temper. */
import * as fc from 'fast-check'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'

/** The plans that random sequences run on; the first is the plainest. */
export const plans: readonly Plan[] = [
  defaultPlan,
  { ...defaultPlan, pause: true },
  { ...defaultPlan, seed: 7, capacityBytes: 4096, latencyMillis: 7, pagesPerSecond: 900 },
  { ...defaultPlan, maxBandwidth: 0, latencyMillis: 0, capacityBytes: 1 << 20 },
  { ...defaultPlan, pagesPerSecond: 2000, workingSetPages: 24, downtimeLimitMillis: 5, fence: true },
  { ...defaultPlan, pagesPerSecond: 0, maxBandwidth: 200_000 },
  { ...defaultPlan, fence: true, pause: true, latencyMillis: 20 },
  { ...defaultPlan, mismatch: true },
  { ...defaultPlan, maxBandwidth: 100_000, capabilities: ['xbzrle'], parameters: { 'xbzrle-cache-size': 8 * 4096 } },
  {
    ...defaultPlan,
    diskChunks: 2,
    diskWritesPerSecond: 20,
    capacityBytes: 2 ** 16,
    maxBandwidth: 2 ** 23,
    capabilities: ['block'],
  },
  { ...defaultPlan, capabilities: ['compress'], parameters: { 'compress-threads': 2, 'decompress-threads': 2 } },
  {
    ...defaultPlan,
    maxBandwidth: 200_000,
    capabilities: ['x-multifd'],
    parameters: { 'x-multifd-channels': 2, 'x-multifd-page-count': 2 },
  },
]

/** One of them. */
export const plan: fc.Arbitrary<Plan> = fc.constantFrom(...plans)
