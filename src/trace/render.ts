/** Verdicts as plain text for a terminal or a log: 80 columns, no colour. */
import type { Place, Verdict, VerdictName } from './verdict.ts'

/** Width that the text keeps to, except for single words that are longer. */
export const columnsMax = 80

const wrap = (text: string, indent: string): string => {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + word.length + 1 > columnsMax) {
      lines.push(line)
      line = indent
    }
    line += line.length > indent.length ? ` ${word}` : word
  }
  lines.push(line)
  return lines.join('\n')
}

const at = (place: Place): string => `${place.file}:${place.line}: ${place.observed}`

/**
 * One verdict as text: a headline, and below it what explains it.
 *
 * @example
 * renderVerdict({ scenario: 'precopy', profile: '2.11', parties: [], verdict: 'conforms' })
 * // 'precopy (2.11): conforms\n'
 */
export const renderVerdict = (verdict: Verdict): string => {
  const head = `${verdict.scenario} (${verdict.profile}):`
  switch (verdict.verdict) {
    case 'conforms':
      return `${head} conforms\n`
    case 'conforms-with-quirks': {
      const ids = verdict.quirks.map((quirk) => quirk.id).join(', ')
      const lines = [wrap(`${head} conforms, explained only by ${ids}`, '')]
      for (const quirk of verdict.quirks)
        lines.push(wrap(`${quirk.id}: ${quirk.title}`, '  '), wrap(at(quirk.neededAt), '      '))
      return `${lines.join('\n')}\n`
    }
    case 'rejected': {
      const { rejection } = verdict
      const lines = [wrap(`${head} rejected`, ''), wrap(at(rejection), '  ')]
      if (rejection.because !== undefined) lines.push(wrap(rejection.because, '  '))
      if (rejection.against !== undefined) lines.push(wrap(`against ${at(rejection.against)}`, '  '))
      lines.push(
        wrap(
          rejection.acceptedThrough === 0
            ? 'no line was accepted'
            : `accepted through line ${rejection.acceptedThrough}`,
          '  ',
        ),
      )
      if (rejection.allowed.length > 0) lines.push(wrap(`allowed next: ${rejection.allowed.join('; ')}`, '  '))
      return `${lines.join('\n')}\n`
    }
    case 'not-covered':
      return `${[wrap(`${head} not covered`, ''), wrap(verdict.reason, '  '), wrap(at(verdict.place), '  ')].join('\n')}\n`
  }
}

/** The verdicts in the order in which a summary lists them. */
const verdictNames: readonly VerdictName[] = ['conforms', 'conforms-with-quirks', 'rejected', 'not-covered']

/** The scenarios that were not judged, by the reason. */
const notCovered = (verdicts: readonly Verdict[]): readonly string[] => {
  const byReason = new Map<string, string[]>()
  for (const verdict of verdicts) {
    if (verdict.verdict !== 'not-covered') continue
    byReason.set(verdict.reason, [...(byReason.get(verdict.reason) ?? []), `${verdict.scenario} (${verdict.profile})`])
  }
  return [...byReason].flatMap(([reason, names]) => [
    wrap(`not covered: ${reason}`, ''),
    wrap(names.join(', '), '      '),
  ])
}

/** Counts of many verdicts: one line a verdict, then one a quirk; then what was not judged, and why. */
export const renderSummary = (verdicts: readonly Verdict[]): string => {
  const lines = [`${verdicts.length} scenarios`]
  for (const name of verdictNames) {
    const count = verdicts.filter((verdict) => verdict.verdict === name).length
    if (count > 0) lines.push(`${String(count).padStart(7)} ${name}`)
  }
  const uses = new Map<string, number>()
  for (const verdict of verdicts)
    if (verdict.verdict === 'conforms-with-quirks')
      for (const { id } of verdict.quirks) uses.set(id, (uses.get(id) ?? 0) + 1)
  for (const [id, count] of [...uses].sort(([, a], [, b]) => b - a)) lines.push(`${String(count).padStart(13)} ${id}`)
  lines.push(...notCovered(verdicts))
  return `${lines.join('\n')}\n`
}
