/** One chart: panned, zoomed, its states opened and closed, lit by a trace. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { svgContent } from '../../chart/svg.ts'
import { foldableIn } from '../../chart/chart-model.ts'
import type { LibraryChart } from '../chart-library.ts'
import { DrawnChart, type Lighting } from './drawn-chart.ts'
import { foldingFor } from './folding.ts'
import { selection } from './state.ts'
import { fitted, listenForPanning, placementForKey, zoomed, type Placement } from './viewport.ts'

interface Props {
  readonly chart: LibraryChart
  readonly title: string
  readonly lighting: Lighting | undefined
  readonly showQuirks: boolean
  /** Without the names of the transitions, unless they are asked for. */
  readonly terse?: boolean
}

/** Room for the buttons below the chart. */
const TOOLS_HEIGHT = 42
/** Below this a drawing cannot be read as a whole. */
const READABLE_SCALE = 0.42
const CLOSE_SCALE = 0.8

const arrowKeys: ReadonlySet<string> = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'])

/** The state or transition under a pointer or focus. */
const targetOf = (target: EventTarget | null): { readonly state?: string; readonly transition?: string } => {
  if (!(target instanceof Element)) return {}
  const transition = target.closest('[data-transition]')?.getAttribute('data-transition')
  const state = target.closest('[data-state]')?.getAttribute('data-state')
  return { ...(transition ? { transition } : {}), ...(state ? { state } : {}) }
}

