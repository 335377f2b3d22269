/** Which property notices which seeded bug: what `switchover mutants --json` prints, one row a mutant. */
import { isFields, type Fields } from './json-lines.ts'

/** A row. */
export interface KillRow {
  readonly mutant: string
  readonly title: string
  /** The properties that notice it. */
  readonly kills: readonly string[]
  /** Those that should have, and did not. */
  readonly missed: readonly string[]
  /** Commands of the shortest sequence that shows it, where it is told. */
  readonly shortest: number | undefined
}

/** The matrix, with its columns in the order of their numbers. */
export interface KillMatrix {
  readonly properties: readonly string[]
  readonly rows: readonly KillRow[]
}

const isRow = (value: unknown): value is Fields => isFields(value) && 'mutant' in value && Array.isArray(value['kills'])

const rowsIn = (value: unknown): readonly Fields[] => {
  const list = Array.isArray(value) ? value : isFields(value) && Array.isArray(value['rows']) ? value['rows'] : [value]
  return list.every(isRow) ? list : []
}

/** Whether JSON values are such a matrix, as one document or as a line a row. */
export const isKillMatrix = (values: readonly unknown[]): boolean =>
  values.length > 0 && values.every((value) => rowsIn(value).length > 0)

const stringsIn = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

const byNumber = (a: string, b: string): number =>
  a.replace(/\d+/, '').localeCompare(b.replace(/\d+/, '')) || Number(/\d+/.exec(a)) - Number(/\d+/.exec(b))

/** Reads the matrix. */
export const readKillMatrix = (values: readonly unknown[]): KillMatrix => {
  const rows = values.flatMap(rowsIn).map((row): KillRow => {
    const shortest = row['shortest'] ?? row['commands']
    return {
      mutant: String(row['mutant']),
      title: typeof row['title'] === 'string' ? row['title'] : '',
      kills: stringsIn(row['kills']),
      missed: stringsIn(row['missed']),
      shortest: typeof shortest === 'number' ? shortest : undefined,
    }
  })
  const properties = [...new Set(rows.flatMap(({ kills, missed }) => [...kills, ...missed]))].sort(byNumber)
  return { properties, rows }
}
