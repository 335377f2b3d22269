/**
 * A campaign: many cases of many subjects, on several threads. A thread that does not get past a case, or takes more memory
 * than any case may, is ended and counts as a violation, with the case that it was at.
 */
import { Worker } from 'node:worker_threads'
import { formatFuzzToken, type FuzzResult, type FuzzViolation } from './fuzz.ts'
import { MUTATIONS, type MutationKind } from './mutate.ts'
import type { FuzzJob, SubjectSource } from './fuzz-thread.ts'

export interface CampaignOptions {
  readonly sources: readonly SubjectSource[]
  readonly seed: number
  /** Cases of every subject. */
  readonly cases: number
  readonly threads: number
  /** Told of every part that is done. */
  readonly onPart?: (result: FuzzResult) => void
}

/** Cases that one thread runs before another may take its place. */
const PART_CASES = 5000
/** How long a case may take before it counts as one that does not end. */
const HANG_MILLIS = 30_000
const LOOK_MILLIS = 1000
/** What a thread may have of JavaScript objects, in MiB: garbage of many cases, and the most that one case may make. */
const HEAP_MEBIBYTES = 1024

/** A thread that had to be ended. */
const endedResult = (job: FuzzJob, what: string): FuzzResult => {
  const number = new Int32Array(job.progress)[0]!
  const { name, inputs = [] } = job.source
  const violation: FuzzViolation = {
    subject: name,
    seed: job.seed,
    number,
    kinds: [],
    what,
    token: formatFuzzToken(name, job.seed, number),
  }
  return {
    subject: name,
    inputBytes: inputs.reduce((sum, { length }) => sum + length, 0),
    cases: number - job.first,
    outcomes: { refused: 0, decoded: 0 },
    kinds: Object.fromEntries(MUTATIONS.map((kind) => [kind, 0])) as Record<MutationKind, number>,
    refusalPlaces: 0,
    slowestMillis: 0,
    memoryBytesMax: 0,
    heapBytesMax: 0,
    violation,
  }
}

const runPart = (job: FuzzJob): Promise<FuzzResult> =>
  new Promise((resolve) => {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const thread = new Worker(new URL(`./fuzz-thread.${extension}`, import.meta.url), {
      workerData: job,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEBIBYTES },
    })
    const cells = new Int32Array(job.progress)
    let begun = -1
    let sinceMillis = performance.now()
    const end = (result: FuzzResult): void => {
      clearInterval(watchdog)
      void thread.terminate()
      resolve(result)
    }
    const watchdog = setInterval(() => {
      const now = Atomics.load(cells, 1)
      if (now !== begun) {
        begun = now
        sinceMillis = performance.now()
      } else if (performance.now() - sinceMillis > HANG_MILLIS) {
        end(endedResult(job, `no end within ${HANG_MILLIS / 1000} s`))
      }
    }, LOOK_MILLIS)
    thread.once('message', end)
    thread.once('error', (error) => end(endedResult(job, `the thread ended: ${error.message}`)))
  })

/** Two parts of the same subject as one. */
const merged = (one: FuzzResult, other: FuzzResult): FuzzResult => {
  const violation = one.violation ?? other.violation
  return {
    subject: one.subject,
    inputBytes: one.inputBytes,
    cases: one.cases + other.cases,
    outcomes: {
      refused: one.outcomes.refused + other.outcomes.refused,
      decoded: one.outcomes.decoded + other.outcomes.decoded,
    },
    kinds: Object.fromEntries(MUTATIONS.map((kind) => [kind, one.kinds[kind] + other.kinds[kind]])) as Record<
      MutationKind,
      number
    >,
    refusalPlaces: Math.max(one.refusalPlaces, other.refusalPlaces),
    slowestMillis: Math.max(one.slowestMillis, other.slowestMillis),
    memoryBytesMax: Math.max(one.memoryBytesMax, other.memoryBytesMax),
    heapBytesMax: Math.max(one.heapBytesMax, other.heapBytesMax),
    ...(violation === undefined ? {} : { violation }),
  }
}

/** Runs it all; a result a subject, in their order. */
export const runCampaign = async (options: CampaignOptions): Promise<readonly FuzzResult[]> => {
  const { sources, seed, cases, threads, onPart } = options
  const jobs = sources.flatMap((source) =>
    Array.from({ length: Math.ceil(cases / PART_CASES) }, (_unused, part): FuzzJob => {
      const first = part * PART_CASES
      const progress = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
      return { source, seed, first, cases: Math.min(PART_CASES, cases - first), progress }
    }),
  )
  const results = new Map<string, FuzzResult>()
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const part = await runPart(job)
      const before = results.get(part.subject)
      results.set(part.subject, before === undefined ? part : merged(before, part))
      onPart?.(part)
    }
  }
  await Promise.all(Array.from({ length: threads }, work))
  return sources.flatMap(({ name }) => results.get(name) ?? [])
}
