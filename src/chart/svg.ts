/**
 * A laid out chart as SVG. Colours are custom properties, so a page can light states up and switch between light and dark
 * by style alone; a file of its own carries a style sheet for both. Every state and every transition is an element that
 * names it: `data-state`, `data-transition`.
 */
import {
  clipped,
  metrics,
  type Arrow,
  type Box,
  type ChartDrawing,
  type LabelLine,
  type Point,
} from './chart-layout.ts'
import { variantMark, type ChartModel, type ChartState, type ChartTransition } from './chart-model.ts'
import { escapeXml } from './xml.ts'

/** The colours of a chart, light and dark; colour is never the only difference. */
export const chartColours = `
  --chart-ground: #ffffff; --chart-box: #ffffff; --chart-nest: #f6f7f9; --chart-line: #8a94a3; --chart-edge: #aeb6c2;
  --chart-text: #1c2430; --chart-muted: #5c6675; --chart-odd: #9a4a00; --chart-odd-ground: #fff4e8;`
export const chartColoursDark = `
  --chart-ground: #12161c; --chart-box: #1b2129; --chart-nest: #171c23; --chart-line: #6d7888; --chart-edge: #525d6c;
  --chart-text: #e6eaf0; --chart-muted: #9aa5b4; --chart-odd: #ffb469; --chart-odd-ground: #33230f;`

/** What a chart looks like, whoever shows it. */
export const chartStyle = `
.chart text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--chart-muted); }
.chart .name { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-weight: 600; fill: var(--chart-text); }
.chart .box { fill: var(--chart-box); stroke: var(--chart-line); stroke-width: 1; }
.chart .open > .box { fill: var(--chart-nest); }
.chart .root > .box { fill: var(--chart-ground); }
.chart .fold path { fill: none; stroke: var(--chart-muted); stroke-width: 1.4; }
.chart .fold .touch { fill: none; pointer-events: all; }
.chart .open > .fold { visibility: hidden; }
.chart .labels .touch { fill: none; stroke: transparent; stroke-width: 10; pointer-events: stroke; }
.chart .line { fill: none; stroke: var(--chart-edge); stroke-width: 1.2; }
.chart .head { fill: var(--chart-edge); }
.chart .dot { fill: var(--chart-muted); }
.chart .plate { fill: var(--chart-ground); fill-opacity: .82; }
.chart .odd > .box, .chart .odd > .line { stroke: var(--chart-odd); stroke-dasharray: 5 3; }
.chart .odd > .box { fill: var(--chart-odd-ground); }
.chart .odd > .head { fill: var(--chart-odd); }
.chart text.odd, .chart .odd > .name { fill: var(--chart-odd); }`

const CORNER = 7

const roundedPath = (points: readonly Point[]): string => {
  const [first, ...rest] = points
  if (first === undefined) return ''
  let path = `M${first[0]} ${first[1]}`
  for (const [index, [x, y]] of rest.entries()) {
    const after = rest[index + 1]
    const before = points[index] as Point
    if (after === undefined) {
      path += `L${x} ${y}`
      continue
    }
    const into = Math.min(CORNER, Math.hypot(x - before[0], y - before[1]) / 2)
    const out = Math.min(CORNER, Math.hypot(after[0] - x, after[1] - y) / 2)
    const toward = (to: Point, by: number): string => {
      const length = Math.hypot(to[0] - x, to[1] - y) || 1
      return `${round(x + ((to[0] - x) * by) / length)} ${round(y + ((to[1] - y) * by) / length)}`
    }
    path += `L${toward(before, into)}Q${x} ${y} ${toward(after, out)}`
  }
  return path
}

const round = (value: number): number => Math.round(value * 10) / 10

const arrowHead = (points: readonly Point[]): string => {
  const end = points.at(-1)
  const before = points.at(-2)
  if (end === undefined || before === undefined) return ''
  const angle = (Math.atan2(end[1] - before[1], end[0] - before[0]) * 180) / Math.PI
  return `<path class="head" d="M0 0L-8 -3.6L-8 3.6Z" transform="translate(${end[0]} ${end[1]}) rotate(${round(angle)})"/>`
}

/** Looks up what the drawing only names. */
class Lookup {
  readonly states: ReadonlyMap<string, ChartState>
  readonly transitions: ReadonlyMap<string, ChartTransition>

