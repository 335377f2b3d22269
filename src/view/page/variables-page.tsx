/** A counterexample in ITF: a column for each variable, a row for each state, what changed picked out. */
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { ChartView } from './chart-view.tsx'
import { current, goTo, library, step } from './state.ts'
import { Transport } from './transport.tsx'

/** The chart that a variable tells the state of, by its name and by its values. */
const chartOf = (variable: string, values: readonly string[]) => {
  const name =
    variable
      .split(/[._-]|(?=[A-Z])/)
      .at(-1)
      ?.toLowerCase() ?? ''
  const chart = library.value.charts.find((each) => each.name === name)
  if (chart === undefined) return undefined
  const root = chart.model.states[0]?.id ?? ''
  const known = new Set(chart.model.states.map(({ id }) => id))
  return values.every((value) => value === '' || known.has(`${root}.${value}`)) ? chart : undefined
}

export const VariablesPage = () => {
  const item = current.value
  const trace = item?.kind === 'variables' ? item.trace : undefined
  const row = useRef<HTMLTableRowElement>(null)
  const at = step.value
  useLayoutEffect(() => row.current?.scrollIntoView({ block: 'nearest' }), [at])
  const lit = useMemo(
    () =>
      (trace?.variables ?? []).flatMap((variable, index) => {
        const chart = chartOf(variable, trace?.states.map((state) => state[index] ?? '') ?? [])
        return chart === undefined ? [] : [{ variable, index, chart }]
      }),
    [trace, library.value],
  )
  if (trace === undefined || item === undefined) return null
  const state = trace.states[at]
  return (
    <main class="variables-page">
      <section class="lower-head" aria-label="Playback">
        <Transport what="State of the counterexample" hasAxis={false} position={trace.actions[at] ?? ''} />
      </section>
      {trace.description !== '' && <p class="lead">{trace.description}</p>}
      <div class="variables-body">
        <div class="table-box" tabIndex={0} role="region" aria-label="States">
          <table class="variables">
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">step</th>
                {trace.variables.map((name) => (
                  <th scope="col">{name}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {trace.states.map((values, index) => (
                <tr
                  {...(index === at ? { ref: row } : {})}
                  class={index === at ? 'selected' : ''}
                  aria-current={index === at ? 'step' : undefined}
                  onClick={() => goTo(index)}
                >
                  <th scope="row">{index}</th>
                  <td class="action">{trace.actions[index]}</td>
                  {values.map((value, column) => {
                    const changed = index > 0 && trace.states[index - 1]?.[column] !== value
                    return <td class={changed ? 'changed' : index > 0 ? 'same' : ''}>{value}</td>
                  })}
                </tr>
              ))}
              {trace.loop !== undefined && (
                <tr class="loop">
                  <td colSpan={trace.variables.length + 2}>and so on for ever, from state {trace.loop}</td>
                </tr>
              )}
            </tbody>
          </table>
        </div>
        {lit.length > 0 && (
          <div class="variables-charts">
            {lit.slice(0, 2).map(({ variable, index, chart }) => (
              <section class="party" aria-label={variable}>
                <header>
                  <h2>{variable}</h2>
                  <span class="muted">{state?.[index]}</span>
                </header>
                <ChartView
                  chart={chart}
                  title={variable}
                  showQuirks
                  terse
                  lighting={{
                    active: [`${chart.model.states[0]?.id}.${state?.[index] ?? ''}`],
                    now: new Set(),
                    counts: new Map(),
                    totals: undefined,
                  }}
                />
              </section>
            ))}
          </div>
        )}
      </div>
    </main>
  )
}
