/** Order statistics of a handful of runs. Medians and ranges only: with five runs anything finer would be invented. */

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The value that so many percent of the values do not exceed; undefined if there are none. */
export const percentile = (values: readonly number[], percent: number): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil((values.length * percent) / 100) - 1)]

/** The median, smallest and largest of the values, or undefined if there are none. */
export const summarize = (values: readonly number[]): Summary | undefined => {
  const sorted = values.toSorted((a, b) => a - b)
  const min = sorted[0]
  const max = sorted.at(-1)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (min === undefined || max === undefined || upper === undefined || lower === undefined) return undefined
  return { median: (lower + upper) / 2, min, max }
}
