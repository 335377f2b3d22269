/**
 * Where everything of a chart goes: boxes, arrows and labels with coordinates, laid out by the Eclipse Layout Kernel. The
 * result is plain data, drawn by `svg.ts` alike for a file and for the page.
 */
import type { ELK, ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js'
import {
  childrenOf,
  transitionLabel,
  variantMark,
  type ChartModel,
  type ChartState,
  type ChartTransition,
} from './chart-model.ts'

/** A point, in pixels from the upper left corner. */
export type Point = readonly [x: number, y: number]

/** A line of text that belongs to transitions: several where collapsing has made them look the same. */
export interface LabelLine {
  readonly text: string
  readonly transitions: readonly string[]
}

/** A state with its place. */
export interface Box {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** 0 for the root. */
  readonly depth: number
  /** `open`: its states are drawn inside; `closed`: it has some, but they are not; `leaf`: it has none. */
  readonly inside: 'open' | 'closed' | 'leaf'
  /** What it does on entry and exit. */
  readonly notes: readonly string[]
  /** What it does without being left, and what it ignores. */
  readonly internal: readonly LabelLine[]
}

/** All transitions from one box to another, as one line. */
export interface Arrow {
  /** Empty: the arrow marks the state below `to`'s parent that is entered first. */
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
  readonly labels: readonly LabelLine[]
  /** The upper left corner of the labels; undefined where there are none. */
  readonly labelAt: Point | undefined
  readonly labelWidth: number
}

/** A chart with every place worked out. */
export interface ChartDrawing {
  readonly name: string
  /** Names of states only: what they do, and what the arrows stand for, is left to whoever asks. */
  readonly terse: boolean
  readonly width: number
  readonly height: number
  readonly boxes: readonly Box[]
  readonly arrows: readonly Arrow[]
}

/** Sizes of text, in pixels; labels are set in a monospaced font, so that their width is known without a browser. */
export const metrics = {
  nameSize: 13,
  nameWidth: 7.6,
  nameHeight: 24,
  noteSize: 10,
  noteWidth: 6.05,
  noteHeight: 14,
  dot: 10,
} as const

/** Longest text of a label or note; what is longer is cut, and whole in the title. */
const TEXT_MAX = 46

/** The text as it is drawn. */
export const clipped = (text: string): string => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX - 1)}…` : text)

const notesOf = (state: ChartState): readonly string[] => [
  ...state.entry.map((action) => clipped(`entry / ${action}`)),
  ...state.exit.map((action) => clipped(`exit / ${action}`)),
]

const suffix = ({ actions, kind }: ChartTransition): string =>
  kind === 'forbidden' ? ' (ignored)' : kind === 'internal' ? ` / ${actions.join('; ')}` : ''

const linesOf = (transitions: readonly ChartTransition[]): readonly LabelLine[] => {
  const byText = new Map<string, string[]>()
  for (const each of transitions) {
    const text = `${clipped(`${transitionLabel(each)}${suffix(each)}`)}${variantMark(each.only)}`
    byText.set(text, [...(byText.get(text) ?? []), each.id])
  }
  return [...byText].map(([text, ids]) => ({ text, transitions: ids }))
}

interface PlannedArrow {
  readonly from: string
  readonly to: string
  readonly lines: readonly LabelLine[]
  /** It leads away from where the chart starts. */
  readonly forward: boolean
}

/** A chart with some of its states closed, ready to be laid out. */
class Plan {
  readonly chart: ChartModel
  readonly terse: boolean
  private readonly closed: ReadonlySet<string>
  private readonly states: ReadonlyMap<string, ChartState>
  private readonly children: ReadonlyMap<string, readonly ChartState[]>

  constructor(chart: ChartModel, closed: ReadonlySet<string>, terse: boolean) {
    this.chart = chart
    this.terse = terse
    this.closed = closed
    this.states = new Map(chart.states.map((state) => [state.id, state]))
    this.children = new Map(chart.states.map((state) => [state.id, childrenOf(chart, state.id)]))
  }

  get root(): ChartState {
    return this.chart.states[0] as ChartState
  }

  /** The state itself, or the outermost closed state around it: what stands for it in the drawing. */
  shown(id: string): string {
    let found = id
    for (let at = this.states.get(id); at !== undefined; at = this.states.get(at.parent ?? ''))
      if (this.closed.has(at.id)) found = at.id
    return found
  }

  below(id: string): readonly ChartState[] {
    return this.closed.has(id) ? [] : (this.children.get(id) ?? [])
  }

  inside(id: string): Box['inside'] {
    if ((this.children.get(id) ?? []).length === 0) return 'leaf'
    return this.closed.has(id) ? 'closed' : 'open'
  }

  /** What a box does without being left. */
  internal(id: string): readonly LabelLine[] {
    return linesOf(this.chart.transitions.filter(({ from, to }) => from === id && to.length === 0))
  }

  /** Transitions that are drawn as arrows, by the boxes they join. */
  arrows(): readonly PlannedArrow[] {
    const byEnds = new Map<string, { from: string; to: string; transitions: ChartTransition[] }>()
    for (const each of this.chart.transitions)
      for (const target of each.to) {
        const from = this.shown(each.from)
        const to = this.shown(target)
        if (from === to && (from !== each.from || to !== target)) continue
        const key = `${from} ${to}`
        const known = byEnds.get(key) ?? { from, to, transitions: [] }
        known.transitions.push(each)
        byEnds.set(key, known)
      }
    const back = backEdges(
      [...byEnds.values()].map(({ from, to }) => this.siblings(from, to)),
      this.chart.states.flatMap(({ initial }) => (initial === undefined ? [] : [initial])),
    )
    return [...byEnds.values()].map(({ from, to, transitions }) => {
      const [above, below] = this.siblings(from, to)
      return { from, to, lines: linesOf(transitions), forward: !back.has(`${above} ${below}`) }
    })
  }

  /** Where the paths of two states part: the states next to each other that hold them. */
  private siblings(from: string, to: string): readonly [string, string] {
    const [fromPath, toPath] = [this.path(from), this.path(to)]
    const parts = fromPath.findIndex((id, index) => id !== toPath[index])
    return [fromPath[parts] ?? from, toPath[parts] ?? to]
  }

  private path(id: string): readonly string[] {
    const state = this.states.get(id)
    return state?.parent === undefined ? [id] : [...this.path(state.parent), id]
  }
}

/** The pairs that close a cycle when the graph is walked depth first from where it starts. */
const backEdges = (pairs: readonly (readonly [string, string])[], starts: readonly string[]): ReadonlySet<string> => {
  const next = new Map<string, string[]>()
  for (const [from, to] of pairs) if (from !== to) next.set(from, [...(next.get(from) ?? []), to])
  const back = new Set<string>()
  const known = new Set<string>()
  const onPath = new Set<string>()
  const visit = (id: string): void => {
    known.add(id)
    onPath.add(id)
    for (const to of next.get(id) ?? [])
      if (onPath.has(to)) back.add(`${id} ${to}`)
      else if (!known.has(to)) visit(to)
    onPath.delete(id)
  }
  for (const id of [...starts, ...next.keys()]) if (!known.has(id)) visit(id)
  return back
}

const widest = (texts: readonly string[], width: number): number =>
  Math.max(0, ...texts.map((text) => [...text].length * width))

/** Set on every state that holds others: ELK hands no option down. */
const layering: Readonly<Record<string, string>> = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '8',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '26',
  'elk.layered.spacing.edgeNodeBetweenLayers': '10',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.cycleBreaking.strategy': 'GREEDY',
  'elk.layered.layering.strategy': 'LONGEST_PATH',
  'elk.json.edgeCoords': 'ROOT',
}

const nodeOf = (plan: Plan, state: ChartState): ElkNode => {
  const texts = plan.terse ? [] : [...notesOf(state), ...plan.internal(state.id).map(({ text }) => text)]
  const name =
    [...`${state.name}${variantMark(state.only)}`].length * metrics.nameWidth +
    (plan.inside(state.id) === 'leaf' ? 28 : 58)
  const width = Math.max(name, widest(texts, metrics.noteWidth) + 20, 64)
  const head = metrics.nameHeight + texts.length * metrics.noteHeight + (texts.length > 0 ? 6 : 4)
  const below = plan.below(state.id)
  if (below.length === 0) return { id: state.id, width, height: head }
  const initial =
    state.initial === undefined ? [] : [{ id: `${state.id} initial`, width: metrics.dot, height: metrics.dot }]
  return {
    id: state.id,
    layoutOptions: {
      ...layering,
      'elk.padding': `[top=${head + 10},left=14,bottom=14,right=14]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width},${head})`,
    },
    children: [...initial, ...below.map((child) => nodeOf(plan, child))],
  }
}

const edgesOf = (plan: Plan): ElkExtendedEdge[] => {
  const edges: ElkExtendedEdge[] = plan.arrows().map(({ from, to, lines, forward }, index) => ({
    id: `arrow ${index}`,
    // An arrow that leads back is laid out the other way round, so that the layers follow the way from the start.
    sources: [forward ? from : to],
    targets: [forward ? to : from],
    labels: plan.terse
      ? []
      : [
          {
            id: `label ${index}`,
            text: lines.map(({ text }) => text).join('\n'),
            width:
              widest(
                lines.map(({ text }) => text),
                metrics.noteWidth,
              ) + 8,
            height: lines.length * metrics.noteHeight + 2,
          },
        ],
  }))
  for (const { id, initial } of plan.chart.states)
    if (initial !== undefined && plan.below(id).length > 0 && plan.shown(id) === id)
      edges.push({ id: `initial ${id}`, sources: [`${id} initial`], targets: [initial] })
  return edges
}

const round = (value: number): number => Math.round(value * 10) / 10

const boxesOf = (plan: Plan, node: ElkNode, x: number, y: number, depth: number): readonly Box[] => {
  const state = plan.chart.states.find(({ id }) => id === node.id)
  if (state === undefined) return []
  const left = x + (node.x ?? 0)
  const top = y + (node.y ?? 0)
  return [
    {
      id: state.id,
      x: round(left),
      y: round(top),
      width: round(node.width ?? 0),
      height: round(node.height ?? 0),
      depth,
      inside: plan.inside(state.id),
      notes: notesOf(state),
      internal: plan.internal(state.id),
    },
    ...(node.children ?? []).flatMap((child) => boxesOf(plan, child, left, top, depth + 1)),
  ]
}

const arrowsOf = (plan: Plan, edges: readonly ElkExtendedEdge[]): readonly Arrow[] => {
  const arrows = plan.arrows()
  return edges.map((edge) => {
    const section = edge.sections?.[0]
    const ends = section === undefined ? [] : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]
    const points = ends.map(({ x, y }): Point => [round(x), round(y)])
    const [kind, index] = edge.id.split(' ')
    const { from, to, lines, forward } =
      kind === 'arrow' ? arrows[Number(index)]! : { from: '', to: edge.targets[0] ?? '', lines: [], forward: true }
    const label = kind === 'arrow' ? edge.labels?.[0] : undefined
    return {
      from,
      to,
      points: forward ? points : points.toReversed(),
      labels: lines,
      labelAt:
        label?.x === undefined || label.y === undefined ? undefined : ([round(label.x), round(label.y)] as const),
      labelWidth: round(label?.width ?? 0),
    }
  })
}

let kernel: Promise<ELK> | undefined

/** The layout kernel is big, and most commands never draw: it is loaded when it is first needed. */
const loadKernel = (): Promise<ELK> =>
  (kernel ??= import('elkjs/lib/elk.bundled.js').then(({ default: Kernel }) => {
    const Constructor = Kernel as unknown as { readonly default?: new () => ELK } & (new () => ELK)
    return new (Constructor.default ?? Constructor)()
  }))

/**
 * Lays a chart out. `closed` are the ids of states whose inside is not drawn; transitions from and to it then start and
 * end at its border. `terse` leaves out everything but the names of the states, which takes a quarter of the room.
 */
export const layOut = async (
  chart: ChartModel,
  closed: ReadonlySet<string> = new Set(),
  terse = false,
): Promise<ChartDrawing> => {
  const plan = new Plan(chart, closed, terse)
  const elk = await loadKernel()
  const graph: ElkNode = await elk.layout({
    id: ' root',
    layoutOptions: layering,
    children: [nodeOf(plan, plan.root)],
    edges: edgesOf(plan),
  })
  return {
    name: chart.name,
    terse,
    width: Math.ceil(graph.width ?? 0),
    height: Math.ceil(graph.height ?? 0),
    boxes: (graph.children ?? []).flatMap((child) => boxesOf(plan, child, 0, 0, 0)),
    arrows: arrowsOf(plan, graph.edges ?? []),
  }
}
