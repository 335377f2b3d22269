/** I12 and I14: an answer to query-migrate is one picture, and never older than an event that was sent before it. */
import { Schema } from 'effect'
import { invariant, reaches, type Profile } from '../../machines/index.ts'
import { commands } from '../../src/qapi/index.ts'
import { linesOf, type Observation, type Party } from '../observation.ts'
import type { Property, Violation } from '../property.ts'

/** An answer to query-migrate, and where it was seen. */
export interface QuerySeen {
  readonly party: Party
  readonly profile: Profile
  readonly where: string
  readonly info: object
  /** Whether the party began with a guest. One that received it answers with the status of that in 7.2, without figures. */
  readonly isSource: boolean
}

/** Every answer to query-migrate that was seen. */
export const queriesOf = (observation: Observation): readonly QuerySeen[] => {
  const states = new Map(observation.end.parties.map(({ party, state }) => [party, state]))
  const asked = [
    ...linesOf(observation, 'event').map(({ party, query, atMillis }) => ({ party, query, where: `${atMillis} ms` })),
    ...linesOf(observation, 'command')
      .filter(({ name }) => name === 'query-migrate')
      .map(({ party, answer, atMillis }) => ({
        party,
        query: answer.type === 'reply' ? answer.value : undefined,
        where: `${atMillis} ms`,
      })),
    ...observation.end.parties.map(({ party, query }) => ({ party, query, where: 'the end' })),
  ]
  return asked.flatMap(({ party, query, where }) => {
    if (typeof query !== 'object' || query === null) return []
    const state = states.get(party)
    const isSource = state?.startedWith.incoming !== true
    return [{ party, where, info: query, profile: state?.profile ?? '2.11', isSource }]
  })
}

const member = (info: object, name: string): unknown =>
  name in info ? (info as Record<string, unknown>)[name] : undefined

const problems = ({ info, profile, isSource }: QuerySeen): readonly string[] => {
  const schema = commands[profile]['query-migrate'].returns
  if (!Schema.is(schema)(info)) return ['is not of the schema']
  const found: string[] = []
  const [status, total, downtime] = [member(info, 'status'), member(info, 'total-time'), member(info, 'downtime')]
  if (status === 'completed' && isSource) {
    if (!(Number(total) > 0)) found.push(`is completed with total-time ${String(total)}`)
    if (typeof downtime !== 'number') found.push('is completed without a downtime')
    else if (downtime < 0 || downtime > Number(total))
      found.push(`has downtime ${downtime} of total-time ${String(total)}`)
  }
  // 7.2 also says why nothing can leave and where it listens, whatever the status.
  if (profile === '2.11' && status === undefined && Object.keys(info).length > 0)
    found.push('has members and no status')
  return found
}

export const consistentQuery: Property = {
  ...invariant('I12'),
  check: (observation) =>
    queriesOf(observation).flatMap((seen) =>
      problems(seen).map((problem) => `query-migrate of ${seen.party} at ${seen.where} ${problem}`),
    ),
}

export const queryFollowsEvent: Property = {
  ...invariant('I14'),
  check: (observation) => {
    const found: Violation[] = []
    const profile = observation.end.parties.find(({ party }) => party === 'source')?.state.profile ?? '2.11'
    let run = 0
    for (const { party, event, query, queryRun = 0, atMillis } of linesOf(observation, 'event')) {
      if (event.event !== 'MIGRATION' || typeof query !== 'object' || query === null || party !== 'source') continue
      const told = String(event.data.status)
      if (told === 'setup') run++
      const status = String(member(query, 'status'))
      // Where a new run has begun in between, whatever it is in comes after everything of the last one.
      if (queryRun <= run && !reaches('outgoing', profile, told, status))
        found.push(`${party} told ${told} at ${atMillis} ms and then answered ${status}`)
    }
    return found
  },
}
