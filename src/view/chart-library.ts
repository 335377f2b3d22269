/**
 * The charts that the page shows, laid out beforehand, because the layout kernel alone is three times as large as all else in
 * the page. Each chart is there with all of its states open and with all closed, both with labels and tersely; tersely also
 * with each state open alone. Every other choice is drawn from one with more states open, by hiding what is inside.
 */
import type { Profile } from '../../machines/index.ts'
import {
  chartBelow,
  chartNames,
  chartWithQuirks,
  foldableIn,
  layOut,
  type ChartDrawing,
  type ChartModel,
} from '../chart/index.ts'

/** A drawing, and which states are closed in it. */
export interface FoldedDrawing {
  readonly closed: readonly string[]
  readonly drawing: ChartDrawing
}

/** A chart with its drawings. */
export interface LibraryChart {
  readonly name: string
  /** The profiles in which it is like this. */
  readonly profiles: readonly Profile[]
  /** It is one of the charts of a process, and its ids are those of the process chart. */
  readonly inProcess: boolean
  readonly model: ChartModel
  /** Among them those with every state open, with labels and tersely. */
  readonly drawings: readonly FoldedDrawing[]
}

/** All charts. */
export interface ChartLibrary {
  readonly charts: readonly LibraryChart[]
}

/** A chart before it is drawn. */
export type UndrawnChart = Omit<LibraryChart, 'drawings'>

const PROCESS = 'process'
const profiles: readonly Profile[] = ['2.11', '7.2']

/** The charts of a process: the regions of its chart. The incoming one is shown as in a process that waits for a guest. */
const regionsOf = (profile: Profile): readonly UndrawnChart[] => {
  const source = chartWithQuirks(PROCESS, { profile })
  const destination = chartWithQuirks(PROCESS, { profile, incoming: true })
  if (source === undefined || destination === undefined) return []
  return source.states
    .filter(({ parent }) => parent === PROCESS)
    .map(({ id, name }) => ({
      name,
      profiles: [profile],
      inProcess: true,
      model: chartBelow(name === 'incoming' ? destination : source, id),
    }))
}

const othersOf = (profile: Profile, regions: readonly UndrawnChart[]): readonly UndrawnChart[] =>
  chartNames
    .filter((name) => name !== PROCESS && !regions.some((region) => region.name === name))
    .flatMap((name) => {
      const model = chartWithQuirks(name, { profile })
      return model === undefined ? [] : [{ name, profiles: [profile], inProcess: false, model }]
    })

/** Charts that are the same in several profiles are one. */
const merged = (charts: readonly UndrawnChart[]): readonly UndrawnChart[] => {
  const byContent = new Map<string, UndrawnChart>()
  for (const chart of charts) {
    const key = JSON.stringify([chart.name, chart.inProcess, chart.model])
    const known = byContent.get(key)
    byContent.set(key, known === undefined ? chart : { ...known, profiles: [...known.profiles, ...chart.profiles] })
  }
  return [...byContent.values()]
}

/** All charts, not yet drawn: with the quirks of their profile marked. */
export const undrawnCharts = (): readonly UndrawnChart[] =>
  merged(
    profiles.flatMap((profile) => {
      const regions = regionsOf(profile)
      return [...regions, ...othersOf(profile, regions)]
    }),
  )

/** The choices that are laid out beforehand; the first two have every state open. */
const choices = (model: ChartModel): readonly { readonly closed: readonly string[]; readonly terse: boolean }[] => {
  const foldable = foldableIn(model)
  const both = (closed: readonly string[]) => [false, true].map((terse) => ({ closed, terse }))
  if (foldable.length === 0) return both([])
  const opened = foldable.map((open) => foldable.filter((id) => !`${open}.`.startsWith(`${id}.`)))
  return [
    ...both([]),
    ...both(foldable),
    ...(foldable.length === 1 ? [] : opened).map((closed) => ({ closed, terse: true })),
  ]
}

/** Lays all charts out; about 50 drawings, some seconds. */
export const drawLibrary = async (charts: readonly UndrawnChart[] = undrawnCharts()): Promise<ChartLibrary> => {
  const drawn: LibraryChart[] = []
  for (const chart of charts) {
    const drawings: FoldedDrawing[] = []
    for (const { closed, terse } of choices(chart.model))
      drawings.push({ closed, drawing: await layOut(chart.model, new Set(closed), terse) })
    drawn.push({ ...chart, drawings })
  }
  return { charts: drawn }
}
