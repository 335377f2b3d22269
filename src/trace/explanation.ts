/**
 * How the charts explain a recording: beside the verdict, for each party the steps that its charts took, each with the
 * line that it was taken for. Of all explanations it is one with the fewest steps. A step that QMP does not show (a channel
 * that stands, a pass that converged) is put before the first line that needs it.
 */
import type { ChartEvent, QuirkId } from '../../machines/index.ts'
import type { Trail } from './configuration.ts'
import type { AutomatonNode, LazyAutomaton } from './lazy-automaton.ts'
import type { Scenario } from './scenario.ts'
import { Explainer, verdictOf, type ValidateOptions } from './validate.ts'
import type { Verdict } from './verdict.ts'

/** A step of one party's charts. */
export interface ExplainedStep {
  readonly event: ChartEvent
  readonly from: AutomatonNode
  readonly to: AutomatonNode
  /** The line for which it was taken; beyond the last line of the recording: only what another party tells needs it. */
  readonly line: number
  /** The quirk without which the chart has no such step. */
  readonly quirk: QuirkId | undefined
  /** The edges of the charts that it took, as text. */
  readonly chartEdges: readonly string[]
}

/** What one party's charts did. */
export interface PartyExplanation {
  readonly name: string
  readonly start: AutomatonNode
  /** Up to the end, or up to the last accepted line. */
  readonly steps: readonly ExplainedStep[]
}

/** A verdict with its reasons. */
export interface ScenarioExplanation {
  readonly verdict: Verdict
  readonly automaton: LazyAutomaton
  /** Empty where the scenario uses what the charts do not cover. */
  readonly parties: readonly PartyExplanation[]
}

const stepsOf = (automaton: LazyAutomaton, last: Trail | undefined): readonly ExplainedStep[] => {
  const steps: ExplainedStep[] = []
  for (let trail = last; trail !== undefined; trail = trail.before)
    steps.push({
      event: trail.event,
      from: trail.from,
      to: trail.edge.to,
      line: trail.line,
      quirk: automaton.idsOf(trail.edge.quirk)[0],
      chartEdges: trail.edge.chartEdges,
    })
  return steps.toReversed()
}

/**
 * Holds a scenario against the charts and tells how they explain it; a rejected one as far as it was accepted.
 *
 * @example
 * import { NodeServices } from '@effect/platform-node'
 * import { Effect } from 'effect'
 * import { readScenario } from './scenario-files.ts'
 * const reading = readScenario('traces/7.2/cancel-race-nodisk-1.src.jsonl').pipe(Effect.provide(NodeServices.layer))
 * const { parties } = explainScenario(await Effect.runPromise(reading))
 * parties[1]?.steps.find((step) => step.quirk === 'h1')?.event.type // 'migrate_cancel', behind the commit
 */
export const explainScenario = (scenario: Scenario, options: ValidateOptions = {}): ScenarioExplanation => {
  const explainer = new Explainer(scenario)
  const { automaton } = explainer
  const verdict = verdictOf(explainer, scenario, options)
  if (verdict.verdict === 'not-covered') return { verdict, automaton, parties: [] }
  const used = verdict.verdict === 'conforms-with-quirks' ? verdict.quirks.map(({ id }) => id) : []
  // Of a rejected scenario the longest accepted prefix is the one that all allowed quirks together reach.
  const quirks = verdict.verdict === 'rejected' ? (options.quirks ?? automaton.quirks) : used
  const trails = explainer.trails(automaton.maskOf(quirks))
  return {
    verdict,
    automaton,
    parties: scenario.parties.map(({ name, start }, index) => ({
      name,
      start: automaton.initial(start),
      steps: stepsOf(automaton, trails[index]),
    })),
  }
}
