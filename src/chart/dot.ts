/**
 * Charts in Graphviz's DOT: a state with states below it is a cluster, a transition an edge that is cut off at the border
 * of the cluster it starts or ends at.
 */
import { childrenOf, transitionLabel, variantMark, type ChartModel, type ChartState } from './chart-model.ts'

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

const attributes = (pairs: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(pairs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${quoted(value ?? '')}`)
    .join(', ')

/** The name of the cluster of a state that has states below it. */
const cluster = (id: string): string => `cluster_${id}`

/** The node that stands for a state: itself, or for a cluster the first node inside. */
const anchor = (chart: ChartModel, id: string): string => {
  const [first] = childrenOf(chart, id)
  return first === undefined ? id : anchor(chart, first.id)
}

const isLeaf = (chart: ChartModel, id: string): boolean => childrenOf(chart, id).length === 0

const stateLines = (chart: ChartModel, state: ChartState, indent: string): readonly string[] => {
  const label = `${state.name}${variantMark(state.only)}`
  const style = state.only === undefined ? {} : { style: 'rounded,dashed' }
  const common = { label, tooltip: state.description, ...style }
  if (isLeaf(chart, state.id)) return [`${indent}${quoted(state.id)} [${attributes(common)}]`]
  const inner = `${indent}  `
  return [
    `${indent}subgraph ${quoted(cluster(state.id))} {`,
    `${inner}graph [${attributes({ ...common, style: state.only === undefined ? 'rounded' : 'rounded,dashed' })}]`,
    ...childrenOf(chart, state.id).flatMap((child) => stateLines(chart, child, inner)),
    ...(state.initial === undefined
      ? []
      : [
          `${inner}${quoted(`${state.id}.(initial)`)} [shape=point, width=0.1]`,
          `${inner}${quoted(`${state.id}.(initial)`)} -> ${quoted(anchor(chart, state.initial))}` +
            (isLeaf(chart, state.initial) ? '' : ` [${attributes({ lhead: cluster(state.initial) })}]`),
        ]),
    `${indent}}`,
  ]
}

/** A chart as a DOT graph. Forbidden transitions are drawn as loops, dotted. */
export const dotOf = (chart: ChartModel): string =>
  [
    `digraph ${quoted(chart.name)} {`,
    '  graph [compound=true, fontname="sans-serif", fontsize=12, nodesep=0.4, ranksep=0.5]',
    '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11]',
    '  edge [fontname="sans-serif", fontsize=9, arrowsize=0.7]',
    ...chart.states.filter(({ parent }) => parent === undefined).flatMap((root) => stateLines(chart, root, '  ')),
    ...chart.transitions.flatMap((each) => {
      const targets = each.to.length === 0 ? [each.from] : each.to
      return targets.map((to) => {
        const options = attributes({
          id: each.id,
          label: `${transitionLabel(each)}${variantMark(each.only)}`,
          ltail: isLeaf(chart, each.from) ? undefined : cluster(each.from),
          // A loop at a cluster has no border to be cut off at.
          lhead: isLeaf(chart, to) || to === each.from ? undefined : cluster(to),
          style: each.kind === 'forbidden' ? 'dotted' : each.only === undefined ? undefined : 'dashed',
        })
        return `  ${quoted(anchor(chart, each.from))} -> ${quoted(anchor(chart, to))} [${options}]`
      })
    }),
    '}',
  ].join('\n')
