/**
 * Several variants of a chart laid over each other: the states and transitions of all of them, each with the labels of
 * those that have it. So what a profile or a quirk changes is drawn in one picture.
 */
import { quirks as quirkTable, type Profile } from '../../machines/index.ts'
import { chartModel, type ChartModel } from './chart-model.ts'
import { chartNamed, type ChartVariantOptions } from './chart-registry.ts'

/** A variant with the label that it goes by. */
export interface LabelledChart {
  readonly label: string
  readonly chart: ChartModel
}

/** Puts what only later variants have behind its neighbour there, so that document order survives. */
const inOrder = <Item extends { readonly id: string }>(lists: readonly (readonly Item[])[]): readonly Item[] => {
  const merged: Item[] = []
  for (const list of lists) {
    let at = -1
    for (const item of list) {
      const known = merged.findIndex((other) => other.id === item.id)
      if (known >= 0) at = known
      else merged.splice(++at, 0, item)
    }
  }
  return merged
}

const marked = <Item extends { readonly id: string }>(
  lists: readonly { readonly label: string; readonly items: readonly Item[] }[],
): readonly (Item & { readonly only: readonly string[] | undefined })[] => {
  const owners = new Map<string, string[]>()
  for (const { label, items } of lists) for (const { id } of items) owners.set(id, [...(owners.get(id) ?? []), label])
  return inOrder(lists.map(({ items }) => items)).map((item) => {
    const only = owners.get(item.id) ?? []
    return { ...item, only: only.length === lists.length ? undefined : only }
  })
}

/**
 * Lays variants of one chart over each other. A state that several have is described as the first has it.
 *
 * @example
 * const union = uniteCharts([{ label: '2.11', chart: old }, { label: '7.2', chart: recent }])
 * union.states.find((state) => state.name === 'wait-unplug')?.only // ['7.2']
 */
export const uniteCharts = (variants: readonly LabelledChart[]): ChartModel => ({
  name: variants[0]?.chart.name ?? '',
  states: marked(variants.map(({ label, chart }) => ({ label, items: chart.states }))),
  transitions: marked(variants.map(({ label, chart }) => ({ label, items: chart.transitions }))),
})

/** The label of the variant without quirks in {@link chartWithQuirks}. */
export const safeLabel = 'safe'

const sameShape = (a: ChartModel, b: ChartModel): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * The safe chart of a profile with everything that any of the profile's quirks adds or takes away: `only` names the quirks
 * of what is not in the safe chart, and `safe` where a quirk takes something away. Undefined if there is no such chart.
 */
export const chartWithQuirks = (name: string, options: ChartVariantOptions = {}): ChartModel | undefined => {
  const profile: Profile = options.profile ?? '2.11'
  const machine = chartNamed(name, { ...options, quirks: new Set() })
  if (machine === undefined) return undefined
  const safe = chartModel(machine)
  const variants: LabelledChart[] = [{ label: safeLabel, chart: safe }]
  for (const { id, profiles } of quirkTable) {
    if (!profiles.some((known) => known === profile)) continue
    const quirked = chartNamed(name, { ...options, quirks: new Set([id]) })
    if (quirked === undefined) continue
    const chart = chartModel(quirked)
    if (!sameShape(chart, safe)) variants.push({ label: id, chart })
  }
  const union = uniteCharts(variants)
  // A transition of the safe chart that one quirk replaces is still the safe chart's.
  const reduce = (only: readonly string[] | undefined) => (only?.includes(safeLabel) ? undefined : only)
  return {
    name: union.name,
    states: union.states.map((state) => ({ ...state, only: reduce(state.only) })),
    transitions: union.transitions.map((each) => ({ ...each, only: reduce(each.only) })),
  }
}
