/** What must hold of a pair, by the invariants' own names; and the shadows by which the model notices that one is broken. */
import { invariant, statusesOf, successors, type StoppableRunState } from '../../../../machines/index.ts'
import type { CompiledOutput } from '../../compile/automaton.ts'
import {
  all,
  any,
  breach,
  is,
  isIn,
  isNot,
  not,
  quiescent,
  set,
  wasIn,
  when,
  type Expression,
  type ModelProperty,
  type Statement,
} from '../../model/language.ts'
import { bothWereTold, lockStepProperties, outputLeaves, someoneWasTold } from './lock-step.ts'
import { isOn, source, type DestinationNames, type PairScope } from './scope.ts'
import { busyPaths } from './source.ts'

const stoppable: readonly StoppableRunState[] = [
  'running',
  'paused',
  'prelaunch',
  'suspended',
  'io-error',
  'shutdown',
  'postmigrate',
]

/** Adds the shadows: they see what a manager sees, and no chart sees them. */
export const addShadows = (scope: PairScope): void => {
  const statuses = statusesOf(scope.options.profile)
  scope.shadow('returns to', '-', ...stoppable)
  scope.shadow('has given leave', 'no', 'yes')
  for (const party of [source, ...scope.destinations.map((names) => names.party)])
    scope.shadow(`${party} published`, 'none', ...statuses.filter((status) => status !== 'none'))
}

/** A status that a party publishes: an edge that its side has, and never twice. */
export const publish = (scope: PairScope, party: string, { params }: CompiledOutput): readonly Statement[] => {
  const { status, unconditional } = params as { readonly status: string; readonly unconditional?: boolean }
  // An unconditional event (setup of a destination that begins to listen) is no change of status.
  if (unconditional) return []
  const published = `${party} published`
  const side = party === source ? 'outgoing' : 'incoming'
  const before = statusesOf(scope.options.profile).filter((each) =>
    successors(side, scope.options.profile, each).includes(status),
  )
  return [
    when(is(published, status), [breach('I13')]),
    when(isNot(published, status, ...before), [breach('I5')]),
    ...(party === source ? honestCancel(status) : []),
    set(published, status),
  ]
}

const honestCancel = (status: string): readonly Statement[] => [
  ...(status === 'cancelling' ? [when(is('committed', 'yes'), [breach('I6')])] : []),
  ...(status === 'cancelled' || status === 'cancelling'
    ? []
    : [when(is(`${source} published`, 'cancelling'), [breach('I6')])]),
]

/** A guest that the migration has stopped comes back as it was, or as the operator has left it. */
export const sourceAfterwards = (): readonly Statement[] => {
  const stopped = (before: boolean) => (before ? wasIn : isIn)(source, 'guest', 'finish-migrate', 'colo')
  const hasLeft = all(
    isIn(source, 'guest', 'postmigrate'),
    wasIn(source, 'outgoing', 'completed.ending', 'failed.abandoned'),
  )
  const isAsBefore = any(...stoppable.map((state) => all(is('returns to', state), isIn(source, 'guest', state))))
  return [
    ...stoppable.map((state) => when(all(stopped(false), wasIn(source, 'guest', state)), [set('returns to', state)])),
    when(all(stopped(true), not(stopped(false))), [
      when(not(any(hasLeft, isAsBefore)), [breach('I2')]),
      set('returns to', '-'),
    ]),
  ]
}

const runs = (party: string): Expression => all(isIn(party, 'guest', 'running'), isOn(party))
const holds = (party: string): Expression => all(isIn(party, 'images', 'held'), isOn(party))
/** A secondary's guest runs on its own copies. */
const holdsOwn = (party: string): Expression => all(isIn(party, 'images', 'held', 'mirrored'), isOn(party))
const canRun = (party: string): Expression =>
  all(holds(party), not(isIn(party, 'guest', 'inmigrate', 'postmigrate', 'finish-migrate', 'colo')))

const pairs = <T>(all: readonly T[]): readonly (readonly [T, T])[] =>
  all.flatMap((one, index) => all.slice(index + 1).map((other): readonly [T, T] => [one, other]))

/** The source waits for its operator, for as long as it takes. */
const waits = (scope: PairScope): Expression =>
  isIn(source, 'outgoing', 'pre-switchover', 'colo', ...(scope.recent ? ['postcopy-paused'] : []))

/** A destination is in the middle of a run. */
const isLoading = (scope: PairScope, { party }: DestinationNames): Expression =>
  all(isOn(party), isIn(party, 'incoming', 'active', 'postcopy-active', ...(scope.recent ? ['postcopy-recover'] : [])))

/**
 * Nobody can know who has the guest: a side died, or the network did. And postcopy gives up safety: what breaks once the
 * destination may run without the rest of the memory may leave both sides stopped, for an operator.
 */
