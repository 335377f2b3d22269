/** What the parts of the pair model share: how it is cut, the names of its variables, and the channel to a destination. */
import type { ChartOptions, PairMessageName } from '../../../../machines/index.ts'
import { lockStepMessages, pairMessages } from '../../../../machines/index.ts'
import {
  advance,
  all,
  is,
  isNot,
  messageQueue,
  set,
  when,
  yes,
  type Expression,
  type MessageQueue,
  type Rule,
  type RuleKind,
  type Statement,
  type Variable,
} from '../../model/language.ts'

/** How the pair is cut: every bound of the model is here. */
export interface PairOptions extends ChartOptions {
  /** Capabilities that the operator may choose before anything else. Default: none, pause, postcopy, both. */
  readonly capabilities?: readonly PairCapabilities[]
  /** False: the channel has no way back, as a pipe into a command. Default true. */
  readonly returnPath?: boolean
  /** Things that break: cuts, crashes, refused streams and connections. Default 1. */
  readonly faults?: number
  /** Processes that a guest can be sent to, and so runs in a row. Default 1. */
  readonly destinations?: number
  /** The source is told that a destination is dead, when it is. Default false. */
  readonly fence?: boolean
  /** False: the destination was not told that postcopy may come. Default true. */
  readonly destinationPostcopy?: boolean
  /** The guest itself shuts down, falls asleep and meets I/O errors, and its operator stops and resets it. Default false. */
  readonly guest?: boolean
}

/** The capabilities that decide something in the charts. */
export interface PairCapabilities {
  readonly pause: boolean
  readonly postcopy: boolean
  readonly colo: boolean
}

/** The party that sends its guest. */
export const source = 'source'

/** Names of the variables that belong to one destination. */
export interface DestinationNames {
  readonly party: string
  /** Whether it takes a connection. */
  readonly listener: string
  /** A connection that its charts have not heard of. */
  readonly arriving: string
  /** What its engine does. */
  readonly loader: string
  /** How far it is in taking over a postcopy package. */
  readonly unpacking: string
  /** How far it is in going on with a postcopy whose channel broke; only where that is possible. */
  readonly recovering: string
  /** How the stream says that the guest was when it was stopped. */
  readonly sent: string
  /** Whether it has been sent all that makes the guest: a shadow that no chart sees. */
  readonly received: string
  readonly channel: string
  /** The source's and the destination's end of the channel. */
  readonly sourceEnd: string
  readonly ownEnd: string
  readonly toDestination: MessageQueue
  readonly toSource: MessageQueue
}

/** See the head of this file. */
export class PairScope {
  readonly options: Required<PairOptions>
  readonly destinations: readonly DestinationNames[]
  readonly variables: Variable[] = []
  readonly rules: Rule[] = []

  constructor(options: PairOptions) {
    const booleans = [false, true]
    this.options = {
      profile: '2.11',
      quirks: new Set(),
      capabilities: booleans.flatMap((pause) => booleans.map((postcopy) => ({ pause, postcopy, colo: false }))),
      returnPath: true,
      faults: 1,
      destinations: 1,
      fence: false,
      guest: false,
      destinationPostcopy: true,
      ...options,
    }
    const { destinations, faults } = this.options
    this.variable('configured', 'no', 'yes')
    this.variable('faults', ...Array.from({ length: faults + 1 }, (_, count) => String(count)))
    this.variable('network', 'up', 'down')
    this.variable(`${source} power`, 'on', 'off')
    this.destinations = Array.from({ length: destinations }, (_, index) =>
      this.#destination(destinations === 1 ? 'destination' : `destination-${index + 1}`),
    )
  }

