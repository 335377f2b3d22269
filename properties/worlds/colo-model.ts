/**
 * Two process charts in lock-step, with nothing between them but what they tell each other: plain data, small enough to
 * visit every state that a pair can get into by messages, checkpoints, lost channels, dead processes and operators, in
 * every order. No packets and no pages: what they come to is for the world of cores and for the runtime.
 */
import { initialTransition, transition, type SnapshotFrom } from 'xstate'
import {
  plainEvent,
  processMachine,
  type ChartEvent,
  type ProcessMachine,
  type Profile,
  type QuirkId,
} from '../../machines/index.ts'

/** A side of the pair: primary and secondary, as they began. */
export type Side = 'p' | 's'

/** How a pair is made. */
export interface ColoModelOptions {
  readonly profile: Profile
  /** Each side has a fence, which may confirm (and then has killed the other side) or not. */
  readonly fence: boolean
  /** Default none. */
  readonly quirks?: ReadonlySet<QuirkId>
}

type Chart = Pick<SnapshotFrom<ProcessMachine>, 'value' | 'context'>

/** What one side is at. */
export interface SideState {
  readonly chart: Chart
  readonly alive: boolean
  /** x-colo-lost-heartbeat was accepted here. */
  readonly told: boolean
  /** What its own data plane will report next. */
  readonly work: readonly string[]
  /** A load has put memory in use and not yet the devices. */
  readonly halfLoaded: boolean
  /** Clients hear what its guest sends, without anybody's consent. */
  readonly open: boolean
}

/** A state of the pair. */
export interface PairState {
  readonly p: SideState
  readonly s: SideState
  readonly up: boolean
  /** What is on its way to each side. */
  readonly toP: readonly string[]
  readonly toS: readonly string[]
}

/** A move: what happens, in words, and where it leads. `inner`: it happens by itself, sooner or later. */
export interface Move {
  readonly what: string
  readonly inner: boolean
  readonly to: PairState
}

const other = (side: Side): Side => (side === 'p' ? 's' : 'p')
const queueOf = (side: Side): 'toP' | 'toS' => (side === 'p' ? 'toP' : 'toS')

const received: Readonly<Record<string, string>> = {
  'checkpoint-ready': 'outgoing.colo-ready',
  'checkpoint-request': 'incoming.checkpoint-request',
  'checkpoint-reply': 'outgoing.checkpoint-reply',
  'vmstate-send': 'incoming.vmstate-send',
  'vmstate-received': 'outgoing.vmstate-received',
  'vmstate-loaded': 'outgoing.vmstate-loaded',
}

const eventOf = (type: string): ChartEvent =>
  type === 'incoming.colo' || type === 'incoming.vmstate-loaded'
    ? { type, running: true }
    : plainEvent(type as Parameters<typeof plainEvent>[0])

/** See the head of this file. */
export class ColoModel {
  readonly #machines: Readonly<Record<Side, ProcessMachine>>
  readonly options: ColoModelOptions

