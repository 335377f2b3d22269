/**
 * COLO: what both data planes do at a checkpoint, what an operator says when a side is lost, and what has to hold while the
 * pair is in lock-step and when it comes apart. Packets are left out but for one question: whether what a guest sends leaves.
 */
import { invariant } from '../../../../machines/index.ts'
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
  remembers,
  set,
  tell,
  wasIn,
  when,
  type Expression,
  type ModelProperty,
  type Statement,
} from '../../model/language.ts'
import { closeOwnEnd, closeSourceEnd, isOn, send, source, type DestinationNames, type PairScope } from './scope.ts'

/** Facts of the sending engine that only a primary has. */
export const primaryFacts = [
  'colo-ready',
  'checkpoint-due',
  'checkpoint-reply',
  'vmstate-saved',
  'vmstate-sent',
  'vmstate-received',
  'vmstate-loaded',
] as const

/** Messages of the secondary, and the facts they are for the primary. */
const heard = [
  ['checkpoint-ready', 'colo-ready'],
  ['checkpoint-reply', 'checkpoint-reply'],
  ['vmstate-received', 'vmstate-received'],
  ['vmstate-loaded', 'vmstate-loaded'],
] as const

const loading = ({ party }: DestinationNames): string => `${party} loading`
const interrupting = (party: string): string => `${party} interrupting`
const fencing = (party: string): string => `${party} fencing`
const hasFence = ({ options, hasLockStep }: PairScope): boolean => options.fence && hasLockStep

/** Adds the world of a pair in lock-step; `crash`: what a death of a party comes to. */
export const addLockStep = (scope: PairScope, crash: (party: string) => readonly Statement[]): void => {
  const [names] = scope.destinations
  if (!scope.hasLockStep || names === undefined) return
  scope.variable('checkpointing', 'no', 'saving', 'sending')
  scope.variable('timer', 'no', 'armed')
  scope.variable(loading(names), 'no', 'memory', 'devices')
  for (const party of [source, names.party]) {
    scope.variable(interrupting(party), 'no', 'yes')
    scope.shadow(`${party} output`, 'leaves', 'is held')
    scope.shadow(`${party} told`, 'no', 'yes')
    scope.shadow(`${party} break`, 'untold', 'told')
    if (hasFence(scope)) addFence(scope, party, crash(party === source ? names.party : source))
    addHeartbeat(scope, party)
  }
  addPrimary(scope, names)
  addSecondary(scope, names)
}

/** The operator says that the other side is dead, whether or not it is. */
const addHeartbeat = (scope: PairScope, party: string): void =>
  scope.rule(
    `x-colo-lost-heartbeat at ${party}`,
    'operator',
    'operator',
    all(isOn(party), not(isIn(party, 'colo', 'unknown')), is(`${party} told`, 'no')),
    tell(party, { type: 'x-colo-lost-heartbeat' }),
    when(not(isIn(party, 'failover', 'none')), [set(`${party} told`, 'yes')]),
  )

/** A fence confirms only what it has made sure of itself. */
const addFence = (scope: PairScope, party: string, otherDies: readonly Statement[]): void => {
  scope.variable(fencing(party), 'no', 'yes')
  const asked = all(is(fencing(party), 'yes'), isOn(party))
  scope.rule(
    `the fence of ${party} has cut the other side off`,
    party,
    'progress',
    asked,
    set(fencing(party), 'no'),
    ...otherDies,
    tell(party, { type: 'failover.fenced' }),
    when(not(isIn(party, 'failover', 'none')), [set(`${party} told`, 'yes')]),
  )
  scope.fault(
    `the fence of ${party} cannot tell`,
    asked,
    set(fencing(party), 'no'),
    tell(party, { type: 'failover.not-fenced' }),
  )
}

const addPrimary = (scope: PairScope, names: DestinationNames): void => {
  const free = is('queued', '-')
  const engine = (name: string, condition: Expression, ...does: readonly Statement[]): void =>
    scope.rule(name, source, 'progress', all(condition, free, isOn(source)), ...does)
  engine('x-checkpoint-delay has passed', is('timer', 'armed'), set('timer', 'no'), set('queued', 'checkpoint-due'))
  engine(
    'the checkpoint is put together',
    is('checkpointing', 'saving'),
    set('checkpointing', 'no'),
    set('queued', 'vmstate-saved'),
  )
  engine(
    'the checkpoint is sent',
    is('checkpointing', 'sending'),
    set('checkpointing', 'no'),
    set('queued', 'vmstate-sent'),
    send(names, 'vmstate-size'),
    send(names, 'vmstate'),
  )
  // Whatever waits before it: the timer and the channel may add to that for ever.
  scope.rule(
    'hear outgoing.interrupted',
    source,
    'progress',
    all(is(interrupting(source), 'yes'), isOn(source)),
    set(interrupting(source), 'no'),
    tell(source, { type: 'outgoing.interrupted' }),
  )
  for (const [message, fact] of heard)
    engine(
      `read "${message}" from ${names.party}`,
      all(is('engine', 'lock-step'), is(names.sourceEnd, 'open'), names.toSource.next(message)),
      ...names.toSource.pop,
      set('queued', fact),
    )
}

