/** Which models show a quirk, and why some are shown by none: what `switchover explore pair --each-quirk` tabulates. */
import { quirks, type Profile, type QuirkId } from '../../../machines/index.ts'
import type { World } from '../model/world.ts'
import { explore, type Violation } from '../search/explorer.ts'
import { pairModel, type PairOptions } from './pair.ts'

/** Quirks that no chart has, and what has them instead. */
export const notInCharts: Partial<Record<QuirkId, string>> = {
  q1: 'the core checks capabilities that exclude each other; the charts know three of them',
  q6: 'a reason is a text of the core; the charts have none',
  q13: 'figures of a run are kept by the core',
  h18: 'a bandwidth is a quantity of the data plane',
  s1: 'a cache size is an argument that the core checks',
  s2: 'block migration is a capability of the core alone',
  s3: 'the core publishes setup before it looks at an address',
  s4: 'a cache size is an argument that the core checks',
  s5: 'counters are kept by the core',
}

const lockStep = 'needs a pair in lock-step, which has no model yet'
for (const id of ['q8', 'q9', 'q10', 'q11', 'q12', 'h8', 'h15', 'h19', 'h20', 'h30'] as const)
  notInCharts[id] = lockStep

/** A world that a quirk has blown up beyond this has shown enough. */
const STATES_MAX = 3_000_000

/** The worlds in which a quirk is looked for, the plainest first. */
const worlds: readonly (readonly [label: string, options: PairOptions])[] = [
  ['pair', {}],
  ['pair, no way back', { returnPath: false }],
  ['pair, destination without postcopy', { destinationPostcopy: false }],
  ['two-runs', { destinations: 2 }],
]

/** What was found of a quirk in one profile. */
export interface QuirkFound {
  readonly quirk: QuirkId
  readonly profile: Profile
  /** Where it shows: in words, and made ready. */
  readonly label?: string
  readonly world?: World
  readonly options?: PairOptions
  /** What it breaks there, the shortest way first. */
  readonly violations: readonly Violation[]
  /** States until then. */
  readonly states: number
  /** Why it does not show, where no chart has it. */
  readonly reason?: string
}

/**
 * Looks for a quirk in one world after the other. `goesOn`: walks the world in which it shows to its end, for everything that
 * the quirk breaks there; default true.
 */
export const findQuirk = (
  quirk: QuirkId,
  profile: Profile,
  { goesOn = true }: { readonly goesOn?: boolean } = {},
): QuirkFound => {
  const reason = notInCharts[quirk]
  if (reason !== undefined) return { quirk, profile, violations: [], states: 0, reason }
  let states = 0
  for (const [label, bounds] of worlds) {
    const options: PairOptions = { ...bounds, profile, quirks: new Set([quirk]) }
    const found = explore(pairModel(options), { goesOn, statesMax: STATES_MAX })
    states += found.states
    if (found.violations.length > 0)
      return { quirk, profile, label, world: found.world, options, violations: found.violations, states }
  }
  return { quirk, profile, violations: [], states }
}

/** All quirks, in every profile that has them. */
export const quirksAndProfiles: readonly (readonly [QuirkId, Profile])[] = quirks.flatMap(({ id, profiles }) =>
  profiles.map((profile): readonly [QuirkId, Profile] => [id, profile]),
)
