/**
 * The source's side of the world: what its engine does with each intent, which fact comes of it, and when the charts hear of
 * it. A fact waits in a queue of one before the charts, where a command may overtake it; so a fact can come too late, as it
 * can in a process.
 */
import type { ChartEvent } from '../../../../machines/index.ts'
import type { CompiledOutput } from '../../compile/automaton.ts'
import {
  all,
  any,
  breach,
  is,
  isIn,
  isNot,
  not,
  remembers,
  set,
  tell,
  wasIn,
  when,
  type Statement,
} from '../../model/language.ts'
import { carryOutLockStep, primaryFacts } from './lock-step.ts'
import {
  always,
  closeOwnEnd,
  closeSourceEnd,
  cut,
  isOn,
  send,
  source,
  type DestinationNames,
  type PairScope,
} from './scope.ts'

/** Facts of the sending engine, in the order in which a run meets them. */
const engineFacts = [
  'setup-done',
  'converged',
  'postcopy',
  'flushed',
  'prepared',
  'package-sent',
  'committed',
  'loaded',
  'failed',
  'unplug-wait',
  'resumed',
] as const

/** Statuses in which a run of the source is going on, or is being let go. */
export const busyPaths = (scope: PairScope): readonly string[] => [
  'setup',
  'active',
  'pre-switchover',
  'device',
  'postcopy-active',
  'colo',
  'cancelling',
  'completed.ending',
  'completed.survivor',
  'failed.ending',
  'failed.abandoned',
  ...(scope.recent ? ['wait-unplug', 'postcopy-paused', 'postcopy-recover'] : []),
]

/** Adds what the source does. */
export const addSource = (scope: PairScope): void => {
  const { destinations } = scope
  scope.variable('opening', 'no', 'dialling', 'connected', 'refused')
  scope.variable(
    'engine',
    'none',
    'idle',
    'setup',
    'unplugging',
    'iterating',
    'completing',
    'preparing',
    'committing',
    'packaging',
    'leaving',
    'postcopy',
    'waiting',
    'resuming',
    'lock-step',
    'over',
  )
  scope.variable('queued', '-', ...engineFacts, ...(scope.hasLockStep ? primaryFacts : []))
  scope.variable('letting go', 'no', 'asked', 'closed')
  scope.variable('asking', 'no', 'asked', 'runs there', 'does not')
  scope.shadow('committed', 'no', 'yes')
  scope.variable('ready for postcopy', 'no', 'yes')
  if (destinations.length > 1) scope.variable('target', '-', ...destinations.map(({ party }) => party))
  addOpening(scope)
  addEngine(scope)
  addHearing(scope)
  addEnding(scope)
}

/** The run is one to this destination. */
export const isTarget = (scope: PairScope, { party }: DestinationNames) =>
  scope.destinations.length === 1 ? always : is('target', party)

/** Does something with the destination of the run. */
const withTarget = (
  scope: PairScope,
  does: (names: DestinationNames) => readonly Statement[],
): readonly Statement[] => {
  const [only] = scope.destinations
  if (scope.destinations.length === 1 && only !== undefined) return does(only)
  return scope.destinations.map((names) => when(isTarget(scope, names), does(names)))
}

const addOpening = (scope: PairScope): void => {
  const { returnPath } = scope.options
  const takes = (names: DestinationNames) =>
    all(is(names.listener, 'listening'), isOn(names.party), is('network', 'up'))
  for (const names of scope.destinations)
    scope.rule(
      `connect to ${names.party}`,
      source,
      'progress',
      all(is('opening', 'dialling'), takes(names)),
      set('opening', 'connected'),
      ...(scope.destinations.length > 1 ? [set('target', names.party)] : []),
      set(names.channel, 'open'),
      set(names.sourceEnd, 'open'),
      set(names.ownEnd, 'open'),
      set(names.listener, 'taken'),
      ...arrives(names),
    )
  const nobody = all(is('opening', 'dialling'), ...scope.destinations.map((names) => not(takes(names))))
  scope.rule('nobody to connect to', source, 'progress', nobody, set('opening', 'refused'))
  scope.fault('the connection is refused', is('opening', 'dialling'), set('opening', 'refused'))
  scope.rule(
    'hear outgoing.connected',
    source,
    'progress',
    is('opening', 'connected'),
    set('opening', 'no'),
    tell(source, { type: 'outgoing.connected', returnPath }),
  )
  scope.rule(
    'hear outgoing.connect-failed',
    source,
    'progress',
    is('opening', 'refused'),
    set('opening', 'no'),
    tell(source, { type: 'outgoing.connect-failed' }),
  )
}

/** A destination that waits for a postcopy to go on takes whoever comes for that; any other hangs up on him. */
const arrives = (names: DestinationNames): readonly Statement[] => {
  const { party, arriving, recovering } = names
  if (recovering === '') return [set(arriving, 'yes')]
  const otherwise = when(isIn(source, 'outgoing', 'postcopy-paused'), [closeOwnEnd(names)], [set(arriving, 'yes')])
  return [when(isIn(party, 'incoming', 'postcopy-paused'), [set(recovering, 'connected')], [otherwise])]
}

