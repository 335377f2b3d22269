/** The destination's side of the world: what it reads from the channel, what it answers, and who asks it afterwards. */
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
import { carryOutLockStep } from './lock-step.ts'
import { closeOwnEnd, cut, isOn, send, source, type DestinationNames, type PairScope } from './scope.ts'
import { isTarget } from './source.ts'

/** Adds what a destination does. */
export const addDestination = (scope: PairScope, names: DestinationNames): void => {
  const { party } = names
  scope.rules.push({
    name: 'a listener stands',
    lane: party,
    kind: 'progress',
    when: all(is(names.listener, 'opening'), isOn(party)),
    does: [set(names.listener, 'listening')],
    books: { party, fact: { type: 'incoming.bound', uri: `tcp:${party}:4444` } },
  })
  scope.fault(
    `${party} cannot listen`,
    all(is(names.listener, 'opening'), isOn(party)),
    set(names.listener, 'none'),
    tell(party, { type: 'incoming.listen-failed' }),
  )
  scope.rule(
    'hear incoming.connected',
    party,
    'progress',
    all(is(names.arriving, 'yes'), isOn(party)),
    set(names.arriving, 'no'),
    tell(party, { type: 'incoming.connected' }),
  )
  addReading(scope, names)
  addRecovery(scope, names)
  addUnpacking(scope, names)
  addAnswering(scope, names)
}

/** It reads what arrives, one message at a time. */
const addReading = (scope: PairScope, names: DestinationNames): void => {
  const { party, toDestination } = names
  const reads = all(is(names.loader, 'reading'), is(names.ownEnd, 'open'), is(names.unpacking, 'no'), isOn(party))
  const answer = (message: 'ready' | 'loaded'): readonly Statement[] =>
    scope.options.returnPath ? [send(names, message)] : []
  const read = (message: string, ...does: readonly Statement[]): void =>
    scope.rule(
      `read "${message}"`,
      party,
      'progress',
      all(reads, toDestination.next(message)),
      ...toDestination.pop,
      ...does,
    )
  if (scope.options.destinationPostcopy) read('advise', tell(party, { type: 'incoming.advised' }), ...answer('ready'))
  // Quirk h11: what it does not know is taken for the end.
  else if (scope.has('h11')) read('advise', tell(party, { type: 'incoming.ended', running: true }))
  else read('advise', tell(party, { type: 'incoming.failed' }))
  read('question', tell(party, { type: 'incoming.prepared' }), ...answer('loaded'))
  read('package', set(names.unpacking, 'discarding'))
  if (scope.hasPostcopy) read('run', set(names.unpacking, 'running'))
  if (names.recovering !== '') read('resume', tell(party, { type: 'incoming.recovered' }), send(names, 'goes on'))
  const ends = [set(names.received, 'all'), ...starts(scope, names, 'incoming.ended')]
  // Quirk h20: what was announced as COLO is COLO, whatever became of it on the source.
  const announced = scope.has('h20') ? remembers(source, 'colo', true) : any()
  read('end mark', when(announced, [tell(party, { type: 'incoming.colo', running: true })], ends))
  read('closed', set(names.loader, 'over'), tell(party, { type: 'incoming.lost' }), closeOwnEnd(names))
  // What goes wrong while a checkpoint is being put in use is the load’s own failure.
  const isLoading = scope.hasLockStep ? [isNot(`${party} loading`, 'memory', 'devices')] : []
  scope.fault(`${party} refuses the stream`, all(reads, ...isLoading), tell(party, { type: 'incoming.failed' }))
}

/**
 * A postcopy package is taken over in two steps, and what follows it in two more: with the leave of the source the guest
 * runs before the rest of its memory is here.
 */
const addUnpacking = (scope: PairScope, names: DestinationNames): void => {
  if (!scope.hasPostcopy) return
  const { party, unpacking } = names
  const step = (at: string, next: string, ...does: readonly Statement[]): void =>
    scope.rule(
      `take over: ${at}`,
      party,
      'progress',
      all(is(unpacking, at), isOn(party)),
      set(unpacking, next),
      ...does,
    )
  step('discarding', 'listening', tell(party, { type: 'incoming.discarding' }))
  step('listening', 'no', tell(party, { type: 'incoming.listening' }), send(names, 'loaded'))
  step('running', 'start', tell(party, { type: 'incoming.running' }))
  step('start', 'no', ...starts(scope, names, 'incoming.start'), send(names, 'has leave'))
}

