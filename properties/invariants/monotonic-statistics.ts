/** I22: what counts up in a run never counts down. */
import { invariant } from '../../machines/index.ts'
import { partiesOf, type Observation } from '../observation.ts'
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

/** A manager that shows how long a run has lasted: in 50 ms it has to see that on, and never less than before. */
const STUCK_MILLIS = 50
const lasting: ReadonlySet<unknown> = new Set(['active', 'pre-switchover', 'device', 'cancelling', 'postcopy-active'])

/** What a party was asked while a run lasted: when, and the total-time that it answered. */
const elapsed = (
  observation: Observation,
  party: string,
): ReadonlyMap<number, readonly (readonly [number, number])[]> => {
  const asked = new Map<number, [number, number][]>()
  const note = (run: number, atMillis: number, info: unknown): void => {
    if (typeof info !== 'object' || info === null || !('status' in info) || !lasting.has(info.status)) return
    if (!('total-time' in info)) return
    asked.set(run, [...(asked.get(run) ?? []), [atMillis, Number(info['total-time'])]])
  }
  for (const line of observation.timeline) {
    if (line.kind === 'event' && line.party === party && line.queryRun !== undefined)
      note(line.queryRun, line.atMillis, line.query)
    if (
      line.kind === 'command' &&
      line.party === party &&
      line.name === 'query-migrate' &&
      line.answer.type === 'reply'
    )
      note(line.after.outgoingNumber, line.atMillis, line.answer.value)
  }
  return asked
}

const stuck = (observation: Observation, party: string): readonly Violation[] =>
  [...elapsed(observation, party)].flatMap(([run, asked]) =>
    asked.flatMap(([atMillis, total], index) => {
      const [beforeMillis, before] = asked[index - 1] ?? [atMillis, total]
      if (total < before) return [`total-time of run ${run} of ${party} falls from ${before} to ${total}`]
      return atMillis - beforeMillis >= STUCK_MILLIS && total === before
        ? [`total-time of run ${run} of ${party} is ${total} at ${beforeMillis} ms and at ${atMillis} ms`]
        : []
    }),
  )

export const monotonicStatistics: Property = {
  ...invariant('I22'),
  check: (observation) => [
    ...partiesOf(observation).flatMap((party) =>
      [...runsOf(observation, party)].flatMap(([run, states]) => falls(party, run, states)),
    ),
    ...partiesOf(observation).flatMap((party) => stuck(observation, party)),
    ...queriesOf(observation).flatMap(({ party, where, info }) => {
      const total = 'total-time' in info ? info['total-time'] : 0
      return Number(total) < 0 ? [`total-time of ${party} at ${where} is ${String(total)}`] : []
    }),
  ],
}
