/**
 * The differential suite: random sequences carried out on a live QEMU and on the double, compared, and both held against
 * the charts. The first difference that the table does not justify is the one that the sequence is shrunk for.
 */
import * as fc from 'fast-check'
import type { QuirkId } from '../../machines/index.ts'
import type { PeerSystem } from '../../src/peer/peer.ts'
import { compare, type Comparison, type Difference } from './compare.ts'
import { execute } from './execution.ts'
import { sequence as anySequence } from './generator.ts'
import { judge, rejectionText } from './judge.ts'
import { justificationOf } from './justified.ts'
import { shrink } from './shrink.ts'
import { commandCount, stepText, type Sequence } from './step.ts'
import { formatSequenceToken } from './sequence-token.ts'
import type { Transcript } from './transcript.ts'

/** How the suite is run. */
export interface DifferentialOptions {
  readonly qemu: PeerSystem
  readonly double: PeerSystem
  /** The quirks of the double, which the charts judge QEMU with too. */
  readonly quirks: readonly QuirkId[]
  /** Default 100. */
  readonly runs?: number
  /** Default 1. */
  readonly seed?: number
  /** Runs this sequence only. */
  readonly replay?: Sequence
  /** What `--quirk` flipped; part of the token. */
  readonly flipped?: readonly QuirkId[]
  /** Called after every run. */
  readonly onRun?: (done: number, run: DifferentialRun) => void
}

/** One sequence on both. */
export interface DifferentialRun {
  readonly sequence: Sequence
  readonly qemu: Transcript
  readonly double: Transcript
  readonly comparison: Comparison
  /** Quirks that explain QEMU's transcript. */
  readonly explainedBy: readonly QuirkId[]
  /** By entry of the table, how often it was used. */
  readonly justified: Readonly<Record<string, number>>
  readonly unjustified: readonly Difference[]
}

/** Carries a sequence out on both, at the same time, and compares. */
export const runDifferential = async (
  options: Pick<DifferentialOptions, 'qemu' | 'double' | 'quirks'>,
  sequence: Sequence,
): Promise<DifferentialRun> => {
  const [qemu, double] = await Promise.all([execute(options.qemu, sequence), execute(options.double, sequence)])
  const comparison = compare(qemu, double, (difference) => justificationOf(difference)?.after)
  const verdicts = [judge('qemu', qemu, options.quirks), judge('double', double, options.quirks)] as const
  const [theirs, ours] = verdicts.map(rejectionText)
  const charts: Difference[] = []
  const where = sequence.map(stepText).join('; ')
  if (theirs !== undefined) charts.push({ kind: 'charts', where, qemu: theirs, double: 'the charts take no part' })
  if (ours !== undefined) charts.push({ kind: 'charts', where, qemu: 'the charts take no part', double: ours })
  const justified: Record<string, number> = {}
  const unjustified: Difference[] = []
  for (const difference of [...comparison.differences, ...charts]) {
    const id = justificationOf(difference)?.id
    if (id === undefined) unjustified.push(difference)
    else justified[id] = (justified[id] ?? 0) + 1
  }
  const explainedBy = verdicts[0].verdict === 'conforms-with-quirks' ? verdicts[0].quirks.map(({ id }) => id) : []
  return { sequence, qemu, double, comparison, explainedBy, justified, unjustified }
}

/** What the suite came to. */
export interface DifferentialResult {
  readonly seed: number
  readonly runs: number
  readonly commands: number
  readonly stepsCompared: number
  /** How comparisons ended before their last step. */
  readonly endedEarly: { readonly race: number; readonly parted: number }
  /** How often each status of QEMU's source was rested in. */
  readonly statuses: Readonly<Record<string, number>>
  /** Quirks that were needed to explain what QEMU did, by the number of runs. */
  readonly quirksSeen: Readonly<Record<string, number>>
  readonly justified: Readonly<Record<string, number>>
  readonly counterexample?: {
    readonly steps: readonly string[]
    readonly commands: number
    readonly differences: readonly Difference[]
    readonly lastWords: string
    readonly token: string
    readonly run: DifferentialRun
  }
}

const add = (counts: Record<string, number>, what: string, by = 1): void => {
  counts[what] = (counts[what] ?? 0) + by
}

/** How a difference is shortened: a race has to be run again before it is believed that a sequence does not show it. */
const shrinking = { attempts: 2, candidatesMax: 80 }

/** What a shorter sequence has to show to be the same counterexample. */
const signatureOf = ({ kind, command = '' }: Difference): string => `${kind} ${kind === 'charts' ? '' : command}`

/** See the head of this file. */
export const runDifferentialSuite = async (options: DifferentialOptions): Promise<DifferentialResult> => {
  const { runs = 100, seed = 1, replay, flipped = [] } = options
  const counts = { commands: 0, steps: 0, race: 0, parted: 0 }
  const statuses: Record<string, number> = {}
  const quirksSeen: Record<string, number> = {}
  const justified: Record<string, number> = {}
  let done = 0

  const note = (run: DifferentialRun) => {
    counts.commands += commandCount(run.sequence)
    counts.steps += run.comparison.compared
    if (run.comparison.ended !== undefined) counts[run.comparison.ended]++
    for (const { rest } of run.qemu.steps) if (typeof rest?.source === 'object') add(statuses, rest.source.status)
    for (const id of run.explainedBy) add(quirksSeen, id)
    for (const [id, uses] of Object.entries(run.justified)) add(justified, id, uses)
    done++
    options.onRun?.(done, run)
  }
  const search = async (): Promise<DifferentialRun | undefined> => {
    const sequences = replay === undefined ? fc.sample(anySequence, { numRuns: runs, seed }) : [replay]
    for (const sequence of sequences) {
      const run = await runDifferential(options, sequence)
      note(run)
      const [first] = run.unjustified
      if (first === undefined) continue
      if (replay !== undefined) return run
      const signature = signatureOf(first)
      const shows = async (candidate: Sequence): Promise<DifferentialRun | undefined> => {
        const again = await runDifferential(options, candidate)
        return again.unjustified.some((one) => signatureOf(one) === signature) ? again : undefined
      }
      return (await shrink(sequence, run, shows, shrinking)).found
    }
    return undefined
  }
  const found = await search()
  return {
    seed,
    runs: done,
    commands: counts.commands,
    stepsCompared: counts.steps,
    endedEarly: { race: counts.race, parted: counts.parted },
    statuses,
    quirksSeen,
    justified,
    ...(found === undefined
      ? {}
      : {
          counterexample: {
            steps: found.sequence.map(stepText),
            commands: commandCount(found.sequence),
            differences: found.unjustified,
            lastWords: found.qemu.lastWords,
            token: formatSequenceToken({ property: 'differential', sequence: found.sequence, flipped }),
            run: found,
          },
        }),
  }
}
