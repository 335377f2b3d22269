/** What the charts say of the trace: it conforms, with which quirks, or where it leaves the model and what was allowed. */
import { quirks as quirkTable } from '../../../machines/profile.ts'
import type { Place, Rejection, Verdict } from '../../trace/index.ts'
import { analysisFailure, goTo, step } from './state.ts'
import { momentOfLine, type TraceModel } from './trace-model.ts'

const Go = ({
  model,
  place,
  children,
}: {
  readonly model: TraceModel
  readonly place: Place
  readonly children: string
}) => {
  const moment = momentOfLine(model.timeLine, place.file, place.line)
  return moment === undefined ? (
    <span>{children}</span>
  ) : (
    <button type="button" class="link" onClick={() => goTo(moment)}>
      {children}
    </button>
  )
}

/** The moment at which a trace leaves the model. */
export const rejectionMoment = (model: TraceModel): number | undefined => {
  const verdict = model.analysis?.verdict
  if (verdict?.verdict !== 'rejected') return undefined
  return momentOfLine(model.timeLine, verdict.rejection.file, verdict.rejection.line)
}

/** The shortest way in which the charts come to the last accepted line. */
const Explanation = ({ model, rejection }: { readonly model: TraceModel; readonly rejection: Rejection }) => {
  const party = model.timeLine.parties.find(({ file }) => file === rejection.file)
  const index = model.tracks.findIndex((track) => track.party.name === party?.name)
  const track = model.tracks[index]
  if (track === undefined || party === undefined) return null
  const { steps } = track.party
  return (
    <details class="explanation">
      <summary>Shortest explanation of what comes before ({steps.length} steps)</summary>
      <ol>
        {steps.map(({ line, event, detail, quirk }) => {
          const moment = momentOfLine(model.timeLine, party.file, line)
          return (
            <li class={moment !== undefined && moment <= step.value ? 'passed' : ''}>
              <button type="button" class="link" disabled={moment === undefined} onClick={() => goTo(moment ?? 0)}>
                line {line}
              </button>{' '}
              <code>{event}</code> <span class="muted">{detail}</span>
              {quirk === undefined ? null : <span class="badge bad">{quirk}</span>}
            </li>
          )
        })}
      </ol>
    </details>
  )
}

const Rejected = ({ model, rejection }: { readonly model: TraceModel; readonly rejection: Rejection }) => (
  <>
    <dl class="facts">
      <dt>where</dt>
      <dd>
        <Go model={model} place={rejection}>{`${rejection.file}, line ${rejection.line}`}</Go>
      </dd>
      <dt>seen</dt>
      <dd>
        <code class="seen">{rejection.observed}</code>
      </dd>
      {rejection.because !== undefined && (
        <>
          <dt>but</dt>
          <dd>{rejection.because}</dd>
        </>
      )}
      {rejection.against !== undefined && (
        <>
          <dt>against</dt>
          <dd>
            <Go model={model} place={rejection.against}>
              {`${rejection.against.file}, line ${rejection.against.line}: ${rejection.against.observed}`}
            </Go>
          </dd>
        </>
      )}
      {rejection.allowed.length > 0 && (
        <>
          <dt>allowed</dt>
          <dd class="allowed">
            {rejection.allowed.map((each) => (
              <code>{each}</code>
            ))}
          </dd>
        </>
      )}
    </dl>
    <Explanation model={model} rejection={rejection} />
  </>
)

const titles: Readonly<Record<Verdict['verdict'], string>> = {
  conforms: 'Conforms',
  'conforms-with-quirks': 'Explained only by known defects',
  rejected: 'Leaves the model',
  'not-covered': 'Not judged',
}

const signs: Readonly<Record<Verdict['verdict'], string>> = {
  conforms: '✓',
  'conforms-with-quirks': '!',
  rejected: '✕',
  'not-covered': '–',
}

export const VerdictCard = ({ model }: { readonly model: TraceModel }) => {
  const verdict = model.analysis?.verdict
  if (verdict === undefined) {
    const failure = analysisFailure.value
    return (
      <section class="verdict pending" aria-label="Verdict" aria-live="polite">
        <h2>{failure === undefined ? 'Asking the charts …' : 'The charts cannot say'}</h2>
        {failure !== undefined && <p>{failure}</p>}
      </section>
    )
  }
  return (
    <section class={`verdict ${verdict.verdict}`} aria-label="Verdict" aria-live="polite">
      <h2>
        <span class="verdict-sign" aria-hidden="true">
          {signs[verdict.verdict]}
        </span>
        {titles[verdict.verdict]}
        <span class="verdict-profile">QEMU {verdict.profile}</span>
      </h2>
      {verdict.verdict === 'conforms-with-quirks' && (
        <ul class="quirks">
          {verdict.quirks.map(({ id, title, neededAt }) => (
            <li>
              <span class="badge">{id}</span> {title}
              <br />
              <span class="muted">
                breaks {(quirkTable.find((quirk) => quirk.id === id)?.breaks ?? []).join(', ') || 'no invariant'};{' '}
                <Go model={model} place={neededAt}>{`needed at line ${neededAt.line}: ${neededAt.observed}`}</Go>
              </span>
            </li>
          ))}
        </ul>
      )}
      {verdict.verdict === 'rejected' && <Rejected model={model} rejection={verdict.rejection} />}
      {verdict.verdict === 'not-covered' && (
        <p>
          {verdict.reason} (<Go model={model} place={verdict.place}>{`line ${verdict.place.line}`}</Go>)
        </p>
      )}
    </section>
  )
}
