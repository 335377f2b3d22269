/** Runs spin on an export: translates, compiles and searches breadth first, in a directory of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { World } from '../model/world.ts'
import { isAssertable, promela } from './promela.ts'

/** What spin says about a model. */
export interface SpinVerdict {
  readonly states: number
  /** Steps from the start to a violation; undefined where there is none. */
  readonly violatedAt?: number
  /** Longest of the shortest ways, or where the search ended. */
  readonly depth: number
  /** Transitions that spin took, those that lead back to the same state included. */
  readonly transitions: number
  /** Of the search alone. */
  readonly seconds: number
}

/** How spin is run. */
export interface SpinOptions {
  /** Claims to assert. Default: all that an assertion can express. */
  readonly asserted?: readonly string[]
  /**
   * `breadth` finds shortest ways; `depth` is spin’s own order, and what it is fastest at. Default `breadth`.
   */
  readonly search?: 'breadth' | 'depth'
  /** For the C compiler. Default `-O0`: what spin makes of a pair takes longer to compile than to run. */
  readonly optimisation?: '-O0' | '-O1' | '-O2'
}

/** Longest time that one of the tools may take. */
const PATIENCE_MILLIS = 600_000

/** Optimisations that drop variables nobody reads, and so states; they are switched off to count what the model has. */
const ALL_STATES = ['-o1', '-o2', '-o3']

const execute = async (command: string, args: readonly string[], cwd: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(command, [...args], {
    cwd,
    timeout: PATIENCE_MILLIS,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

/** Why spin cannot be run here; undefined where it can. */
export const missingSpin = async (): Promise<string | undefined> => {
  for (const [command, argument] of [
    ['spin', '-V'],
    ['gcc', '--version'],
  ] as const)
    try {
      await promisify(execFile)(command, [argument])
    } catch {
      return `${command} is not installed`
    }
  return undefined
}

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN)

/** What `pan` has printed, in numbers. */
const verdictOf = (report: string): SpinVerdict => {
  const violatedAt = numberIn(report, /assertion violated.*\(at depth (\d+)\)/)
  const states = numberIn(report, /^ *(\d+) states, stored/m)
  const depth = numberIn(report, /depth reached (\d+)/)
  if (Number.isNaN(states) || Number.isNaN(depth))
    throw new Error(`expected a report of spin, found: ${report.slice(0, 500)}`)
  return {
    states,
    depth,
    transitions: numberIn(report, /^ *(\d+) transitions/m),
    seconds: numberIn(report, /elapsed time ([\d.]+) seconds/),
    // The step that breaks the assertion is not counted.
    ...(Number.isNaN(violatedAt) ? {} : { violatedAt: violatedAt + 1 }),
  }
}

/** Asks spin about a model. */
export const runSpin = async (world: World, options: SpinOptions = {}): Promise<SpinVerdict> => {
  const { search = 'breadth', optimisation = '-O0' } = options
  const asserted = options.asserted ?? world.properties.filter(isAssertable).map(({ id }) => id)
  const directory = await mkdtemp(join(tmpdir(), 'switchover-spin-'))
  try {
    // A search breadth first has no place for hidden variables.
    const text = promela(world, { asserted, scratch: search === 'breadth' ? 'reset' : 'hidden' })
    await writeFile(join(directory, 'model.pml'), text)
    await execute('spin', ['-a', ...ALL_STATES, 'model.pml'], directory)
    const defined = ['SAFETY', 'NOREDUCE', 'NOCLAIM', ...(search === 'breadth' ? ['BFS'] : [])].map(
      (name) => `-D${name}`,
    )
    await execute('gcc', [optimisation, '-w', ...defined, '-o', 'pan', 'pan.c'], directory)
    return verdictOf(await execute('./pan', ['-E', ...(search === 'depth' ? ['-m10000000'] : [])], directory))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