const isExcused = (scope: PairScope): Expression =>
  any(
    not(isOn(source)),
    ...scope.destinations.map(({ party }) => not(isOn(party))),
    is('network', 'down'),
    all(is('has given leave', 'yes'), isNot('faults', '0')),
    // A checkpoint of which a part was taken leaves nothing that could run.
    ...(scope.hasLockStep
      ? [all(isNot('faults', '0'), ...scope.destinations.map(({ party }) => isIn(party, 'incoming', 'failed')))]
      : []),
  )

/** The claims. */
export const pairProperties = (scope: PairScope): readonly ModelProperty[] => {
  const parties = [source, ...scope.destinations.map(({ party }) => party)]
  const serves = (party: string): Expression => all(runs(party), outputLeaves(scope, party))
  const quiet = quiescent(scope.rules)
  const isBusy = all(isOn(source), isIn(source, 'outgoing', ...busyPaths(scope)), not(waits(scope)))
  const isSettled = all(quiet, not(all(isOn(source), isIn(source, 'outgoing', ...busyPaths(scope)))))
  return [
    {
      ...invariant('I1'),
      kind: 'never',
      when: all(
        any(...pairs(parties).map(([one, other]) => all(serves(one), serves(other)))),
        not(bothWereTold(scope)),
      ),
    },
    { ...invariant('I4'), kind: 'breach' },
    {
      id: 'I3',
      text: invariant('I3').text,
      kind: 'breach',
    },
    {
      id: 'I3 one holder',
      text: invariant('I3').text,
      kind: 'never',
      when: any(
        all(any(...pairs(parties).map(([one, other]) => all(holds(one), holds(other)))), not(someoneWasTold(scope))),
        ...parties.map((party) => all(runs(party), not(holdsOwn(party)))),
      ),
    },
    { ...invariant('I2'), kind: 'breach' },
    {
      id: 'I2 one can run',
      text: invariant('I2').text,
      kind: 'never',
      when: any(
        all(
          isSettled,
          any(...pairs(parties).map(([one, other]) => all(canRun(one), canRun(other)))),
          not(bothWereTold(scope)),
        ),
        all(isSettled, not(any(...parties.map(canRun))), not(isExcused(scope))),
      ),
    },
    { ...invariant('I5'), kind: 'breach' },
    { ...invariant('I6'), kind: 'breach' },
    {
      id: 'I6 ends',
      text: invariant('I6').text,
      kind: 'leads-to',
      from: all(isOn(source), isIn(source, 'outgoing', 'cancelling')),
      to: any(not(isOn(source)), isIn(source, 'outgoing', 'cancelled')),
    },
    { ...invariant('I7'), kind: 'breach' },
    { ...invariant('I8'), kind: 'breach' },
    { ...invariant('I9'), kind: 'never', when: all(quiet, isBusy) },
    {
      id: 'I9 destination',
      text: invariant('I9').text,
      kind: 'never',
      when: all(
        quiet,
        any(...scope.destinations.map((names) => isLoading(scope, names))),
        not(all(isOn(source), waits(scope))),
      ),
    },
    {
      id: 'I9 ends',
      text: invariant('I9').text,
      kind: 'leads-to',
      from: isBusy,
      to: any(not(isOn(source)), waits(scope), not(isIn(source, 'outgoing', ...busyPaths(scope)))),
    },
    { ...invariant('I13'), kind: 'breach' },
    { ...invariant('I15'), kind: 'breach' },
    ...lockStepProperties(scope),
    { id: 'bound', text: 'The channel holds what the model has room for.', kind: 'breach' },
    ...possible(scope),
  ]
}

/** What has to be possible; else the claims above would say nothing. */
const possible = (scope: PairScope): readonly ModelProperty[] => {
  const [first] = scope.destinations
  const arrived = isIn(first!.party, 'incoming', 'completed')
  const sometimes = (id: string, text: string, condition: Expression): ModelProperty => ({
    id,
    text,
    kind: 'sometimes',
    when: condition,
  })
  return [
    // With COLO it goes on for ever, or ends with a failover.
    ...(scope.options.capabilities.every(({ colo }) => colo)
      ? []
      : [
          sometimes('completes', 'A migration completes.', all(arrived, isIn(source, 'outgoing', 'completed.settled'))),
        ]),
    sometimes('is cancelled', 'A migration is cancelled.', isIn(source, 'outgoing', 'cancelled')),
    ...(scope.options.faults === 0
      ? []
      : [
          sometimes(
            'fails',
            'A migration fails, and the guest runs on.',
            all(isIn(source, 'outgoing', 'failed.settled'), runs(source)),
          ),
        ]),
  ]
}
