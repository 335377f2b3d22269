/** What an explorer has visited: search for states, read a shortest way to one, and walk from state to state. */
import { useMemo, useState } from 'preact/hooks'
import { shortestPath, type GraphEdge, type StateGraph } from '../formats/state-graph.ts'
import { current, selection } from './state.ts'

const RESULTS_MAX = 200

/** Every word of the query has to be in the state's text; `name=value` asks one variable. */
const matching = (graph: StateGraph, query: string): readonly number[] => {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const found: number[] = []
  for (const [index, { id, values }] of graph.states.entries()) {
    const text = [id, ...values.map((value, column) => `${graph.variables[column]}=${value}`)].join(' ').toLowerCase()
    if (words.every((word) => text.includes(word))) found.push(index)
  }
  return found
}

const Values = ({
  graph,
  index,
  before,
}: {
  readonly graph: StateGraph
  readonly index: number
  readonly before?: number
}) => (
  <span class="values">
    {graph.states[index]?.values.map((value, column) => {
      const changed = before === undefined || graph.states[before]?.values[column] !== value
      return changed ? (
        <span class="value">
          <span class="muted">{graph.variables[column]}</span> {value}
        </span>
      ) : null
    })}
  </span>
)

const Steps = ({
  graph,
  edges,
  side,
}: {
  readonly graph: StateGraph
  readonly edges: readonly GraphEdge[]
  readonly side: 'from' | 'to'
}) => (
  <ul class="chart-steps">
    {edges.map((edge) => (
      <li>
        <button type="button" class="link" onClick={() => (selection.value = graph.states[edge[side]]?.id)}>
          {edge.event === '' ? `state ${graph.states[edge[side]]?.id}` : edge.event}
        </button>{' '}
        <Values graph={graph} index={edge[side]} before={side === 'to' ? edge.from : edge.to} />
      </li>
    ))}
  </ul>
)

export const GraphPage = () => {
  const item = current.value
  const [query, setQuery] = useState('')
  const graph = item?.kind === 'state-graph' ? item.graph : undefined
  const found = useMemo(() => (graph === undefined ? [] : matching(graph, query)), [graph, query])
  const chosen = graph?.states.findIndex(({ id }) => id === selection.value) ?? -1
  const at = chosen >= 0 ? chosen : (graph?.initial[0] ?? 0)
  // A result is told by what differs from the start: the whole of it stands beside the list.
  const start = graph?.initial[0] ?? 0
  const path = useMemo(() => (graph === undefined ? undefined : shortestPath(graph, at)), [graph, at])
  if (graph === undefined) return null
  return (
    <main class="graph-page">
      <section class="graph-search" aria-label="States">
        <label>
          <span>
            {graph.states.length} states, {graph.edges.length} steps
          </span>
          <input
            type="search"
            placeholder="outgoing=completed guest=running"
            value={query}
            onInput={({ currentTarget }) => setQuery(currentTarget.value)}
          />
        </label>
        <p class="muted" aria-live="polite">
          {found.length} found{found.length > RESULTS_MAX ? `, the first ${RESULTS_MAX} shown` : ''}
        </p>
        <ul class="results" tabIndex={0} aria-label="States that were found">
          {found.slice(0, RESULTS_MAX).map((index) => (
            <li class={index === at ? 'selected' : ''}>
              <button type="button" onClick={() => (selection.value = graph.states[index]?.id)}>
                <span class="badge">{graph.states[index]?.id}</span>{' '}
                {index === start ? (
                  <span class="muted">the start</span>
                ) : (
                  <Values graph={graph} index={index} before={start} />
                )}
              </button>
            </li>
          ))}
        </ul>
      </section>
      <section class="graph-state details" aria-label="The state">
        <h2>State {graph.states[at]?.id}</h2>
        <h3>From here</h3>
        <Steps graph={graph} edges={graph.edges.filter(({ from }) => from === at)} side="to" />
        <h3>To here</h3>
        <Steps graph={graph} edges={graph.edges.filter(({ to }) => to === at)} side="from" />
        <h3>All of it</h3>
        <dl class="facts">
          {graph.variables.map((name, column) => (
            <>
              <dt>{name}</dt>
              <dd>{graph.states[at]?.values[column]}</dd>
            </>
          ))}
        </dl>
      </section>
      <section class="graph-path details" aria-label="A shortest way">
        <h2>A shortest way {path === undefined ? '' : `(${path.length} steps)`}</h2>
        {path === undefined ? (
          <p>No initial state leads here.</p>
        ) : (
          <ol>
            {path.map((edge) => (
              <li>
                <button type="button" class="link" onClick={() => (selection.value = graph.states[edge.to]?.id)}>
                  {edge.event === '' ? `state ${graph.states[edge.to]?.id}` : edge.event}
                </button>{' '}
                <Values graph={graph} index={edge.to} before={edge.from} />
              </li>
            ))}
          </ol>
        )}
      </section>
    </main>
  )
}
