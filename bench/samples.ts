/** The table of a benchmark that measures the same thing again and again in each run. */

import type { Result } from './series.ts'
import { percentile } from './statistics.ts'
import { align } from './table.ts'

const columns = ['', 'samples', 'mean ms', 'median', 'p99', 'max', 'verified']

const rowOf = ({ name, figures }: Result): readonly string[] => {
  const samples = figures.flatMap(({ samplesMillis = [] }) => samplesMillis)
  const mean = samples.reduce((sum, millis) => sum + millis, 0) / samples.length
  return [
    name,
    `${samples.length}`,
    ...[mean, percentile(samples, 50), percentile(samples, 99), percentile(samples, 100)].map((millis) =>
      millis === undefined || Number.isNaN(millis) ? '-' : millis.toFixed(2),
    ),
    figures.every(({ verified }) => verified === undefined)
      ? '-'
      : figures.every(({ verified }) => verified)
        ? 'yes'
        : 'NO',
  ]
}

/** A row for each contender, over all of its runs, followed by what went wrong. */
export const renderSamples = (results: readonly Result[]): string =>
  [
    ...align([columns, ...results.map(rowOf)]),
    '',
    ...results.flatMap(({ name, version, unavailable, failures }) => [
      ...(version === undefined ? [] : [`${name}: ${version}`]),
      ...(unavailable === undefined ? [] : [`${name}: left out: ${unavailable}`]),
      ...failures.map((failure) => `${name}: failed: ${failure}`),
    ]),
  ].join('\n')
