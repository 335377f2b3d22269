/** Which models show a quirk, and why some are shown by none: what `switchover explore pair --each-quirk` tabulates. */
import { quirks, type Profile, type Quirk, type QuirkId } from '../../../machines/index.ts'
import type { World } from '../model/world.ts'
import { explore, type Violation } from '../search/explorer.ts'
import { pairModel, type PairCapabilities, type PairOptions } from './pair.ts'

/** Quirks that no chart has, and what has them instead; of others that only the core has there is no more to say. */
export const notInCharts: Readonly<Partial<Record<QuirkId, string>>> = {
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

/** A world that a quirk has blown up beyond this has shown enough. */
const STATES_MAX = 3_000_000

const lockStep: readonly PairCapabilities[] = [false, true].map((pause) => ({ pause, postcopy: false, colo: true }))

/** The worlds in which a quirk is looked for, the plainest first. */
const worlds: readonly (readonly [label: string, options: PairOptions])[] = [
  ['pair', {}],
  ['pair, no way back', { returnPath: false }],
  ['pair, destination without postcopy', { destinationPostcopy: false }],
  ['pair in lock-step', { capabilities: lockStep }],
  ['two-runs', { destinations: 2 }],
]

/** Where a quirk shows first, so that it need not be looked for in the worlds before; all are tried where it does not. */
const shownBy: Readonly<Partial<Record<QuirkId, string>>> = {
  ...Object.fromEntries(
    (['q8', 'q9', 'q10', 'q11', 'q12', 'h8', 'h15', 'h19', 'h20', 'h30'] satisfies QuirkId[]).map((id) => [
      id,
      'pair in lock-step',
    ]),
  ),
  q14: 'two-runs',
  h10: 'pair, no way back',
  h11: 'pair, destination without postcopy',
}

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

/** Why no chart has a quirk; undefined where one has. */
const reasonOf = (quirk: QuirkId): string | undefined => {
  const row: Quirk = quirks.find(({ id }) => id === quirk)!
  return (
    notInCharts[quirk] ?? (row.coreOnly ? 'the core or the data plane has it, and no chart changes with it' : undefined)
  )
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
  const reason = reasonOf(quirk)
  if (reason !== undefined) return { quirk, profile, violations: [], states: 0, reason }
  let states = 0
  const hinted = worlds.filter(([label]) => label === shownBy[quirk])
  for (const [label, bounds] of [...hinted, ...worlds.filter((world) => !hinted.includes(world))]) {
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