/** The guest goes on as the stream says that it was: one that was stopped on the source does not run here (I2). */
const starts = (
  scope: PairScope,
  { party, sent }: DestinationNames,
  type: 'incoming.ended' | 'incoming.start',
): readonly Statement[] => {
  // Quirk h21: postcopy does not ask how the guest was.
  const always = type === 'incoming.start' && scope.has('h21')
  return [
    when(
      is(sent, 'running'),
      [tell(party, { type, running: true })],
      [
        tell(party, { type, running: always }),
        when(all(isIn(party, 'guest', 'running'), not(wasIn(party, 'guest', 'running'))), [breach('I2')]),
      ],
    ),
  ]
}

/** A postcopy whose channel broke goes on over a new one. */
const addRecovery = (scope: PairScope, names: DestinationNames): void => {
  if (names.recovering === '') return
  const { party, recovering } = names
  scope.rule(
    'hear incoming.recovering',
    party,
    'progress',
    all(is(recovering, 'connected'), isOn(party)),
    set(recovering, 'no'),
    tell(party, { type: 'incoming.recovering' }),
  )
}

/**
 * A source that has lost its channel asks who runs the guest. Asking makes the answer final. Whoever has taken the images
 * has run it, or may have, even where a part of its memory will never come.
 */
const addAnswering = (scope: PairScope, names: DestinationNames): void => {
  const { party } = names
  scope.rule(
    'answer who runs the guest',
    party,
    'progress',
    all(
      is('asking', 'asked'),
      isTarget(scope, names),
      isOn(party),
      is('network', 'up'),
      is(names.arriving, 'no'),
      is(names.unpacking, 'no'),
      isNot(names.listener, 'none'),
    ),
    when(isIn(party, 'incoming', 'active', 'postcopy-active.listening'), [
      set(names.loader, 'over'),
      tell(party, { type: 'incoming.lost' }),
      closeOwnEnd(names),
    ]),
    when(
      any(isIn(party, 'incoming', 'completed'), isIn(party, 'images', 'held')),
      [set('asking', 'runs there')],
      [set('asking', 'does not')],
    ),
  )
}

/** What the world does with an intent of a destination. */
export const carryOutForDestination = (
  scope: PairScope,
  names: DestinationNames,
  output: CompiledOutput,
): readonly Statement[] => {
  const { party } = names
  const postcopy = ['postcopy-active', ...(scope.recent ? ['postcopy-paused', 'postcopy-recover'] : [])]
  switch (output.type) {
    case 'listen':
      return [
        when(not(wasIn(party, 'incoming', 'none.deferred')), [breach('I8')]),
        when(is(names.listener, 'none'), [set(names.listener, 'opening')]),
      ]
    case 'load':
      return [set(names.loader, 'reading')]
    case 'listenAgain':
      return [set(names.listener, 'opening')]
    case 'resumeLoad':
      return [set(names.loader, 'reading')]
    case 'breakChannel':
      return [when(is(names.channel, 'open'), cut(names, { toDestination: 'lost', toSource: 'delivered' }))]
    case 'closeChannel':
      return [closeOwnEnd(names)]
    case 'acknowledge':
      return [send(names, 'runs here'), set(names.loader, 'over'), ...hangUp(names)]
    case 'reject':
      return [when(is(names.loader, 'reading'), [send(names, 'gives up'), set(names.loader, 'over'), ...hangUp(names)])]
    case 'startGuest':
      return [
        when(not(isIn(party, 'images', 'held', 'mirrored')), [breach('I3')]),
        // Postcopy runs a guest whose memory follows; nothing else may.
        when(
          all(
            is(names.received, 'part'),
            not(isIn(party, 'incoming', ...postcopy, 'colo')),
            not(isIn(party, 'failover', 'completed')),
          ),
          [breach('I15')],
        ),
      ]
    default:
      return carryOutLockStep(scope, party, output)
  }
}

/** It has said its last word, and reads no more. */
const hangUp = (names: DestinationNames): readonly Statement[] => [
  when(is(names.ownEnd, 'open'), [set(names.ownEnd, 'closed'), ...names.toDestination.clear]),
]
