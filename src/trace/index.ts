/** Recorded QMP traces, held against the charts. Runs in a browser, but for `scenario-files.ts`, which reads a disk. */
export { uncovered, type Uncovered } from './coverage.ts'
export { LazyAutomaton, type AutomatonNode, type Edge, type Output, type QuirkMask } from './lazy-automaton.ts'
export * from './observation.ts'
export { parseRecording, RecordingLineError, type RecordedMessage, type Recording } from './recording.ts'
export * from './render.ts'
export {
  makeScenario,
  parseMeta,
  type Party,
  type Scenario,
  ScenarioMeta,
  type StartOptions,
  startOptionsOf,
} from './scenario.ts'
export * from './validate.ts'
export * from './verdict.ts'
