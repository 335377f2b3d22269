/**
 * The commands of block replication, which QEMU has only where it was built in. A process has a list of nodes, each with a
 * role and a chart of its own; a command goes to all of them or, if one cannot take it, to none. Source: reference of the
 * semantics, 4.15.
 */
import { transition, type StateValue } from 'xstate'
import { replicationMachine, type ReplicationEvent } from '../../../machines/index.ts'
import type { CoreState, ReplicationRole } from '../core-state.ts'
import type { Step } from '../decide.ts'
import type { ReplicationNews } from '../fact.ts'
import type { Intent } from '../intent.ts'
import type { CoreOutput } from '../output.ts'
import * as wording from '../wording.ts'
import { refused, replied, type Command, type CommandTable } from './call.ts'

interface Node {
  readonly role: ReplicationRole
  readonly stage: StateValue
}
type Operation = Extract<Intent, { type: 'replicate' }>['operation']

const snapshotOf = (node: Node) => replicationMachine.resolveState({ value: node.stage })
const takes = (node: Node, event: ReplicationEvent): boolean => snapshotOf(node).can(event)
const after = (node: Node, event: ReplicationEvent): Node => ({
  ...node,
  stage: transition(replicationMachine, snapshotOf(node), event)[0].value,
})

const nodesOf = (state: CoreState): readonly Node[] => state.replication ?? []

/** Every node takes the event that is its own; the runtime is told node by node. */
const all = (state: CoreState, operation: Operation, eventOf?: (node: Node) => ReplicationEvent): Step => {
  const nodes = nodesOf(state)
  const intents = nodes.map((_, node): CoreOutput => ({
    type: 'intent',
    intent: { type: 'replicate', node, operation },
  }))
  const replication = eventOf === undefined ? nodes : nodes.map((node) => after(node, eventOf(node)))
  return [{ ...state, replication }, [...intents, { type: 'reply', value: {} }]]
}

const setReplication: Command = (state, given) => {
  const enable = given['enable'] === true
  if (enable && given['failover'] !== undefined) return refused(state, wording.failoverOnlyStops)
  const role = given['primary'] === true ? 'primary' : 'secondary'
  return enable ? startAll(state, role) : stopAll(state, given['failover'] === true)
}

const modeNumber = (role: ReplicationRole): number => (role === 'primary' ? 0 : 1)

const startAll = (state: CoreState, role: ReplicationRole): Step => {
  const event = { type: 'replication.start' } as const
  for (const node of nodesOf(state)) {
    if (!takes(node, event)) return refused(state, wording.replicationStarted)
    if (node.role !== role) return refused(state, wording.replicationMode(modeNumber(node.role), modeNumber(role)))
  }
  return all(state, 'start', () => event)
}

/** A failover goes through whatever a node says; a stop does not. */
const stopAll = (state: CoreState, failover: boolean): Step => {
  const eventOf = ({ role }: Node): ReplicationEvent =>
    failover ? { type: 'replication.failover', secondary: role === 'secondary' } : { type: 'replication.stop' }
  const isRefused = nodesOf(state).some((node) => !takes(node, eventOf(node)))
  if (isRefused && !failover) return refused(state, wording.replicationNotRunning)
  return all(state, failover ? 'failover' : 'stop', eventOf)
}

const troubleOf = ({ stage }: Node): string | undefined => {
  if (typeof stage === 'string') return wording.replicationNotRunning
  return stage['running'] === 'broken' ? wording.replicationBroken : undefined
}

const queryReplication: Command = (state) => {
  const desc = nodesOf(state)
    .map(troubleOf)
    .find((trouble) => trouble !== undefined)
  return replied(state, desc === undefined ? { error: false } : { error: true, desc })
}

/** What happened to a node; undefined where its chart does not take it. */
export const takeReplicationFact = (
  state: CoreState,
  { type, node: index }: ReplicationNews,
): CoreState | undefined => {
  const node = nodesOf(state)[index]
  if (node === undefined || !takes(node, { type })) return undefined
  return { ...state, replication: nodesOf(state).with(index, after(node, { type })) }
}

/** See the head of this file. */
export const replicationCommands: CommandTable = {
  'xen-set-replication': setReplication,
  'query-xen-replication-status': queryReplication,
  'xen-colo-do-checkpoint': (state) => all(state, 'checkpoint'),
}
