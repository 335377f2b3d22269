/**
 * A pair of cores in a world that is nothing but a list of what may happen next. Intents put facts on the list, a test
 * picks which comes when, channels break in between; so every order that a real world could show is a sequence of picks.
 * It is pure: no clock, no fiber, and some thousand steps a second.
 */
import {
  start,
  step,
  type CoreInput,
  type CoreOptions,
  type CoreState,
  type Fact,
  type Intent,
} from '../../src/core/index.ts'
import type { Step } from '../../src/core/index.ts'
import type { Fate } from '../../src/channel/simulated-network.ts'
import type { Observation, Party, Seen } from '../observation.ts'
import { coloMode, incomingStatus, isBusy, isColoAtRest, outgoingStatus, pathOf } from '../state-view.ts'
import { Agenda, type Pending } from './agenda.ts'
import type { CorePlan } from './core-plan.ts'
import { LockStep, type LockStepHost } from './lock-step.ts'

export * from './core-plan.ts'

/** What a core suite drives. A mutant replaces one of these. */
export interface CoreSystem {
  readonly name: string
  readonly start: (options: CoreOptions) => CoreState
  readonly step: (state: CoreState, input: CoreInput) => Step
}

/** The core of this package. */
export const ourCore: CoreSystem = { name: 'switchover', start, step }

const carriedOut = ['events', 'return-path', 'pause-before-switchover', 'postcopy-ram', 'xbzrle', 'compress']

/** The intents that lock-step carries out. */
const ofLockStep: ReadonlySet<Intent['type']> = new Set([
  'enter-colo',
  'arm-checkpoint',
  'send-colo-message',
  'save-checkpoint',
  'send-vmstate',
  'stage-checkpoint',
  'load-checkpoint',
  'interrupt-checkpoint',
  'close-colo',
  'fence',
  'hold-output',
  'release-output',
  'open-output',
])

interface Channel {
  readonly run: number
  readonly source: Party
  readonly destination: Member
  alive: boolean
}

interface Member {
  readonly party: Party
  readonly uri: string
  state: CoreState
  running: boolean
  crashed: boolean
  listening: boolean
  taken: boolean
  arrival: number
}

/** Facts that a party may be given in one rest; a world that needs more of them never comes to rest. */
const STEPS_MAX = 400
const UNTIL_MAX = 30

/** See the head of this file. */
export class CoreWorld {
  readonly plan: CorePlan
  readonly #system: CoreSystem
  readonly #members: Member[] = []
  readonly #timeline: Seen[] = []
  readonly #delivered: { readonly to: Party; readonly fact: Fact }[] = []
  readonly #agenda = new Agenda<Channel>()
  #channel: Channel | undefined
  #lastChannel: Channel | undefined
  #refusing = false
  #nowMillis = 0
  readonly #lockStep: LockStep

  constructor(system: CoreSystem, plan: CorePlan) {
    this.#system = system
    this.plan = plan
    this.#add('source')
    this.#lockStep = new LockStep(this.#lockStepHost(), 'source')
    const on = [
      'events',
      ...(plan.pause ? ['pause-before-switchover'] : []),
      ...(plan.postcopy ? ['postcopy-ram'] : []),
      ...(plan.colo ? ['x-colo'] : []),
    ]
    this.command('source', 'migrate-set-capabilities', {
      capabilities: on.map((capability) => ({ capability, state: true })),
    })
  }

  get source(): Member {
    return this.#members[0]!
  }

  get destination(): Member | undefined {
    return this.#members.length > 1 ? this.#members.at(-1) : undefined
  }

  member(party: Party): Member | undefined {
    return this.#members.find((each) => each.party === party)
  }

