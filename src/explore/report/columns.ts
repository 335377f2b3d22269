/** A trail as a table: a line a step, a column a party, and in each cell only what has changed. */
import type { Change, PartyChange, Trail, TrailStep } from './trail.ts'

/** Widest a column gets; what does not fit goes on below. */
const WIDTH_MAX = 46

const changeText = ({ name, from, to }: Change): string => `${name}: ${from} → ${to}`

const partyCell = (changes: PartyChange | undefined): readonly string[] =>
  changes === undefined
    ? []
    : [
        ...changes.told.map(({ text, taken }) => (taken ? `< ${text}` : `< ${text} (not taken)`)),
        ...changes.changes.map(changeText),
        ...(changes.outputs.length === 0 ? [] : [`> ${changes.outputs.join(', ')}`]),
      ]

const worldCell = ({ world, sent, read }: TrailStep): readonly string[] => [
  ...read.map(({ message, channel }) => `"${message}" reaches ${channel.to}, or is gone`),
  ...sent.map(({ message, channel }) => `"${message}" on its way to ${channel.to}`),
  ...world.map(changeText),
]

/** Breaks a line at blanks. */
const wrapped = (line: string, width: number): readonly string[] => {
  const lines: string[] = []
  let rest = line
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width)
    const at = blank > 2 ? blank : width
    lines.push(rest.slice(0, at))
    rest = `  ${rest.slice(at).trimStart()}`
  }
  return [...lines, rest]
}

/**
 * The table. Behind the last step stands what is broken; a circle is marked where it begins.
 *
 * ```
 *  #  by        what                 source                     destination   world
 *  4  operator  migrate              < migrate                                opening: no → dialling
 *                                    outgoing: none → setup.connecting
 * ```
 */
export const columns = (trail: Trail): string => {
  const parties = trail.world.parties.map(({ party }) => party.name)
  const header = ['#', 'by', 'what', ...parties, 'world']
  const rows = trail.steps.map((each): readonly (readonly string[])[] => [
    [String(each.number)],
    [each.step.rule.lane],
    [each.step.rule.name],
    ...parties.map((name) => partyCell(each.parties.find(({ party }) => party === name))),
    worldCell(each),
  ])
  const widths = header.map((title, column) =>
    Math.min(
      WIDTH_MAX,
      Math.max(title.length, ...rows.map((row) => Math.max(0, ...row[column]!.map((line) => line.length)))),
    ),
  )
  const lines: string[] = [lineOf(header, widths)]
  for (const [index, row] of rows.entries()) {
    if (trail.loop === index) lines.push('-- from here on, round and round:')
    const cells = row.map((cell, column) => cell.flatMap((line) => wrapped(line, widths[column]!)))
    const height = Math.max(...cells.map((cell) => cell.length))
    for (let line = 0; line < height; line++)
      lines.push(
        lineOf(
          cells.map((cell) => cell[line] ?? ''),
          widths,
        ),
      )
  }
  if (trail.loop === trail.steps.length) lines.push('-- and nothing more happens by itself')
  if (trail.property !== undefined) lines.push('', `breaks ${trail.property.id}: ${trail.property.text}`)
  return lines.join('\n')
}

const lineOf = (cells: readonly string[], widths: readonly number[]): string =>
  cells
    .map((cell, column) => (column === 0 ? cell.padStart(widths[0]!) : cell.padEnd(widths[column]!)))
    .join('  ')
    .trimEnd()
