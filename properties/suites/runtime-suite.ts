/**
 * Random sequences of commands, time and faults against two real processes on a simulated network, each held against
 * every property. The first property that breaks is the one that the sequence is shrunk for.
 */
import * as fc from 'fast-check'
import { coloRuntimeCommands, coloRuntimeSetting } from '../arbitraries/colo-commands.ts'
import { plan as anyPlan } from '../arbitraries/plans.ts'
import { perform, runtimeCommands, type RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { breaches, catalogue, type Breach } from '../catalogue.ts'
import type { Observation } from '../observation.ts'
import type { Property } from '../property.ts'
import { ourRuntime, RuntimeWorld, type Plan, type RuntimeSystem } from '../worlds/runtime-world.ts'
import { Coverage } from './coverage.ts'
import { formatReplayToken } from './replay-token.ts'
import type { Counterexample, SuiteOptions, SuiteResult } from './result.ts'

/** See {@link SuiteOptions}. */
export interface RuntimeSuiteOptions extends SuiteOptions {
  /** Default {@link ourRuntime}. */
  readonly system?: RuntimeSystem
  /** Default: plans of every temper. */
  readonly plan?: Plan
  /** Default `migration`. `lock-step` is a pair that goes on in COLO. */
  readonly world?: RuntimeWorldKind
}

/** What a world of processes is about. */
export type RuntimeWorldKind = 'migration' | 'lock-step'

const kinds = {
  migration: {
    plans: anyPlan,
    commands: runtimeCommands,
    suite: 'runtime',
    set: (world: RuntimeWorld) => world.migrate(),
  },
  'lock-step': {
    plans: coloRuntimeSetting,
    commands: coloRuntimeCommands,
    suite: 'lock-step',
    set: (world: RuntimeWorld) => world.pairUp(),
  },
} as const

/** Carries a script out in a new world, and gives what was seen. */
export const observeRuntime = async (
  system: RuntimeSystem,
  plan: Plan,
  actions: readonly RuntimeAction[],
  options: { readonly partition?: boolean } = {},
): Promise<Observation> => {
  const world = await RuntimeWorld.make(system, plan)
  for (const action of actions) await perform(world, action)
  return world.finish(options)
}

const replayPathOf = (commands: unknown): string | undefined => /replayPath="([^"]*)"/.exec(String(commands))?.[1]

/** See the head of this file. */
export const runRuntimeSuite = async (options: RuntimeSuiteOptions = {}): Promise<SuiteResult> => {
  const { runs = 100, seed = 1, path, replayPath, onlyProperty, commandsMax = 12, system = ourRuntime } = options
  let properties: readonly Property[] = catalogue.filter(({ id }) => onlyProperty === undefined || id === onlyProperty)
  const coverage = new Coverage()
  let broken: readonly Breach[] = []
  const { world: kind = 'migration' } = options
  const plans = options.plan === undefined ? kinds[kind].plans : fc.constant(options.plan)
  const sequences = fc.commands(kinds[kind].commands, {
    maxCommands: commandsMax,
    size: 'max',
    ...(replayPath === undefined ? {} : { replayPath }),
  })
  const details = await fc.check(
    fc.asyncProperty(plans, fc.noBias(sequences), async (plan, commands) => {
      const world = await RuntimeWorld.make(system, plan)
      const model = { migrations: 0 }
      await fc.asyncModelRun(() => ({ model, real: world }), commands)
      // A sequence without a migration has set the scene for one.
      if (model.migrations === 0) await kinds[kind].set(world)
      const observation = await world.finish()
      coverage.add(observation)
      const found = breaches(observation, properties)
      if (found.length === 0) return
      // A shorter sequence that breaks something else is another counterexample, not this one.
      properties = [found[0]!.property]
      broken = found
      throw new Error(found[0]!.violations[0])
    }),
    { numRuns: runs, seed, ...(path === undefined ? {} : { path, endOnFailure: true }) },
  )
  if (details.failed && broken.length === 0) throw details.errorInstance ?? new Error('the suite itself failed')
  const counterexample = details.failed ? counterexampleOf(details, seed, broken, kind) : undefined
  return {
    suite: kinds[kind].suite,
    system: system.name,
    seed,
    runs: details.numRuns,
    coverage: coverage.counts,
    ...(counterexample === undefined ? {} : { counterexample }),
  }
}

const counterexampleOf = (
  details: fc.RunDetails<[Plan, Iterable<fc.AsyncCommand<object, RuntimeWorld>>]>,
  seed: number,
  broken: readonly Breach[],
  kind: RuntimeWorldKind,
): Counterexample => {
  const [plan, commands] = details.counterexample ?? []
  const replayPath = replayPathOf(commands)
  const [first] = broken
  const lines = [...(commands ?? [])].map((command) => String(command))
  return {
    commands: lines.some((line) => line === 'migrate' || line === 'pair up')
      ? lines
      : [...lines, kind === 'migration' ? 'migrate' : 'pair up'],
    setting: planText(plan),
    breaches: broken,
    token: formatReplayToken({
      suite: kinds[kind].suite,
      seed,
      ...(details.counterexamplePath === null ? {} : { path: details.counterexamplePath }),
      ...(replayPath === undefined ? {} : { replayPath }),
      ...(first === undefined ? {} : { only: first.property.id }),
    }),
  }
}

const planText = (plan: Plan | undefined): string =>
  plan === undefined
    ? 'an unknown plan'
    : Object.entries(plan)
        .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
        .join(' ')
