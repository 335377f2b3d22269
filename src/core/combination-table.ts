/** The table of combinations as text, a row and a column a capability: what the documentation shows. */
import type { Profile } from '../../machines/index.ts'
import { capabilities } from '../qapi/index.ts'
import { dependents, effects, exclusionOf } from './combinations.ts'
import { defaultParameters } from './parameters.ts'

/** What two capabilities are to each other; one with itself is what it is alone. */
export type Cell =
  | { readonly kind: 'together' }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'effect'; readonly text: string }

/** What becomes of two capabilities that are switched on, and no other is. */
export const cellOf = (profile: Profile, one: string, other: string): Cell => {
  const refusal = exclusionOf(profile, { [one]: true, [other]: true }, defaultParameters(profile))
  if (refusal !== undefined) return { kind: 'refused', text: refusal }
  const effect = effects.find(
    ({ profiles, on }) => profiles.includes(profile) && on.includes(one) && on.includes(other),
  )
  return effect === undefined || one === other ? { kind: 'together' } : { kind: 'effect', text: effect.what }
}

/** Every unordered pair of different capabilities of a profile. */
export const pairsOf = (profile: Profile): readonly (readonly [string, string])[] => {
  const all = capabilities(profile)
  return all.flatMap((one, index) => all.slice(index + 1).map((other) => [one, other] as const))
}

/** The table of a profile, with what its marks mean. */
export const combinationTable = (profile: Profile): string => {
  const all: readonly string[] = capabilities(profile)
  const width = Math.max(...all.map((name) => name.length))
  const texts: string[] = []
  const numbered = (text: string): number => {
    if (!texts.includes(text)) texts.push(text)
    return texts.indexOf(text) + 1
  }
  const shown = (one: string, other: string): string => {
    const cell = cellOf(profile, one, other)
    if (cell.kind === 'together') return one === other ? '' : '.'
    return `${cell.kind === 'refused' ? 'x' : 'n'}${numbered(cell.text)}`
  }
  const rows = all.map((one, row) => [
    String(row + 1).padStart(2),
    one.padEnd(width),
    ...all.slice(0, row + 1).map((other) => shown(one, other).padEnd(3)),
  ])
  const needs = Object.entries(dependents).filter(([name]) => all.includes(name))
  return [
    `Which capabilities go together, ${profile}`,
    '',
    `   ${' '.repeat(width)} ${all.map((_, column) => String(column + 1).padEnd(3)).join(' ')}`.trimEnd(),
    ...rows.map((row) => row.join(' ').trimEnd()),
    '',
    '.    go together, each as by itself',
    'n    go together; the note says what comes of it',
    'x    refused; on the diagonal: needs another',
    ...needs.map(([name, other]) => `     ${name} does nothing without ${other}`),
    ...texts.map((text, index) => `${String(index + 1).padEnd(4)} ${text}`),
    '',
  ].join('\n')
}
