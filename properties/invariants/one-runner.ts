/**
 * I1 and I4: the guest runs in one place. After the destination may have started it, the source does not start it again
 * unless an operator says so. In COLO two guests run and one serves: the secondary's stays unheard, and the primary's only
 * serves as long as the secondary goes along.
 */
import { invariant } from '../../machines/index.ts'
import { linesOf, type Observation, type Party } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { coloMode, isCommitted, isSurvivor, pathOf, runState } from '../state-view.ts'

/** When both sides of a pair had been told that the other is dead: without a fence that is the operator's own split brain. */
const bothToldMillis = ({ timeline, end }: Observation): number => {
  if (end.parties.some(({ state }) => state.startedWith.fence)) return Infinity
  const told = new Set<Party>()
  for (const line of timeline) {
    const joins = line.kind === 'state' && coloMode(line.before) === 'unknown' && coloMode(line.after) !== 'unknown'
    if (joins) told.delete(line.party)
    if (line.kind !== 'command' || line.name !== 'x-colo-lost-heartbeat' || line.answer.type !== 'reply') continue
    told.add(line.party)
    if (told.size > 1) return line.atMillis
  }
  return Infinity
}

/**
 * When an operator first made two of one guest: by starting one that had left, or by telling both sides of a pair to go on
 * alone. Infinity if nobody did. What follows is the operator's decision, also for whoever the second copy is sent to.
 */
export const forcedMillis = (observation: Observation): number =>
  Math.min(
    bothToldMillis(observation),
    ...linesOf(observation, 'command')
      .filter(({ name, answer, before, after }) => {
        const left = runState(before) === 'postmigrate' || runState(before) === 'finish-migrate'
        return name === 'cont' && answer.type === 'reply' && left && runState(after) === 'running'
      })
      .map(({ atMillis }) => atMillis),
  )

/** Whose guest runs and is heard by clients, after each line at which that can change; primaries of a pair apart. */
const serversOverTime = function* (
  observation: Observation,
): Generator<{ readonly atMillis: number; readonly alone: readonly Party[]; readonly primaries: readonly Party[] }> {
  const running = new Set<Party>(['source'])
  const modes = new Map<Party, string>()
  for (const line of observation.timeline) {
    if (line.kind === 'fault' && line.fault === 'crash' && line.party !== undefined) running.delete(line.party)
    if (line.kind === 'state') modes.set(line.party, coloMode(line.after))
    if (line.kind !== 'guest') continue
    if (line.action === 'start') running.add(line.party)
    else running.delete(line.party)
    const inMode = (mode: string) => [...running].filter((party) => (modes.get(party) ?? 'unknown') === mode)
    yield { atMillis: line.atMillis, alone: inMode('unknown'), primaries: inMode('primary') }
  }
}

/** At the end no primary runs on beside a secondary that has taken over: it has learnt that the pair is no more. */
const runnersAtRest = ({ end }: Observation): readonly Party[] =>
  end.parties
    .filter(({ state, running, crashed }) => running && !crashed && coloMode(state) !== 'secondary')
    .map(({ party }) => party)

export const oneRunner: Property = {
  ...invariant('I1'),
  check: (observation) => {
    const forced = forcedMillis(observation)
    const found: Violation[] = []
    for (const { atMillis, alone } of serversOverTime(observation))
      if (alone.length > 1 && atMillis < forced) found.push(`${alone.join(' and ')} run at ${atMillis} ms`)
    const last = runnersAtRest(observation)
    const isQuiet = observation.end.unsettled.length === 0 && !observation.end.partitioned
    if (last.length > 1 && isQuiet && forced === Infinity && found.length === 0)
      found.push(`${last.join(' and ')} run when all is quiet`)
    return found
  },
}

export const noReturn: Property = {
  ...invariant('I4'),
  check: (observation) => {
    const forced = forcedMillis(observation)
    return linesOf(observation, 'guest')
      .filter(({ atMillis, action, state }) => action === 'start' && atMillis < forced && isCommitted(state))
      .filter(({ state }) => !isSurvivor(state))
      .map(
        ({ party, atMillis, state }) => `${party} starts at ${atMillis} ms in ${pathOf(state, 'outgoing').join('.')}`,
      )
  },
}
