/** What the page shows, as signals; the part of it that a link carries is kept in the address. */
import { batch, computed, effect, signal } from '@preact/signals'
import type { Analysis } from '../analysis.ts'
import type { ChartLibrary } from '../chart-library.ts'
import { openFiles, type ViewFile, type ViewItem, type ViewProblem } from '../open-files.ts'
import { timeLineOf, type TimeLine } from '../time-line.ts'
import { analyseElsewhere } from './analyst.ts'
import { traceModel, type TraceModel } from './trace-model.ts'

/** The name under which the charts themselves are shown. */
export const chartsName = '(charts)'

export const library = signal<ChartLibrary>({ charts: [] })
export const items = signal<readonly ViewItem[]>([])
export const problems = signal<readonly ViewProblem[]>([])

/** The item that is shown. */
export const shown = signal(chartsName)
/** The moment, or the state of a counterexample: an index. */
export const step = signal(0)
/** A state or transition of a chart, by its id. */
export const selection = signal<string | undefined>(undefined)
export const playing = signal(false)
/** Steps a second. */
export const rate = signal(8)
export const axis = signal<'time' | 'order'>('time')
export const theme = signal<'system' | 'light' | 'dark'>('system')
/** Whether the page is dark, by choice or as the system is; whoever paints on a canvas paints anew. */
export const isDark = signal(false)
effect(() => {
  if (typeof document !== 'undefined') document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light'
})
/** New messages of a live process are followed as they come. */
export const following = signal(true)

export const current = computed(() => items.value.find(({ name }) => name === shown.value))

/** What the charts make of each trace; a string is why they could not say. */
const analyses = signal<ReadonlyMap<ViewItem, Analysis | string>>(new Map())
const timeLines = new WeakMap<ViewItem, TimeLine>()

const timeLineFor = (item: Extract<ViewItem, { kind: 'trace' }>): TimeLine => {
  const known = timeLines.get(item) ?? timeLineOf(item.scenario)
  timeLines.set(item, known)
  return known
}

/** Why the charts could not be asked about the trace that is shown. */
export const analysisFailure = computed(() => {
  const found = current.value === undefined ? undefined : analyses.value.get(current.value)
  return typeof found === 'string' ? found : undefined
})

export const model = computed((): TraceModel | undefined => {
  const item = current.value
  if (item?.kind !== 'trace') return undefined
  const found = analyses.value.get(item)
  return traceModel(timeLineFor(item), typeof found === 'string' ? undefined : found)
})

/** The index of the last moment or state of what is shown. */
export const lastStep = computed(() => {
  const item = current.value
  if (item?.kind === 'trace') return Math.max(timeLineFor(item).moments.length - 1, 0)
  if (item?.kind === 'variables') return Math.max(item.trace.states.length - 1, 0)
  return 0
})

/** Goes to a moment, within what there is. */
export const goTo = (index: number): void => {
  step.value = Math.max(0, Math.min(lastStep.value, Math.round(index)))
}

const asked = new WeakSet<ViewItem>()

// Only what is looked at is held against the charts: many recordings can be open.
effect(() => {
  const item = current.value
  if (item?.kind !== 'trace' || asked.has(item)) return
  asked.add(item)
  void analyseElsewhere(item.scenario)
    .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    .then((found) => {
      analyses.value = new Map(analyses.value).set(item, found)
      performance.mark('explained')
    })
})

/** Shows an item from its beginning. */
export const show = (name: string): void =>
  batch(() => {
    shown.value = name
    step.value = 0
    selection.value = undefined
    playing.value = false
  })

/** Opens files beside what is open already, and shows the first of them. */
export const open = (files: readonly ViewFile[]): void => {
  const opened = openFiles(files)
  batch(() => {
    const names = new Set(opened.items.map(({ name }) => name))
    items.value = [...items.value.filter(({ name }) => !names.has(name)), ...opened.items]
    problems.value = opened.problems
    const [first] = opened.items
    if (first !== undefined) show(first.name)
  })
}

/** Puts a new version of an item in the place of the old one; what is shown stays where it is. */
export const replaceItem = (item: ViewItem, analysis: Analysis | undefined): void =>
  batch(() => {
    const old = items.value.find(({ name }) => name === item.name)
    const kept = new Map(analyses.value)
    if (old !== undefined) kept.delete(old)
    if (analysis !== undefined) {
      asked.add(item)
      kept.set(item, analysis)
    }
    analyses.value = kept
    items.value = old === undefined ? [...items.value, item] : items.value.map((each) => (each === old ? item : each))
    if (following.value && shown.value === item.name) step.value = lastStep.value
  })

/** Reads `#trace=…&step=…&select=…` into the signals. */
export const readAddress = (): void => {
  const address = new URLSearchParams(location.hash.slice(1))
  batch(() => {
    const name = address.get('trace')
    if (name !== null && (name === chartsName || items.value.some((item) => item.name === name))) shown.value = name
    goTo(Number(address.get('step') ?? 1) - 1)
    selection.value = address.get('select') ?? undefined
    if (address.get('axis') === 'order') axis.value = 'order'
  })
}

/** Keeps the address up to date, at most once a frame. */
export const keepAddress = (): void => {
  let frame = 0
  effect(() => {
    const address = new URLSearchParams({ trace: shown.value, step: String(step.value + 1) })
    if (selection.value !== undefined) address.set('select', selection.value)
    if (axis.value === 'order') address.set('axis', 'order')
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(() => history.replaceState(null, '', `#${address.toString()}`))
  })
}
