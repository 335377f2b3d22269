/** A counterexample in ITF: a column for each variable, a row for each state, what changed picked out. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { LibraryChart } from '../chart-library.ts'
import type { VariableTrace } from '../formats/itf.ts'
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

/** A variable that tells the state of a chart. */
interface ChartVariable {
  readonly variable: string
  readonly index: number
  readonly chart: LibraryChart
}

/** What people look for first: the two sides of the migration. */
const byInterest = (a: ChartVariable, b: ChartVariable): number => {
  const rank = ({ chart: { name } }: ChartVariable) => (name === 'outgoing' ? 0 : name === 'incoming' ? 1 : 2)
  return rank(a) - rank(b)
}

/** A side that never does anything is not what a counterexample is about. */
const moves = ({ states }: VariableTrace, index: number): boolean =>
  states.some((state) => state[index] !== states[0]?.[index])

/** One of the charts that variables tell the state of. */
const LitChart = ({
  choices,
  preset,
  state,
}: {
  readonly choices: readonly ChartVariable[]
  readonly preset: number
  readonly state: readonly string[]
}) => {
  const [chosen, setChosen] = useState<string | undefined>()
  const shown = choices.find(({ variable }) => variable === chosen) ?? choices[preset]
  if (shown === undefined) return null
  const { variable, index, chart } = shown
  return (
    <section class="party" aria-label={variable}>
      <header>
        <label>
          <span class="visually-hidden">Chart of</span>
          <select value={variable} onChange={({ currentTarget }) => setChosen(currentTarget.value)}>
            {choices.map((each) => (
              <option value={each.variable}>{each.variable}</option>
            ))}
          </select>
        </label>
        <span class="muted">{state[index]}</span>
      </header>
      <ChartView
        chart={chart}
        title={variable}
        showQuirks
        terse
        lighting={{
          active: [`${chart.model.states[0]?.id}.${state[index] ?? ''}`],
          now: new Set(),
          counts: new Map(),
          totals: undefined,
        }}
      />
    </section>
  )
}

export const VariablesPage = () => {
  const item = current.value
  const trace = item?.kind === 'variables' ? item.trace : undefined
  const row = useRef<HTMLTableRowElement>(null)
  const at = step.value
  useLayoutEffect(() => row.current?.scrollIntoView({ block: 'nearest' }), [at])
  const lit = useMemo(() => {
    if (trace === undefined) return []
    const found = trace.variables.flatMap((variable, index): readonly ChartVariable[] => {
      const chart = chartOf(
        variable,
        trace.states.map((state) => state[index] ?? ''),
      )
      return chart === undefined ? [] : [{ variable, index, chart }]
    })
    return [
      ...found.filter(({ index }) => moves(trace, index)).sort(byInterest),
      ...found.filter(({ index }) => !moves(trace, index)).sort(byInterest),
    ]
  }, [trace, library.value])
  const [showsAll, setShowsAll] = useState(false)
  if (trace === undefined || item === undefined) return null
  const shown = [...trace.variables.keys()].filter((index) => showsAll || moves(trace, index))
  const hidden = trace.variables.length - [...trace.variables.keys()].filter((index) => moves(trace, index)).length
  return (
    <main class="variables-page">
      <section class="lower-head" aria-label="Playback">
        <Transport what="State of the counterexample" hasAxis={false} position={trace.actions[at] ?? ''} />
        {hidden > 0 && (
          <label class="choice check">
            <input
              type="checkbox"
              checked={showsAll}
              onChange={({ currentTarget }) => setShowsAll(currentTarget.checked)}
            />
            <span>{hidden} variables that never change</span>
          </label>
        )}
      </section>
      {trace.description !== '' && <p class="lead">{trace.description}</p>}
      <div class="variables-body">
        <div class="table-box" tabIndex={0} role="region" aria-label="States">
          <table class="variables">
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">step</th>
                {shown.map((index) => (
                  <th scope="col">{trace.variables[index]}</th>
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
                  {shown.map((column) => {
                    const changed = index > 0 && trace.states[index - 1]?.[column] !== values[column]
                    return <td class={changed ? 'changed' : index > 0 ? 'same' : ''}>{values[column]}</td>
                  })}
                </tr>
              ))}
              {trace.loop !== undefined && (
                <tr class="loop">
                  <td colSpan={shown.length + 2}>and so on for ever, from state {trace.loop}</td>
                </tr>
              )}
            </tbody>
          </table>
        </div>
        {lit.length > 0 && (
          <div class="variables-charts">
            {lit.slice(0, 2).map((_, preset) => (
              <LitChart choices={lit} preset={preset} state={trace.states[at] ?? []} />
            ))}
          </div>
        )}
      </div>
    </main>
  )
}
