/**
 * The chart of a process as an automaton that is built while it is walked: a node is a state of the chart with its
 * context, an edge is one event with the outputs that a manager can see. XState decides each edge once; all scenarios of
 * a profile share what is already known.
 *
 * An edge exists in the safe chart, or in the chart with one quirk switched on; it carries the bit of the quirk that it
 * needs. So one walk over the automaton finds the smallest set of quirks that explains a recording, and a quirk means
 * "may happen", as a defect that is a race does.
 */
import { getNextTransitions, initialTransition, type EventFromLogic, type SnapshotFrom } from 'xstate'
import {
  processMachine,
  quirks,
  type ChartContext,
  type ChartEvent,
  type FailoverStatus,
  type MigrationStatus,
  type ProcessMachine,
  type Profile,
  type QuirkId,
} from '../../machines/index.ts'
import { edgeText, edgeWatcher, type NamedAction } from '../explore/chart-edge.ts'
import type { StartOptions } from './scenario.ts'

/** A set of quirks of one profile, a bit each. */
export type QuirkMask = number

/** Most quirks that a mask has bits for. */
const quirksMax = 31

/** The quirks of a profile that a recording can show, in the table's order; the index is the bit. */
export const quirksOf = (profile: Profile): readonly QuirkId[] => {
  const all = quirks.filter((quirk) => quirk.profiles.some((known) => known === profile) && !('coreOnly' in quirk))
  if (all.length > quirksMax) throw new Error(`expected at most ${quirksMax} quirks of ${profile}, found ${all.length}`)
  return all.map((quirk) => quirk.id)
}

/** What a manager sees of a step, in order. */
export interface Output {
  /** As in `EventObservation`. */
  readonly event: string
  /** Seen without the capability `events` too. */
  readonly unconditional: boolean
}

/** A state of the chart. */
export interface AutomatonNode {
  readonly id: number
  /** MigrationStatus of the outgoing and of the incoming side, and the run state. */
  readonly outgoing: MigrationStatus
  readonly incoming: MigrationStatus
  readonly guest: string
  /** The outgoing side with the states below, as a dotted path. */
  readonly outgoingPath: string
  readonly incomingPath: string
  readonly failover: FailoverStatus
  readonly context: ChartContext
  /** Types of the events that some chart of the family takes here. */
  readonly events: ReadonlySet<string>
}

/** A step. */
export interface Edge {
  readonly to: AutomatonNode
  readonly outputs: readonly Output[]
  /** The quirk it needs; 0 for the safe chart. */
  readonly quirk: QuirkMask
  /** False: the chart does not take the event here; `to` is then the node itself. */
  readonly taken: boolean
  /** The edges of the charts that the step took, as text. */
  readonly chartEdges: readonly string[]
}

type Snapshot = SnapshotFrom<ProcessMachine>
type Event = EventFromLogic<ProcessMachine>

interface Member {
  readonly quirk: QuirkMask
  readonly machine: ProcessMachine
  readonly take: ReturnType<typeof edgeWatcher>
}

const dotted = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .map(([key, below]) => `${key}.${dotted(below)}`)
    .join(',')
}

const topOf = (path: string): MigrationStatus => path.split('.', 1)[0] as MigrationStatus

const memberOf = (quirk: QuirkMask, machine: ProcessMachine): Member => ({ quirk, machine, take: edgeWatcher(machine) })

const outputsOf = (actions: readonly NamedAction[]): Output[] => {
  const outputs: Output[] = []
  for (const action of actions)
    if (action.type === 'emitStop') outputs.push({ event: 'STOP', unconditional: true })
    else if (action.type === 'emitResume') outputs.push({ event: 'RESUME', unconditional: true })
    else if (action.type === 'emitColoExit') {
      const { mode, reason } = action.params as { readonly mode: string; readonly reason: string }
      outputs.push({ event: `COLO_EXIT ${mode} ${reason}`, unconditional: true })
    } else if (action.type === 'emitMigration') {
      const params = action.params as { readonly status: MigrationStatus; readonly unconditional?: boolean }
      outputs.push({ event: `MIGRATION ${params.status}`, unconditional: params.unconditional === true })
    }
  return outputs
}

/** The automaton of one profile. */
export class LazyAutomaton {
  readonly profile: Profile
  /** The profile's quirks; the index is the bit. */
  readonly quirks: readonly QuirkId[]
  private readonly members: readonly Member[]
  private readonly nodes: {
    readonly node: AutomatonNode
    readonly value: Snapshot['value']
    readonly snapshots: (Snapshot | null)[]
  }[] = []
  private readonly byKey = new Map<string, AutomatonNode>()
  private readonly safeEdges: Map<string, Edge>[] = []
  private readonly allEdges: Map<string, readonly Edge[]>[] = []

  constructor(profile: Profile) {
    this.profile = profile
    this.quirks = quirksOf(profile)
    const safe = processMachine({ profile })
    const shape = shapeOf(safe)
    const members: Member[] = [memberOf(0, safe)]
    for (const [index, quirk] of this.quirks.entries()) {
      const machine = processMachine({ profile, quirks: new Set([quirk]) })
      if (shapeOf(machine) !== shape) members.push(memberOf(1 << index, machine))
    }
    this.members = members
  }

  /** Transitions that were worked out so far: a measure of the work, for tests. */
  get edgeCount(): number {
    let count = 0
    for (const edges of this.safeEdges) count += edges.size
    for (const edges of this.allEdges) count += edges.size
    return count
  }

