/**
 * The rules by which a configuration moves: a step of the chart, an output that is seen, a command that takes effect.
 * QMP shows a command's request and its reply; the effect lies somewhere between, except where QEMU only posts a request
 * to another thread and answers at once.
 */
import type { ChartEvent, QuirkId } from '../../machines/index.ts'
import { flag, type Configuration, type Pending, type RunMark, type RunRecord } from './configuration.ts'
import type { AutomatonNode, Edge, LazyAutomaton, QuirkMask } from './lazy-automaton.ts'
import { hasUnsetTotals, type CommandObservation, type Reply } from './observation.ts'
import { refusalFits, refusesBeforeStart } from './refusal.ts'

/** What a step is taken for. */
interface StepOptions {
  /** Its outputs have to precede the reply of the command at hand. */
  readonly beforeReply?: boolean
  /** The line of the command, where it may begin a run. */
  readonly line?: number
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

/** The two nodes of which a query may see either. */
const visibleNodes = (one: Configuration): readonly AutomatonNode[] =>
  one.previous === undefined ? [one.node] : [one.node, one.previous]

/** The number of steps by which a configuration was reached. */
export const trailLength = ({ trail }: Configuration): number => trail?.length ?? 0

const markOf = (before: RunMark, event: ChartEvent, node: AutomatonNode): RunMark => {
  if (event.type === 'outgoing.outcome-not-running') return 'declared-dead'
  if (node.outgoing === 'colo') return 'colo'
  if (/^postcopy-active\.(committing|running)$/.test(node.outgoingPath)) return 'postcopy'
  if (before === 'open' && node.outgoingPath === 'postcopy-active.packaging') return 'packaged'
  if (before === 'open' && /\.(committing|inquiring)$/.test(node.outgoingPath))
    return node.context.returnPath ? 'committed-with-answer' : 'committed'
  return before
}

/** The rules for one process: an automaton and the quirks that may be used. */
export class Walk {
  readonly automaton: LazyAutomaton
  private readonly allowed: QuirkMask
  private readonly runLines: ReadonlySet<number>
  /** The line that is being explained: where the steps that are taken for it are remembered. */
  line = 0

  /** `runLines`: the lines of the `migrate` commands whose runs are worth remembering. */
  constructor(automaton: LazyAutomaton, allowed: QuirkMask, runLines: ReadonlySet<number>) {
    this.automaton = automaton
    this.allowed = allowed
    this.runLines = runLines
  }

  private edges(node: AutomatonNode, event: ChartEvent): readonly Edge[] {
    if (this.allowed === 0) return [this.automaton.safeEdge(node, event)]
    return this.automaton.edges(node, event).filter((edge) => (edge.quirk & ~this.allowed) === 0)
  }

  /** The same with a quirk used; undefined where it may not be. */
  private using(one: Configuration, quirk: QuirkId): Configuration | undefined {
    const mask = this.automaton.maskOf([quirk])
    return mask === 0 || (mask & ~this.allowed) !== 0 ? undefined : { ...one, quirks: one.quirks | mask }
  }

  private along(one: Configuration, edge: Edge, event: ChartEvent, options: StepOptions): Configuration {
    const { to } = edge
    const due: Pending[] = edge.outputs.map((output) => ({ ...output, beforeReply: options.beforeReply === true }))
    const begins = to.outgoing === 'setup' && one.node.outgoing !== 'setup'
    let run: RunRecord | undefined = one.run
    if (begins) {
      const remembered = run !== undefined && this.runLines.has(run.line)
      const before = remembered ? { ...(run as RunRecord), status: one.node.outgoing } : run?.before
      const { postcopy, colo } = to.context
      run = { line: options.line ?? 0, mark: 'open', ranBefore: true, postcopy, colo, status: '', before }
    } else if (run !== undefined) {
      const mark = markOf(run.mark, event, to)
      if (mark !== run.mark) run = { ...run, mark, ranBefore: to.context.before === 'running' }
    }
    let flags = begins ? one.flags & ~(flag.continues | flag.resumes) : one.flags
    if (event.type.startsWith('incoming.') && one.node.guest === 'inmigrate' && to.guest === 'running')
      flags |= flag.started
    if (to.incoming === 'postcopy-active') flags |= flag.listened
    return this.settle({
      node: to,
      previous: one.previous ?? one.node,
      pending: [...one.pending, ...due],
      flags,
      run,
      quirks: one.quirks | edge.quirk,
      trail: { event, from: one.node, edge, line: this.line, length: trailLength(one) + 1, before: one.trail },
    })
  }

