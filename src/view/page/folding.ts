/** Which drawing of a chart shows a choice of closed states, and what has to be hidden in it. */
import type { FoldedDrawing, LibraryChart } from '../chart-library.ts'

/** A drawing, and the states in it that are closed by hiding what is inside. */
export interface Folding {
  readonly folded: FoldedDrawing
  readonly hiddenInside: readonly string[]
}

const isInside = (id: string, outer: string): boolean => id.startsWith(`${outer}.`)

/** Closed states that are not inside another one. */
const outermost = (closed: ReadonlySet<string>): readonly string[] =>
  [...closed].filter((id) => ![...closed].some((outer) => isInside(id, outer)))

/** The drawing with the most of these states closed and no other, with labels or tersely; the rest is hidden in it. */
export const foldingFor = (chart: LibraryChart, closed: ReadonlySet<string>, terse: boolean): Folding => {
  const covers = ({ closed: drawn }: FoldedDrawing) =>
    drawn.every((id) => closed.has(id) || [...closed].some((outer) => isInside(id, outer)))
  const candidates = chart.drawings.filter((drawing) => drawing.drawing.terse === terse && covers(drawing))
  const folded = candidates.reduce((best, each) => (each.closed.length > best.closed.length ? each : best))
  return { folded, hiddenInside: outermost(closed).filter((id) => !folded.closed.includes(id)) }
}
