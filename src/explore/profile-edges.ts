/** All edges of the charts of a profile: those of the safe process, and those that only a quirk's process has. */
import { processMachine, quirks, type Profile, type QuirkId } from '../../machines/index.ts'
import { edgesOf, edgeText } from './chart-edge.ts'

/** An edge as text, and the quirk that it comes with; none for the safe charts. */
export interface ProfileEdge {
  readonly chart: string
  readonly edge: string
  readonly quirk: QuirkId | undefined
}

const known = new Map<Profile, readonly ProfileEdge[]>()

/**
 * The edges of a profile: the safe ones in the order of the charts, then those of each quirk in the order of the table.
 *
 * @example
 * edgesOfProfile('7.2').filter(({ quirk }) => quirk === 'h7')
 * // [{ chart: 'outgoing', edge: 'outgoing: cancelling --migrate_cancel--> stays', quirk: 'h7' }]
 */
export const edgesOfProfile = (profile: Profile): readonly ProfileEdge[] => {
  const edges = known.get(profile) ?? made(profile)
  known.set(profile, edges)
  return edges
}

const made = (profile: Profile): readonly ProfileEdge[] => {
  const found = new Map<string, ProfileEdge>()
  const add = (quirk: QuirkId | undefined, machine: ReturnType<typeof processMachine>): void => {
    for (const one of edgesOf(machine)) {
      const edge = edgeText(one)
      if (!found.has(edge)) found.set(edge, { chart: one.chart, edge, quirk })
    }
  }
  add(undefined, processMachine({ profile, replication: true }))
  add(undefined, processMachine({ profile, replication: true, fence: true }))
  for (const { id, profiles } of quirks)
    if (profiles.some((one) => one === profile))
      add(id, processMachine({ profile, replication: true, quirks: new Set([id]) }))
  return [...found.values()]
}
