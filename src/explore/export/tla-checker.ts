/** Runs tla-checker, a TLA+ model checker compiled to WebAssembly, on an export. It is there in development only. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { World } from '../model/world.ts'
import { isAssertable } from './promela.ts'
import { tla } from './tla.ts'

/** What tla-checker says about a model. */
export interface TlaVerdict {
  readonly states: number
  /** Steps from the start to a violation; undefined where there is none. */
  readonly violatedAt?: number
  readonly seconds: number
}

/** The checker's answer, as far as it is used. */
interface Report {
  readonly success: boolean
  readonly error_type: string | null
  readonly error_message: string | null
  readonly states_explored: number
  readonly trace: readonly string[] | null
}

const STATES_MAX = 5_000_000
const DEPTH_MAX = 10_000

/** Asks tla-checker about a model; `asserted`: claims to look at, by default all that are invariants. */
export const runTlaChecker = async (world: World, asserted?: readonly string[]): Promise<TlaVerdict> => {
  const { check_spec_with_options, initSync } = await import('tla-checker')
  const entry = fileURLToPath(import.meta.resolve('tla-checker'))
  initSync({ module: await readFile(entry.replace(/\.js$/, '_bg.wasm')) })
  const claims = asserted ?? world.properties.filter(isAssertable).map(({ id }) => id)
  const started = performance.now()
  const options = { allow_deadlock: true, max_states: STATES_MAX, max_depth: DEPTH_MAX }
  const report = JSON.parse(check_spec_with_options(tla(world, claims), JSON.stringify(options))) as Report
  const seconds = (performance.now() - started) / 1000
  const { states_explored: states, trace } = report
  if (report.success) return { states, seconds }
  if (report.error_type !== 'InvariantViolation' || trace === null)
    throw new Error(`tla-checker: ${report.error_type}: ${report.error_message}`)
  return { states, seconds, violatedAt: [...trace.join('\n').matchAll(/^State \d+$/gm)].length - 1 }
}
