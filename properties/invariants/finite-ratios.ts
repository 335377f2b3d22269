/** I23: every figure is a finite number in its range, and survives JSON. */
import { invariant } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { queriesOf } from './consistent-query.ts'

/** Paths of numbers that are not finite or are negative. */
const badNumbers = (value: unknown, path: string): readonly string[] => {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? [] : [`${path} is ${value}`]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => badNumbers(member, path === '' ? name : `${path}.${name}`))
}

/** Figures that are whole numbers in the schema. */
const fractions = (info: object): readonly string[] =>
  ['total-time', 'downtime', 'expected-downtime', 'setup-time'].flatMap((name) => {
    const value = name in info ? (info as Record<string, unknown>)[name] : 0
    return typeof value === 'number' && !Number.isInteger(value) ? [`${name} is ${value}`] : []
  })

/** Shares of the pages that were looked at. */
const shares = (info: object): readonly string[] =>
  [
    ['xbzrle-cache', 'cache-miss-rate'],
    ['compression', 'busy-rate'],
  ].flatMap(([member = '', name = '']) => {
    const counters = member in info ? (info as Record<string, Record<string, unknown>>)[member] : undefined
    const value = Number(counters?.[name] ?? 0)
    return value > 1 ? [`${member}.${name} is ${value}`] : []
  })

export const finiteRatios: Property = {
  ...invariant('I23'),
  check: (observation) => {
    const found: Violation[] = []
    for (const { party, where, info } of queriesOf(observation)) {
      for (const problem of [...badNumbers(info, ''), ...fractions(info), ...shares(info)])
        found.push(`${party} at ${where}: ${problem}`)
      if (JSON.stringify(JSON.parse(JSON.stringify(info))) !== JSON.stringify(info))
        found.push(`${party} at ${where}: the answer does not survive JSON`)
    }
    for (const { party, atMillis, after } of linesOf(observation, 'state'))
      for (const problem of badNumbers(after.outgoing?.ram ?? {}, 'ram'))
        found.push(`${party} at ${atMillis} ms: ${problem}`)
    return [...new Set(found)]
  },
}
