/** The coverage of the charts, as the commands tell it. */
import { Console, Effect } from 'effect'
import { isUncovered, type EdgeCoverage } from '../../properties/coverage/edge-coverage.ts'
import { coverageText } from '../../properties/coverage/report.ts'
import { reasonFor } from '../../properties/coverage/uncovered-edges.ts'

/** Every edge with what took it; as JSON one line, with the reasons of those that nothing took. */
export const tellCoverage = (coverage: EdgeCoverage, json: boolean): Effect.Effect<void> => {
  const lines = coverage.lines()
  if (!json) return Console.log(coverageText(lines))
  const edges = lines.map((line) => {
    const because = isUncovered(line) ? reasonFor(line.profile, line.edge) : undefined
    return because === undefined ? line : { ...line, because }
  })
  return Console.log(JSON.stringify({ coverage: edges }))
}
