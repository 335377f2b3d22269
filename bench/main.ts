/**
 * The benchmark program: `node bench/main.ts transfer [--size 1G] [--runs 5] [--json]`. The table, or one JSON document,
 * goes to stdout, progress to stderr. Exit code 0 if every contender that could run did, with the right content; 1 if
 * one failed; 2 for wrong usage; 130 when interrupted.
 */

import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { type Benchmark, benchmarks } from './benchmark.ts'
import { benchExplorers } from './explore.ts'
import { isClean, ratioTo, type Result, runSeries, standingOf } from './series.ts'
import { renderTable } from './table.ts'

const DEFAULT_SIZE = '1G'

const USAGE = `Usage: node bench/main.ts BENCHMARK [options]

Benchmarks:
${benchmarks.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`).join('\n')}
  ${'explore'.padEnd(14)}states a second of the explorer, beside spin and xstate/graph; takes --runs and --json

Options:
  --size SIZE   guest RAM, with suffix M or G (default ${DEFAULT_SIZE}, or what suits the benchmark)
  --runs N      runs of each contender (default 5)
  --only NAMES  contenders to run, separated by commas (default all)
  --seed N      picks the contents of the RAM (default 1)
  --json        print one JSON document instead of the table
  --help        print this
`

const RUNS_LIMIT = 1_000
const MEBIBYTE = 2 ** 20

class UsageError extends Error {}

const sizeFrom = (text: string): number => {
  const match = /^(\d+)([KMGT]?)$/i.exec(text)
  const factor = 1024 ** ' KMGT'.indexOf(match?.[2]?.toUpperCase() || ' ')
  const bytes = Number(match?.[1]) * factor
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % MEBIBYTE !== 0) {
    throw new UsageError(`--size expects a multiple of 1M such as 256M or 1G, found '${text}'`)
  }
  return bytes
}

const integerFrom = (option: string, text: string, min: number, max: number): number => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${option} expects an integer in the range of ${min} to ${max}, found '${text}'`)
}

const namesOf = (named: readonly { readonly name: string }[]): string => named.map(({ name }) => name).join(', ')

const benchmarkFrom = (name: string | undefined, only: string | undefined): Benchmark => {
  const benchmark = benchmarks.find((other) => other.name === name)
  if (benchmark === undefined) {
    throw new UsageError(
      `expected a benchmark (${namesOf(benchmarks)}), found ${name === undefined ? 'none' : `'${name}'`}`,
    )
  }
  if (only === undefined) return benchmark
  const wanted = new Set(only.split(','))
  const contenders = benchmark.contenders.filter(({ name }) => wanted.has(name))
  if (contenders.length === wanted.size) return { ...benchmark, contenders }
  throw new UsageError(`--only expects contenders (${namesOf(benchmark.contenders)}), found '${only}'`)
}

const readArguments = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        size: { type: 'string' },
        runs: { type: 'string', default: '5' },
        only: { type: 'string' },
        seed: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

/** Aborts at the first Ctrl-C, so that every process and file of the run goes; a second one exits at once. */
const interruption = (): AbortSignal => {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort(new Error(`interrupted by ${name}`))
    })
  }
  return controller.signal
}

interface Conditions {
  readonly benchmark: string
  readonly sizeBytes: number
  readonly runs: number
  readonly seed: number
  readonly machine: object
}

const machine = (): object => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cpus: availableParallelism(),
  memoryBytes: totalmem(),
  kernel: release(),
  node: process.version,
  loadAverage: loadavg(),
})

const documentOf = (conditions: Conditions, results: readonly Result[]): object => ({
  ...conditions,
  contenders: results.map((result) => {
    const standing = standingOf(result, conditions.sizeBytes)
    return {
      ...result,
      ...standing,
      ratioToQemu: ratioTo('qemu', standing, results, conditions.sizeBytes),
      ratioToRaw: ratioTo('raw', standing, results, conditions.sizeBytes),
    }
  }),
})

const progress = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

const main = async (interrupt: AbortSignal): Promise<number> => {
  const { values, positionals } = readArguments()
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (positionals.length > 1) throw new UsageError(`expected one benchmark, found '${positionals.join(' ')}'`)
  if (positionals[0] === 'explore') {
    await benchExplorers(integerFrom('--runs', values.runs, 1, RUNS_LIMIT), values.json)
    return 0
  }
  const benchmark = benchmarkFrom(positionals[0], values.only)
  const size = values.size ?? benchmark.size ?? DEFAULT_SIZE
  const sizeBytes = sizeFrom(size)
  const runs = integerFrom('--runs', values.runs, 1, RUNS_LIMIT)
  const seed = integerFrom('--seed', values.seed, 0, 2 ** 31)
  const conditions: Conditions = { benchmark: benchmark.name, sizeBytes, runs, seed, machine: machine() }
  const results = await runSeries(benchmark, { sizeBytes, seed, runs, interrupt, progress })
  const title = `${benchmark.name}: ${size} of RAM, ${runs} runs each: ${benchmark.summary}`
  const output = values.json
    ? JSON.stringify(documentOf(conditions, results), undefined, 2)
    : `${title}\n\n${benchmark.render?.(results) ?? renderTable(results, sizeBytes)}`
  process.stdout.write(`${output}\n`)
  return isClean(results) ? 0 : 1
}

const interrupt = interruption()
try {
  process.exitCode = await main(interrupt)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`bench: ${message}\n`)
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}`)
  process.exitCode = interrupt.aborted ? 130 : error instanceof UsageError ? 2 : 1
}
