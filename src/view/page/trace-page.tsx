/** A trace: the charts of each party, the lanes, and what was said. */
import { useState } from 'preact/hooks'
import { Lanes } from './lanes.tsx'
import { MemoryView } from './memory-view.tsx'
import { MessageList } from './message-list.tsx'
import { MomentDetails } from './moment-details.tsx'
import { PartyPanel } from './party-panel.tsx'
import { current, model as currentModel, step } from './state.ts'
import { Transport } from './transport.tsx'
import { secondsText } from './units.ts'
import { rejectionMoment, VerdictCard } from './verdict-card.tsx'

/** Parties that are shown side by side; more are chosen from a list. */
const PANELS_MAX = 2

export const TracePage = () => {
  const item = current.value
  const model = currentModel.value
  const [lower, setLower] = useState<'lanes' | 'memory'>('lanes')
  const [showQuirks, setShowQuirks] = useState(false)
  const [right, setRight] = useState<number | undefined>()
  if (item?.kind !== 'trace' || model === undefined) return null
  const { parties, moments } = model.timeLine
  const { profile } = item.scenario
  const verdict = model.analysis?.verdict.verdict
  const order = [...parties.keys()]
  const panels = order.length <= PANELS_MAX ? order : [order[0] ?? 0, right ?? order[1] ?? 1]
  const rejectedAt = rejectionMoment(model)
  const moment = moments[step.value]
  return (
    <main class="trace-page">
      <div class="charts-row">
        {panels.map((party) => (
          <PartyPanel
            key={party}
            party={party}
            profile={profile}
            showQuirks={showQuirks || verdict === 'conforms-with-quirks'}
          />
        ))}
      </div>
      <aside class="side" aria-label="Verdict and messages">
        <VerdictCard model={model} />
        <MessageList model={model} rejectedAt={rejectedAt} />
        <MomentDetails model={model} />
      </aside>
      <section class="lower" aria-label="Line of time">
        <div class="lower-head">
          <Transport
            what="Moment of the trace"
            hasAxis={lower === 'lanes'}
            position={
              moment === undefined
                ? ''
                : `${parties[moment.party]?.title} ${moment.title} ${moment.detail}, ${secondsText(moment.seconds)}`
            }
          />
          {order.length > PANELS_MAX && (
            <label class="choice">
              <span>Beside the source</span>
              <select value={panels[1]} onChange={({ currentTarget }) => setRight(Number(currentTarget.value))}>
                {order.slice(1).map((party) => (
                  <option value={party}>{parties[party]?.title}</option>
                ))}
              </select>
            </label>
          )}
          <label class="choice check">
            <input
              type="checkbox"
              checked={showQuirks}
              onChange={({ currentTarget }) => setShowQuirks(currentTarget.checked)}
            />
            <span>quirks</span>
          </label>
          {item.memory !== undefined && (
            <div class="switch" role="group" aria-label="Lower part">
              <button type="button" aria-pressed={lower === 'lanes'} onClick={() => setLower('lanes')}>
                Lanes
              </button>
              <button type="button" aria-pressed={lower === 'memory'} onClick={() => setLower('memory')}>
                Memory
              </button>
            </div>
          )}
        </div>
        <div class="lower-body" tabIndex={-1}>
          {lower === 'memory' && item.memory !== undefined ? (
            <MemoryView map={item.memory} nowSeconds={moment?.seconds ?? 0} />
          ) : (
            <Lanes model={model} rejectedAt={rejectedAt} />
          )}
        </div>
      </section>
    </main>
  )
}
