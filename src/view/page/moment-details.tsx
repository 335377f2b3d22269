/** The present message in full, and the steps of the charts that it is explained with. */
import type { AnalysedStep } from '../analysis.ts'
import { goTo, selection, step } from './state.ts'
import { regionOf, type TraceModel } from './trace-model.ts'

const transitionName = (id: string): string => {
  const [from = '', event = '', guard = '', to = ''] = id.split(' | ')
  const [region, path] = regionOf(from)
  const [, target] = regionOf(to.split(' ')[0] ?? '')
  const where = path === '' ? '' : ` ${path}`
  return `${region}:${where} — ${event}${guard === '' ? '' : ` [${guard}]`} → ${target === '' ? 'stays' : target}`
}

const ChartStep = ({ taken }: { readonly taken: AnalysedStep }) => (
  <li>
    <code>{taken.event}</code> <span class="muted">{taken.detail}</span>
    {taken.quirk !== undefined && <span class="badge bad">{taken.quirk}</span>}
    <ul>
      {taken.transitions.map((id) => (
        <li>
          <button type="button" class="link" onClick={() => (selection.value = id)}>
            {transitionName(id)}
          </button>
        </li>
      ))}
    </ul>
  </li>
)

export const MomentDetails = ({ model }: { readonly model: TraceModel }) => {
  const moment = model.timeLine.moments[step.value]
  if (moment === undefined) return null
  const steps = model.tracks[moment.party]?.stepsAt(step.value) ?? []
  const { partner } = moment
  return (
    <section class="details" aria-label="The present message">
      <h2>
        {moment.title} <span class="moment-detail">{moment.status}</span>
      </h2>
      <p class="muted">
        {model.timeLine.parties[moment.party]?.file}, line {moment.line}
      </p>
      {partner !== undefined && (
        <p>
          <button type="button" class="link" onClick={() => goTo(partner)}>
            {partner < step.value ? 'the command' : 'its answer'}
          </button>
        </p>
      )}
      {steps.length > 0 && (
        <>
          <h3>Steps of the charts</h3>
          <ul class="chart-steps">
            {steps.map((taken) => (
              <ChartStep taken={taken} />
            ))}
          </ul>
        </>
      )}
      <h3>Message</h3>
      <pre tabIndex={0}>{JSON.stringify(moment.message, null, 2)}</pre>
    </section>
  )
}
