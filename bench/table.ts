/** The result of a series as plain columns for a terminal of 100 characters, followed by what the columns cannot say. */

import { ratioTo, type Result, standingOf } from './series.ts'
import type { Summary } from './statistics.ts'

const ABSENT = '-'

const HEADINGS = [
  ['', 'GB/s of RAM', 'total ms', 'downtime', 'CPU s', 'x qemu', 'x raw', 'content'],
  ['contender', 'median (range)', 'median (range)', 'ms', 'both', '', '', 'verified'],
]

const withRange = (summary: Summary | undefined, digits: number): string => {
  if (summary === undefined) return ABSENT
  const { median, min, max } = summary
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`
}

const fixed = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? ABSENT

const yesOrNo = (value: boolean | undefined): string => (value === undefined ? ABSENT : value ? 'yes' : 'NO')

const rowOf = (result: Result, results: readonly Result[], sizeBytes: number): string[] => {
  const standing = standingOf(result, sizeBytes)
  return [
    result.name,
    withRange(standing?.gigabytesPerSecond, 2),
    withRange(standing?.totalMillis, 0),
    fixed(standing?.downtimeMillis?.median, 0),
    fixed(standing?.cpuSeconds.median, 2),
    fixed(ratioTo('qemu', standing, results, sizeBytes), 2),
    fixed(ratioTo('raw', standing, results, sizeBytes), 2),
    yesOrNo(standing?.verified),
  ]
}

export const align = (rows: readonly (readonly string[])[]): string[] => {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** What only some benchmarks measure: of all runs the worst. */
const beyondOf = ({ name, figures }: Result): string[] => {
  const beyond = figures.flatMap((figure) => figure.beyondBytes ?? [])
  if (beyond.length === 0) return []
  const mebibytes = (values: readonly number[]): string => (Math.max(...values) / 2 ** 20).toFixed(1)
  const [source, destination] = [beyond.map((each) => each.source), beyond.map((each) => each.destination)]
  return [
    `${name}: beyond the guest's RAM at most ${mebibytes(source)} MiB (source), ${mebibytes(destination)} MiB (destination)`,
  ]
}

const notesOf = (result: Result, results: readonly Result[], sizeBytes: number): string[] => {
  const wireBytes = standingOf(result, sizeBytes)?.bytes.min
  return [
    ...(result.version === undefined ? [] : [`${result.name}: ${result.version}`]),
    ...(result.unavailable === undefined ? [] : [`${result.name}: left out: ${result.unavailable}`]),
    ...beyondOf(result),
    ...result.failures.map((failure) => `${result.name}: failed: ${failure}`),
    // Incompressible pages arrive in full or not at all: a smaller stream means that it was another guest.
    ...(wireBytes !== undefined && wireBytes < sizeBytes && results.length > 1
      ? [`${result.name}: sent ${wireBytes} bytes for ${sizeBytes} of RAM, so its figure is not comparable`]
      : []),
  ]
}

export const renderTable = (results: readonly Result[], sizeBytes: number): string =>
  [
    ...align([...HEADINGS, ...results.map((result) => rowOf(result, results, sizeBytes))]),
    '',
    ...results.flatMap((result) => notesOf(result, results, sizeBytes)),
  ].join('\n')
