/**
 * A series of runs: the first of each contender, then the second of each, and so on, so that a machine that changes its
 * mind meanwhile treats all alike. A run that fails or does not end is reported and the series goes on.
 */

import type { Benchmark } from './benchmark.ts'
import { type Contender, type Figure, gigabytesPerSecond, type RunOptions } from './contender.ts'
import { type Summary, summarize } from './statistics.ts'
import { warm } from './warmth.ts'

/** Preparation, transfer and verification together; what takes longer is killed. */
export const RUN_LIMIT_MILLIS = 120_000

export interface SeriesOptions {
  readonly sizeBytes: number
  readonly seed: number
  readonly runs: number
  /** Aborted when the user interrupts. */
  readonly interrupt: AbortSignal
  readonly progress: (line: string) => void
}

/** What became of one contender. */
export interface Result {
  readonly name: string
  readonly version?: string
  /** Why it never ran. */
  readonly unavailable?: string
  readonly figures: Figure[]
  /** What went wrong, one entry a failed run. */
  readonly failures: string[]
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const describe = (figure: Figure, sizeBytes: number): string =>
  [
    `${gigabytesPerSecond(sizeBytes, figure.totalMillis).toFixed(2)} GB/s`,
    `${figure.totalMillis.toFixed(0)} ms`,
    ...(figure.downtimeMillis === undefined ? [] : [`downtime ${figure.downtimeMillis.toFixed(0)} ms`]),
    `CPU ${figure.cpuSeconds.toFixed(2)} s`,
    ...(figure.verified === undefined ? [] : [figure.verified ? 'verified' : 'CONTENT DIFFERS']),
  ].join(', ')

/** One run under the time limit; the contender's own error gives way to the reason it was stopped for. */
const runOnce = async (contender: Contender, options: SeriesOptions): Promise<Figure> => {
  const { sizeBytes, seed, interrupt } = options
  const limit = new AbortController()
  const onInterrupt = (): void => limit.abort(interrupt.reason)
  interrupt.throwIfAborted()
  interrupt.addEventListener('abort', onInterrupt)
  const timer = setTimeout(() => {
    limit.abort(new Error(`did not end within ${RUN_LIMIT_MILLIS / 1e3} s and was killed`))
  }, RUN_LIMIT_MILLIS)
  try {
    const runOptions: RunOptions = { sizeBytes, seed, signal: limit.signal }
    await warm(sizeBytes, limit.signal)
    return await contender.run(runOptions)
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : error
  } finally {
    clearTimeout(timer)
    interrupt.removeEventListener('abort', onInterrupt)
  }
}

/** A contender that cannot even say which program it is will not run either. */
const introduce = async (
  contender: Contender,
  options: SeriesOptions,
): Promise<{ readonly unavailable?: string | undefined; readonly version?: string | undefined }> => {
  try {
    const unavailable = await contender.available(options)
    return unavailable === undefined ? { version: await contender.version?.() } : { unavailable }
  } catch (error) {
    return { unavailable: messageOf(error).trim() }
  }
}

const enter = async (contender: Contender, options: SeriesOptions): Promise<Result> => {
  const { unavailable, version } = await introduce(contender, options)
  if (unavailable !== undefined) options.progress(`${contender.name}: left out: ${unavailable}`)
  return {
    name: contender.name,
    ...(version === undefined ? {} : { version }),
    ...(unavailable === undefined ? {} : { unavailable }),
    figures: [],
    failures: [],
  }
}

export const runSeries = async ({ contenders }: Benchmark, options: SeriesOptions): Promise<readonly Result[]> => {
  const { sizeBytes, runs, interrupt, progress } = options
  const entries: { readonly contender: Contender; readonly result: Result }[] = []
  for (const contender of contenders) entries.push({ contender, result: await enter(contender, options) })
  for (let run = 1; run <= runs; run++) {
    for (const { contender, result } of entries) {
      if (result.unavailable !== undefined) continue
      const label = `${contender.name} ${run}/${runs}`
      try {
        const figure = await runOnce(contender, options)
        result.figures.push(figure)
        progress(`${label}: ${describe(figure, sizeBytes)}`)
      } catch (error) {
        interrupt.throwIfAborted()
        result.failures.push(`run ${run}: ${messageOf(error)}`)
        progress(`${label}: failed: ${messageOf(error)}`)
      }
    }
  }
  return entries.map(({ result }) => result)
}

/** A contender's runs, reduced. */
export interface Standing {
  readonly gigabytesPerSecond: Summary
  readonly totalMillis: Summary
  readonly downtimeMillis?: Summary
  readonly cpuSeconds: Summary
  readonly bytes: Summary
  /** Whether every run was verified; absent where none could be. */
  readonly verified?: boolean
}

/** The standing of a contender, or undefined if no run of it succeeded. */
export const standingOf = ({ figures }: Result, sizeBytes: number): Standing | undefined => {
  const totalMillis = summarize(figures.map((figure) => figure.totalMillis))
  const rate = summarize(figures.map((figure) => gigabytesPerSecond(sizeBytes, figure.totalMillis)))
  const cpuSeconds = summarize(figures.map((figure) => figure.cpuSeconds))
  const bytes = summarize(figures.map((figure) => figure.bytes))
  if (!totalMillis || !rate || !cpuSeconds || !bytes) return undefined
  const downtimeMillis = summarize(figures.flatMap((figure) => figure.downtimeMillis ?? []))
  const checks = figures.flatMap((figure) => figure.verified ?? [])
  return {
    gigabytesPerSecond: rate,
    totalMillis,
    ...(downtimeMillis === undefined ? {} : { downtimeMillis }),
    cpuSeconds,
    bytes,
    ...(checks.length === 0 ? {} : { verified: checks.every(Boolean) }),
  }
}

/** How many times as fast as the contender of that name, by medians; undefined if either never finished. */
export const ratioTo = (
  name: string,
  standing: Standing | undefined,
  results: readonly Result[],
  sizeBytes: number,
): number | undefined => {
  const result = results.find((other) => other.name === name)
  const reference = result === undefined ? undefined : standingOf(result, sizeBytes)
  if (standing === undefined || reference === undefined) return undefined
  return standing.gigabytesPerSecond.median / reference.gigabytesPerSecond.median
}

/** Whether every contender that could run did so every time, with the right content. */
export const isClean = (results: readonly Result[]): boolean =>
  results.every(({ figures, failures }) => failures.length === 0 && figures.every(({ verified }) => verified !== false))