export const ChartView = ({ chart, title, lighting, showQuirks, terse: startsTerse = false }: Props) => {
  const foldable = useMemo(() => new Set(foldableIn(chart.model)), [chart])
  const [closed, setClosed] = useState<ReadonlySet<string>>(foldable)
  useLayoutEffect(() => setClosed(foldable), [foldable])
  const [terse, setTerse] = useState(startsTerse)
  const folding = useMemo(() => foldingFor(chart, closed, terse), [chart, closed, terse])
  const { drawing } = folding.folded
  const content = useMemo(() => ({ __html: svgContent(chart.model, drawing) }), [chart, drawing])
  const svg = useRef<SVGSVGElement>(null)
  const group = useRef<SVGGElement>(null)
  const drawn = useRef<DrawnChart>(undefined)
  const placement = useRef<Placement>({ scale: 1, x: 0, y: 0 })
  const byHand = useRef(false)

  const place = (next: Placement, hand: boolean): void => {
    placement.current = next
    byHand.current = hand
    group.current?.setAttribute('transform', `translate(${next.x} ${next.y}) scale(${next.scale})`)
  }
  // Measured when it changes and not when it is asked for, as that would lay the page out anew with every step.
  const size = useRef({ width: 1, height: 1 })
  const room = () => size.current
  const fit = () => {
    const { width, height } = room()
    place(fitted(drawing, { width, height: height - TOOLS_HEIGHT }), false)
  }

  /** The whole chart, or where it would be too small to read, what is around its current state. */
  const arrange = () => {
    const { width, height } = room()
    const whole = fitted(drawing, { width, height: height - TOOLS_HEIGHT })
    const id = whole.scale < READABLE_SCALE ? drawn.current?.currentState() : undefined
    const box = drawing.boxes.find((each) => each.id === id)
    if (box === undefined) return place(whole, false)
    const [x, y] = [box.x + box.width / 2, box.y + Math.min(box.height, height) / 2]
    place({ scale: CLOSE_SCALE, x: width / 2 - x * CLOSE_SCALE, y: height / 2 - y * CLOSE_SCALE }, false)
  }

  useLayoutEffect(() => {
    if (group.current === null) return
    // What is hidden inside a closed state is hidden in the tree, so a new choice needs the tree anew.
    group.current.innerHTML = content.__html
    drawn.current = new DrawnChart(group.current)
    drawn.current.hideInside(folding.hiddenInside)
    byHand.current = false
  }, [content, folding])

  useLayoutEffect(() => {
    if (svg.current === null) return undefined
    const stop = listenForPanning(svg.current, () => placement.current, place)
    const element = svg.current
    const measure = () => {
      size.current = { width: element.clientWidth, height: element.clientHeight }
      if (!byHand.current) arrange()
    }
    const resized = new ResizeObserver(measure)
    resized.observe(element)
    measure()
    return () => {
      stop()
      resized.disconnect()
    }
  }, [drawing])

  useLayoutEffect(() => {
    const entry = lighting?.active.find((id) => id.startsWith(`${chart.model.states[0]?.id}.`))
    drawn.current?.light(lighting ?? { active: [], now: new Set(), counts: new Map(), totals: undefined })
    drawn.current?.makeEntry(entry)
    if (!byHand.current) arrange()
  }, [lighting, content, folding])

  const selected = selection.value
  useLayoutEffect(() => drawn.current?.select(selected), [selected, content, folding])

  const toggle = (id: string): void => {
    if (!foldable.has(id)) return
    const next = new Set(closed)
    if (!next.delete(id)) next.add(id)
    setClosed(next)
    requestAnimationFrame(() => {
      const element = drawn.current?.stateElement(id)
      if (element instanceof SVGElement && svg.current?.contains(document.activeElement) !== false) element.focus()
    })
  }

  const onClick = (event: MouseEvent): void => {
    const { state, transition } = targetOf(event.target)
    selection.value = transition ?? state
    if (event.target instanceof Element && event.target.closest('.fold') !== null && state !== undefined) toggle(state)
  }

  const onKey = (event: KeyboardEvent): void => {
    const { state } = targetOf(event.target)
    const element = event.target instanceof Element ? event.target.closest('[data-state]') : null
    if (element !== null && state !== undefined) {
      if (event.key === 'Enter' || event.key === ' ') {
        selection.value = state
        toggle(state)
        event.preventDefault()
        event.stopPropagation()
        return
      }
      if (arrowKeys.has(event.key) && !event.shiftKey) {
        const next = drawn.current?.neighbour(element, event.key)
        if (next instanceof SVGElement) next.focus()
        event.preventDefault()
        event.stopPropagation()
        return
      }
    }
    const next = placementForKey(event.key, placement.current, room())
    if (next === undefined) return
    if (next === 'fit') fit()
    else place(next, true)
    event.preventDefault()
    event.stopPropagation()
  }

  const zoomBy = (factor: number) => () => {
    const { width, height } = room()
    place(zoomed(placement.current, factor, width / 2, height / 2), true)
  }
  const allOpen = closed.size === 0

  return (
    <div class="chart-view">
      <svg
        ref={svg}
        class={`chart canvas${showQuirks ? '' : ' no-quirks'}${lighting === undefined ? '' : ' traced'}`}
        role="group"
        aria-label={`${title}: state chart. Tab reaches the current state, arrow keys its neighbours, Enter opens and closes; plus, minus and 0 zoom.`}
        onClick={onClick}
        onDblClick={(event) => {
          const { state } = targetOf(event.target)
          if (state !== undefined) toggle(state)
        }}
        onKeyDown={onKey}
      >
        <g ref={group} />
      </svg>
      <div class="chart-tools" role="toolbar" aria-label={`${title}: view`}>
        <button type="button" class="tool" onClick={zoomBy(1.25)} aria-label="Zoom in" title="Zoom in (+)">
          +
        </button>
        <button type="button" class="tool" onClick={zoomBy(0.8)} aria-label="Zoom out" title="Zoom out (−)">
          −
        </button>
        <button type="button" class="tool" onClick={fit} title="Show the whole chart (0)">
          Fit
        </button>
        <button
          type="button"
          class="tool"
          aria-pressed={!terse}
          onClick={() => setTerse(!terse)}
          title="Show what the transitions are called"
        >
          Labels
        </button>
        {foldable.size > 0 && (
          <button
            type="button"
            class="tool"
            aria-pressed={allOpen}
            onClick={() => setClosed(allOpen ? foldable : new Set())}
            title="Show what is inside the states"
          >
            {allOpen ? 'Close all' : 'Open all'}
          </button>
        )}
      </div>
    </div>
  )
}
