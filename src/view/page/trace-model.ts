/**
 * A trace ready to be scrubbed: for each moment, how many steps of each party's charts have been taken. All lookups while
 * scrubbing are indexed; nothing is searched.
 */
import type { AnalysedParty, AnalysedStep, Analysis } from '../analysis.ts'
import type { Moment, TimeLine } from '../time-line.ts'

/** A stretch of time in which something is the same. */
export interface Span {
  /** Index of the moment with which it begins, and of the one with which it ends (not part of it). */
  readonly from: number
  readonly to: number
  readonly value: string
}

/** What a party's charts are like at a moment. */
export interface PartyState {
  /** The innermost active states. */
  readonly active: readonly string[]
  /** The steps that were taken for the moment itself. */
  readonly now: readonly AnalysedStep[]
  /** How often each transition has been taken so far. */
  readonly counts: ReadonlyMap<string, number>
}

const PROCESS = 'process.'

/** `process.outgoing.setup.connecting` -> `['outgoing', 'setup.connecting']`. */
export const regionOf = (state: string): readonly [region: string, path: string] => {
  const [, region = '', ...path] = state.split('.')
  return [region, path.join('.')]
}

/** The path of the active state in one of a process's charts. */
export const pathIn = (active: readonly string[], region: string): string => {
  const found = active.find((state) => state.startsWith(`${PROCESS}${region}.`))
  return found === undefined ? '' : found.slice(PROCESS.length + region.length + 1)
}

/** A party's charts along the line of time. */
export class PartyTrack {
  readonly party: AnalysedParty
  /** For each moment, the number of steps that have been taken when it is over. */
  private readonly done: Int32Array
  /** How often each transition is taken in the whole trace. */
  readonly totals: ReadonlyMap<string, number>

  constructor(party: AnalysedParty, index: number, moments: readonly Moment[]) {
    this.party = party
    this.done = new Int32Array(moments.length)
    const { steps } = party
    let taken = 0
    for (const [at, moment] of moments.entries()) {
      if (moment.party === index) while (taken < steps.length && (steps[taken]?.line ?? 0) <= moment.line) taken++
      this.done[at] = taken
    }
    // What only the other party's recording needs to have happened has happened when everything is over.
    if (moments.length > 0) this.done[moments.length - 1] = steps.length
    this.totals = this.countsUntil(steps.length)
  }

  private countsUntil(count: number): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { transitions } of this.party.steps.slice(0, count))
      for (const id of transitions) counts.set(id, (counts.get(id) ?? 0) + 1)
    return counts
  }

  /** The steps that a moment was explained with. */
  stepsAt(moment: number): readonly AnalysedStep[] {
    return this.party.steps.slice(this.done[moment - 1] ?? 0, this.done[moment] ?? 0)
  }

  activeAt(moment: number): readonly string[] {
    return this.party.steps[(this.done[moment] ?? 0) - 1]?.active ?? this.party.start
  }

  stateAt(moment: number): PartyState {
    return {
      active: this.activeAt(moment),
      now: this.stepsAt(moment),
      counts: this.countsUntil(this.done[moment] ?? 0),
    }
  }

  /** The chart that tells what the party is about: the side that ever does something. */
  get mainRegion(): 'outgoing' | 'incoming' {
    const moves = (region: string) =>
      this.party.steps.some(({ active }, index) => {
        const before = this.party.steps[index - 1]?.active ?? this.party.start
        return pathIn(active, region) !== pathIn(before, region)
      })
    if (moves('outgoing')) return 'outgoing'
    return moves('incoming') || !pathIn(this.party.start, 'incoming').endsWith('off') ? 'incoming' : 'outgoing'
  }

  /** The top states of one chart, one after the other. */
  spans(region: string): readonly Span[] {
    const spans: Span[] = []
    let value = pathIn(this.party.start, region).split('.')[0] ?? ''
    let from = 0
    for (let at = 0; at < this.done.length; at++) {
      if ((this.done[at] ?? 0) === (this.done[at - 1] ?? 0)) continue
      const next = pathIn(this.activeAt(at), region).split('.')[0] ?? ''
      if (next === value) continue
      if (at > from) spans.push({ from, to: at, value })
      from = at
      value = next
    }
    spans.push({ from, to: this.done.length, value })
    return spans
  }
}

/** A trace and what the charts make of it, as far as that is known yet. */
export interface TraceModel {
  readonly timeLine: TimeLine
  readonly analysis: Analysis | undefined
  readonly tracks: readonly PartyTrack[]
}

/** Puts the two together. */
export const traceModel = (timeLine: TimeLine, analysis: Analysis | undefined): TraceModel => ({
  timeLine,
  analysis,
  tracks:
    analysis === undefined
      ? []
      : timeLine.parties.flatMap(({ name }, index) => {
          const party = analysis.parties.find((each) => each.name === name)
          return party === undefined ? [] : [new PartyTrack(party, index, timeLine.moments)]
        }),
})

/** The moment that a line of a party's recording is; undefined if there is none. */
export const momentOfLine = ({ parties, moments }: TimeLine, file: string, line: number): number | undefined => {
  const party = parties.findIndex((each) => each.file === file)
  const found = moments.findIndex((moment) => moment.party === party && moment.line === line)
  return found < 0 ? undefined : found
}