/** What the engine does by itself once it is told to, and what it reads from the channel. */
const addEngine = (scope: PairScope): void => {
  const { returnPath } = scope.options
  const free = is('queued', '-')
  const engine = (
    name: string,
    phase: string,
    next: string,
    fact: (typeof engineFacts)[number],
    ...does: readonly Statement[]
  ): void =>
    scope.rule(
      name,
      source,
      'progress',
      all(is('engine', phase), free),
      ...does,
      set('engine', next),
      set('queued', fact),
    )
  engine('the setup is done', 'setup', 'idle', 'setup-done')
  if (scope.recent) {
    engine('a device has to be unplugged', 'setup', 'unplugging', 'unplug-wait')
    engine('the device is unplugged', 'unplugging', 'idle', 'setup-done')
  }
  engine('the rest fits the downtime limit', 'iterating', 'idle', 'converged')
  if (scope.options.capabilities.some(({ postcopy }) => postcopy))
    scope.rule(
      'postcopy can begin',
      source,
      'progress',
      all(
        is('engine', 'iterating'),
        is('ready for postcopy', 'yes'),
        free,
        remembers(source, 'startPostcopy', true),
        remembers(source, 'postcopy', true),
      ),
      set('engine', 'idle'),
      set('queued', 'postcopy'),
    )
  engine(
    'all but the end mark is sent',
    'completing',
    'preparing',
    'flushed',
    ...(returnPath ? withTarget(scope, (names) => [send(names, 'question')]) : []),
  )
  scope.rule(
    'the package is sent',
    source,
    'progress',
    is('engine', 'packaging'),
    set('engine', 'preparing'),
    ...withTarget(scope, (names) => [send(names, 'package')]),
  )
  scope.rule(
    'the last page is sent',
    source,
    'progress',
    is('engine', 'postcopy'),
    set('engine', 'waiting'),
    ...withTarget(scope, (names) => [send(names, 'end mark')]),
  )
  // Quirk h10: whoever cannot answer is believed to have taken it all.
  if (!returnPath && scope.has('h10')) engine('all bytes are gone', 'committing', 'over', 'committed')
  for (const names of scope.destinations) addReading(scope, names)
}

const addReading = (scope: PairScope, names: DestinationNames): void => {
  const { returnPath } = scope.options
  const reads = all(
    isTarget(scope, names),
    is(names.sourceEnd, 'open'),
    isNot('engine', 'none', 'over'),
    is('queued', '-'),
  )
  const ends = is('engine', 'committing', 'postcopy', 'waiting')
  const read = (message: string, ...does: readonly Statement[]): void =>
    scope.rule(
      `read "${message}" from ${names.party}`,
      source,
      'progress',
      all(reads, names.toSource.next(message)),
      ...names.toSource.pop,
      ...does,
    )
  const fails = [set('queued', 'failed'), set('engine', 'over')]
  if (returnPath) {
    read('ready', set('ready for postcopy', 'yes'))
    read('loaded', when(is('engine', 'preparing'), [set('queued', 'prepared')]))
    if (scope.hasPostcopy)
      read('has leave', when(is('engine', 'leaving'), [set('queued', 'package-sent'), set('engine', 'postcopy')]))
    read('runs here', when(ends, [set('queued', 'loaded'), set('engine', 'over')], fails))
  } else
    // Success of the command that takes the bytes is all that is ever heard.
    read('runs here', when(is('engine', 'committing'), [set('queued', 'committed'), set('engine', 'over')], fails))
  if (names.recovering !== '')
    read('goes on', when(is('engine', 'resuming'), [set('queued', 'resumed'), set('engine', 'postcopy')]))
  read('gives up', ...fails)
  read('closed', ...fails)
  if (returnPath)
    scope.fault(
      `${names.party} is slow to take over`,
      all(
        reads,
        is('engine', 'committing', 'leaving'),
        isIn(source, 'outgoing', 'active.committing', 'device.committing', 'postcopy-active.committing'),
      ),
      set('queued', 'failed'),
    )
}

/** The charts hear what is queued before them. */
const addHearing = (scope: PairScope): void => {
  for (const fact of [...engineFacts, ...(scope.hasLockStep ? primaryFacts : [])])
    scope.rule(
      `hear outgoing.${fact}`,
      source,
      'progress',
      is('queued', fact),
      set('queued', '-'),
      tell(source, { type: `outgoing.${fact}` } satisfies { readonly type: ChartEvent['type'] }),
    )
  const answered = (answer: string, outcome: string, ...does: readonly Statement[]): void =>
    scope.rule(
      `hear outgoing.outcome-${outcome}`,
      source,
      'progress',
      is('asking', answer),
      set('asking', 'no'),
      ...does,
      tell(source, { type: `outgoing.outcome-${outcome}` }),
    )
  answered('runs there', 'running')
  answered('does not', 'not-running', set('committed', 'no'))
  for (const names of scope.destinations) addSilence(scope, names)
}

