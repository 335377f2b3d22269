/** The coverage of the charts as text: every edge, and under it what took it, or why nothing did. */
import { isUncovered, type EdgeLine, type SourceKind } from './edge-coverage.ts'
import { reasonFor } from './uncovered-edges.ts'

const kinds: readonly SourceKind[] = ['recording', 'property', 'live run']

const sourceText = ({ sources }: EdgeLine): string =>
  kinds
    .filter((kind) => sources[kind].length > 0)
    .map((kind) => {
      const [first, ...more] = sources[kind]
      return `${kind} ${first}${more.length === 0 ? '' : ` and ${more.length} more`}`
    })
    .join('; ')

/** An edge that is taken by nothing, without a reason. */
export const isUnexplained = (line: EdgeLine): boolean =>
  isUncovered(line) && reasonFor(line.profile, line.edge) === undefined

const lineText = (line: EdgeLine): string => {
  const { profile, edge, quirk } = line
  const reason = reasonFor(profile, edge)
  const source = isUncovered(line)
    ? reason === undefined
      ? 'NOTHING, and no reason is known'
      : `nothing: ${reason}`
    : sourceText(line)
  return `  ${edge}${quirk === undefined ? '' : ` (${quirk})`}\n      ${source}`
}

const count = (lines: readonly EdgeLine[], holds: (line: EdgeLine) => boolean): number => lines.filter(holds).length

const headText = (lines: readonly EdgeLine[]): string =>
  [
    `profile ${lines[0]?.profile}: ${lines.length} edges, ${count(lines, ({ quirk }) => quirk !== undefined)} of them of quirks`,
    `  proved by a recording ${count(lines, ({ sources }) => sources.recording.length > 0)}, ` +
      `taken by a property ${count(lines, ({ sources }) => sources.property.length > 0)}, ` +
      `by a live run ${count(lines, ({ sources }) => sources['live run'].length > 0)}`,
    `  by nothing for a reason ${count(lines, (line) => isUncovered(line) && !isUnexplained(line))}, ` +
      `without one ${count(lines, isUnexplained)}`,
  ].join('\n')

/** See the head of this file. `all`: every edge; else those that are taken by nothing. */
export const coverageText = (lines: readonly EdgeLine[], all = true): string =>
  (['2.11', '7.2'] as const)
    .map((profile) => lines.filter((line) => line.profile === profile))
    .flatMap((ofProfile) => [
      headText(ofProfile),
      '',
      ...ofProfile.filter((line) => all || isUncovered(line)).map(lineText),
      '',
    ])
    .join('\n')
