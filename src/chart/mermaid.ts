/** Charts as Mermaid text. */
import type { AnyStateMachine } from 'xstate'
import { statusEdges } from '../explore/status-edges.ts'

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
