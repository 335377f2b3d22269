/** Looks for a defect in a live QEMU: sequences until one breaks the invariant, then a shorter one that still does. */
import * as fc from 'fast-check'
import type { QuirkId } from '../../machines/index.ts'
import type { PeerSystem } from '../../src/peer/peer.ts'
import type { Verdict } from '../../src/trace/verdict.ts'
import type { Defect, DefectNeeds } from './defects.ts'
import { execute } from './execution.ts'
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

/** See the head of this file. */
export const findDefect = async (defect: Defect, options: DefectOptions): Promise<DefectResult> => {
  const { quirk, invariant, property, title } = defect
  const begun = performance.now()
  const isLate = () => performance.now() - begun > options.patienceMillis
  const system = options.systemFor(defect.needs)
  const show = async (sequence: Sequence) => {
    if (isLate()) return undefined
    const transcript = await execute(system, sequence)
    const violation = defect.violation(transcript)
    return violation === undefined ? undefined : { transcript, violation }
  }
  const sequences =
    options.replay === undefined
      ? fc.sample(defect.sequences, { numRuns: options.runs, seed: options.seed })
      : Array.from({ length: defect.attempts }, () => options.replay ?? [])
  let runs = 0
  for (const sequence of sequences) {
    if (isLate()) break
    runs++
    const first = await show(sequence)
    if (first === undefined) continue
    const limits = { attempts: defect.attempts, candidatesMax: options.replay === undefined ? CANDIDATES_MAX : 0 }
    const shortest = await shrink(sequence, first, show, limits)
    const { transcript, violation } = shortest.found
    const verdict = judge(`qemu-${quirk}`, transcript, qemu72Quirks)
    return {
      quirk,
      invariant,
      property,
      title,
      runs,
      millis: Math.round(performance.now() - begun),
      found: {
        violation,
        commandsAtFirst: commandCount(sequence),
        commands: commandCount(shortest.sequence),
        steps: shortest.sequence.map(stepText),
        candidates: shortest.candidates,
        explainedBy: verdict.verdict === 'conforms-with-quirks' ? verdict.quirks.map(({ id }) => id) : [],
        verdict,
        transcript,
        token: formatSequenceToken({ property: quirk, sequence: shortest.sequence, flipped: [] }),
      },
    }
  }
  return { quirk, invariant, property, title, runs, millis: Math.round(performance.now() - begun) }
}
