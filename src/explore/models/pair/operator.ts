/** What comes from outside: the operator's commands, the guest's own doings, and everything that breaks. */
import type { ChartEvent } from '../../../../machines/index.ts'
import {
  all,
  any,
  is,
  isIn,
  isNot,
  not,
  reset,
  set,
  tell,
  when,
  type Expression,
  type Statement,
} from '../../model/language.ts'
import { crashLockStep } from './lock-step.ts'
import { cut, isOn, source, type DestinationNames, type PairCapabilities, type PairScope } from './scope.ts'
import { busyPaths } from './source.ts'

/** Adds the operator of both sides. */
export const addOperator = (scope: PairScope): void => {
  const { capabilities, destinations } = scope.options
  for (const chosen of capabilities) {
    const on = Object.entries(chosen).flatMap(([name, isSet]) => (isSet ? [name] : []))
    scope.rule(
      `switch on ${on.length === 0 ? 'nothing' : on.join(', ')}`,
      'operator',
      'operator',
      is('configured', 'no'),
      set('configured', 'yes'),
      tell(source, { type: 'migrate-set-capabilities', ...chosen }),
    )
  }
  const command = (name: string, condition: Expression, ...does: readonly Statement[]): void =>
    scope.rule(name, 'operator', 'operator', all(is('configured', 'yes'), isOn(source), condition), ...does)
  const plain = (
    type: Extract<ChartEvent['type'], `${string}`>,
    condition: Expression = is('configured', 'yes'),
  ): void => command(type, condition, tell(source, { type }))
  const spare = any(...scope.destinations.map(({ listener, party }) => all(is(listener, 'listening'), isOn(party))))
  // Otherwise runs could follow one another for ever; each needs a destination that was not used.
  plain('migrate', scope.hasLockStep ? any(spare, isIn(source, 'outgoing', 'colo')) : spare)
  plain('migrate_cancel')
  plain('migrate-continue')
  if (capabilities.some(({ postcopy }) => postcopy)) plain('migrate-start-postcopy')
  command(
    'migrate-set-capabilities while a run goes on',
    isIn(source, 'outgoing', ...busyPaths(scope)),
    ...capabilities.map((chosen) =>
      when(isRemembered(chosen), [tell(source, { type: 'migrate-set-capabilities', ...chosen })]),
    ),
  )
  command(
    'stop',
    is('configured', 'yes'),
    // What is accepted has to be obeyed, whatever the charts make of it.
    when(all(isIn(source, 'guest', 'finish-migrate', 'colo'), is('returns to', 'running')), [
      set('returns to', 'paused'),
    ]),
    tell(source, { type: 'stop' }),
  )
  // Whether a guest that has left may run here again is the operator's decision; nobody decides so here.
  command(
    'cont',
    not(isIn(source, 'guest', 'postmigrate')),
    ...(scope.hasLockStep
      ? [when(all(isIn(source, 'guest', 'colo'), is('returns to', 'paused')), [set('returns to', 'running')])]
      : []),
    tell(source, { type: 'cont' }),
  )
  if (destinations > 1) return
  for (const names of scope.destinations) {
    if (names.recovering !== '') {
      plain('migrate-resume')
      scope.rule(
        `migrate-recover at ${names.party}`,
        'operator',
        'operator',
        all(isOn(names.party), is(names.listener, 'taken')),
        tell(names.party, { type: 'migrate-recover' }),
      )
    }
    addDestinationOperator(scope, names)
  }
}

const isRemembered = (chosen: PairCapabilities): Expression =>
  all(
    ...Object.entries(chosen).map(([member, value]): Expression => ({
      kind: 'remembers',
      party: source,
      member,
      value,
    })),
  )

/** The operator of a destination lets it listen, a second time too, and may say whether the guest is to be started. */
const addDestinationOperator = (scope: PairScope, { party, listener }: DestinationNames): void => {
  for (const type of ['migrate-incoming', 'stop', 'cont'] as const)
    scope.rule(
      `${type} at ${party}`,
      'operator',
      'operator',
      all(
        isOn(party),
        not(isIn(party, 'guest', 'postmigrate')),
        // A manager waits for the answer to migrate-incoming.
        isNot(listener, 'opening'),
      ),
      tell(party, { type }),
    )
}

/** Adds destinations that listen by themselves, where there are several. */
export const addListeners = (scope: PairScope): void => {
  if (scope.options.destinations === 1) return
  for (const { party, listener } of scope.destinations)
    scope.rule(
      `migrate-incoming at ${party}`,
      'operator',
      'operator',
      all(is('configured', 'yes'), is(listener, 'none'), isOn(party)),
      tell(party, { type: 'migrate-incoming' }),
    )
}