  /** The mask of a set of quirks. */
  maskOf(ids: Iterable<QuirkId>): QuirkMask {
    let mask = 0
    for (const id of ids) {
      const bit = this.quirks.indexOf(id)
      if (bit >= 0) mask |= 1 << bit
    }
    return mask
  }

  /** The quirks of a mask, in the table's order. */
  idsOf(mask: QuirkMask): readonly QuirkId[] {
    return this.quirks.filter((_, index) => (mask & (1 << index)) !== 0)
  }

  /** The chart that an edge with this quirk is a step of; undefined where no chart has such a quirk. */
  machineOf(quirk: QuirkMask): ProcessMachine | undefined {
    return this.members.find((member) => member.quirk === quirk)?.machine
  }

  /** Where the charts of a process are in a node, as XState writes it. */
  valueOf(node: AutomatonNode): Snapshot['value'] | undefined {
    return this.nodes[node.id]?.value
  }

  /** The node in which a process starts. */
  initial(start: StartOptions): AutomatonNode {
    const [snapshot] = initialTransition(
      processMachine({
        profile: this.profile,
        incoming: start.incoming,
        defer: start.defer,
        autostart: start.autostart,
      }),
    )
    return this.intern(snapshot)
  }

  /** The safe chart's step. */
  safeEdge(node: AutomatonNode, event: ChartEvent): Edge {
    const edges = this.safeEdges[node.id] as Map<string, Edge>
    const key = keyOf(event)
    let edge = edges.get(key)
    if (edge === undefined) {
      edge = this.work(this.members[0] as Member, node, event)
      edges.set(key, edge)
    }
    return edge
  }

  /** The steps of all charts of the family, each with the quirk it needs; the safe chart's first. */
  edges(node: AutomatonNode, event: ChartEvent): readonly Edge[] {
    const known = this.allEdges[node.id] as Map<string, readonly Edge[]>
    const key = keyOf(event)
    const found = known.get(key)
    if (found !== undefined) return found
    const edges: Edge[] = [this.safeEdge(node, event)]
    for (const member of this.members.slice(1)) {
      const edge = this.work(member, node, event)
      if (!edges.some((other) => sameStep(other, edge))) edges.push(edge)
    }
    known.set(key, edges)
    return edges
  }

  private work(member: Member, node: AutomatonNode, event: ChartEvent): Edge {
    const snapshot = this.snapshotOf(member, node)
    const { quirk } = member
    const refused: Edge = { to: node, outputs: [], quirk, taken: false, chartEdges: [] }
    if (snapshot === null || !snapshot.can(event as Event)) return refused
    const { next, actions, edges } = member.take(snapshot, event)
    const to = this.intern(next as Snapshot)
    return { to, outputs: outputsOf(actions), quirk, taken: true, chartEdges: edges.map(edgeText) }
  }

  private snapshotOf(member: Member, node: AutomatonNode): Snapshot | null {
    const entry = this.nodes[node.id]
    const index = this.members.indexOf(member)
    if (entry === undefined) return null
    let snapshot = entry.snapshots[index]
    if (snapshot === undefined) {
      snapshot = resolve(member.machine, entry.value, node.context)
      entry.snapshots[index] = snapshot
    }
    return snapshot
  }

  private intern(snapshot: Snapshot): AutomatonNode {
    const key = JSON.stringify([snapshot.value, snapshot.context])
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const value = snapshot.value as Readonly<Record<'guest' | 'images' | 'incoming' | 'outgoing' | 'failover', unknown>>
    const outgoingPath = dotted(value.outgoing)
    const incomingPath = dotted(value.incoming)
    const events = new Set<string>()
    for (const member of this.members) {
      const resolved = resolve(member.machine, snapshot.value, snapshot.context)
      if (resolved !== null) for (const next of getNextTransitions(resolved)) events.add(next.eventType)
    }
    const node: AutomatonNode = {
      id: this.nodes.length,
      outgoing: topOf(outgoingPath),
      incoming: topOf(incomingPath),
      guest: dotted(value.guest),
      outgoingPath,
      incomingPath,
      failover: dotted(value.failover).split('.', 1)[0] as FailoverStatus,
      context: snapshot.context,
      events,
    }
    this.nodes.push({ node, value: snapshot.value, snapshots: [] })
    this.safeEdges.push(new Map())
    this.allEdges.push(new Map())
    this.byKey.set(key, node)
    return node
  }
}

const shapeOf = (machine: ProcessMachine): string => JSON.stringify(machine.config)

const resolve = (machine: ProcessMachine, value: Snapshot['value'], context: unknown): Snapshot | null => {
  try {
    return machine.resolveState({ value, context: context as Snapshot['context'] }) as Snapshot
  } catch {
    // A state that only another quirk's chart has.
    return null
  }
}

const sameStep = (a: Edge, b: Edge): boolean =>
  a.to === b.to && a.taken === b.taken && JSON.stringify(a.outputs) === JSON.stringify(b.outputs)

const keyOf = (event: ChartEvent): string => (Object.keys(event).length === 1 ? event.type : JSON.stringify(event))

const automata = new Map<Profile, LazyAutomaton>()

/** The automaton of a profile, shared by all who ask. */
export const automatonOf = (profile: Profile): LazyAutomaton => {
  let automaton = automata.get(profile)
  if (automaton === undefined) {
    automaton = new LazyAutomaton(profile)
    automata.set(profile, automaton)
  }
  return automaton
}
