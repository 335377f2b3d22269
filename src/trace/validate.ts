/**
 * Recordings against charts. A scenario is accepted if at least one behaviour of the charts matches the whole of every
 * party's log and the parties' outcomes fit together. Facts that QMP does not show are silent steps.
 */
import { quirks as quirkTable, type QuirkId } from '../../machines/index.ts'
import type { Trail } from './configuration.ts'
import { uncovered } from './coverage.ts'
import { automatonOf, type LazyAutomaton, type QuirkMask } from './lazy-automaton.ts'
import { CommonEdges } from './common-edges.ts'
import { observe } from './observation.ts'
import { bits, choose, join, pair, runLinesOf, type ObservedParty, type Pairing } from './pairing.ts'
import { inWords, walkParty, type PartyOutcome } from './party-walk.ts'
import type { Scenario } from './scenario.ts'
import type { Judged, Place, QuirkUse, Rejection, Verdict } from './verdict.ts'

/** How strictly to judge. */
export interface ValidateOptions {
  /** The quirks that may explain a recording. Default: all of the profile. */
  readonly quirks?: Iterable<QuirkId>
}

/** An explanation of a whole scenario, or where there is none. */
type Explanation =
  { readonly ok: true; readonly quirks: QuirkMask } | { readonly ok: false; readonly rejection: Rejection }

/** A scenario, ready to be explained with one set of quirks or another. */
export class Explainer {
  readonly automaton: LazyAutomaton
  readonly parties: readonly ObservedParty[]
  private readonly pairings: readonly Pairing[]
  private readonly walked = new Map<string, PartyOutcome>()

  constructor(scenario: Scenario) {
    this.automaton = automatonOf(scenario.profile)
    this.parties = scenario.parties.map((party) => ({ party, observations: observe(party.recording) }))
    this.pairings = pair(this.parties)
  }

  /** Explains the scenario with the allowed quirks: the fewest that do it. */
  explain(allowed: QuirkMask): Explanation {
    const outcomes = this.parties.map((_, index) => this.walk(index, allowed))
    const finals = []
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.accepted) finals.push(outcome.final)
      else {
        const file = this.parties[index]?.observations.file ?? ''
        return { ok: false, rejection: { file, ...outcome.rejection, because: undefined, against: undefined } }
      }
    }
    const joint = join(this.automaton, allowed, finals, this.pairings)
    return joint.fits
      ? { ok: true, quirks: joint.quirks }
      : { ok: false, rejection: this.mismatch(joint.pairing, joint.broken) }
  }

  /** The chart edges that every joint explanation with these quirks takes. */
  provedEdges(allowed: QuirkMask): readonly string[] {
    const common = this.parties.map(() => new CommonEdges())
    const outcomes = this.parties.map(({ party, observations }, index) =>
      walkParty(this.automaton, party.start, observations, allowed, runLinesOf(this.pairings, index), common[index]),
    )
    const joint = join(
      this.automaton,
      allowed,
      outcomes.map((outcome) => (outcome.accepted ? outcome.final : [])),
      this.pairings,
    )
    if (!joint.fits) return []
    return [...new Set(common.flatMap((edges, index) => edges.ofAll(joint.finals[index] ?? [])))]
  }

  /** Where the explanation ends without one quirk. */
  placeOf(needed: QuirkMask, without: QuirkMask): Place {
    const explanation = this.explain(needed & ~without)
    if (explanation.ok) throw new Error('expected a quirk that is needed, found one that is not')
    const { file, line, observed } = explanation.rejection
    return { file, line, observed }
  }

  /**
   * For each party, how it came to what it came to with these quirks, by the fewest steps that fit together; where a party
   * is not accepted, how it came to its last accepted line.
   */
  trails(quirks: QuirkMask): readonly (Trail | undefined)[] {
    const outcomes = this.parties.map((_, index) => this.walk(index, quirks))
    const finals = outcomes.map((outcome) => (outcome.accepted ? outcome.final : outcome.reached))
    const pairings = outcomes.every(({ accepted }) => accepted) ? this.pairings : []
    return choose(this.automaton, quirks, finals, pairings).map((one) => one?.trail)
  }

  private walk(index: number, allowed: QuirkMask): PartyOutcome {
    const key = `${index}/${allowed}`
    let outcome = this.walked.get(key)
    const observed = this.parties[index]
    if (outcome === undefined && observed !== undefined) {
      const { party, observations } = observed
      outcome = walkParty(this.automaton, party.start, observations, allowed, runLinesOf(this.pairings, index))
      this.walked.set(key, outcome)
    }
    return outcome as PartyOutcome
  }

  private mismatch(pairing: Pairing, because: string): Rejection {
    const receiver = this.lastEvent(pairing.receiver)
    const sender = pairing.runs.at(-1)?.sender
    return {
      ...receiver,
      acceptedThrough: receiver.line - 1,
      allowed: [],
      because,
      against: sender === undefined ? undefined : this.lastEvent(sender),
    }
  }

  private lastEvent(index: number): Place {
    const observations = this.parties[index]?.observations
    const last = observations?.list.findLast((one) => one.kind === 'event')
    return {
      file: observations?.file ?? '',
      line: last?.line ?? 0,
      observed: last === undefined ? 'no event' : inWords(last),
    }
  }
}

