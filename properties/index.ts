/**
 * What must hold, and the suites that try to break it. Point a suite at a system of your own (a {@link RuntimeSystem} or a
 * {@link CoreSystem}): what breaks comes back as a short list of commands, the property it breaks, and a token that makes
 * the run again.
 *
 * @example
 * const result = await runRuntimeSuite({ system: { ...ourRuntime, makeProcess: mine }, runs: 500, seed: 7 })
 * if (result.counterexample !== undefined) console.error(describeCounterexample(result.counterexample))
 */
export * from './arbitraries/colo-commands.ts'
export * from './arbitraries/command-calls.ts'
export * from './arbitraries/core-actions.ts'
export * from './arbitraries/core-plans.ts'
export * from './arbitraries/facts.ts'
export * from './arbitraries/plans.ts'
export * from './arbitraries/runtime-commands.ts'
export * from './catalogue.ts'
export * from './fuzz/call-digest.ts'
export * from './fuzz/campaign.ts'
export * from './fuzz/fuzz.ts'
export * from './fuzz/mutate.ts'
export * from './fuzz/subject.ts'
export * from './fuzz/synthetic.ts'
export * from './invariants/index.ts'
export * from './mutants/chart-mutants.ts'
export * from './mutants/colo-runtime-mutants.ts'
export * from './mutants/core-mutants.ts'
export * from './mutants/lock-step-mutants.ts'
export * from './mutants/mutant.ts'
export * from './mutants/page-mutants.ts'
export * from './mutants/runtime-mutants.ts'
export * from './observation.ts'
export * from './property.ts'
export * from './random.ts'
export * from './suites/colo-runtime-scripts.ts'
export * from './suites/core-scripts.ts'
export * from './suites/core-suite.ts'
export * from './suites/core-trials.ts'
export * from './suites/instants.ts'
export * from './suites/kill-matrix.ts'
export * from './suites/lock-step-scripts.ts'
export * from './suites/page-scripts.ts'
export * from './suites/replay-token.ts'
export * from './suites/result.ts'
export * from './suites/runtime-scripts.ts'
export * from './suites/runtime-suite.ts'
export * from './worlds/core-world.ts'
export * from './worlds/pair-service.ts'
export * from './worlds/runtime-world.ts'
