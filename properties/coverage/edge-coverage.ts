/** Which edge of the charts was taken, and by what: recordings that prove it, properties that were tried on it, live runs. */
import type { Profile } from '../../machines/index.ts'
import { watchCharts } from '../../src/core/index.ts'
import { edgesAmong, edgeText } from '../../src/explore/chart-edge.ts'
import { edgesOfProfile, type ProfileEdge } from '../../src/explore/profile-edges.ts'

/** What takes an edge. */
export type SourceKind = 'recording' | 'property' | 'live run'

/** An edge and its sources, by kind, in the order in which they came. */
export interface EdgeLine extends ProfileEdge {
  readonly profile: Profile
  readonly sources: Readonly<Record<SourceKind, readonly string[]>>
}

/** Collects. */
export class EdgeCoverage {
  readonly #taken = new Map<string, Record<SourceKind, string[]>>()

  /** Notes that a source took an edge. */
  add(profile: Profile, edge: string, kind: SourceKind, name: string): void {
    const key = `${profile} ${edge}`
    const sources = this.#taken.get(key) ?? { recording: [], property: [], 'live run': [] }
    if (sources[kind].at(-1) !== name) sources[kind].push(name)
    this.#taken.set(key, sources)
  }

  /** Notes whatever the cores of this program do meanwhile. */
  watching<A>(kind: SourceKind, name: string, run: () => A): A {
    const end = watchCharts((profile, transitions) => {
      for (const edge of edgesAmong(transitions)) this.add(profile, edgeText(edge), kind, name)
    })
    const result = run()
    if (result instanceof Promise) void result.finally(end)
    else end()
    return result
  }

  /** Every edge of both profiles, with what took it. */
  lines(): readonly EdgeLine[] {
    return (['2.11', '7.2'] as const).flatMap((profile) =>
      edgesOfProfile(profile).map((one): EdgeLine => {
        const sources = this.#taken.get(`${profile} ${one.edge}`)
        return { ...one, profile, sources: sources ?? { recording: [], property: [], 'live run': [] } }
      }),
    )
  }
}

/** Whether nothing took an edge. */
export const isUncovered = ({ sources }: EdgeLine): boolean =>
  Object.values(sources).every(({ length }) => length === 0)
