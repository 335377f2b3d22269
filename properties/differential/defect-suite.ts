/** Looks for a defect in a live QEMU: sequences until one breaks the invariant, then a shorter one that still does. */
import * as fc from 'fast-check'
import type { QuirkId } from '../../machines/index.ts'
import type { PeerSystem } from '../../src/peer/peer.ts'
import type { Verdict } from '../../src/trace/verdict.ts'
import type { Defect, DefectNeeds } from './defects.ts'
import { execute } from './execution.ts'
import { sequence as anySequence } from './generator.ts'
import { judge } from './judge.ts'
import { qemu72Quirks } from './justified.ts'
import { formatSequenceToken } from './sequence-token.ts'
import { shrink } from './shrink.ts'
import { commandCount, stepText, type Sequence } from './step.ts'
import type { Transcript } from './transcript.ts'

/** How it is looked for. */
export interface DefectOptions {
  readonly systemFor: (needs: DefectNeeds) => PeerSystem
  /** At most so many sequences. */
  readonly runs: number
  readonly seed: number
  /** At most so long, shortening included. */
  readonly patienceMillis: number
  /** This sequence only, as often as the defect's attempts. */
  readonly replay?: Sequence
}

/** What the search came to. */
export interface DefectResult {
  readonly quirk: QuirkId
  readonly invariant: string
  readonly property: string
  readonly title: string
  /** Sequences until it was found, or in all. */
  readonly runs: number
  readonly millis: number
  readonly found?: {
    readonly violation: string
    /** Of the sequence that showed it first. */
    readonly commandsAtFirst: number
    readonly commands: number
    readonly steps: readonly string[]
    readonly candidates: number
    /** The quirks by which the charts explain it. */
    readonly explainedBy: readonly string[]
    readonly verdict: Verdict
    readonly transcript: Transcript
    readonly token: string
  }
}

/** Most candidates that are tried while a sequence is shortened. */
const CANDIDATES_MAX = 60

type Shown = { readonly transcript: Transcript; readonly violation: string }

/** Carries a sequence out and says how it breaks the invariant; undefined if it does not. */
const showing =
  (defect: Defect, system: PeerSystem, isLate: () => boolean) =>
  async (sequence: Sequence): Promise<Shown | undefined> => {
    if (isLate()) return undefined
    const transcript = await execute(system, sequence)
    const violation = defect.violation(transcript)
    return violation === undefined ? undefined : { transcript, violation }
  }

/** Shortens a sequence that has shown a defect, and describes what is left. */
const described = async (
  defect: Defect,
  sequence: Sequence,
  first: Shown,
  show: (candidate: Sequence) => Promise<Shown | undefined>,
  candidatesMax: number,
): Promise<NonNullable<DefectResult['found']>> => {
  const shortest = await shrink(sequence, first, show, { attempts: defect.attempts, candidatesMax })
  const { transcript, violation } = shortest.found
  const verdict = judge(`qemu-${defect.quirk}`, transcript, qemu72Quirks)
  return {
    violation,
    commandsAtFirst: commandCount(sequence),
    commands: commandCount(shortest.sequence),
    steps: shortest.sequence.map(stepText),
    candidates: shortest.candidates,
    explainedBy: verdict.verdict === 'conforms-with-quirks' ? verdict.quirks.map(({ id }) => id) : [],
    verdict,
    transcript,
    token: formatSequenceToken({ property: defect.quirk, sequence: shortest.sequence, flipped: [] }),
  }
}

const headOf = ({ quirk, invariant, property, title }: Defect) => ({ quirk, invariant, property, title })

/** Looks for one defect with sequences that lead near it. */
export const findDefect = async (defect: Defect, options: DefectOptions): Promise<DefectResult> => {
  const begun = performance.now()
  const isLate = () => performance.now() - begun > options.patienceMillis
  const show = showing(defect, options.systemFor(defect.needs), isLate)
  const sequences =
    options.replay === undefined
      ? fc.sample(defect.sequences, { numRuns: options.runs, seed: options.seed })
      : Array.from({ length: defect.attempts }, () => options.replay ?? [])
  const result = (runs: number, found?: DefectResult['found']): DefectResult => ({
    ...headOf(defect),
    runs,
    millis: Math.round(performance.now() - begun),
    ...(found === undefined ? {} : { found }),
  })
  let runs = 0
  for (const sequence of sequences) {
    if (isLate()) break
    runs++
    const first = await show(sequence)
    if (first === undefined) continue
    return result(runs, await described(defect, sequence, first, show, options.replay ? 0 : CANDIDATES_MAX))
  }
  return result(runs)
}

/**
 * Looks for all of them at once with the sequences of the differential suite, which know nothing of any defect: what breaks
 * an invariant is noted at its first run, then shortened. `onRun` is called after every run.
 */
export const findDefectsUnaimed = async (
  defects: readonly Defect[],
  options: DefectOptions,
  onRun: (runs: number) => void = () => {},
): Promise<readonly DefectResult[]> => {
  const begun = performance.now()
  const isLate = () => performance.now() - begun > options.patienceMillis
  const system = options.systemFor({})
  const results = new Map<Defect, DefectResult>()
  let runs = 0
  for (const sequence of fc.sample(anySequence, { numRuns: options.runs, seed: options.seed })) {
    if (isLate() || results.size === defects.length) break
    runs++
    const transcript = await execute(system, sequence)
    for (const defect of defects.filter((one) => !results.has(one))) {
      const violation = defect.violation(transcript)
      if (violation === undefined) continue
      const since = performance.now()
      const show = showing(defect, system, isLate)
      const found = await described(defect, sequence, { transcript, violation }, show, CANDIDATES_MAX)
      results.set(defect, { ...headOf(defect), runs, millis: Math.round(performance.now() - since), found })
    }
    onRun(runs)
  }
  const millis = Math.round(performance.now() - begun)
  return defects.map((defect) => results.get(defect) ?? { ...headOf(defect), runs, millis })
}
