/** Scripts, then random sequences without shrinking, one after the other: what a kill matrix is taken over. */
import * as fc from 'fast-check'
import { pairCommands } from '../arbitraries/core-actions.ts'
import { corePlan } from '../arbitraries/core-plans.ts'
import { breaches, type Breach } from '../catalogue.ts'
import { coreScripts } from './core-scripts.ts'
import { observeCore } from './core-suite.ts'
import { lockStepScripts } from './lock-step-scripts.ts'
import { CoreWorld, type CoreSystem } from '../worlds/core-world.ts'

/** What each script, and each of so many sequences, breaks. */
export const coreTrials = async function* (
  system: CoreSystem,
  options: { readonly runs: number; readonly seed: number },
): AsyncGenerator<readonly Breach[]> {
  for (const { plan, actions } of [...coreScripts, ...lockStepScripts])
    yield breaches(observeCore(system, plan, actions))
  const sequences = fc.commands<{ migrations: number }, CoreWorld>(pairCommands, { maxCommands: 40, size: 'max' })
  const cases = fc.sample(fc.tuple(corePlan, fc.noBias(sequences)), { numRuns: options.runs, seed: options.seed })
  for (const [plan, commands] of cases) {
    const world = new CoreWorld(system, plan)
    fc.modelRun(() => ({ model: { migrations: 0 }, real: world }), commands)
    yield breaches(world.finish())
  }
}