/** Nobody answers: only whoever is known to be dead cannot run the guest. */
const addSilence = (scope: PairScope, names: DestinationNames): void => {
  const asks = all(isNot('asking', 'no'), isTarget(scope, names))
  const isDead = is(`${names.party} power`, 'off')
  const { fence } = scope.options
  // A place to be recovered at could not be listened at, and the place before was given up for it.
  const isAway = any(is('network', 'down'), ...(names.recovering === '' ? [] : [is(names.listener, 'none')]))
  scope.rule(
    `${names.party} cannot be asked`,
    source,
    'progress',
    fence ? all(asks, not(isDead), isAway) : all(asks, any(isDead, isAway)),
    set('asking', 'no'),
    tell(source, { type: 'outgoing.outcome-unknown' }),
  )
  if (fence)
    scope.rule(
      `${names.party} is known to be dead`,
      source,
      'progress',
      all(asks, isDead),
      set('asking', 'no'),
      set('committed', 'no'),
      tell(source, { type: 'outgoing.outcome-not-running' }),
    )
}

const addEnding = (scope: PairScope): void => {
  scope.rule(
    'let go of the run',
    source,
    'progress',
    is('letting go', 'asked'),
    set('letting go', 'closed'),
    set('engine', 'none'),
    set('asking', 'no'),
    when(is('opening', 'dialling'), [set('opening', 'no')]),
    ...withTarget(scope, (names) => [closeSourceEnd(names)]),
  )
  scope.rule(
    'hear outgoing.ended',
    source,
    'progress',
    all(is('letting go', 'closed'), is('queued', '-'), is('opening', 'no')),
    set('letting go', 'no'),
    ...(scope.destinations.length > 1 ? [set('target', '-')] : []),
    tell(source, { type: 'outgoing.ended' }),
  )
}

/** What the world does with an intent of the source. */
export const carryOutForSource = (scope: PairScope, output: CompiledOutput): readonly Statement[] => {
  const { type } = output
  const { returnPath } = scope.options
  const notesRunState = when(
    remembers(source, 'before', 'running'),
    withTarget(scope, ({ sent }) => [set(sent, 'running')]),
    withTarget(scope, ({ sent }) => [set(sent, 'paused')]),
  )
  switch (type) {
    case 'openChannel':
      return [
        when(any(isNot('letting go', 'no'), isNot('engine', 'none'), isNot('opening', 'no')), [breach('I7')]),
        when(wasIn(source, 'outgoing', ...busyPaths(scope).filter((path) => path !== 'completed.ending')), [
          breach('I8'),
        ]),
        set('committed', 'no'),
        set('ready for postcopy', 'no'),
        set('opening', 'dialling'),
      ]
    case 'beginSetup':
      return [
        set('engine', 'setup'),
        when(
          remembers(source, 'postcopy', true),
          withTarget(scope, (names) => [send(names, 'advise')]),
        ),
      ]
    case 'iterate':
      return [set('engine', 'iterating')]
    case 'completePrecopy':
      return [notesRunState, set('engine', 'completing')]
    case 'commit':
      return [
        set('committed', 'yes'),
        when(isNot('engine', 'over'), [
          when(
            isIn(source, 'outgoing', 'postcopy-active'),
            [
              set('has given leave', 'yes'),
              set('engine', 'leaving'),
              ...withTarget(scope, (names) => [send(names, 'run')]),
            ],
            [set('engine', 'committing'), ...withTarget(scope, (names) => [send(names, 'end mark')])],
          ),
        ]),
      ]
    case 'sendPackage':
      return [notesRunState, when(isNot('engine', 'over'), [set('engine', 'packaging')])]
    case 'reopenChannel':
      return [set('opening', 'dialling')]
    case 'resume':
      return [
        set('engine', 'resuming'),
        ...withTarget(scope, (names) => (names.recovering === '' ? [] : [send(names, 'resume')])),
      ]
    case 'breakChannel':
      return withTarget(scope, (names) => [
        when(is(names.channel, 'open'), cut(names, { toDestination: 'delivered', toSource: 'lost' })),
      ])
    case 'closeChannel':
      return [set('engine', 'over'), ...withTarget(scope, (names) => [closeSourceEnd(names)])]
    case 'inquire':
      // Without a way back the command has ended, and has said how.
      return [set('asking', returnPath ? 'asked' : 'does not')]
    case 'teardown':
      return [
        when(not(isIn(source, 'outgoing', 'completed', 'failed', 'cancelling')), [breach('I6')]),
        when(is('letting go', 'no'), [set('letting go', 'asked')]),
      ]
    case 'startGuest':
      return [when(is('committed', 'yes'), [breach('I4')]), when(not(isIn(source, 'images', 'held')), [breach('I3')])]
    default:
      return carryOutLockStep(scope, source, output)
  }
}
