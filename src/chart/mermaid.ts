/** Charts as Mermaid text. */
import type { AnyStateMachine } from 'xstate'
import { statusEdges } from '../explore/status-edges.ts'
import {
  childrenOf,
  transitionLabel,
  variantMark,
  type ChartModel,
  type ChartState,
  type ChartTransition,
} from './chart-model.ts'

/**
 * The statuses of a chart and the edges between them, as a Mermaid state diagram; what happens inside a status is left
 * out. Drawn from the machine that executes.
 */
export const statusDiagram = (machine: AnyStateMachine): string => {
  const name = (status: string) => status.replaceAll('-', '_')
  const edges = statusEdges(machine).map((edge) => edge.split(' -> ') as [string, string])
  const statuses = [...new Set(edges.flat())].filter((status) => status.includes('-')).sort()
  return [
    'stateDiagram-v2',
    ...statuses.map((status) => `  state "${status}" as ${name(status)}`),
    '  [*] --> none',
    ...edges.map(([from, to]) => `  ${name(from)} --> ${name(to)}`),
  ].join('\n')
}

/** An identifier as Mermaid takes it; two states that differ in punctuation alone would be one, and no chart has such. */
export const mermaidId = (id: string): string => id.replaceAll(/[^A-Za-z0-9]/g, '_')

/** Text of a label: what Mermaid would read as syntax becomes an entity. */
const text = (label: string): string =>
  label.replaceAll(/[#;:"{}]/g, (each) => `#${each.codePointAt(0)};`).replaceAll('\n', ' ')

/** A transition of a state that holds others, and that does not leave it. */
const staysInside = (chart: ChartModel, { from, to }: ChartTransition): boolean =>
  childrenOf(chart, from).length > 0 && to.every((target) => target.startsWith(`${from}.`))

/** Stands for whatever is inside a state: Mermaid can draw no line from a state to one inside it, and no loop around one. */
const anyInside = (id: string): string => `${mermaidId(id)}_any`

const stateLines = (chart: ChartModel, state: ChartState, indent: string): readonly string[] => {
  const id = mermaidId(state.id)
  const declared = `${indent}state "${text(`${state.name}${variantMark(state.only)}`)}" as ${id}`
  const below = childrenOf(chart, state.id)
  if (below.length === 0) return [declared]
  const inner = `${indent}  `
  const regions = below.map((child) => stateLines(chart, child, inner))
  return [
    `${declared} {`,
    ...(state.initial === undefined ? [] : [`${inner}[*] --> ${mermaidId(state.initial)}`]),
    ...(chart.transitions.some((each) => each.from === state.id && staysInside(chart, each))
      ? [`${inner}state "(any)" as ${anyInside(state.id)}`]
      : []),
    ...(state.kind === 'parallel'
      ? regions.flatMap((lines, index) => (index === 0 ? lines : [`${inner}--`, ...lines]))
      : regions.flat()),
    `${indent}}`,
  ]
}

/**
 * A chart as a Mermaid state diagram, with the states inside states. What a state does without leaving it is a loop
 * at the state, a loop at `(any)` where it holds others; a forbidden transition (which only keeps an outer one from being taken) too, marked as such.
 */
export const mermaidOf = (chart: ChartModel): string =>
  [
    'stateDiagram-v2',
    ...chart.states.filter(({ parent }) => parent === undefined).flatMap((root) => stateLines(chart, root, '  ')),
    ...chart.transitions.flatMap((each) => {
      const targets = each.to.length === 0 ? [each.from] : each.to
      const note = each.kind === 'forbidden' ? ' (ignored)' : ''
      const label = text(`${transitionLabel(each)}${variantMark(each.only)}${note}`)
      const from = staysInside(chart, each) ? anyInside(each.from) : mermaidId(each.from)
      return targets.map((to) => `  ${from} --> ${to === each.from ? from : mermaidId(to)} : ${label}`)
    }),
  ].join('\n')