  /** Drops outputs that nobody sees, and the memory of the node before when nothing is due. */
  private settle(one: Configuration): Configuration {
    let { pending } = one
    while (pending.length > 0 && !this.isVisible(one, pending[0] as Pending)) pending = pending.slice(1)
    if (pending === one.pending && (pending.length > 0 || one.previous === undefined)) return one
    return { ...one, pending, previous: pending.length === 0 ? undefined : one.previous }
  }

  private isVisible(one: Configuration, output: Pending): boolean {
    return output.unconditional || (one.flags & flag.events) !== 0
  }

  /** Steps that some chart takes. */
  take(one: Configuration, event: ChartEvent, options: StepOptions = {}): Configuration[] {
    if (!one.node.events.has(event.type)) return []
    const next: Configuration[] = []
    for (const edge of this.edges(one.node, event)) if (edge.taken) next.push(this.along(one, edge, event, options))
    return next
  }

  /** The same, and for every chart that takes none: nothing happens. */
  private takeOrStay(one: Configuration, event: ChartEvent, options: StepOptions = {}): Configuration[] {
    if (!one.node.events.has(event.type)) return [one]
    const next: Configuration[] = []
    for (const edge of this.edges(one.node, event))
      next.push(edge.taken ? this.along(one, edge, event, options) : { ...one, quirks: one.quirks | edge.quirk })
    return next
  }

  /** What can happen without any line. */
  silentSteps(one: Configuration, command: CommandObservation | undefined): Configuration[] {
    if (one.pending.length > 0) return []
    const next: Configuration[] = []
    for (const type of one.node.events) {
      if (!type.startsWith('outgoing.') && !type.startsWith('incoming.')) continue
      for (const event of this.factsOf(one, type)) next.push(...this.take(one, event))
    }
    const cancels = command?.name === 'migrate_cancel' && (one.flags & flag.done) === 0
    if ((one.flags & flag.continues) !== 0)
      next.push(...this.take(clear(one, flag.continues), { type: 'migrate-continue' }))
    // A cancel posts the pause semaphore before it changes the status.
    else if (cancels) next.push(...this.take(one, { type: 'migrate-continue' }))
    if ((one.flags & flag.resumes) !== 0) next.push(...this.take(clear(one, flag.resumes), { type: 'migrate-resume' }))
    if ((one.flags & flag.resets) !== 0)
      next.push(...this.takeOrStay(clear(one, flag.resets), { type: 'system_reset' }))
    return next
  }

  private factsOf(one: Configuration, type: string): readonly ChartEvent[] {
    switch (type) {
      // A step inside a step, and what only an error reply tells.
      case 'outgoing.proceed':
      case 'incoming.proceed':
      case 'outgoing.refused':
      case 'incoming.listen-failed':
        return []
      case 'outgoing.connected':
        return [{ type, returnPath: (one.flags & flag.returnPath) !== 0 || one.node.context.postcopy }]
      case 'incoming.ended':
        return [
          { type, running: true },
          ...stoppedRunStates.map((stopped) => ({ type, running: false, stopped }) as const),
        ]
      case 'incoming.colo':
      case 'incoming.vmstate-loaded':
        return [
          { type, running: true },
          { type, running: false, stopped: 'paused' },
        ]
      case 'incoming.start':
        return [
          { type, running: true },
          { type, running: false },
        ]
      default:
        return [{ type } as ChartEvent]
    }
  }

  /** An event line: the configurations for which it was due. */
  see(one: Configuration, event: string): Configuration | undefined {
    const [head, ...rest] = one.pending
    return head?.event === event ? this.settle({ ...one, pending: rest }) : undefined
  }

  /** A reply line: whether everything that precedes it has happened. */
  replied(one: Configuration): Configuration | undefined {
    if ((one.flags & flag.done) === 0 || one.pending.some((output) => output.beforeReply)) return undefined
    return clear(one, flag.done)
  }

  /** The command takes effect. Without a recorded reply any is possible. */
  effects(one: Configuration, command: CommandObservation): Configuration[] {
    const { reply } = command
    if (reply === undefined)
      return [...this.succeeds(one, command, undefined), ...this.refused(one, command, undefined)]
    return reply.ok ? this.succeeds(one, command, reply) : this.refused(one, command, reply)
  }