  constructor(options: ColoModelOptions) {
    this.options = options
    this.#machines = {
      p: processMachine(options),
      s: processMachine({ ...options, incoming: true, defer: false }),
    }
  }

  /** The first full pass is sent and not yet loaded. */
  initial(): PairState {
    const begin = (side: Side, events: readonly ChartEvent[]): PairState => {
      const [first] = initialTransition(this.#machines[side])
      const idle: SideState = {
        chart: first,
        alive: true,
        told: false,
        work: [],
        halfLoaded: false,
        open: side === 'p',
      }
      let state: PairState = { p: idle, s: idle, up: true, toP: [], toS: [] }
      for (const event of events) state = this.#tell(state, side, event)
      return state
    }
    const p = begin('p', [
      { type: 'migrate-set-capabilities', pause: false, postcopy: false, colo: true },
      { type: 'migrate' },
      { type: 'outgoing.connected', returnPath: true },
      { type: 'outgoing.setup-done' },
      { type: 'outgoing.converged' },
      { type: 'outgoing.flushed' },
      { type: 'outgoing.prepared' },
    ])
    const s = begin('s', [{ type: 'incoming.connected' }, { type: 'incoming.prepared' }])
    return { ...p, s: s.s }
  }

  /** Every move from a state. */
  moves(state: PairState): readonly Move[] {
    const moves: Move[] = []
    for (const side of ['p', 's'] as const) {
      if (!state[side].alive) continue
      moves.push(...this.#deliveries(state, side), ...this.#work(state, side), ...this.#operator(state, side))
      moves.push({ what: `${side} dies`, inner: false, to: this.#die(state, side) })
    }
    if (state.up) moves.push({ what: 'the channel breaks', inner: false, to: this.#break(state, []) })
    return moves
  }

  #deliveries(state: PairState, side: Side): readonly Move[] {
    const [first, ...rest] = state[queueOf(side)]
    if (first === undefined) return []
    const taken = { ...state, [queueOf(side)]: rest }
    return [{ what: `${side} gets ${first}`, inner: true, to: this.#told(taken, side, first) }]
  }

  #work(state: PairState, side: Side): readonly Move[] {
    const [first, ...rest] = state[side].work
    if (first === undefined) return []
    const done = this.#with(state, side, { work: rest })
    if (first === 'load') {
      const failed = this.#told(done, side, 'incoming.failed')
      const half = this.#with(done, side, { halfLoaded: true, work: ['load devices', ...rest] })
      const torn = this.#told(this.#with(done, side, { halfLoaded: true }), side, 'incoming.torn')
      return [
        { what: `${side} loads memory`, inner: true, to: half },
        { what: `${side} can load nothing`, inner: false, to: failed },
        { what: `${side} can load a part only`, inner: false, to: torn },
      ]
    }
    if (first === 'load devices') {
      const loaded = this.#told(this.#with(done, side, { halfLoaded: false }), side, 'incoming.vmstate-loaded')
      return [{ what: `${side} loads devices`, inner: true, to: loaded }]
    }
    if (first === 'fence') {
      const dead = this.#die(done, other(side))
      return [
        { what: `the fence of ${side} confirms`, inner: true, to: this.#told(dead, side, 'failover.fenced') },
        { what: `the fence of ${side} cannot`, inner: false, to: this.#told(done, side, 'failover.not-fenced') },
      ]
    }
    return [{ what: `${side}: ${first}`, inner: true, to: this.#told(done, side, first) }]
  }

  #operator(state: PairState, side: Side): readonly Move[] {
    const events = ['x-colo-lost-heartbeat', ...(side === 'p' ? ['outgoing.checkpoint-due'] : [])]
    return events.flatMap((type): readonly Move[] => {
      if (!this.accepts(state, side, type)) return []
      const what = type === 'x-colo-lost-heartbeat' ? `${side} is told that the other is dead` : 'a checkpoint is due'
      return [{ what, inner: false, to: this.#told(state, side, type) }]
    })
  }

  accepts(state: PairState, side: Side, type: string): boolean {
    return this.#snapshot(side, state[side].chart).can(eventOf(type))
  }

  #snapshot(side: Side, chart: Chart): SnapshotFrom<ProcessMachine> {
    return this.#machines[side].resolveState(chart)
  }

  #with(state: PairState, side: Side, change: Partial<SideState>): PairState {
    return { ...state, [side]: { ...state[side], ...change } }
  }

  #told(state: PairState, side: Side, type: string): PairState {
    return this.accepts(state, side, type) ? this.#tell(state, side, eventOf(type)) : state
  }

  #tell(state: PairState, side: Side, event: ChartEvent): PairState {
    const [next, actions] = transition(this.#machines[side], this.#snapshot(side, state[side].chart), event)
    const began = failoverOf(next) !== 'none' && failoverOf(state[side].chart) === 'none'
    const accepted = began || (event.type === 'x-colo-lost-heartbeat' && !this.options.fence)
    let after = this.#with(state, side, {
      chart: { value: next.value, context: next.context },
      told: state[side].told || accepted,
    })
    for (const { type, params } of actions) after = this.#act(after, side, type, params)
    return after
  }

  #act(state: PairState, side: Side, action: string, params: unknown): PairState {
    const works = (...what: readonly string[]) => this.#with(state, side, { work: [...state[side].work, ...what] })
    switch (action) {
      case 'enterColo':
        return side === 'p' ? this.#send(state, 's', 'incoming.colo') : state
      case 'sendMessage': {
        const { message } = params as { readonly message: string }
        return this.#send(state, other(side), received[message] ?? message)
      }
      case 'saveCheckpoint':
        return works('outgoing.vmstate-saved')
      case 'sendVmstate': {
        const sent = this.#send(this.#send(state, 's', 'incoming.vmstate-size'), 's', 'incoming.vmstate-staged')
        return this.#with(sent, side, { work: [...sent[side].work, 'outgoing.vmstate-sent'] })
      }
      case 'loadCheckpoint':
        return works('load')
      case 'interruptCheckpoint':
        return this.#interrupt(state, side)
      case 'fence':
        return works('fence')
      case 'closeColo':
        return this.#break(state, [side])
      case 'teardown': {
        const closed = this.#break(state, [side])
        return this.#with(closed, side, { work: [...closed[side].work, 'outgoing.ended'] })
      }
      case 'holdOutput':
        return this.#with(state, side, { open: false })
      case 'openOutput':
        return this.#with(state, side, { open: true })
      default:
        return state
    }
  }

  /** A load that has begun goes on, beside the answer. */
  #interrupt(state: PairState, side: Side): PairState {
    const loads = state[side].work.filter((what) => what.startsWith('load'))
    return this.#with(state, side, { work: [side === 'p' ? 'outgoing.interrupted' : 'incoming.interrupted', ...loads] })
  }

  #send(state: PairState, to: Side, what: string): PairState {
    return state.up ? { ...state, [queueOf(to)]: [...state[queueOf(to)], what] } : state
  }

  /** What is on its way is lost; a side learns of it unless it has closed the channel itself. */
  #break(state: PairState, knows: readonly Side[]): PairState {
    if (!state.up) return state
    return {
      ...state,
      up: false,
      toP: knows.includes('p') ? [] : ['outgoing.failed'],
      toS: knows.includes('s') ? [] : ['incoming.lost'],
    }
  }

  #die(state: PairState, side: Side): PairState {
    const broken = this.#break(state, [side])
    return this.#with({ ...broken, [queueOf(side)]: [] }, side, { alive: false, work: [], open: false })
  }
}

const regionOf = ({ value }: Pick<Chart, 'value'>, name: string): unknown =>
  (value as Readonly<Record<string, unknown>>)[name]

const topOf = (value: unknown): string =>
  typeof value === 'string' ? value : (Object.keys((value ?? {}) as object)[0] ?? '')

const failoverOf = (chart: Pick<Chart, 'value'>): string => topOf(regionOf(chart, 'failover'))

/** What a manager could ask one side for, and what an operator could see of it. */
export const sideView = (side: Side, { chart, alive, told, open, halfLoaded }: SideState) => {
  const colo = regionOf(chart, 'colo')
  const mode = topOf(colo)
  const inside = typeof colo === 'object' && colo !== null ? Object.values(colo)[0] : undefined
  return {
    alive,
    told,
    open,
    halfLoaded,
    status: topOf(regionOf(chart, side === 'p' ? 'outgoing' : 'incoming')),
    mode,
    failover: failoverOf(chart),
    apart: inside === 'broken',
    guest: topOf(regionOf(chart, 'guest')),
  }
}
