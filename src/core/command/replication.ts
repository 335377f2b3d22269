/**
 * The commands of block replication, which QEMU has only where it was built in, and what the nodes report. A process has a
 * list of nodes; an operation goes to all of them or, if one cannot take it, to none: what others have begun is taken back.
 * Source: reference of the semantics, 4.15.
 */
import { plainEvent } from '../../../machines/index.ts'
import {
  pathOf,
  type CoreState,
  type PendingReply,
  type Replication,
  type ReplicationRole,
  type ReplicationWork,
} from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import type { ReplicationNews } from '../fact.ts'
import { refuse, type CoreOutput } from '../output.ts'
import { answer, defer } from '../pending.ts'
import * as wording from '../wording.ts'
import { done, refused, replied, type Command, type CommandTable } from './call.ts'

type AskedBy = Extract<PendingReply, { command: `xen-${string}` }>['command'] & `xen-${'set' | 'colo'}${string}`

const rolesOf = (state: CoreState): readonly ReplicationRole[] => state.replication?.nodes ?? []

/** The stage of the nodes, and what they are at in it: `['secondary', 'replicating']`. */
const stageOf = (state: CoreState): readonly string[] => pathOf(state, 'replication')

/** Lets the chart take an event that sets the nodes to work, and answers when they have reported. */
const worksOn = (state: CoreState, command: AskedBy, event: Parameters<typeof decide>[1], nowMillis: number): Step => {
  const [waiting, deferred] = defer(state, { command })
  const [next, outputs] = decide(waiting, event, nowMillis)
  const { replication } = next
  if (replication?.work === undefined) return [next, [...outputs, deferred]]
  const work = { ...replication.work, ticket: deferred.ticket }
  return [{ ...next, replication: { ...replication, work } }, [...outputs, deferred]]
}

const setReplication: Command = (state, given, nowMillis) => {
  const enable = given['enable'] === true
  if (enable && given['failover'] !== undefined) return refused(state, wording.failoverOnlyStops)
  if (rolesOf(state).length === 0) return replied(state)
  const role = given['primary'] === true ? 'primary' : 'secondary'
  if (enable) return start(state, role, nowMillis)
  return given['failover'] === true ? failOver(state, nowMillis) : stop(state, nowMillis)
}

const modeNumber = (role: ReplicationRole): number => (role === 'primary' ? 0 : 1)

const start = (state: CoreState, role: ReplicationRole, nowMillis: number): Step => {
  const event = { type: 'replication.start', role } as const
  if (!accepts(state, event)) return refused(state, wording.replicationStarted)
  const other = rolesOf(state).find((each) => each !== role)
  if (other !== undefined) return refused(state, wording.replicationMode(modeNumber(other), modeNumber(role)))
  return worksOn(state, 'xen-set-replication', event, nowMillis)
}

/** A failover goes through whatever a node says; a stop does not. */
const failOver = (state: CoreState, nowMillis: number): Step => {
  const event = { type: 'replication.failover' } as const
  return accepts(state, event) ? done(state, event, nowMillis) : replied(state)
}

const busy = new Set(['starting', 'checkpointing', 'stopping'])

const stop = (state: CoreState, nowMillis: number): Step => {
  const event = { type: 'replication.stop' } as const
  if (busy.has(stageOf(state)[1] ?? '')) return refused(state, wording.replicationBusy)
  if (!accepts(state, event)) return refused(state, wording.replicationNotRunning)
  return worksOn(state, 'xen-set-replication', event, nowMillis)
}

/** A primary has nothing to do at a checkpoint, whatever its stage; a secondary without its work is told so. */
const checkpoint: Command = (state, _given, nowMillis) => {
  const event = { type: 'replication.checkpoint' } as const
  if (busy.has(stageOf(state)[1] ?? '')) return refused(state, wording.replicationBusy)
  if (accepts(state, event)) return worksOn(state, 'xen-colo-do-checkpoint', event, nowMillis)
  return rolesOf(state).includes('secondary') ? refused(state, wording.backupCancelled) : replied(state)
}