  /** A command's success. */
  succeeds(one: Configuration, command: CommandObservation, reply: Reply | undefined): Configuration[] {
    const options = { beforeReply: true, line: command.line }
    const info = command.arguments
    switch (command.name) {
      case 'migrate':
        if (info['resume'] === true)
          return visibleNodes(one).some((node) => node.outgoing === 'postcopy-paused') ? [set(one, flag.resumes)] : []
        return this.take(one, { type: 'migrate' }, options)
      case 'migrate-incoming':
      case 'migrate-recover':
        return this.take(one, { type: command.name }, options)
      case 'migrate_cancel':
        return this.cancels(one, options)
      case 'migrate-continue':
        if (!visibleNodes(one).some((node) => node.outgoing === info['state'])) return []
        return [info['state'] === 'pre-switchover' ? set(one, flag.continues) : one]
      case 'migrate-start-postcopy':
        return this.take(one, { type: 'migrate-start-postcopy' }, options)
      case 'migrate-set-capabilities':
        return this.setsCapabilities(one, info)
      case 'x-colo-lost-heartbeat':
        return this.take(one, { type: 'x-colo-lost-heartbeat' }, options)
      case 'stop':
        return this.takeOrStay(one, { type: 'stop' }, options)
      case 'cont': {
        const next = this.takeOrStay(one, { type: 'cont' }, options)
        const mayStay = visibleNodes(one).some((node) => node.guest !== 'finish-migrate')
        return mayStay ? next : next.filter((other) => other.node !== one.node)
      }
      case 'system_reset':
        return [set(one, flag.resets)]
      case 'xen-save-devices-state':
        return this.savesDevices(one, info)
      case 'query-migrate':
        return reply?.ok === true ? this.shows(one, recordOf(reply.value), command.timeSeconds) : [one]
      case 'query-migrate-capabilities':
        return reply?.ok !== true || this.showsCapabilities(one, reply.value) ? [one] : []
      case 'query-status':
        return reply?.ok !== true || this.showsRunState(one, recordOf(reply.value)['status']) ? [one] : []
      default:
        return [one]
    }
  }

  /** A command's refusal. */
  refused(one: Configuration, command: CommandObservation, reply: Reply | undefined): Configuration[] {
    const text = reply?.ok === false ? reply.desc : ''
    const { name } = command
    const options = { beforeReply: true, line: command.line }
    const next: Configuration[] = []
    const fits = visibleNodes(one).some((node) => refusalFits(this.automaton.profile, name, text, node))
    if (fits) next.push(one)
    if (name === 'migrate' && !refusesBeforeStart(text)) {
      for (const begun of this.take(one, { type: 'migrate' }, options)) {
        next.push(...this.take(begun, { type: 'outgoing.refused' }, options))
        const stays = text === duplicateYank ? this.staysInSetup(begun) : undefined
        if (stays !== undefined) next.push(stays)
      }
    }
    if (fits && (name === 'migrate-incoming' || name === 'migrate-recover'))
      for (const begun of this.take(one, { type: name }, options)) {
        next.push(...this.takeOrStay(begun, { type: 'incoming.listen-failed' }, options))
      }
    if (name === 'xen-save-devices-state' && text.startsWith('Unable to open'))
      return this.savesDevices(one, command.arguments)
    if (name === 'migrate-set-capabilities' && text !== "There's a migration process in progress") {
      const applies = this.using(one, 'q1')
      if (applies !== undefined) next.push(...this.setsCapabilities(applies, command.arguments))
    }
    return next
  }

  /** A `migrate` that is answered with an error and leaves the status in setup. */
  private staysInSetup(begun: Configuration): Configuration | undefined {
    return (begun.quirks & this.automaton.maskOf(['h22'])) !== 0 ? begun : this.using(begun, 'h8')
  }

  private cancels(one: Configuration, options: StepOptions): Configuration[] {
    const cancel = { type: 'migrate_cancel' } as const
    const next: Configuration[] = []
    for (const edge of this.edges(one.node, cancel))
      if (edge.taken) next.push(this.along(one, edge, cancel, options))
      else if (cancelComesTooLate(one.node)) next.push({ ...one, quirks: one.quirks | edge.quirk })
    // The cancel may win against a status that is due but was not published: its compare-and-swap is then lost.
    const kept = one.pending.filter((output) => !output.event.startsWith('MIGRATION '))
    if (one.previous === undefined || kept.length === one.pending.length) return next
    for (const edge of this.edges(one.previous, cancel))
      if (edge.taken) {
        const overtaking = { ...one, pending: kept, quirks: one.quirks | edge.quirk }
        next.push(...this.take(overtaking, cancel, options))
      }
    return next
  }

