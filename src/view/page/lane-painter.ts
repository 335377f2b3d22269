/**
 * Paints the line of time on a canvas: for each party a band of statuses, its guest, its messages and the steps that nobody
 * said, then plots of what query-migrate told. Ten thousand messages are one repaint of a few milliseconds, and a repaint is
 * only needed when the window, the size or the colours change: the mark of the present moment is not part of it.
 */
import type { MomentKind, Reading } from '../time-line.ts'
import { formatBytes } from '../../cli/units.ts'
import { colourValue, kindColour, statusColour } from './colour.ts'
import type { Scale, Window } from './scale.ts'
import type { Span, TraceModel } from './trace-model.ts'
import { secondsText } from './units.ts'

/** A row of the picture; `label` is written beside it by the page. */
export interface Row {
  readonly kind: 'axis' | 'status' | 'guest' | 'messages' | 'steps' | 'plot'
  readonly party: number
  readonly label: string
  readonly y: number
  readonly height: number
  readonly plot?: Plot
}

/** A plot with its curves. */
export interface Plot {
  readonly curves: readonly {
    readonly label: string
    readonly colour: string
    readonly dash: readonly number[]
    readonly value: (reading: Reading) => number | undefined
  }[]
  readonly text: (value: number) => string
}

const plots: readonly (Plot & { readonly label: string })[] = [
  {
    label: 'Memory',
    text: formatBytes,
    curves: [
      { label: 'remaining', colour: '--plot-1', dash: [], value: (each) => each.remainingBytes },
      { label: 'transferred', colour: '--plot-2', dash: [5, 3], value: (each) => each.transferredBytes },
    ],
  },
  {
    label: 'Rate',
    text: (value) => `${formatBytes(value)}/s`,
    curves: [
      { label: 'bandwidth', colour: '--plot-1', dash: [], value: (each) => each.bandwidthBytesPerSecond },
      { label: 'dirty rate', colour: '--plot-3', dash: [5, 3], value: (each) => each.dirtyBytesPerSecond },
    ],
  },
  {
    label: 'Downtime',
    text: (value) => `${Math.round(value)} ms`,
    curves: [{ label: 'estimate', colour: '--plot-4', dash: [], value: (each) => each.downtimeMillis }],
  },
]

const HEIGHT = { axis: 20, status: 18, guest: 13, messages: 22, steps: 12, plot: 46, gap: 10 } as const

/** The rows of a trace, from top to bottom. */
export const rowsOf = ({
  timeLine,
  tracks,
}: TraceModel): { readonly rows: readonly Row[]; readonly height: number } => {
  const rows: Row[] = [{ kind: 'axis', party: -1, label: '', y: 0, height: HEIGHT.axis }]
  let y: number = HEIGHT.axis
  const add = (kind: Exclude<Row['kind'], 'axis' | 'plot'>, party: number, label: string) => {
    rows.push({ kind, party, label, y, height: HEIGHT[kind] })
    y += HEIGHT[kind] + 2
  }
  for (const [party, { title }] of timeLine.parties.entries()) {
    y += HEIGHT.gap / 2
    add('status', party, title)
    if (tracks.length > 0) add('guest', party, 'guest')
    add('messages', party, 'messages')
    if (tracks.length > 0) add('steps', party, 'unseen steps')
  }
  for (const plot of plots) {
    const has = timeLine.readings.some((reading) => plot.curves.some(({ value }) => value(reading) !== undefined))
    if (!has) continue
    y += HEIGHT.gap / 2
    rows.push({ kind: 'plot', party: -1, label: plot.label, y, height: HEIGHT.plot, plot })
    y += HEIGHT.plot
  }
  return { rows, height: y + 6 }
}

/** What a repaint needs to know. */
export interface Scene {
  readonly model: TraceModel
  readonly rows: readonly Row[]
  readonly scale: Scale
  readonly window: Window
  readonly width: number
  readonly height: number
  /** The moment at which the trace leaves the model. */
  readonly rejectedAt: number | undefined
}

/** What a manager never sees: the charts were told of it by the world. */
const isFact = (event: string): boolean => /^(outgoing|incoming|guest|devices)\./.test(event)

class Painter {
  private readonly context: CanvasRenderingContext2D
  private readonly scene: Scene
  private readonly colours = new Map<string, string>()

  constructor(context: CanvasRenderingContext2D, scene: Scene) {
    this.context = context
    this.scene = scene
  }

  private colour(property: string): string {
    let value = this.colours.get(property)
    if (value === undefined) {
      value = colourValue(property)
      this.colours.set(property, value)
    }
    return value
  }