  #destination(party: string): DestinationNames {
    const { hasPostcopy } = this
    const names = (Object.keys(pairMessages) as PairMessageName[]).filter(
      (name) =>
        (!['resume', 'goes on'].includes(name) || (hasPostcopy && this.recent)) &&
        (!lockStepMessages.has(name) || this.hasLockStep),
    )
    const toDestination = names.filter((name) => pairMessages[name].direction === 'to-destination')
    const toSource = names.filter((name) => pairMessages[name].direction === 'to-source')
    const queueTo = messageQueue(`to ${party}`, hasPostcopy || this.hasLockStep ? 4 : 3, toDestination)
    const queueFrom = messageQueue(`from ${party}`, 3, [...toSource, 'closed'])
    this.variables.push(...queueTo.variables, ...queueFrom.variables)
    this.variable(`${party} power`, 'on', 'off')
    return {
      party,
      listener: this.variable(`${party} listener`, 'none', 'opening', 'listening', 'taken'),
      arriving: this.variable(`${party} arriving`, 'no', 'yes'),
      loader: this.variable(`${party} loader`, 'none', 'reading', 'over'),
      unpacking: this.variable(`${party} unpacking`, 'no', 'discarding', 'listening', 'running', 'start'),
      recovering: hasPostcopy && this.recent ? this.variable(`${party} recovering`, 'no', 'connected') : '',
      sent: this.variable(`${party} sent`, '-', 'running', 'paused'),
      received: this.shadow(`${party} received`, 'part', 'all'),
      channel: this.variable(`${party} channel`, 'none', 'open', 'cut'),
      sourceEnd: this.variable(`${party} source end`, '-', 'open', 'closed'),
      ownEnd: this.variable(`${party} own end`, '-', 'open', 'closed'),
      toDestination: queueTo,
      toSource: queueFrom,
    }
  }

  /** Adds a variable and gives its name. */
  variable(name: string, ...values: readonly string[]): string {
    this.variables.push({ name, values })
    return name
  }

  /** The same for one that only properties look at. */
  shadow(name: string, ...values: readonly string[]): string {
    this.variables.push({ name, values, isShadow: true })
    return name
  }

  rule(name: string, lane: string, kind: RuleKind, condition: Expression, ...does: readonly Statement[]): void {
    this.rules.push({ name, lane, kind, when: condition, does })
  }

  /** Something breaks: one of the few times that the model allows. */
  fault(name: string, condition: Expression, ...does: readonly Statement[]): void {
    const { faults } = this.options
    if (faults === 0) return
    this.rule(name, 'fault', 'fault', all(isNot('faults', String(faults)), condition), advance('faults'), ...does)
  }

  has(quirk: string): boolean {
    return [...this.options.quirks].some((each) => each === quirk)
  }

  /** COLO can be switched on. */
  get hasLockStep(): boolean {
    return this.options.capabilities.some(({ colo }) => colo)
  }

  /** Whether a run may come to postcopy. */
  get hasPostcopy(): boolean {
    return this.options.capabilities.some(({ postcopy }) => postcopy)
  }

  get recent(): boolean {
    return this.options.profile === '7.2'
  }
}

export const isOn = (party: string): Expression => is(`${party} power`, 'on')

/** A message is on its way, if the channel is whole and somebody will read it. */
export const send = (names: DestinationNames, message: PairMessageName): Statement => {
  const { direction } = pairMessages[message]
  const [queue, end] =
    direction === 'to-destination' ? [names.toDestination, names.ownEnd] : [names.toSource, names.sourceEnd]
  return when(all(is(names.channel, 'open'), is(end, 'open')), [queue.push(message)])
}

/** The source's end is let go: what it has sent arrives, then the end of the stream. */
export const closeSourceEnd = (names: DestinationNames): Statement =>
  when(is(names.sourceEnd, 'open'), [
    set(names.sourceEnd, 'closed'),
    ...names.toSource.clear,
    when(all(is(names.channel, 'open'), is(names.ownEnd, 'open')), [names.toDestination.push('closed')]),
  ])

/** The destination's end is let go. */
export const closeOwnEnd = (names: DestinationNames): Statement =>
  when(is(names.ownEnd, 'open'), [
    set(names.ownEnd, 'closed'),
    ...names.toDestination.clear,
    when(all(is(names.channel, 'open'), is(names.sourceEnd, 'open')), [names.toSource.push('closed')]),
  ])

/** The channel breaks. Of what is on its way either all arrives, or nothing, in each direction; then each end notices. */
export const cut = (
  names: DestinationNames,
  fate: { readonly toDestination: 'delivered' | 'lost'; readonly toSource: 'delivered' | 'lost' },
): readonly Statement[] => [
  set(names.channel, 'cut'),
  ...ends(names.toDestination, names.ownEnd, names.sourceEnd, fate.toDestination),
  ...ends(names.toSource, names.sourceEnd, names.ownEnd, fate.toSource),
]

/** Whoever still reads sees the end of the stream: behind what was sent, or at once; an end that was closed is on its way. */
const ends = (queue: MessageQueue, reader: string, writer: string, fate: 'delivered' | 'lost'): readonly Statement[] =>
  fate === 'lost'
    ? [...queue.clear, when(is(reader, 'open'), [queue.push('closed')])]
    : [when(all(is(reader, 'open'), is(writer, 'open')), [queue.push('closed')])]

/** Always. */
export const always = yes