  #add(party: Party): Member {
    const state = this.#system.start({
      profile: this.plan.profile,
      ...(this.plan.colo ? { fence: this.plan.fence } : { supportedCapabilities: carriedOut }),
      ...(party === 'source' ? { autostart: this.plan.paused !== true } : { incoming: 'defer' as const }),
    })
    const running = party === 'source' && this.plan.paused !== true
    const uri = `tcp:${party}:4444`
    const made = { party, uri, state, running, crashed: false, listening: false, taken: false, arrival: 0 }
    this.#members.push(made)
    return made
  }

  #take(member: Member, input: CoreInput): Step {
    const before = member.state
    const [after, outputs] = this.#system.step(before, input)
    member.state = after
    const { party } = member
    const atMillis = this.#nowMillis
    this.#timeline.push({ kind: 'state', party, atMillis, before, after, input, outputs })
    for (const output of outputs) {
      if (output.type === 'event') {
        const query = output.event.event === 'MIGRATION' ? this.#query(member) : undefined
        this.#timeline.push({
          kind: 'event',
          party,
          atMillis,
          event: output.event,
          query,
          queryRun: member.state.outgoingNumber,
        })
      } else if (output.type === 'intent') this.#carryOut(member, output.intent)
    }
    return [after, outputs]
  }

  #query(member: Member): unknown {
    const input = { type: 'command', name: 'query-migrate', nowMillis: this.#nowMillis } as const
    const [, outputs] = this.#system.step(member.state, input)
    return outputs.find((output) => output.type === 'reply')?.value
  }

  /** Gives a command, which is answered at once or deferred. */
  command(party: Party, name: string, args?: unknown): void {
    const member = this.member(party)
    if (member === undefined || member.crashed) return
    const before = member.state
    const atMillis = this.#nowMillis
    const input = { type: 'command', name, arguments: args, nowMillis: atMillis } as const
    const [after, outputs] = this.#take(member, input)
    const refusal = outputs.find((output) => output.type === 'refusal')
    const reply = outputs.find((output) => output.type === 'reply')
    const isDeferred = outputs.some((output) => output.type === 'deferred')
    const answer =
      refusal !== undefined
        ? ({ type: 'refusal', class: refusal.class, desc: refusal.desc } as const)
        : reply !== undefined
          ? ({ type: 'reply', value: reply.value } as const)
          : isDeferred
            ? ({ type: 'reply', value: {} } as const)
            : ({ type: 'none' } as const)
    this.#timeline.push({ kind: 'command', party, atMillis, name, arguments: args, answer, before, after })
  }

  /** Tells a core something, whether or not it makes sense. */
  fact(party: Party, fact: Fact): void {
    const member = this.member(party)
    if (member === undefined || member.crashed) return
    this.#take(member, { type: 'fact', fact, nowMillis: this.#nowMillis })
  }

  #deliver(member: Member, fact: Fact): void {
    this.#delivered.push({ to: member.party, fact })
    this.fact(member.party, fact)
  }

  /** Delivers a fact of a run that is over once more, as a message that was held up somewhere. */
  again(index: number): void {
    const late = this.#delivered.filter(({ to, fact }) => {
      const state = this.member(to)?.state
      const current = fact.type.startsWith('outgoing.') ? state?.outgoingNumber : state?.incomingNumber
      return fact.run > 0 && fact.run !== current
    })
    const chosen = late[index % Math.max(1, late.length)]
    if (chosen !== undefined) this.fact(chosen.to, chosen.fact)
  }

  advance(millis: number): void {
    this.#nowMillis += millis
  }

  /** Lets one of the things happen that may; nothing if there is none. */
  next(index: number): void {
    const { choosable } = this.#agenda
    this.#happen(choosable[index % Math.max(1, choosable.length)])
  }

  #happen(chosen: Pending<Channel> | undefined): void {
    if (chosen === undefined) return
    this.#agenda.take(chosen)
    this.#nowMillis++
    if (this.member(chosen.to)?.crashed !== true) chosen.happen()
  }

  /**
   * Lets things happen in order until a chart of the source is in a state (`secondary:` of the destination, in COLO); stops
   * where nothing can happen any more.
   */
  until(state: string): void {
    for (let steps = 0; steps < UNTIL_MAX && !this.#isIn(state); steps++) this.#happen(this.#agenda.next)
  }

  #isIn(state: string): boolean {
    if (state.startsWith('secondary:'))
      return this.destination !== undefined && `secondary:${pathOf(this.destination.state, 'colo').join('.')}` === state
    const chart = state.startsWith('primary.') ? 'colo' : 'outgoing'
    return pathOf(this.source.state, chart).join('.') === state
  }

  #expect(to: Member, what: string, happen: () => void, channel?: Channel): void {
    // Nothing more can be sent on a channel that is broken.
    if (channel?.alive === false) return
    this.#agenda.add({ to: to.party, what, happen, ...(channel === undefined ? {} : { channel }) })
  }

  #expectFact(to: Member, fact: Fact, channel?: Channel, then: () => void = () => {}): void {
    this.#expect(
      to,
      fact.type,
      () => {
        this.#deliver(to, fact)
        then()
      },
      channel,
    )
  }

  #carryOut(member: Member, intent: Intent): void {
    const { party } = member
    const atMillis = this.#nowMillis
    const { state } = member
    switch (intent.type) {
      case 'start-guest':
      case 'stop-guest': {
        const action = intent.type === 'start-guest' ? 'start' : 'stop'
        if (action === 'start') this.#lockStep.started(party)
        if (member.running !== (action === 'start'))
          this.#timeline.push({ kind: 'guest', party, atMillis, action, state })
        member.running = action === 'start'
        return
      }
      case 'acquire-images':
      case 'release-images':
        this.#timeline.push({
          kind: 'images',
          party,
          atMillis,
          action: intent.type === 'acquire-images' ? 'acquire' : 'release',
        })
        return
      case 'listen':
        member.arrival = intent.run
        return this.#expect(member, 'incoming.bound', () => {
          member.listening = true
          this.#deliver(member, { type: 'incoming.bound', uri: member.uri, run: intent.run })
        })
      case 'save-devices':
        return this.#expectFact(member, { type: 'devices.saved', run: intent.run })
      case 'listen-again':
        member.listening = false
        return this.#expect(member, 'incoming.bound', () => {
          member.listening = true
          member.taken = false
          this.#deliver(member, { type: 'incoming.bound', uri: member.uri, run: intent.run })
        })
      case 'break-channel':
        return this.#pause(party)
      case 'load':
      case 'resume-load':
      case 'close-channel':
      case 'reset-guest':
      case 'throttle-guest':
      case 'close-descriptor':
      case 'load-credentials':
      case 'unload-credentials':
      case 'quit':
        return
      case 'replicate':
        return this.#expectFact(member, { type: 'replication.done', node: intent.node, run: intent.run })
      case 'acknowledge':
      case 'reject':
        return this.#answerSource(member, intent.type)
      case 'mirror-images':
        this.#timeline.push({ kind: 'images', party, atMillis, action: 'mirror' })
        return
      default:
        if (ofLockStep.has(intent.type)) this.#lockStep.carryOut(party, intent)
        else if ('run' in intent) this.#carryOutRun(member, intent)
    }
  }

  /** What lock-step may do in this world. The pair is that of the channel that was opened last. */
  #lockStepHost(): LockStepHost {
    const channelOf = (party: Party): Channel | undefined => {
      const channel = this.#lastChannel
      return channel?.source === party || channel?.destination.party === party ? channel : undefined
    }
    return {
      compares: this.plan.profile === '7.2',
      expect: (to, what, on, happen) => {
        const channel = on === 'channel' ? channelOf(to) : undefined
        if (on === 'channel' && channel?.alive !== true) return
        this.#agenda.add({ to, what, happen, ...(channel === undefined ? { work: on as 'own' } : { channel }) })
      },
      tell: (to, fact) => {
        const member = this.member(to)
        if (member !== undefined) this.#deliver(member, fact)
      },
      note: (seen) => this.#timeline.push(seen),
      nowMillis: () => this.#nowMillis,
      isRunning: (party) => this.member(party)?.running === true,
      run: (party) => {
        const member = this.member(party)
        return (party === 'source' ? member?.state.outgoingNumber : member?.arrival) ?? 0
      },
      peer: (party) => {
        const channel = channelOf(party)
        return channel?.source === party ? channel.destination.party : channel?.source
      },
      crash: (party) => this.crash(party),
      hangUp: (party) => {
        const channel = channelOf(party)
        if (channel?.alive === true) this.#break(channel, 'delivered', channel.source !== party)
      },
      forget: (party, on) => {
        this.#agenda.drop((each) => each.to === party && each.work === on)
      },
      ranBefore: (party) => this.member(party)?.state.chart.context.before === 'running',
    }
  }

  /** What the world of a pair in COLO can do to it. */
  get colo(): Pick<LockStep, 'send' | 'diverge' | 'lose' | 'failLoad' | 'failFence'> {
    return this.#lockStep
  }

  /** The guest of a party shuts down. */
  shutDown(party: Party): void {
    this.fact(party, { type: 'guest.shutdown', run: 0 })
  }

  /** The intents of a sending run. */
  #carryOutRun(member: Member, intent: Intent & { readonly run: number }): void {
    const { run } = intent
    const channel = this.#channel
    switch (intent.type) {
      case 'open-channel':
        return this.#expect(member, 'connect', () => this.#connect(member, intent.uri, run))
      case 'begin-setup':
        return this.#expectFact(member, { type: 'outgoing.setup-done', setupMillis: 0, run }, channel)
      case 'iterate':
        this.#expectFact(member, { type: 'outgoing.pass', pass: 1, run }, channel)
        return this.#converge(member, run, channel)
      case 'complete-precopy':
        return this.#expectFact(member, { type: 'outgoing.flushed', run }, channel, () => this.#loadOn(run, channel))
      case 'commit':
        return this.#commit(member, run, channel)
      case 'inquire':
        return this.#expect(member, 'inquire', () => this.#inquire(member, run))
      case 'teardown':
        this.#hangUp(channel)
        return this.#expectFact(member, { type: 'outgoing.ended', run })
      case 'send-package':
        return this.#sendPackage(run, channel)
      case 'reopen-channel':
        return this.#expect(member, 'connect again', () => this.#connectAgain(member, intent.uri, run))
      case 'resume':
        return this.#resume(member, run, channel)
      default:
        return
    }
  }

  #connect(member: Member, uri: string, run: number): void {
    const there = this.#members.find((each) => each.uri === uri && each.listening && !each.taken && !each.crashed)
    if (pathOf(member.state, 'outgoing').join('.') !== 'setup.connecting' || member.state.outgoingNumber !== run) return
    if (there === undefined || this.#refusing)
      return this.#deliver(member, {
        type: 'outgoing.connect-failed',
        reason: 'Connection refused',
        side: 'channel',
        run,
      })
    there.taken = true
    const channel: Channel = { run, source: member.party, destination: there, alive: true }
    this.#channel = channel
    this.#lastChannel = channel
    this.#expectFact(there, { type: 'incoming.connected', run: there.arrival }, channel, () => {
      if (this.plan.postcopy) this.#expectFact(there, { type: 'incoming.advised', run: there.arrival }, channel)
    })
    this.#deliver(member, { type: 'outgoing.connected', returnPath: this.plan.returnPath, run })
  }

  /** A pass ends in convergence, or in postcopy where it was asked for. */
  #converge(member: Member, run: number, channel: Channel | undefined): void {
    this.#expect(
      member,
      'end of a pass',
      () => {
        const { startPostcopy, postcopy } = member.state.chart.context
        this.#deliver(member, { type: startPostcopy && postcopy ? 'outgoing.postcopy' : 'outgoing.converged', run })
        if (pathOf(member.state, 'outgoing').join('.') === 'active.iterating') this.#converge(member, run, channel)
      },
      channel,
    )
  }

  /** Everything but the end mark is on its way. */
  #loadOn(run: number, channel: Channel | undefined): void {
    if (channel === undefined || !this.plan.returnPath) return
    const { destination } = channel
    this.#expectFact(destination, { type: 'incoming.prepared', run: destination.arrival }, channel, () => {
      const source = this.member(channel.source)
      if (source !== undefined && incomingStatus(destination.state) === 'active')
        this.#expectFact(source, { type: 'outgoing.prepared', run }, channel)
    })
  }

  #commit(member: Member, run: number, channel: Channel | undefined): void {
    if (channel === undefined || !channel.alive) {
      this.#expectFact(member, { type: 'outgoing.failed', reason: 'the channel is broken', side: 'channel', run })
      return
    }
    if (outgoingStatus(member.state) === 'postcopy-active') return this.#leave(member, run, channel)
    const { destination } = channel
    const { before } = member.state.chart.context
    const recorded = before === 'running' ? { running: true } : { running: false, stopped: before }
    this.#expectFact(destination, { type: 'incoming.ended', ...recorded, run: destination.arrival }, channel)
    if (!this.plan.returnPath) this.#expectFact(member, { type: 'outgoing.committed', run }, channel)
  }

  /** The postcopy package has arrived, or is about to. */
  #sendPackage(run: number, channel: Channel | undefined): void {
    if (channel === undefined) return
    const { destination } = channel
    this.#expectFact(destination, { type: 'incoming.listening', run: destination.arrival }, channel, () => {
      const source = this.member(channel.source)
      if (source !== undefined && incomingStatus(destination.state) === 'postcopy-active')
        this.#expectFact(source, { type: 'outgoing.prepared', run }, channel)
    })
  }

  /** The leave to run, and behind it what is missing. */
  #leave(member: Member, run: number, channel: Channel): void {
    const { destination } = channel
    const { arrival } = destination
    const running = member.state.chart.context.before === 'running'
    this.#expectFact(destination, { type: 'incoming.running', run: arrival }, channel, () => {
      this.#expectFact(destination, { type: 'incoming.start', running, run: arrival })
      if (incomingStatus(destination.state) === 'postcopy-active')
        this.#expectFact(member, { type: 'outgoing.package-sent', run }, channel)
    })
    this.#expectFact(destination, { type: 'incoming.ended', running, run: arrival }, channel)
  }

  #connectAgain(member: Member, uri: string, run: number): void {
    const there = this.#members.find((each) => each.uri === uri && each.listening && !each.taken && !each.crashed)
    if (pathOf(member.state, 'outgoing').join('.') !== 'postcopy-paused.connecting') return
    if (there === undefined || this.#refusing || incomingStatus(there.state) !== 'postcopy-paused')
      return this.#deliver(member, {
        type: 'outgoing.connect-failed',
        reason: 'Connection refused',
        side: 'channel',
        run,
      })
    there.taken = true
    const channel: Channel = { run, source: member.party, destination: there, alive: true }
    this.#channel = channel
    this.#lastChannel = channel
    this.#expectFact(there, { type: 'incoming.recovering', run: there.arrival }, channel)
    this.#deliver(member, { type: 'outgoing.connected', returnPath: true, run })
  }

  /** Both sides agree on what has arrived, and the rest follows. */
  #resume(member: Member, run: number, channel: Channel | undefined): void {
    if (channel === undefined) return
    const { destination } = channel
    const { arrival } = destination
    const running = member.state.chart.context.before === 'running'
    this.#expectFact(destination, { type: 'incoming.recovered', run: arrival }, channel, () =>
      this.#expectFact(member, { type: 'outgoing.resumed', run }, channel, () =>
        this.#expectFact(destination, { type: 'incoming.ended', running, run: arrival }, channel),
      ),
    )
  }

  /** migrate-pause: what this side has sent arrives, and nothing that was sent to it. */
  #pause(party: Party): void {
    const channel = this.#channel
    if (channel?.alive !== true) return
    this.#break(channel, channel.source === party ? 'delivered' : 'dropped', true)
  }

  #answerSource(member: Member, word: 'acknowledge' | 'reject'): void {
    const channel = this.#members
      .map(() => this.#channel)
      .find((each) => each !== undefined && each.alive && each.destination === member)
    const source = channel === undefined ? undefined : this.member(channel.source)
    if (channel === undefined || source === undefined || !this.plan.returnPath) return
    const { run } = channel
    this.#expectFact(
      source,
      word === 'acknowledge'
        ? { type: 'outgoing.loaded', run }
        : { type: 'outgoing.failed', reason: 'The destination gave up', side: 'destination', run },
      channel,
    )
  }

  /** Asking makes the answer final: a destination that is still loading gives up. */
  #inquire(member: Member, run: number): void {
    const destination = this.#lastChannel?.destination
    if (destination === undefined || destination.crashed || this.#refusing) {
      const isKnownDead = this.plan.fence && destination?.crashed === true
      return this.#deliver(
        member,
        isKnownDead
          ? { type: 'outgoing.outcome-not-running', reason: 'the destination is dead', run }
          : { type: 'outgoing.outcome-unknown', reason: 'the destination cannot be asked', run },
      )
    }
    const at = pathOf(destination.state, 'incoming').join('.')
    if (at.startsWith('active.') || at === 'postcopy-active.listening') this.#lose(destination)
    return this.#deliver(
      member,
      incomingStatus(destination.state) === 'completed' || pathOf(destination.state, 'images')[0] === 'held'
        ? { type: 'outgoing.outcome-running', run }
        : { type: 'outgoing.outcome-not-running', reason: 'the destination says that it does not run the guest', run },
    )
  }

  #lose(destination: Member): void {
    const run = destination.arrival
    this.#deliver(destination, { type: 'incoming.lost', reason: 'the channel is broken', side: 'channel', run })
  }

  /** The source lets go of the channel: what it has sent still arrives, then the end of the stream. */
  #hangUp(channel: Channel | undefined): void {
    if (channel === undefined || !channel.alive) return
    this.#break(channel, 'delivered', false)
  }

  #break(channel: Channel, fate: Fate, tellsSource: boolean): void {
    channel.alive = false
    const { destination, run } = channel
    const source = this.member(channel.source)
    this.#agenda.drop((each) => each.channel === channel && (fate !== 'delivered' || each.to !== destination.party))
    if (source !== undefined && tellsSource)
      this.#expectFact(source, { type: 'outgoing.failed', reason: 'the channel is broken', side: 'channel', run })
    // The end of the stream is seen behind what is still to be read of it.
    const lose = (): void => {
      if (this.#agenda.has((each) => each.channel === channel && each.to === destination.party))
        return this.#expect(destination, 'end of the stream', lose)
      // Unless it has a new one already.
      const isCurrent = this.#channel === undefined || this.#channel === channel
      const reads = ['active', 'postcopy-active', 'postcopy-recover', 'colo']
      if (isCurrent && reads.includes(incomingStatus(destination.state))) this.#lose(destination)
    }
    this.#expect(destination, 'end of the stream', lose)
  }

  cut(fate: Fate): void {
    const channel = this.#channel
    if (channel === undefined || !channel.alive) return
    this.#timeline.push({ kind: 'fault', atMillis: this.#nowMillis, fault: 'cut' })
    this.#break(channel, fate, true)
  }

  refuse(on: boolean): void {
    this.#timeline.push({ kind: 'fault', atMillis: this.#nowMillis, fault: 'refuse' })
    this.#refusing = on
  }

  crash(party: Party): void {
    const member = this.member(party)
    if (member === undefined || member.crashed) return
    this.#timeline.push({ kind: 'fault', atMillis: this.#nowMillis, fault: 'crash', party })
    const channel = this.#channel
    if (channel !== undefined && channel.alive && (channel.destination === member || channel.source === party))
      this.#break(channel, 'delivered', true)
    member.crashed = true
    member.running = false
  }

  /** Sends the guest to the last destination, or to a new one if that was used or there is none. */
  migrate(): void {
    this.command('source', 'migrate', { uri: this.freshUri() })
    if (this.plan.postcopy) this.command('source', 'migrate-start-postcopy')
  }

  freshUri(): string {
    const last = this.destination
    if (last !== undefined && !last.crashed && !last.taken) return last.uri
    const made = this.#add(`destination-${this.#members.length}`)
    this.command(made.party, 'migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    this.command(made.party, 'migrate-incoming', { uri: made.uri })
    return made.uri
  }

  #isAtRest(member: Member): boolean {
    if (member.crashed) return true
    // A broken postcopy waits for an operator, for as long as it takes.
    const waits = [outgoingStatus(member.state), incomingStatus(member.state)].includes('postcopy-paused')
    if (coloMode(member.state) !== 'unknown') return isColoAtRest(member.state)
    return waits || (!isBusy(member.state) && member.state.pending.length === 0)
  }

  /** Lets happen what may until nothing is left, and says what was seen. */
  finish(): Observation {
    this.#rest()
    for (let round = 0; round < 3 && !this.#isAtRest(this.source); round++) {
      const status = outgoingStatus(this.source.state)
      if (status === 'pre-switchover') this.command('source', 'migrate-continue', { state: status })
      this.#rest()
    }
    const rescued = !this.#isAtRest(this.source)
    if (rescued) {
      this.command('source', 'migrate_cancel')
      this.#rest()
    }
    return this.#observation(
      this.#members.filter((member) => !this.#isAtRest(member)).map(({ party }) => party),
      rescued,
    )
  }

  /** Ends where it is, with whatever is going on. */
  stop(): Observation {
    return this.#observation([], false)
  }

  #observation(unsettled: readonly Party[], rescued: boolean): Observation {
    return {
      timeline: this.#timeline,
      streams: [],
      carried: [],
      end: {
        atMillis: this.#nowMillis,
        parties: this.#members.map((member) => ({
          party: member.party,
          state: member.state,
          crashed: member.crashed,
          running: member.running,
          stuckPackets: this.#lockStep.stuck(member.party),
          query: member.crashed ? undefined : this.#query(member),
        })),
        unsettled,
        rescued,
        ends: [],
        endsAfter: [],
        listeningAfter: [],
        partitioned: false,
      },
    }
  }

  #rest(): void {
    for (let steps = 0; steps < STEPS_MAX && this.#agenda.next !== undefined; steps++) this.#happen(this.#agenda.next)
  }
}