const troubleOf = (state: CoreState): string | undefined => {
  const [stage, phase] = stageOf(state)
  if (rolesOf(state).length === 0) return undefined
  if (stage !== 'primary' && stage !== 'secondary') return wording.replicationNotRunning
  return phase === 'error' ? (state.replication?.error ?? wording.replicationBroken) : undefined
}

const queryReplication: Command = (state) => {
  const desc = troubleOf(state)
  return replied(state, desc === undefined ? { error: false } : { error: true, desc })
}

type Fact = ReplicationNews & { readonly run: number }

/** What happened to a node; undefined where nobody waits for it. */
export const takeReplicationFact = (state: CoreState, fact: Fact, nowMillis: number): Step | undefined => {
  const { replication } = state
  if (replication?.nodes[fact.node] === undefined) return undefined
  if (fact.type === 'replication.io-error') return missesWrite(state, replication, nowMillis)
  const { work } = replication
  if (work === undefined || work.number !== fact.run || !work.waiting.includes(fact.node)) return undefined
  const noted = note(work, fact)
  const working = { ...state, replication: { ...replication, work: noted } }
  return noted.waiting.length > 0 ? [working, []] : settle(working, noted, nowMillis)
}

/** QEMU has one text for all causes. */
const missesWrite = (state: CoreState, replication: Replication, nowMillis: number): Step | undefined => {
  const event = plainEvent('replication.io-error')
  if (!accepts(state, event)) return undefined
  return decide({ ...state, replication: { ...replication, error: wording.replicationBroken } }, event, nowMillis)
}

const note = (work: ReplicationWork, fact: Fact): ReplicationWork => {
  const waiting = work.waiting.filter((node) => node !== fact.node)
  if (!('reason' in fact)) return { ...work, waiting, done: [...work.done, fact.node] }
  return { ...work, waiting, refused: work.refused ?? fact.reason }
}

/** The last node has reported: the chart is told, then whoever asked. */
const settle = (state: CoreState, work: ReplicationWork, nowMillis: number): Step => {
  const { operation, refused: reason, ticket } = work
  const commits = operation === 'failover' && stageOf(state)[1] === 'secondary'
  const event = plainEvent(
    commits
      ? reason === undefined
        ? 'replication.committed'
        : 'replication.commit-failed'
      : reason === undefined
        ? 'replication.done'
        : 'replication.refused',
  )
  const noted = withError(state, reason)
  const [told, outputs]: Step = accepts(noted, event) ? decide(noted, event, nowMillis) : [noted, []]
  const [undone, undoing] = reason === undefined || operation !== 'start' ? ([told, []] as const) : takeBack(told, work)
  const asked = undone.pending.find((one) => one.ticket === ticket)
  if (asked === undefined) return [undone, [...outputs, ...undoing]]
  const [answered, output] = answer(undone, asked, reason === undefined ? { type: 'reply', value: {} } : refuse(reason))
  return [answered, [...outputs, ...undoing, output]]
}

/** The work is over; the chart may have set the nodes to other work in the same step. */
const withError = (state: CoreState, reason: string | undefined): CoreState => {
  if (state.replication === undefined) return state
  const { nodes, operations } = state.replication
  return { ...state, replication: { nodes, operations, ...(reason === undefined ? {} : { error: reason }) } }
}

/** One node could not be started: those that were are stopped again. Nobody waits for that. */
const takeBack = (
  state: CoreState,
  { done: started }: ReplicationWork,
): readonly [CoreState, readonly CoreOutput[]] => {
  const { replication } = state
  if (replication === undefined || started.length === 0) return [state, []]
  const run = replication.operations + 1
  const intents = started.map((node): CoreOutput => ({
    type: 'intent',
    intent: { type: 'replicate', run, node, operation: 'stop' },
  }))
  return [{ ...state, replication: { ...replication, operations: run } }, intents]
}

/** See the head of this file. */
export const replicationCommands: CommandTable = {
  'xen-set-replication': setReplication,
  'query-xen-replication-status': queryReplication,
  'xen-colo-do-checkpoint': checkpoint,
}
