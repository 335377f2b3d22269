/** The charts on their own: what every state and every transition means, in each profile, with or without its quirks. */
import { useState } from 'preact/hooks'
import { quirks as quirkTable } from '../../../machines/profile.ts'
import type { ChartModel } from '../../chart/chart-model.ts'
import { ChartView } from './chart-view.tsx'
import { library, selection } from './state.ts'

const Quirks = ({ only }: { readonly only: readonly string[] | undefined }) =>
  only === undefined ? null : (
    <ul class="quirks">
      {only.map((id) => (
        <li>
          <span class="badge bad">{id}</span> {quirkTable.find((quirk) => quirk.id === id)?.title ?? ''}
        </li>
      ))}
    </ul>
  )

const StateDetails = ({ chart, id }: { readonly chart: ChartModel; readonly id: string }) => {
  const state = chart.states.find((each) => each.id === id)
  if (state === undefined) return null
  const leaving = chart.transitions.filter(({ from }) => from === id)
  const entering = chart.transitions.filter(({ to }) => to.includes(id))
  return (
    <>
      <h2>{state.name}</h2>
      <p>{state.description}</p>
      {state.source !== undefined && <p class="muted">{state.source}</p>}
      <Quirks only={state.only} />
      {state.entry.length > 0 && (
        <p>
          On entry:{' '}
          {state.entry.map((action) => (
            <code>{action}</code>
          ))}
        </p>
      )}
      <h3>Leaving ({leaving.length})</h3>
      <ul class="chart-steps">
        {leaving.map((each) => (
          <li>
            <button type="button" class="link" onClick={() => (selection.value = each.id)}>
              {each.event}
              {each.guard === undefined ? '' : ` [${each.guard}]`} →{' '}
              {each.to.map((to) => to.split('.').slice(1).join('.')).join(', ') ||
                (each.kind === 'forbidden' ? 'ignored' : 'stays')}
            </button>
            {each.only !== undefined && <span class="badge bad">{each.only.join(', ')}</span>}
          </li>
        ))}
      </ul>
      <h3>Entering ({entering.length})</h3>
      <ul class="chart-steps">
        {entering.map((each) => (
          <li>
            <button type="button" class="link" onClick={() => (selection.value = each.from)}>
              {each.from.split('.').slice(1).join('.')}
            </button>{' '}
            on {each.event}
          </li>
        ))}
      </ul>
    </>
  )
}

const TransitionDetails = ({ chart, id }: { readonly chart: ChartModel; readonly id: string }) => {
  const found = chart.transitions.find((each) => each.id === id)
  if (found === undefined) return null
  return (
    <>
      <h2>{found.event}</h2>
      <dl class="facts">
        <dt>from</dt>
        <dd>
          <button type="button" class="link" onClick={() => (selection.value = found.from)}>
            {found.from}
          </button>
        </dd>
        <dt>to</dt>
        <dd>{found.to.join(', ') || (found.kind === 'forbidden' ? 'nowhere: it is ignored here' : 'stays')}</dd>
        {found.guard !== undefined && (
          <>
            <dt>if</dt>
            <dd>
              <code>{found.guard}</code>
            </dd>
          </>
        )}
        {found.actions.length > 0 && (
          <>
            <dt>does</dt>
            <dd class="allowed">
              {found.actions.map((action) => (
                <code>{action}</code>
              ))}
            </dd>
          </>
        )}
      </dl>
      <Quirks only={found.only} />
    </>
  )
}

export const ChartsPage = () => {
  const [name, setName] = useState('outgoing')
  const [profile, setProfile] = useState<string>('2.11')
  const [showQuirks, setShowQuirks] = useState(false)
  const charts = library.value.charts.filter(({ profiles }) => profiles.some((each) => each === profile))
  const chart = charts.find((each) => each.name === name) ?? charts[0]
  const selected = selection.value
  if (chart === undefined)
    return (
      <main class="charts-page">
        <p class="empty">The charts are being unpacked …</p>
      </main>
    )
  const isHere =
    selected !== undefined &&
    (chart.model.states.some(({ id }) => id === selected) || chart.model.transitions.some(({ id }) => id === selected))
  return (
    <main class="charts-page">
      <section class="party" aria-label={`Chart ${chart.name}`}>
        <header>
          <h2 class="visually-hidden">Charts</h2>
          <div class="tabs" role="tablist" aria-label="Charts">
            {charts.map((each) => (
              <button
                type="button"
                role="tab"
                aria-selected={each === chart}
                class={`tab${each === chart ? ' selected' : ''}`}
                onClick={() => setName(each.name)}
              >
                <span class="tab-name">{each.name}</span>
                <span class="tab-state">{each.model.states.length} states</span>
              </button>
            ))}
          </div>
          <span class="spring" />
          <label class="choice">
            <span>Profile</span>
            <select value={profile} onChange={({ currentTarget }) => setProfile(currentTarget.value)}>
              <option value="2.11">QEMU 2.11</option>
              <option value="7.2">QEMU 7.2</option>
            </select>
          </label>
          <label class="choice check">
            <input
              type="checkbox"
              checked={showQuirks}
              onChange={({ currentTarget }) => setShowQuirks(currentTarget.checked)}
            />
            <span>quirks</span>
          </label>
        </header>
        <ChartView chart={chart} title={chart.name} lighting={undefined} showQuirks={showQuirks} />
      </section>
      <aside class="side details" aria-label="What is selected">
        {isHere && selected !== undefined ? (
          <>
            <StateDetails chart={chart.model} id={selected} />
            <TransitionDetails chart={chart.model} id={selected} />
          </>
        ) : (
          <>
            <h2>{chart.name}</h2>
            <p>{chart.model.states[0]?.description}</p>
            <p class="muted">
              {chart.model.states.length} states, {chart.model.transitions.length} transitions, drawn from the machine
              that executes. Select a state or a transition to read what it means.
            </p>
          </>
        )}
      </aside>
    </main>
  )
}