const addSecondary = (scope: PairScope, names: DestinationNames): void => {
  const { party, toDestination } = names
  const reads = all(is(names.loader, 'reading'), is(names.ownEnd, 'open'), isOn(party))
  const read = (message: string, ...does: readonly Statement[]): void =>
    scope.rule(
      `read "${message}"`,
      party,
      'progress',
      all(reads, toDestination.next(message)),
      ...toDestination.pop,
      ...does,
    )
  read('colo begins', ...asSent(names, 'incoming.colo'))
  read('checkpoint-request', tell(party, { type: 'incoming.checkpoint-request' }))
  read('vmstate-send', tell(party, { type: 'incoming.vmstate-send' }))
  read('vmstate-size', tell(party, { type: 'incoming.vmstate-size' }))
  read('vmstate', tell(party, { type: 'incoming.vmstate-staged' }))
  const load = (name: string, at: string, next: string, ...does: readonly Statement[]): void =>
    scope.rule(name, party, 'progress', all(is(loading(names), at), isOn(party)), set(loading(names), next), ...does)
  load('memory of the checkpoint is in use', 'memory', 'devices')
  load('devices of the checkpoint are in use', 'devices', 'no', ...asSent(names, 'incoming.vmstate-loaded'))
  scope.fault(
    `${party} can load nothing of a checkpoint`,
    all(is(loading(names), 'memory'), isOn(party)),
    set(loading(names), 'no'),
    tell(party, { type: 'incoming.failed' }),
  )
  scope.fault(
    `${party} can load a part of a checkpoint only`,
    all(is(loading(names), 'devices'), isOn(party)),
    tell(party, { type: 'incoming.torn' }),
  )
  scope.rule(
    'hear incoming.interrupted',
    party,
    'progress',
    all(is(interrupting(party), 'yes'), isOn(party)),
    set(interrupting(party), 'no'),
    tell(party, { type: 'incoming.interrupted' }),
  )
}

/** A fact that says how the source found its guest. */
const asSent = (
  { party, sent }: DestinationNames,
  type: 'incoming.colo' | 'incoming.vmstate-loaded',
): readonly Statement[] => [
  when(is(sent, 'running'), [tell(party, { type, running: true })], [tell(party, { type, running: false })]),
]

/** What the world does with an intent of either role. */
export const carryOutLockStep = (
  scope: PairScope,
  party: string,
  { type, params }: CompiledOutput,
): readonly Statement[] => {
  const [names] = scope.destinations
  if (!scope.hasLockStep || names === undefined) return []
  const isPrimary = party === source
  switch (type) {
    case 'enterColo':
      return isPrimary ? [set('engine', 'lock-step'), ...notes(names), send(names, 'colo begins')] : []
    case 'armCheckpoint':
      return [set('timer', 'armed')]
    case 'sendMessage':
      return [send(names, (params as { readonly message: Parameters<typeof send>[1] }).message)]
    case 'saveCheckpoint':
      return [...notes(names), set('checkpointing', 'saving')]
    case 'sendVmstate':
      return [set('checkpointing', 'sending')]
    case 'loadCheckpoint':
      return [set(loading(names), 'memory')]
    case 'interruptCheckpoint':
      return [set(interrupting(party), 'yes'), ...(isPrimary ? [set('checkpointing', 'no')] : [])]
    case 'fence':
      return [set(fencing(party), 'yes')]
    case 'closeColo':
      return isPrimary
        ? [
            // Whoever closes it has left lock-step; a command that closes it and changes nothing else is not honest (q8).
            when(isIn(source, 'colo', 'primary.lockstep'), [breach('I6')]),
            set('timer', 'no'),
            set('checkpointing', 'no'),
            set('engine', 'over'),
            closeSourceEnd(names),
          ]
        : [set(names.loader, 'over'), closeOwnEnd(names)]
    case 'holdOutput':
      return [set(`${party} output`, 'is held'), set(`${party} break`, 'untold')]
    case 'openOutput':
      return [set(`${party} output`, 'leaves')]
    case 'emitColoExit':
      return [set(`${party} break`, 'told')]
    // Quirk q9: answered with success, and forgotten.
    case 'loseFailover':
      return [set(`${party} told`, 'yes')]
    default:
      return []
  }
}

/** How the source finds its guest goes with the state. */
const notes = ({ sent }: DestinationNames): readonly Statement[] => [
  when(remembers(source, 'before', 'running'), [set(sent, 'running')], [set(sent, 'paused')]),
]