  private setsCapabilities(one: Configuration, info: Readonly<Record<string, unknown>>): Configuration[] {
    const list = info['capabilities']
    if (!Array.isArray(list)) return [one]
    const wanted = new Map<unknown, boolean>()
    for (const item of list.map(recordOf)) wanted.set(item['capability'], item['state'] === true)
    const { context } = one.node
    const stepped = this.take(one, {
      type: 'migrate-set-capabilities',
      pause: wanted.get('pause-before-switchover') ?? context.pause,
      postcopy: wanted.get('postcopy-ram') ?? context.postcopy,
      colo: wanted.get('x-colo') ?? context.colo,
    })
    return stepped.map((next) => {
      let { flags } = next
      const events = wanted.get('events')
      const returnPath = wanted.get('return-path')
      if (events !== undefined) flags = events ? flags | flag.events : flags & ~flag.events
      if (returnPath !== undefined) flags = returnPath ? flags | flag.returnPath : flags & ~flag.returnPath
      return this.settle({ ...next, flags })
    })
  }

  /** xen-save-devices-state stops a running guest and starts it again, whatever else happens. */
  private savesDevices(one: Configuration, info: Readonly<Record<string, unknown>>): Configuration[] {
    if (one.node.guest !== 'running')
      return this.takeOrStay(one, { type: 'devices.saved', live: info['live'] !== false })
    const due = ['STOP', 'RESUME'].map((event) => ({ event, unconditional: true, beforeReply: true }))
    return [{ ...one, previous: one.previous ?? one.node, pending: [...one.pending, ...due] }]
  }

  /** The statuses that a query-migrate can tell; `none` where it tells no status. */
  statusesShown(one: Configuration): ReadonlySet<string> {
    const shown = new Set<string>()
    for (const node of visibleNodes(one))
      shown.add(node.outgoing !== 'none' || this.automaton.profile === '2.11' ? node.outgoing : node.incoming)
    return shown
  }

  private shows(one: Configuration, info: Readonly<Record<string, unknown>>, timeSeconds: number): Configuration[] {
    const status = info['status'] ?? 'none'
    if (typeof status !== 'string' || !this.statusesShown(one).has(status)) return []
    let next: Configuration | undefined = one
    const isOutgoing = visibleNodes(one).some((node) => node.outgoing === status)
    if (isOutgoing && hasUnsetTotals(info, timeSeconds)) next = this.using(next, 'q13')
    if (next !== undefined && isOutgoing && status === 'failed' && info['error-desc'] === undefined)
      next = this.using(next, 'q6')
    return next === undefined ? [] : [next]
  }

  private showsCapabilities(one: Configuration, list: unknown): boolean {
    const known = new Map<unknown, boolean>([
      ['events', (one.flags & flag.events) !== 0],
      ['return-path', (one.flags & flag.returnPath) !== 0],
      ['pause-before-switchover', one.node.context.pause],
      ['postcopy-ram', one.node.context.postcopy],
      ['x-colo', one.node.context.colo],
    ])
    return (
      !Array.isArray(list) ||
      list.map(recordOf).every((item) => (known.get(item['capability']) ?? item['state']) === item['state'])
    )
  }

  private showsRunState(one: Configuration, status: unknown): boolean {
    return (
      typeof status !== 'string' ||
      !knownRunStates.has(status) ||
      visibleNodes(one).some((node) => node.guest === status)
    )
  }
}

/** Where a cancel is answered with success and changes nothing: no run is going on, or it is past its commit. */
const cancelComesTooLate = (node: AutomatonNode): boolean =>
  node.outgoing !== 'colo' && !node.outgoing.startsWith('postcopy-')

/** How a stopped guest can arrive. */
const stoppedRunStates = ['paused', 'prelaunch', 'postmigrate', 'suspended', 'io-error'] as const

/** Run states that the guest chart has; others (save-vm, watchdog, debug and so on) are not judged. */
const knownRunStates: ReadonlySet<string> = new Set([
  'prelaunch',
  'running',
  'paused',
  'suspended',
  'io-error',
  'shutdown',
  'finish-migrate',
  'postmigrate',
  'colo',
  'inmigrate',
])

/** What 7.2 says when the process takes part in another migration that it has not counted. */
const duplicateYank = 'duplicate yank instance'

const set = (one: Configuration, bit: number): Configuration => ({ ...one, flags: one.flags | bit })
const clear = (one: Configuration, bit: number): Configuration => ({ ...one, flags: one.flags & ~bit })