/** Adds what the guest does by itself, and what only a stopped one needs. */
export const addGuest = (scope: PairScope): void => {
  if (!scope.options.guest) return
  for (const party of [source, ...scope.destinations.map((names) => names.party)]) {
    for (const type of ['guest.shutdown', 'guest.suspended', 'guest.wakeup', 'guest.io-error'] as const)
      scope.rule(`${type} at ${party}`, 'guest', 'guest', isOn(party), tell(party, { type }))
    scope.rule(
      `system_reset at ${party}`,
      'operator',
      'operator',
      all(isOn(party), not(isIn(party, 'guest', 'postmigrate'))),
      tell(party, { type: 'system_reset' }),
    )
  }
}

/** Adds cuts, crashes and a network over which nobody can be asked. */
export const addFaults = (scope: PairScope): void => {
  const fates = ['delivered', 'lost'] as const
  for (const names of scope.destinations) {
    // Without a way back the channel is a pipe into a command of the same machine: it ends with one of its ends.
    for (const toDestination of scope.options.returnPath ? fates : [])
      for (const toSource of fates)
        scope.fault(
          `cut (to ${names.party}: ${toDestination}, back: ${toSource})`,
          all(is(names.channel, 'open'), any(is(names.sourceEnd, 'open'), is(names.ownEnd, 'open'))),
          ...cut(names, { toDestination, toSource }),
        )
    for (const fate of fates)
      scope.fault(`${names.party} crashes, ${fate}`, isOn(names.party), ...crashDestination(scope, names, fate))
  }
  for (const fate of fates) scope.fault(`${source} crashes, ${fate}`, isOn(source), ...crashSource(scope, fate))
  if (scope.options.returnPath)
    scope.fault('the network goes down', is('network', 'up'), set('network', 'down'), ...scope.destinations.map(lose))
}

/** What the death of a party comes to. */
export const crashOf =
  (scope: PairScope) =>
  (party: string): readonly Statement[] => {
    const names = scope.destinations.find((each) => each.party === party)
    return names === undefined ? crashSource(scope, 'lost') : crashDestination(scope, names, 'lost')
  }

/** What is connected breaks with the network. */
const lose = (names: DestinationNames): Statement =>
  when(is(names.channel, 'open'), cut(names, { toDestination: 'lost', toSource: 'lost' }))

/** One end goes away with its process: what it has sent arrives, or does not, and the other end sees the end of the stream. */
const dies = (
  names: DestinationNames,
  end: 'sourceEnd' | 'ownEnd',
  fate: 'delivered' | 'lost',
): readonly Statement[] => {
  const [read, written, other] =
    end === 'sourceEnd'
      ? [names.toSource, names.toDestination, names.ownEnd]
      : [names.toDestination, names.toSource, names.sourceEnd]
  return [
    ...read.clear,
    when(is(names[end], 'open'), [
      set(names[end], 'closed'),
      when(all(is(names.channel, 'open'), is(other, 'open')), [
        ...(fate === 'lost' ? written.clear : []),
        written.push('closed'),
      ]),
    ]),
  ]
}

const crashDestination = (
  scope: PairScope,
  names: DestinationNames,
  fate: 'delivered' | 'lost',
): readonly Statement[] => [
  set(`${names.party} power`, 'off'),
  reset(names.party),
  set(names.listener, 'none'),
  set(names.loader, 'none'),
  set(names.arriving, 'no'),
  set(names.unpacking, 'no'),
  set(names.received, 'part'),
  ...(names.recovering === '' ? [] : [set(names.recovering, 'no')]),
  set(names.sent, '-'),
  set(`${names.party} published`, 'none'),
  ...crashLockStep(scope, names.party),
  ...dies(names, 'ownEnd', fate),
]

const crashSource = (scope: PairScope, fate: 'delivered' | 'lost'): readonly Statement[] => [
  set(`${source} power`, 'off'),
  reset(source),
  set('opening', 'no'),
  set('engine', 'none'),
  set('queued', '-'),
  set('letting go', 'no'),
  set('asking', 'no'),
  set('committed', 'no'),
  set('ready for postcopy', 'no'),
  set('returns to', '-'),
  set(`${source} published`, 'none'),
  ...crashLockStep(scope, source),
  ...scope.destinations.flatMap((names) => dies(names, 'sourceEnd', fate)),
]