/** What a death of a party leaves of all this. */
export const crashLockStep = (scope: PairScope, party: string): readonly Statement[] => {
  const [names] = scope.destinations
  if (!scope.hasLockStep || names === undefined) return []
  return [
    ...(party === source ? [set('timer', 'no'), set('checkpointing', 'no')] : [set(loading(names), 'no')]),
    set(interrupting(party), 'no'),
    set(`${party} output`, 'leaves'),
    set(`${party} told`, 'no'),
    set(`${party} break`, 'untold'),
    ...(hasFence(scope) ? [set(fencing(party), 'no')] : []),
  ]
}

/** A survivor is as its guest was: behind a failover that is through. */
export const lockStepAfterwards = (scope: PairScope, party: string): readonly Statement[] => {
  if (!scope.hasLockStep) return []
  const completed = (before: boolean) => (before ? wasIn : isIn)(party, 'failover', 'completed')
  return [
    when(
      all(
        completed(false),
        not(completed(true)),
        remembers(party, 'before', 'running'),
        not(isIn(party, 'guest', 'running')),
      ),
      [breach('I29')],
    ),
  ]
}

/** The operator has told both sides that the other is dead: from there on he answers for both. */
export const bothWereTold = (scope: PairScope): Expression =>
  scope.hasLockStep
    ? all(...[source, ...scope.destinations.map(({ party }) => party)].map((party) => is(`${party} told`, 'yes')))
    : any()

/** Somebody was told: whose images they are is the operator's word. */
export const someoneWasTold = (scope: PairScope): Expression =>
  scope.hasLockStep && !hasFence(scope)
    ? any(...[source, ...scope.destinations.map(({ party }) => party)].map((party) => is(`${party} told`, 'yes')))
    : any()

/** Whether what a party's guest sends leaves. */
export const outputLeaves = (scope: PairScope, party: string): Expression =>
  scope.hasLockStep ? is(`${party} output`, 'leaves') : all()

/** What is claimed of a pair in lock-step. */
export const lockStepProperties = (scope: PairScope): readonly ModelProperty[] => {
  const [names] = scope.destinations
  if (!scope.hasLockStep || names === undefined) return []
  const parties = [source, names.party]
  const runs = (party: string): Expression => all(isOn(party), isIn(party, 'guest', 'running'))
  const isApart = (party: string): Expression =>
    isIn(party, 'colo', party === source ? 'primary.broken' : 'secondary.broken')
  const goesOn = ['require', 'active', 'relaunch']
  const failed = isIn(names.party, 'incoming', 'failed')
  const over = (party: string): Expression =>
    any(not(isOn(party)), isIn(party, 'failover', 'completed'), ...(party === source ? [] : [failed]))
  return [
    {
      id: 'I1 primary runs on',
      text: 'A primary does not run on beside a secondary that has taken over, once it can know that the pair has come apart.',
      kind: 'never',
      when: all(
        runs(source),
        isIn(source, 'colo', 'primary'),
        runs(names.party),
        is(`${names.party} output`, 'leaves'),
        isIn(names.party, 'colo', 'unknown'),
        names.toSource.isEmpty,
        is('queued', '-'),
        isIn(names.party, 'failover', 'completed'),
      ),
    },
    { ...invariant('I27'), kind: 'never', when: all(runs(names.party), is(loading(names), 'devices')) },
    {
      ...invariant('I28'),
      kind: 'never',
      when: any(
        ...parties.map((party) =>
          all(
            isOn(party),
            is(`${party} told`, 'yes'),
            isIn(party, 'failover', 'none'),
            ...(party === source ? [] : [not(failed)]),
          ),
        ),
      ),
    },
    {
      id: 'I28 ends',
      text: invariant('I28').text,
      kind: 'leads-to',
      from: any(...parties.map((party) => all(isOn(party), isIn(party, 'failover', ...goesOn)))),
      to: all(...parties.map((party) => any(over(party), isIn(party, 'failover', 'none')))),
    },
    {
      id: 'I28 stuck',
      text: invariant('I28').text,
      kind: 'never',
      when: all(
        quiescent(scope.rules),
        any(...parties.map((party) => all(isOn(party), isIn(party, 'failover', ...goesOn)))),
      ),
    },
    { ...invariant('I29'), kind: 'breach' },
    {
      id: 'I9 untold',
      text: 'A pair that comes apart says so at once.',
      kind: 'never',
      when: any(...parties.map((party) => all(isOn(party), isApart(party), isNot(`${party} break`, 'told')))),
    },
    {
      id: 'follows',
      text: 'A pair goes into lock-step, and through a checkpoint.',
      kind: 'sometimes',
      when: all(isIn(source, 'colo', 'primary.lockstep.received'), isIn(names.party, 'colo', 'secondary')),
    },
    {
      id: 'takes over',
      text: 'A secondary takes over.',
      kind: 'sometimes',
      when: all(runs(names.party), isIn(names.party, 'failover', 'completed')),
    },
  ]
}
