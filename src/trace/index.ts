/** Recorded QMP traces, held against the charts. */
export { uncovered, type Uncovered } from './coverage.ts'
export * from './explanation.ts'
export { LazyAutomaton, type AutomatonNode, type Edge, type Output, type QuirkMask } from './lazy-automaton.ts'
export * from './memory-map.ts'
export * from './observation.ts'
export { parseRecording, RecordingLineError, type RecordedMessage, type Recording } from './recording.ts'
export * from './render.ts'
export {
  makeScenario,
  parseMeta,
  type Party,
  type Scenario,
  type ScenarioMeta,
  type StartOptions,
  startOptionsOf,
} from './scenario.ts'
export * from './validate.ts'
export * from './verdict.ts'
export { replayRecordings, replayScenarios } from './replay.ts'
export { fileBytesMax, onePathAScenario, readScenario, ScenarioFileError } from './scenario-files.ts'
export { partyOf, scenarioNameOf } from './scenario-name.ts'
export type { ReadError } from './scenario-files.ts'
