/**
 * Exhaustive exploration: charts compiled to automata, models of charts and the world around them, the search, and the forms
 * in which a counterexample is written down.
 */
export { alphabet, synchronisations } from './alphabet.ts'
export * from './compile/automaton.ts'
export { ChartNotFinite } from './compile/chart-not-finite.ts'
export { compile } from './compile/compile.ts'
export type { Decision, Member, Scalar } from './compile/decision.ts'
export { DenseTable, type NamedState } from './compile/dense-table.ts'
export { compare, comparedBy, missingChecker, type Agreement, type Checker, type Compared } from './export/agreement.ts'
export { promela } from './export/promela.ts'
export { tla } from './export/tla.ts'
export { brokenIn, initialState, stepOf, type Step, type Told, type WorldState } from './model/interpreter.ts'
export * from './model/language.ts'
export { ModelError, World } from './model/world.ts'
export { explored, modelOf, models, type BoundedModel, type NamedModel } from './models/catalogue.ts'
export { pairModel, type PairCapabilities, type PairOptions } from './models/pair.ts'
export { findQuirk, notInCharts, quirksAndProfiles, type QuirkFound } from './models/quirk-search.ts'
export { makeModel, SettingsError, type ModelSettings } from './models/settings.ts'
export { columns } from './report/columns.ts'
export { itf, type ItfTrace } from './report/itf.ts'
export { qmpSessions, type QmpSessions, type SessionLines } from './report/qmp.ts'
export { sequence } from './report/sequence.ts'
export { graphStatesMax, stateGraphFile, type StateGraphFile } from './report/state-graph.ts'
export { formatToken, parseToken } from './report/token.ts'
export { followTrail, testFile, type TrailFile, type TrailOutcome } from './report/trail-file.ts'
export { lassoTrail, trailOf, violationTrail, type Trail } from './report/trail.ts'
export {
  explore,
  follow,
  StateGraph,
  type Exploration,
  type ExploreOptions,
  type Violation,
} from './search/explorer.ts'
export { leadsTo, type Lasso } from './search/leads-to.ts'
