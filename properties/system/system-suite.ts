/**
 * Random sequences of what an operator does, against a system of your own. The first invariant that breaks is the one that
 * the sequence is shortened for; a token makes the run again, as far as the system keeps to its own time.
 */
import * as fc from 'fast-check'
import { operations, operationText, type Operation } from './operation.ts'
import { SystemRun, type Counts, type SystemBreach } from './system-run.ts'
import type { SystemUnderTest } from './system-under-test.ts'

/** How it is run. */
export interface SystemSuiteOptions {
  readonly system: SystemUnderTest
  /** Default 100. */
  readonly runs?: number
  /** Default 1. */
  readonly seed?: number
  /** Of a token: the one run that it names. */
  readonly path?: string
  /** Looks at this invariant only. */
  readonly only?: string
  /** Longest sequence. Default 12. */
  readonly operationsMax?: number
}

/** What came of it. */
export interface SystemResult {
  readonly system: string
  readonly seed: number
  readonly runs: number
  readonly millis: number
  /** What was generated and met: operations, refusals, statuses, ends. A name that is missing was never met. */
  readonly met: Counts
  readonly counterexample?: {
    readonly operations: readonly string[]
    readonly breaches: readonly SystemBreach[]
    readonly token: string
  }
}

const PREFIX = 'switchover-system'

/** Reads a token back; undefined where it is none. */
export const parseSystemToken = (
  text: string,
): { readonly seed: number; readonly path: string; readonly only: string } | undefined => {
  const [, seed, path, only] = new RegExp(`${PREFIX}:seed=(-?\\d+):path=([\\d.]+):only=(I\\d+)`).exec(text) ?? []
  return seed === undefined || path === undefined || only === undefined
    ? undefined
    : { seed: Number(seed), path: path.replaceAll('.', ':'), only }
}

/** See the head of this file. */
export const runSystemSuite = async (options: SystemSuiteOptions): Promise<SystemResult> => {
  const { system, runs = 100, seed = 1, path, operationsMax = 12 } = options
  const met: Counts = {}
  let only = options.only
  let broken: readonly SystemBreach[] = []
  const started = performance.now()
  const details = await fc.check(
    fc.asyncProperty(operations(operationsMax), async (list: readonly Operation[]) => {
      const pair = await system.make()
      try {
        const found = await new SystemRun(system, pair, met).run(list, operationText)
        const wanted = found.filter(({ id }) => only === undefined || id === only)
        const [first] = wanted
        if (first === undefined) return
        // A shorter sequence that breaks something else is another counterexample, not this one.
        only = first.id
        broken = wanted.filter(({ id }) => id === only)
        throw new Error(first.found)
      } finally {
        await pair.close()
      }
    }),
    { numRuns: runs, seed, ...(path === undefined ? {} : { path, endOnFailure: true }) },
  )
  if (details.failed && broken.length === 0) throw details.errorInstance ?? new Error('the suite itself failed')
  const [list = []] = details.counterexample ?? []
  const token = `${PREFIX}:seed=${seed}:path=${String(details.counterexamplePath).replaceAll(':', '.')}:only=${only}`
  return {
    system: system.name,
    seed,
    runs: details.numRuns,
    millis: performance.now() - started,
    met,
    ...(details.failed ? { counterexample: { operations: list.map(operationText), breaches: broken, token } } : {}),
  }
}
