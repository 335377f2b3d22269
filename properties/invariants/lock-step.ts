/** I27, I28 and I29: what a pair in COLO has to keep, in lock-step and when it comes apart. */
import { invariant } from '../../machines/index.ts'
import type { FailoverStatus } from '../../machines/index.ts'
import { hasCrashed, linesOf, type Observation, type Party, type StateSeen } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { forcedMillis } from './one-runner.ts'
import { coloMode, failoverStatus, incomingStatus, isColoBroken, runState } from '../state-view.ts'

/** What ends a pair: a fault of the world, or an operator. */
const hasReasonToBreak = (observation: Observation): boolean =>
  linesOf(observation, 'fault').some(({ fault }) => fault !== 'compare') ||
  linesOf(observation, 'command').some(
    ({ name, answer }) => ['x-colo-lost-heartbeat', 'migrate_cancel', 'quit'].includes(name) && answer.type === 'reply',
  )

const breaksByItself = (observation: Observation): readonly Violation[] =>
  hasReasonToBreak(observation)
    ? []
    : linesOf(observation, 'state')
        .filter(({ before, after }) => isColoBroken(after) && !isColoBroken(before))
        .map(
          ({ party, atMillis, after }) =>
            `the pair of ${party} comes apart at ${atMillis} ms and nothing has broken it: ` +
            `${after.outgoing?.error ?? after.incoming?.error ?? ''}`,
        )

export const wholeCheckpoint: Property = {
  ...invariant('I27'),
  check: (observation) => [
    ...linesOf(observation, 'epoch')
      .filter(({ whole }) => !whole)
      .map(
        ({ party, atMillis, memory, devices }) =>
          `${party} starts at ${atMillis} ms with memory of ${memory} and devices of ${devices}`,
      ),
    ...breaksByItself(observation),
  ],
}

/** Where a failover can go in one step of a core, which may take several of its own. */
const nextStatuses: Readonly<Record<FailoverStatus, readonly FailoverStatus[]>> = {
  none: ['require'],
  // Back to none only with the end of COLO: what was loaded is no state of any guest.
  require: ['active', 'completed', 'relaunch', 'none'],
  active: ['completed', 'relaunch'],
  relaunch: ['none', 'require', 'active', 'completed'],
  // With the next COLO.
  completed: ['none'],
}

const illegalStep = ({ party, atMillis, before, after }: StateSeen): readonly Violation[] => {
  const [from, to] = [failoverStatus(before), failoverStatus(after)]
  if (from === to) return []
  const left = from === 'require' && to === 'none' && incomingStatus(after) !== 'failed'
  const isNewPair = to === 'none' && coloMode(before) === 'unknown' && coloMode(after) !== 'unknown'
  if (from === 'completed' && !isNewPair) return [`${party} leaves failover ${from} at ${atMillis} ms`]
  return left || !nextStatuses[from].includes(to)
    ? [`${party} goes from failover ${from} to ${to} at ${atMillis} ms`]
    : []
}

/** A success that was told, at once or when the fence had spoken, and where the failover stood then. */
const accepted = (observation: Observation): readonly { party: Party; atMillis: number; status: FailoverStatus }[] => [
  ...linesOf(observation, 'command')
    .filter(({ name, answer }) => name === 'x-colo-lost-heartbeat' && answer.type === 'reply')
    .filter(({ after }) => !after.pending.some(({ command }) => command === 'x-colo-lost-heartbeat'))
    .map(({ party, atMillis, after }) => ({ party, atMillis, status: failoverStatus(after) })),
  ...linesOf(observation, 'state')
    .filter(({ before, outputs = [] }) =>
      outputs.some(
        (output) =>
          output.type === 'reply' &&
          before.pending.some(({ ticket, command }) => ticket === output.ticket && command === 'x-colo-lost-heartbeat'),
      ),
    )
    .map(({ party, atMillis, after }) => ({ party, atMillis, status: failoverStatus(after) })),
]

const neverDone = (observation: Observation): readonly Violation[] =>
  observation.end.parties
    .filter(({ crashed, state }) => !crashed && ['require', 'active', 'relaunch'].includes(failoverStatus(state)))
    .map(({ party, state }) => `${party} has failover ${failoverStatus(state)} for ever`)

