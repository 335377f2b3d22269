/** The line of time: lanes, plots, the mark of the present moment, and what is under the pointer. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { paintLanes, rowsOf, type Row } from './lane-painter.ts'
import { clampWindow, Scale, type Window } from './scale.ts'
import { axis, goTo, playing, step, isDark } from './state.ts'
import type { TraceModel } from './trace-model.ts'
import { secondsText } from './units.ts'

interface Props {
  readonly model: TraceModel
  readonly rejectedAt: number | undefined
}

const WINDOW_SHARE_MIN = 1e-5

const Legend = ({ row }: { readonly row: Row }) => (
  <>
    <span class="row-name">{row.label}</span>
    {row.plot?.curves.map(({ label, colour, dash }) => (
      <span class="row-curve">
        <svg width="16" height="6" aria-hidden="true">
          <line
            x1="0"
            x2="16"
            y1="3"
            y2="3"
            stroke={`var(${colour})`}
            stroke-width="2"
            stroke-dasharray={dash.join(' ')}
          />
        </svg>
        {label}
      </span>
    ))}
  </>
)

/** What is nearest to the pointer, in words. */
const Tip = ({ model, index, x }: { readonly model: TraceModel; readonly index: number; readonly x: number }) => {
  const moment = model.timeLine.moments[index]
  if (moment === undefined) return null
  return (
    <div class="tip" style={{ left: `${x}px` }} aria-hidden="true">
      <strong>{moment.title}</strong> {moment.detail}
      <br />
      <span class="muted">
        #{index + 1} {model.timeLine.parties[moment.party]?.title}, {secondsText(moment.seconds)}
      </span>
    </div>
  )
}

export const Lanes = ({ model, rejectedAt }: Props) => {
  const canvas = useRef<HTMLCanvasElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const mark = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  const [hover, setHover] = useState<{ readonly index: number; readonly x: number } | undefined>()
  const kind = axis.value
  const scale = useMemo(() => new Scale(kind, model.timeLine.moments), [kind, model])
  const { rows, height } = useMemo(() => rowsOf(model), [model])
  const [seen, setSeen] = useState<Window | undefined>()
  const window = seen === undefined ? scale.whole : clampWindow(seen, scale.whole)
  const name = model.timeLine.parties.map(({ file }) => file).join()
  useLayoutEffect(() => setSeen(undefined), [kind, name])

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    setWidth(element.clientWidth)
    return () => observer.disconnect()
  }, [])

  const dark = isDark.value
  useLayoutEffect(() => {
    if (canvas.current !== null && width > 0)
      paintLanes(canvas.current, { model, rows, scale, window, width, height, rejectedAt })
  }, [model, rows, scale, window.from, window.to, width, height, rejectedAt, dark])

  const xOf = (position: number) => ((position - window.from) / (window.to - window.from)) * width
  const at = step.value
  useLayoutEffect(() => {
    if (mark.current !== null) mark.current.style.transform = `translateX(${xOf(scale.at(at))}px)`
  }, [at, scale, window.from, window.to, width])

  // The present moment stays in sight while it is played.
  useEffect(() => {
    const position = scale.at(at)
    if (seen === undefined || (position >= window.from && position <= window.to)) return
    const length = window.to - window.from
    setSeen({ from: position - length * 0.2, to: position + length * 0.8 })
  }, [at])

  const positionOf = (clientX: number): number => {
    const left = box.current?.getBoundingClientRect().left ?? 0
    return window.from + ((clientX - left) / Math.max(width, 1)) * (window.to - window.from)
  }

  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      const length = window.to - window.from
      const pan = event.shiftKey ? event.deltaY : event.deltaX
      if (Math.abs(pan) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        const by = (pan / Math.max(width, 1)) * length
        setSeen({ from: window.from + by, to: window.to + by })
        return
      }
      const { whole } = scale
      const factor = Math.exp(event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015))
      const next = Math.max((whole.to - whole.from) * WINDOW_SHARE_MIN, length * factor)
      if (next >= whole.to - whole.from) return setSeen(undefined)
      const around = positionOf(event.clientX)
      const share = (around - window.from) / length
      setSeen({ from: around - share * next, to: around + (1 - share) * next })
    }
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => element.removeEventListener('wheel', onWheel)
  }, [window.from, window.to, width, scale])

  const scrub = (event: PointerEvent) => {
    playing.value = false
    goTo(scale.nearest(positionOf(event.clientX)))
  }

  return (
    <div class="lanes" style={{ height: `${height}px` }}>
      <div class="lane-labels">
        {rows.map((row) => (
          <div class={`row-label row-${row.kind}`} style={{ top: `${row.y}px`, height: `${row.height}px` }}>
            <Legend row={row} />
          </div>
        ))}
      </div>
      <div
        class="lane-box"
        ref={box}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          scrub(event)
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) scrub(event)
          const index = scale.nearest(positionOf(event.clientX))
          setHover({ index, x: Math.max(0, Math.min(width - 240, xOf(scale.at(index)) + 8)) })
        }}
        onPointerLeave={() => setHover(undefined)}
        onDblClick={() => setSeen(undefined)}
      >
        <canvas
          ref={canvas}
          role="img"
          aria-label="Lanes of the parties over time; the list of messages tells the same in words."
          style={{ width: `${width}px`, height: `${height}px` }}
        />
        <div class="present" ref={mark} style={{ height: `${height}px` }} />
        {hover !== undefined && <Tip model={model} index={hover.index} x={hover.x} />}
      </div>
    </div>
  )
}