  constructor(chart: ChartModel) {
    this.states = new Map(chart.states.map((state) => [state.id, state]))
    this.transitions = new Map(chart.transitions.map((each) => [each.id, each]))
  }

  /** The labels of the variants that have these transitions, where not all have. */
  only(ids: readonly string[]): readonly string[] | undefined {
    const labels = ids.map((id) => this.transitions.get(id)?.only)
    return labels.some((each) => each === undefined) ? undefined : [...new Set(labels.flatMap((each) => each ?? []))]
  }
}

const only = (labels: readonly string[] | undefined): string =>
  labels === undefined ? '' : ` data-only="${escapeXml(labels.join(' '))}"`

const transitionTitle = (lookup: Lookup, line: LabelLine): string =>
  line.transitions
    .map((id) => lookup.transitions.get(id))
    .filter((each) => each !== undefined)
    .map(({ from, to, event, guard, actions, only }) =>
      [
        `${from} → ${to.join(', ') || 'stays'}`,
        `on ${event}${guard === undefined ? '' : ` if ${guard}`}${variantMark(only)}`,
        ...actions.map((action) => `  ${action}`),
      ].join('\n'),
    )
    .join('\n\n')

/** What stands for transitions whose text is not drawn. */
const placeholders = (ids: readonly string[]): string =>
  ids.map((id) => `<g class="transition" data-transition="${escapeXml(id)}"></g>`).join('')

/** One element for each transition behind a line of text: what a reader counts, and what a page lights up. */
const lineElements = (lookup: Lookup, line: LabelLine, x: number, y: number): string => {
  const labels = lookup.only(line.transitions)
  const [first = '', ...rest] = line.transitions
  return (
    `<text x="${round(x)}" y="${round(y)}" font-size="${metrics.noteSize}" class="transition${labels === undefined ? '' : ' odd'}"` +
    ` data-transition="${escapeXml(first)}"${only(labels)}><title>${escapeXml(transitionTitle(lookup, line))}</title>${escapeXml(line.text)}</text>` +
    placeholders(rest)
  )
}

/** The sign that a state can be opened or closed, with room around it for a finger; a file shows it on closed ones only. */
const foldElement = ({ inside, depth, x, y, width }: Box): string => {
  if (inside === 'leaf' || depth === 0) return ''
  const sign = inside === 'closed' ? 'h8m-4 -4v8' : 'h8'
  const [left, top] = [round(x + width - 15), round(y + 12)]
  return (
    `<g class="fold"><rect class="touch" x="${round(left - 7)}" y="${round(top - 11)}" width="22" height="22"/>` +
    `<path d="M${left} ${top}${sign}"/></g>`
  )
}

const boxElement = (lookup: Lookup, box: Box, terse: boolean): string => {
  const state = lookup.states.get(box.id)
  if (state === undefined) return ''
  const classes = [
    'state',
    box.inside,
    ...(box.depth === 0 ? ['root'] : []),
    ...(state.only === undefined ? [] : ['odd']),
  ]
  const centre = round(box.x + box.width / 2)
  const texts = terse ? [] : [...box.notes.map((text): LabelLine => ({ text, transitions: [] })), ...box.internal]
  const nested = box.inside === 'open'
  const nameAt = nested ? `x="${round(box.x + 12)}" text-anchor="start"` : `x="${centre}" text-anchor="middle"`
  const title = [state.description, state.source].filter((text) => text !== undefined).join('\n')
  return [
    `<g class="${classes.join(' ')}" data-state="${escapeXml(box.id)}"${only(state.only)}>`,
    `<title>${escapeXml(title === '' ? box.id : `${box.id}\n${title}`)}</title>`,
    `<rect class="box" x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="${nested ? 10 : 7}"/>`,
    `<text class="name" ${nameAt} y="${round(box.y + 17)}" font-size="${metrics.nameSize}">${escapeXml(state.name)}${escapeXml(variantMark(state.only))}</text>`,
    foldElement(box),
    terse ? placeholders(box.internal.flatMap(({ transitions }) => transitions)) : '',
    ...texts.map((line, index) => {
      const y = box.y + metrics.nameHeight + index * metrics.noteHeight + 9
      return line.transitions.length === 0
        ? `<text class="note" x="${round(box.x + 10)}" y="${round(y)}" font-size="${metrics.noteSize}">${escapeXml(clipped(line.text))}</text>`
        : lineElements(lookup, line, box.x + 10, y)
    }),
    '</g>',
  ].join('')
}