export const failoverCompletes: Property = {
  ...invariant('I28'),
  check: (observation) => [
    ...linesOf(observation, 'state').flatMap(illegalStep),
    ...accepted(observation)
      .filter(({ status }) => status === 'none')
      .map(({ party, atMillis }) => `${party} accepts a failover at ${atMillis} ms and forgets it`),
    ...neverDone(observation),
  ],
}

/** After a failover the guest is as it was before it, or as the primary's was. */
const isAwake = ({ party, atMillis, before, after }: StateSeen): readonly Violation[] => {
  if (failoverStatus(after) !== 'completed' || failoverStatus(before) === 'completed') return []
  const expected = after.chart.context.before
  return runState(after) === expected
    ? []
    : [`${party} is ${runState(after)} after a failover at ${atMillis} ms that found it ${expected}`]
}

const loadsAfterwards = (observation: Observation): readonly Violation[] => {
  const survivors = new Set<Party>()
  const found: Violation[] = []
  for (const line of observation.timeline) {
    if (line.kind === 'state' && failoverStatus(line.after) === 'completed') survivors.add(line.party)
    if (line.kind === 'load' && survivors.has(line.party))
      found.push(`${line.party} loads a checkpoint at ${line.atMillis} ms, after its failover`)
  }
  return found
}

const fates = {
  contradicts: 'otherwise than it was told before',
  skips: 'without what comes before it',
  lost: 'nothing, and goes on without what the client was told',
} as const

const outputs = (observation: Observation, both: number): readonly Violation[] =>
  linesOf(observation, 'output').flatMap(({ party, atMillis, number, fate }) =>
    fate === 'told' || fate === 'again' || atMillis >= both
      ? []
      : [`${party} tells the client packet ${number} at ${atMillis} ms: ${fates[fate]}`],
  )

const packets = (numbers: readonly number[]): string =>
  numbers.length === 1 ? `packet ${numbers[0]}` : `packets ${numbers[0]} to ${numbers.at(-1)}`

const stuck = ({ end }: Observation): readonly Violation[] =>
  end.parties
    .filter(
      ({ party, crashed, stuckPackets = [] }) => !crashed && stuckPackets.length > 0 && !end.unsettled.includes(party),
    )
    .map(({ party, stuckPackets = [] }) => `${party} never lets out ${packets(stuckPackets)}`)

export const survivorServes: Property = {
  ...invariant('I29'),
  check: (observation) => [
    ...linesOf(observation, 'state').flatMap(isAwake),
    ...loadsAfterwards(observation),
    ...outputs(observation, forcedMillis(observation)),
    ...stuck(observation),
  ],
}

/** A pair that comes apart says so at once; part of I9: nobody waits for what nobody was told of. */
export const tellsBreak = (observation: Observation): readonly Violation[] =>
  linesOf(observation, 'state').flatMap(({ party, atMillis, before, after, outputs }) => {
    const told =
      outputs?.some((output) => output.type === 'event' && output.event.event === 'COLO_EXIT') ??
      linesOf(observation, 'event').some(
        (line) => line.party === party && line.event.event === 'COLO_EXIT' && line.atMillis === atMillis,
      )
    return isColoBroken(after) && !isColoBroken(before) && !told && !hasCrashed(observation, party)
      ? [`the pair of ${party} comes apart at ${atMillis} ms and nobody is told`]
      : []
  })

/** A checkpoint gives the primary's guest its run state back, or what a stop or cont in it has made of that; part of I2. */
export const keptInLockStep = (observation: Observation, party: Party): readonly Violation[] => {
  const found: Violation[] = []
  let before: string | undefined
  for (const line of observation.timeline) {
    if (!('party' in line) || line.party !== party) continue
    if (line.kind === 'command' && line.answer.type === 'reply' && runState(line.before) === 'colo') {
      if (line.name === 'stop' && before === 'running') before = 'paused'
      if (line.name === 'cont' && (before === 'paused' || before === 'prelaunch')) before = 'running'
    }
    if (line.kind !== 'state' || coloMode(line.before) !== 'primary') continue
    const [from, to] = [runState(line.before), runState(line.after)]
    // Where the migration itself had stopped it, it is for that to say how it was.
    if (from !== 'colo' && to === 'colo') before = from === 'finish-migrate' ? undefined : from
    if (from === 'colo' && to !== 'colo' && before !== undefined && to !== before)
      found.push(`${party} was ${before} before a checkpoint and is ${to} after it, at ${line.atMillis} ms`)
  }
  return found
}