  private x(position: number): number {
    const { window, width } = this.scene
    return ((position - window.from) / (window.to - window.from)) * width
  }

  paint(): void {
    const { width, height, rows, rejectedAt, scale } = this.scene
    this.context.clearRect(0, 0, width, height)
    this.context.textBaseline = 'middle'
    for (const row of rows) {
      if (row.kind === 'axis') this.axis(row)
      else if (row.kind === 'status') this.spans(row, this.statusSpans(row.party), true)
      else if (row.kind === 'guest') this.spans(row, this.scene.model.tracks[row.party]?.spans('guest') ?? [], false)
      else if (row.kind === 'messages') this.messages(row)
      else if (row.kind === 'steps') this.steps(row)
      else this.plot(row)
    }
    if (rejectedAt !== undefined) {
      const x = Math.round(this.x(scale.at(rejectedAt))) + 0.5
      this.context.strokeStyle = this.colour('--status-bad')
      this.context.lineWidth = 2
      this.context.setLineDash([3, 3])
      this.line(x, HEIGHT.axis, x, height)
      this.context.setLineDash([])
    }
  }

  private line(x1: number, y1: number, x2: number, y2: number): void {
    this.context.beginPath()
    this.context.moveTo(x1, y1)
    this.context.lineTo(x2, y2)
    this.context.stroke()
  }

  private axis({ height }: Row): void {
    const { scale, window, width } = this.scene
    const { context } = this
    context.font = '11px system-ui, sans-serif'
    context.lineWidth = 1
    for (const tick of scale.ticks(window, width / 110)) {
      const x = Math.round(this.x(tick)) + 0.5
      context.strokeStyle = this.colour('--grid')
      this.line(x, height, x, this.scene.height)
      context.fillStyle = this.colour('--muted')
      const text = scale.kind === 'order' ? `#${Math.round(tick) + 1}` : secondsText(Math.max(tick, 0))
      context.fillText(text, x + 4, height / 2)
    }
  }

  /** Without an explanation by the charts, what events and queries told. */
  private statusSpans(party: number): readonly Span[] {
    const { model } = this.scene
    const track = model.tracks[party]
    if (track !== undefined) return track.spans(track.mainRegion)
    const spans: Span[] = []
    for (const [from, moment] of model.timeLine.moments.entries()) {
      if (moment.party !== party || moment.status === undefined || moment.title === 'query-status') continue
      const last = spans.at(-1)
      if (last?.value === moment.status) continue
      if (last !== undefined) spans.splice(-1, 1, { ...last, to: from })
      spans.push({ from, to: model.timeLine.moments.length, value: moment.status })
    }
    return spans
  }

  private spans({ y, height }: Row, spans: readonly Span[], strong: boolean): void {
    const { scale, width, model } = this.scene
    const { context } = this
    context.font = `${strong ? '600 11px' : '10px'} system-ui, sans-serif`
    for (const { from, to, value } of spans) {
      const left = Math.max(0, from === 0 ? 0 : this.x(scale.at(from)))
      const right = Math.min(width, to >= model.timeLine.moments.length ? width : this.x(scale.at(to)))
      if (right <= 0 || left >= width) continue
      const wide = Math.max(right - left - 1, 1)
      const idle = value === '' || value === 'none'
      context.globalAlpha = strong ? (idle ? 0.25 : 1) : 0.35
      context.fillStyle = this.colour(statusColour(value))
      context.beginPath()
      context.roundRect(left, y, wide, height, 3)
      context.fill()
      context.globalAlpha = 1
      if (wide < 18) continue
      context.save()
      context.beginPath()
      context.rect(left, y, wide - 4, height)
      context.clip()
      context.fillStyle = this.colour(strong && !idle ? '--on-status' : '--text')
      context.fillText(value === '' ? 'none' : value, left + 6, y + height / 2 + 0.5)
      context.restore()
    }
  }

  private messages({ party, y, height }: Row): void {
    const { scale, width, model } = this.scene
    const { moments } = model.timeLine
    const middle = y + height / 2
    const { context } = this
    context.strokeStyle = this.colour('--grid')
    context.lineWidth = 1
    this.line(0, Math.round(middle) + 0.5, width, Math.round(middle) + 0.5)
    // Where many fall on the same pixel, one of each kind is enough.
    const painted = new Set<string>()
    for (const [index, moment] of moments.entries()) {
      if (moment.party !== party) continue
      const x = this.x(scale.at(index))
      if (x < -8 || x > width + 8) continue
      const key = `${Math.round(x)} ${moment.kind}`
      if (painted.has(key)) continue
      painted.add(key)
      this.glyph(moment.kind, x, middle)
    }
  }

