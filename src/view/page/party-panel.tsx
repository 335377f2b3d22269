/** One party: where each of its charts is, and one of them drawn. */
import { useMemo, useState } from 'preact/hooks'
import { ChartView } from './chart-view.tsx'
import { statusColour } from './colour.ts'
import type { Lighting } from './drawn-chart.ts'
import { library, model as currentModel, step } from './state.ts'
import { pathIn, type TraceModel } from './trace-model.ts'

/** What people look for first stands first; whatever else a process has follows as its chart has it. */
const rank = (name: string): number => {
  const at = ['outgoing', 'incoming', 'guest', 'images'].indexOf(name)
  return at < 0 ? Infinity : at
}

/** The charts of a process in a profile. */
const chartsFor = (profile: string) =>
  library.value.charts
    .filter(({ inProcess, profiles }) => inProcess && profiles.some((each) => each === profile))
    .toSorted((a, b) => rank(a.name) - rank(b.name) || 0)

const lightingOf = (model: TraceModel, party: number, at: number): Lighting | undefined => {
  const track = model.tracks[party]
  if (track === undefined) return undefined
  const { active, now, counts } = track.stateAt(at)
  return { active, now: new Set(now.flatMap(({ transitions }) => transitions)), counts, totals: track.totals }
}

export const PartyPanel = ({
  party,
  profile,
  showQuirks,
}: {
  readonly party: number
  readonly profile: string
  readonly showQuirks: boolean
}) => {
  const model = currentModel.value
  const track = model?.tracks[party]
  const [chosen, setChosen] = useState<string | undefined>()
  const charts = chartsFor(profile)
  const region = chosen ?? track?.mainRegion ?? 'outgoing'
  const chart = charts.find(({ name }) => name === region) ?? charts[0]
  const at = step.value
  const lighting = useMemo(() => (model === undefined ? undefined : lightingOf(model, party, at)), [model, party, at])
  const title = model?.timeLine.parties[party]?.title ?? ''
  if (model === undefined) return null
  return (
    <section class="party" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <div class="tabs" role="tablist" aria-label={`${title}: charts`}>
          {charts.map(({ name }) => {
            const path = lighting === undefined ? '' : pathIn(lighting.active, name)
            const [top = '', ...below] = path.split('.')
            return (
              <button
                type="button"
                role="tab"
                aria-selected={name === region}
                class={`tab${name === region ? ' selected' : ''}`}
                onClick={() => setChosen(name)}
              >
                <span class="tab-name">{name}</span>
                <span class="tab-state">
                  <span class="dot" style={{ background: `var(${statusColour(top)})` }} aria-hidden="true" />
                  {top === '' ? '…' : top}
                  {below.length > 0 && <span class="tab-phase"> {below.join('.')}</span>}
                </span>
              </button>
            )
          })}
        </div>
      </header>
      {chart === undefined ? (
        <p class="empty">No charts in this page.</p>
      ) : (
        <ChartView chart={chart} title={`${title} ${chart.name}`} lighting={lighting} showQuirks={showQuirks} terse />
      )}
    </section>
  )
}
