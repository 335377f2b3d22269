/** Live runs as sources of coverage: what a real QEMU said proves edges as a recording does. */
import { provedEdges } from '../../src/trace/index.ts'
import { scenarioOf } from '../differential/judge.ts'
import type { Transcript } from '../differential/transcript.ts'
import type { EdgeCoverage } from './edge-coverage.ts'

/** Notes the edges that a transcript proves. */
export const coverLiveRun = (coverage: EdgeCoverage, name: string, transcript: Transcript): void => {
  const scenario = scenarioOf('live', transcript)
  for (const edge of provedEdges(scenario)) coverage.add(scenario.profile, edge, 'live run', name)
}