  /** A shape for each kind, so that colour is not needed. */
  private glyph(kind: MomentKind, x: number, y: number): void {
    const { context } = this
    context.fillStyle = this.colour(kindColour(kind))
    context.strokeStyle = context.fillStyle
    context.lineWidth = 2
    context.beginPath()
    switch (kind) {
      case 'command':
        context.moveTo(x - 4, y - 6)
        context.lineTo(x + 5, y)
        context.lineTo(x - 4, y + 6)
        context.fill()
        return
      case 'event':
        context.moveTo(x, y - 7)
        context.lineTo(x + 5, y)
        context.lineTo(x, y + 7)
        context.lineTo(x - 5, y)
        context.fill()
        return
      case 'refusal':
        context.moveTo(x - 4, y - 4)
        context.lineTo(x + 4, y + 4)
        context.moveTo(x + 4, y - 4)
        context.lineTo(x - 4, y + 4)
        context.stroke()
        return
      default:
        context.arc(x, y, 2.2, 0, 2 * Math.PI)
        context.fill()
    }
  }

  private steps({ party, y, height }: Row): void {
    const { scale, width, model } = this.scene
    const track = model.tracks[party]
    if (track === undefined) return
    const { context } = this
    for (let index = 0; index < model.timeLine.moments.length; index++) {
      const steps = track.stepsAt(index).filter(({ event, quirk }) => quirk !== undefined || isFact(event))
      if (steps.length === 0) continue
      const x = this.x(scale.at(index))
      if (x < -8 || x > width + 8) continue
      context.lineWidth = 1.4
      for (const [count, { quirk }] of steps.entries()) {
        context.strokeStyle = this.colour(quirk === undefined ? '--kind-step' : '--status-bad')
        context.beginPath()
        context.arc(x - (steps.length - 1 - count) * 7, y + height / 2, 3, 0, 2 * Math.PI)
        context.stroke()
        if (quirk !== undefined) {
          context.fillStyle = context.strokeStyle
          context.fill()
        }
      }
    }
  }

  private plot({ y, height, plot }: Row): void {
    if (plot === undefined) return
    const { scale, width, model } = this.scene
    const { context } = this
    const { readings } = model.timeLine
    let largest = 0
    for (const { value } of plot.curves)
      for (const reading of readings) largest = Math.max(largest, value(reading) ?? 0)
    const top = y + 6
    const bottom = y + height
    context.strokeStyle = this.colour('--grid')
    context.lineWidth = 1
    this.line(0, Math.round(bottom) + 0.5, width, Math.round(bottom) + 0.5)
    for (const { colour, dash, value } of plot.curves) {
      context.strokeStyle = this.colour(colour)
      context.lineWidth = 1.6
      context.setLineDash([...dash])
      for (const party of model.timeLine.parties.keys()) {
        context.beginPath()
        let begun = false
        for (const reading of readings) {
          const amount = reading.party === party ? value(reading) : undefined
          if (amount === undefined) continue
          const x = this.x(scale.atSeconds(reading.seconds))
          const at = bottom - (largest === 0 ? 0 : amount / largest) * (bottom - top)
          // A reading that stands alone is a point.
          if (begun) context.lineTo(x, at)
          else context.moveTo(x - 1.5, at)
          if (!begun) context.lineTo(x, at)
          begun = true
        }
        context.stroke()
      }
      context.setLineDash([])
    }
    context.font = '10px system-ui, sans-serif'
    context.textAlign = 'right'
    const largestText = plot.text(largest)
    const wide = context.measureText(largestText).width
    context.fillStyle = this.colour('--panel')
    context.globalAlpha = 0.85
    context.fillRect(width - wide - 10, top - 5, wide + 10, 12)
    context.globalAlpha = 1
    context.fillStyle = this.colour('--muted')
    context.fillText(largestText, width - 4, top + 2)
    context.textAlign = 'left'
  }
}

/** Paints everything. */
export const paintLanes = (canvas: HTMLCanvasElement, scene: Scene): void => {
  const ratio = globalThis.devicePixelRatio || 1
  const [width, height] = [Math.round(scene.width * ratio), Math.round(scene.height * ratio)]
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  const context = canvas.getContext('2d')
  if (context === null) return
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  new Painter(context, scene).paint()
}