const judgedOf = (scenario: Scenario, parties: readonly ObservedParty[]): Judged => ({
  scenario: scenario.name,
  profile: scenario.profile,
  parties: parties.map(({ party, observations }) => ({
    name: party.name,
    file: observations.file,
    lineLast: observations.lineLast,
  })),
})

/**
 * Holds a scenario against the charts of its profile: first without quirks, then with all that are allowed, of which the
 * fewest that explain it are named.
 *
 * @example
 * import { Result } from 'effect'
 * import { parseRecording } from './recording.ts'
 * import { makeScenario } from './scenario.ts'
 * const text = '{"t": 0, "dir": "<-", "msg": {"event": "MIGRATION", "data": {"status": "active"}}}'
 * const recording = Result.getOrThrow(parseRecording('a.src.jsonl', text))
 * validateScenario(makeScenario('a', [['src', recording]])).verdict // 'rejected'
 */
export const validateScenario = (scenario: Scenario, options: ValidateOptions = {}): Verdict =>
  verdictOf(new Explainer(scenario), scenario, options)

/** The same, with an explainer that can be asked further questions. */
export const verdictOf = (explainer: Explainer, scenario: Scenario, options: ValidateOptions = {}): Verdict => {
  const { automaton, parties } = explainer
  const judged = judgedOf(scenario, parties)
  for (const { observations } of parties)
    for (const one of uncovered) {
      const line = one.usedAt(observations)
      if (line === undefined) continue
      const place: Place = { file: observations.file, line, observed: 'used here' }
      return { ...judged, verdict: 'not-covered', reason: one.reason, place }
    }
  const safe = explainer.explain(0)
  if (safe.ok) return { ...judged, verdict: 'conforms' }
  const allowed = automaton.maskOf(options.quirks ?? automaton.quirks)
  const explained = allowed === 0 ? safe : explainer.explain(allowed)
  if (!explained.ok) return { ...judged, verdict: 'rejected', rejection: explained.rejection }
  const uses: QuirkUse[] = []
  for (const [index, id] of automaton.quirks.entries()) {
    const bit = 1 << index
    if ((explained.quirks & bit) === 0) continue
    const title = quirkTable.find((quirk) => quirk.id === id)?.title ?? id
    uses.push({ id, title, neededAt: explainer.placeOf(explained.quirks, bit) })
  }
  if (uses.length !== bits(explained.quirks)) throw new Error('expected a name for every quirk, found one without')
  return { ...judged, verdict: 'conforms-with-quirks', quirks: uses }
}

/**
 * The edges of the charts that a scenario proves, as text: those that every explanation of it takes, with no other quirks
 * than its verdict names. None of a scenario that is rejected or not covered.
 *
 * @example
 * provedEdges(scenario) // ['outgoing: none --migrate [migrateAllowed]--> setup.connecting', ...]
 */
export const provedEdges = (scenario: Scenario, verdict: Verdict = validateScenario(scenario)): readonly string[] => {
  if (verdict.verdict === 'rejected' || verdict.verdict === 'not-covered') return []
  const quirks = verdict.verdict === 'conforms' ? [] : verdict.quirks.map(({ id }) => id)
  const explainer = new Explainer(scenario)
  return explainer.provedEdges(explainer.automaton.maskOf(quirks))
}
