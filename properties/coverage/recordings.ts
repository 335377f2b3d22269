/** Recordings as sources of coverage: each proves the edges that every explanation of it takes. */
import { provedEdges, validateScenario, type Scenario, type Verdict } from '../../src/trace/index.ts'
import type { EdgeCoverage } from './edge-coverage.ts'

/** Notes the edges that a scenario proves, and gives them. The verdict is worked out where it is not known. */
export const coverRecording = (
  coverage: EdgeCoverage,
  scenario: Scenario,
  verdict: Verdict = validateScenario(scenario),
): readonly string[] => {
  const edges = provedEdges(scenario, verdict)
  for (const edge of edges) coverage.add(scenario.profile, edge, 'recording', scenario.name)
  return edges
}
