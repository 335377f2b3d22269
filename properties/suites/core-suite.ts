/**
 * Random sequences against the core alone, with no clock and no input or output: a pair in a world that keeps to its own
 * rules, and one core in a storm of facts that make no sense.
 */
import * as fc from 'fast-check'
import { coloPlan, corePlan as anyPlan } from '../arbitraries/core-plans.ts'
import {
  coloCommands,
  pairCommands,
  performOnCore,
  stormCommands,
  type CoreAction,
} from '../arbitraries/core-actions.ts'
import { breaches, catalogue, type Breach } from '../catalogue.ts'
import type { Observation } from '../observation.ts'
import type { Property } from '../property.ts'
import { CoreWorld, ourCore, type CorePlan, type CoreSystem } from '../worlds/core-world.ts'
import { formatReplayToken } from './replay-token.ts'
import type { Counterexample, SuiteOptions, SuiteResult } from './result.ts'
import { Coverage } from './coverage.ts'

/** See {@link SuiteOptions}. */
export interface CoreSuiteOptions extends SuiteOptions {
  /** Default {@link ourCore}. */
  readonly system?: CoreSystem
  /** Default: all kinds of start. */
  readonly plan?: CorePlan
  /** Default `pair`. `colo` is a pair that goes on in lock-step. */
  readonly world?: 'pair' | 'colo' | 'storm'
}

/** What a single core has to keep whatever it is told. The others speak of two parties, or of a world with rules. */
export const stormProperties: ReadonlySet<string> = new Set(['I5', 'I8', 'I11', 'I12', 'I13', 'I14', 'I23'])

/** Carries a script out in a new world, and gives what was seen. */
export const observeCore = (system: CoreSystem, plan: CorePlan, actions: readonly CoreAction[]): Observation => {
  const world = new CoreWorld(system, plan)
  for (const action of actions) performOnCore(world, action)
  return world.finish()
}

const commandsOf = { pair: pairCommands, colo: coloCommands, storm: stormCommands } as const

const replayPathOf = (commands: unknown): string | undefined => /replayPath="([^"]*)"/.exec(String(commands))?.[1]

/** See the head of this file. */
export const runCoreSuite = (options: CoreSuiteOptions = {}): SuiteResult => {
  const { runs = 300, seed = 1, path, replayPath, onlyProperty, commandsMax = 40, system = ourCore } = options
  const { world: kind = 'pair' } = options
  const isStorm = kind === 'storm'
  let properties: readonly Property[] = catalogue.filter(
    ({ id }) => (onlyProperty === undefined || id === onlyProperty) && (!isStorm || stormProperties.has(id)),
  )
  const coverage = new Coverage()
  let broken: readonly Breach[] = []
  const anyOf = kind === 'colo' ? coloPlan : anyPlan
  const plans = options.plan === undefined ? anyOf : fc.constant(options.plan)
  const sequences = fc.commands<{ migrations: number }, CoreWorld>(commandsOf[kind], {
    maxCommands: commandsMax,
    size: 'max',
    ...(replayPath === undefined ? {} : { replayPath }),
  })
  const details = fc.check(
    fc.property(plans, fc.noBias(sequences), (plan, commands) => {
      const world = new CoreWorld(system, isStorm ? { ...plan, colo: true } : plan)
      const model = { migrations: 0 }
      fc.modelRun(() => ({ model, real: world }), commands)
      if (model.migrations === 0 && !isStorm) world.migrate()
      const observation = isStorm ? world.stop() : world.finish()
      coverage.add(observation)
      const found = breaches(observation, properties)
      if (found.length === 0) return
      properties = [found[0]!.property]
      broken = found
      throw new Error(found[0]!.violations[0])
    }),
    { numRuns: runs, seed, ...(path === undefined ? {} : { path, endOnFailure: true }) },
  )
  if (details.failed && broken.length === 0) throw details.errorInstance ?? new Error('the suite itself failed')
  return {
    suite: 'core',
    system: system.name,
    seed,
    runs: details.numRuns,
    coverage: coverage.counts,
    ...(details.failed ? { counterexample: counterexampleOf(details, seed, broken, kind) } : {}),
  }
}

const counterexampleOf = (
  details: fc.RunDetails<[CorePlan, Iterable<fc.Command<{ migrations: number }, CoreWorld>>]>,
  seed: number,
  broken: readonly Breach[],
  kind: keyof typeof commandsOf,
): Counterexample => {
  const [plan, commands] = details.counterexample ?? []
  const replayPath = replayPathOf(commands)
  const lines = [...(commands ?? [])].map((command) => String(command))
  const [first] = broken
  return {
    commands:
      lines.some((line) => line === 'migrate' || line === 'pair up') || kind === 'storm'
        ? lines
        : [...lines, 'migrate'],
    setting: Object.entries(plan ?? {})
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' '),
    breaches: broken,
    token: formatReplayToken({
      suite: kind === 'pair' ? 'core' : kind,
      seed,
      ...(details.counterexamplePath === null ? {} : { path: details.counterexamplePath }),
      ...(replayPath === undefined ? {} : { replayPath }),
      ...(first === undefined ? {} : { only: first.property.id }),
    }),
  }
}
