/** Which property notices which seeded bug: mutants down, properties across. */
import { catalogue, type Breach } from '../catalogue.ts'
import type { Mutant } from '../mutants/mutant.ts'

/** One row: the identifiers of the properties that a mutant breaks. */
export interface KillRow {
  readonly mutant: string
  readonly title: string
  readonly kills: readonly string[]
  /** Of those that have to notice, the ones that did not. */
  readonly missed: readonly string[]
}

/**
 * Takes the matrix. `trials` makes a system show what it breaks, a trial at a time; a row ends with the trial at which
 * every property that has to notice has noticed, so it names at least those.
 */
export const killMatrix = async <System>(
  mutants: readonly Mutant<System>[],
  trials: (system: System) => AsyncIterable<readonly Breach[]>,
): Promise<readonly KillRow[]> => {
  const rows: KillRow[] = []
  for (const { id, title, system, killedBy } of mutants) {
    const kills = new Set<string>()
    const missed = () => killedBy.filter((each) => !kills.has(each))
    for await (const breaches of trials(system)) {
      for (const { property } of breaches) kills.add(property.id)
      if (missed().length === 0) break
    }
    rows.push({
      mutant: id,
      title,
      kills: catalogue.map((property) => property.id).filter((each) => kills.has(each)),
      missed: missed(),
    })
  }
  return rows
}

/** The matrix as a table; `x` where a mutant is killed. */
export const matrixText = (rows: readonly KillRow[]): string => {
  const ids = catalogue.map(({ id }) => id)
  const line = (name: string, cells: readonly string[], title: string): string =>
    `${name.padEnd(6)}${cells.map((cell) => cell.padStart(4)).join('')}  ${title}`
  return [
    line('', ids, ''),
    ...rows.map(({ mutant, kills, title }) =>
      line(
        mutant,
        ids.map((id) => (kills.includes(id) ? 'x' : '.')),
        title,
      ),
    ),
  ].join('\n')
}
