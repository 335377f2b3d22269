/**
 * Makes a sequence as short as it can be made while it still shows the same. Every candidate is really carried out, and
 * more than once where the outcome is a race: a shorter sequence that shows it in one of some attempts is the better one.
 */
import type { Sequence, Step } from './step.ts'

/** Limits of the search. */
export interface ShrinkOptions {
  /** How often a candidate is tried before it is given up. */
  readonly attempts: number
  /** Candidates in all. */
  readonly candidatesMax: number
}

/** Simpler forms of one step. */
function* simpler(step: Step): Generator<Step> {
  if (step.do === 'race') {
    if (step.until !== undefined) yield { do: 'race', to: step.to, calls: step.calls }
    if (step.calls.length > 2)
      for (const index of step.calls.keys()) yield { ...step, calls: step.calls.toSpliced(index, 1) }
    for (const call of step.calls) yield { do: 'call', to: step.to, call }
  }
  if (step.do === 'poll' && step.pipelined > 1) yield { ...step, pipelined: 1 }
}

/** The candidates that are one change away: without some steps first, the longest runs first, then with simpler steps. */
function* candidates(sequence: Sequence): Generator<Sequence> {
  for (let length = Math.ceil(sequence.length / 2); length >= 1; length = length === 1 ? 0 : Math.ceil(length / 2))
    for (let from = 0; from + length <= sequence.length; from += length) yield sequence.toSpliced(from, length)
  for (const [index, step] of sequence.entries()) for (const other of simpler(step)) yield sequence.with(index, other)
}

/** The shortest sequence found, with what `shows` gave for it. `shows` gives undefined where a sequence does not show it. */
export const shrink = async <A>(
  first: Sequence,
  found: A,
  shows: (candidate: Sequence) => Promise<A | undefined>,
  options: ShrinkOptions,
): Promise<{ readonly sequence: Sequence; readonly found: A; readonly candidates: number }> => {
  let best = { sequence: first, found }
  let tried = 0
  const better = async (): Promise<typeof best | undefined> => {
    for (const candidate of candidates(best.sequence)) {
      if (candidate.length === 0) continue
      if (tried++ >= options.candidatesMax) return undefined
      for (let attempt = 0; attempt < options.attempts; attempt++) {
        const shown = await shows(candidate)
        if (shown !== undefined) return { sequence: candidate, found: shown }
      }
    }
    return undefined
  }
  for (;;) {
    const next = await better()
    if (next === undefined) return { ...best, candidates: tried }
    best = next
  }
}
