/** I22: what counts up in a run never counts down. */
import { invariant } from '../../machines/index.ts'
import { partiesOf } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import type { CoreState } from '../../src/core/index.ts'
import { queriesOf } from './consistent-query.ts'
import { runsOf } from './runs.ts'

const counters = [
  'transferred',
  'normal',
  'normal-bytes',
  'duplicate',
  'dirty-sync-count',
  'postcopy-requests',
] as const

const falls = (party: string, run: number, states: readonly CoreState[]): readonly Violation[] => {
  const highest = new Map<string, number>()
  const found: Violation[] = []
  for (const { outgoing } of states)
    for (const name of [...counters, 'disk.transferred'] as const) {
      const told = name === 'disk.transferred' ? outgoing?.figures?.disk?.transferred : outgoing?.ram?.[name]
      if (told === undefined) continue
      const value = Number(told)
      const before = highest.get(name) ?? 0
      if (value < before) found.push(`${name} of run ${run} of ${party} falls from ${before} to ${value}`)
      highest.set(name, Math.max(before, value))
    }
  return found
}

export const monotonicStatistics: Property = {
  ...invariant('I22'),
  check: (observation) => [
    ...partiesOf(observation).flatMap((party) =>
      [...runsOf(observation, party)].flatMap(([run, states]) => falls(party, run, states)),
    ),
    ...queriesOf(observation).flatMap(({ party, where, info }) => {
      const total = 'total-time' in info ? info['total-time'] : 0
      return Number(total) < 0 ? [`total-time of ${party} at ${where} is ${String(total)}`] : []
    }),
  ],
}