const arrowElement = (lookup: Lookup, arrow: Arrow): string => {
  const labels = arrow.from === '' ? undefined : lookup.only(arrow.labels.flatMap(({ transitions }) => transitions))
  const classes = ['arrow', ...(arrow.from === '' ? ['initial'] : []), ...(labels === undefined ? [] : ['odd'])]
  const [start] = arrow.points
  return [
    `<g class="${classes.join(' ')}" data-from="${escapeXml(arrow.from)}" data-to="${escapeXml(arrow.to)}">`,
    `<path class="line" d="${roundedPath(arrow.points)}"/>`,
    arrow.from === '' && start !== undefined
      ? `<circle class="dot" cx="${start[0]}" cy="${round(start[1] - metrics.dot / 2)}" r="${metrics.dot / 2}"/>`
      : '',
    arrowHead(arrow.points),
    '</g>',
  ].join('')
}

/** The middle of a line, where a count can stand. */
const middleOf = (points: readonly Point[]): Point => {
  const lengths = points.slice(1).map(([x, y], index) => Math.hypot(x - points[index]![0], y - points[index]![1]))
  let left = lengths.reduce((sum, length) => sum + length, 0) / 2
  for (const [index, length] of lengths.entries()) {
    const [from, to] = [points[index]!, points[index + 1]!]
    if (left <= length) {
      const share = length === 0 ? 0 : left / length
      return [round(from[0] + (to[0] - from[0]) * share), round(from[1] + (to[1] - from[1]) * share)]
    }
    left -= length
  }
  return points[0] ?? [0, 0]
}

const labelsTitle = (lookup: Lookup, labels: readonly LabelLine[]): string =>
  labels.map((line) => transitionTitle(lookup, line)).join('\n\n')

const labelElements = (lookup: Lookup, arrow: Arrow): string => {
  if (arrow.from === '') return ''
  const ends = `data-from="${escapeXml(arrow.from)}" data-to="${escapeXml(arrow.to)}"`
  if (arrow.labelAt === undefined) {
    const [x, y] = middleOf(arrow.points)
    return [
      `<g class="labels" ${ends}><title>${escapeXml(labelsTitle(lookup, arrow.labels))}</title>`,
      `<path class="touch" d="${roundedPath(arrow.points)}"/>`,
      `<text class="count" x="${x}" y="${round(y + 4)}" text-anchor="middle" font-size="${metrics.noteSize + 1}"></text>`,
      placeholders(arrow.labels.flatMap(({ transitions }) => transitions)),
      '</g>',
    ].join('')
  }
  const [x, y] = arrow.labelAt
  const height = arrow.labels.length * metrics.noteHeight + 2
  return [
    `<g class="labels" ${ends}>`,
    `<rect class="plate" x="${x}" y="${y}" width="${arrow.labelWidth}" height="${height}" rx="3"/>`,
    ...arrow.labels.map((line, index) => lineElements(lookup, line, x + 4, y + index * metrics.noteHeight + 11)),
    '</g>',
  ].join('')
}

/** What is inside the `svg` element: boxes first, arrows over them, labels on top. */
export const svgContent = (chart: ChartModel, drawing: ChartDrawing): string => {
  const lookup = new Lookup(chart)
  return [
    ...drawing.boxes.map((box) => boxElement(lookup, box, drawing.terse)),
    ...drawing.arrows.map((arrow) => arrowElement(lookup, arrow)),
    ...drawing.arrows.map((arrow) => labelElements(lookup, arrow)),
  ].join('\n')
}

/** A chart as an SVG document that stands on its own. */
export const svgOf = (chart: ChartModel, drawing: ChartDrawing): string => {
  const title = `The chart ${chart.name}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="${escapeXml(title)}" viewBox="0 0 ${drawing.width} ${drawing.height}" width="${drawing.width}" height="${drawing.height}">`,
    `<style>svg {${chartColours} background: var(--chart-ground); }`,
    `@media (prefers-color-scheme: dark) { svg {${chartColoursDark} } }${chartStyle}</style>`,
    svgContent(chart, drawing),
    '</svg>',
  ].join('\n')
}
