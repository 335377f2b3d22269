/**
 * The charts against the schema and against the list of edges: what a chart has, the schema names, and the other way
 * round; and every edge between statuses is one of the list below, none is missing.
 */
import t from 'tap'
import { statusEdges } from '../src/explore/status-edges.ts'
import { COLOMessage, COLOMode, FailoverStatus, MigrationStatus, RunState, statuses } from '../src/qapi/index.ts'
import {
  coloMachine,
  coloMessages,
  coloModes,
  failoverMachine,
  failoverStatuses,
  guestMachine,
  imagesMachine,
  incomingMachine,
  outgoingMachine,
  replicationMachine,
  statusesOf,
  type Profile,
} from './index.ts'

/** Edges S2 to S19 of QEMU 2.11 that the safe chart has. */
const outgoing211 = [
  'active -> cancelling',
  'active -> colo',
  'active -> completed',
  'active -> failed',
  'active -> postcopy-active',
  'active -> pre-switchover',
  'cancelled -> setup',
  'cancelling -> cancelled',
  'colo -> completed',
  'completed -> setup',
  'device -> cancelling',
  // Not QEMU's: behind a pause both of its versions get lost on the way to COLO (quirks h15, h20).
  'device -> colo',
  'device -> completed',
  'device -> failed',
  'failed -> setup',
  'none -> setup',
  'postcopy-active -> completed',
  'postcopy-active -> failed',
  'pre-switchover -> cancelling',
  'pre-switchover -> device',
  'pre-switchover -> failed',
  'pre-switchover -> postcopy-active',
  'setup -> active',
  'setup -> cancelling',
  'setup -> failed',
]

const outgoing72 = [
  ...outgoing211,
  'postcopy-active -> postcopy-paused',
  'postcopy-paused -> postcopy-recover',
  'postcopy-recover -> postcopy-active',
  'postcopy-recover -> postcopy-paused',
  'setup -> wait-unplug',
  'wait-unplug -> active',
  'wait-unplug -> cancelling',
  'wait-unplug -> failed',
].sort()

const incoming211 = [
  'active -> colo',
  'active -> completed',
  'active -> failed',
  'active -> postcopy-active',
  'colo -> completed',
  'colo -> failed',
  'none -> active',
  'postcopy-active -> completed',
  'postcopy-active -> failed',
]

const incoming72 = [
  ...incoming211,
  'postcopy-active -> postcopy-paused',
  'postcopy-paused -> failed',
  'postcopy-paused -> postcopy-recover',
  'postcopy-recover -> failed',
  'postcopy-recover -> postcopy-active',
  'postcopy-recover -> postcopy-paused',
].sort()

t.test('the outgoing chart has exactly the edges of its profile', async (t) => {
  t.strictSame(statusEdges(outgoingMachine()), outgoing211)
  t.strictSame(statusEdges(outgoingMachine({ profile: '7.2' })), outgoing72)
})

t.test('the incoming chart has exactly the edges of its profile', async (t) => {
  t.strictSame(statusEdges(incomingMachine({ incoming: true })), incoming211)
  t.strictSame(statusEdges(incomingMachine({ incoming: true, profile: '7.2' })), incoming72)
})

t.test('a quirk adds edges that the safe chart does not have', async (t) => {
  const edges = statusEdges(outgoingMachine({ profile: '7.2', quirks: new Set(['h5']) }))
  t.ok(edges.includes('cancelling -> failed'))
  t.notOk(outgoing72.includes('cancelling -> failed'))
})

t.test('statuses of charts and schema are the same, in both directions', async (t) => {
  for (const profile of ['2.11', '7.2'] satisfies Profile[]) {
    t.strictSame([...statusesOf(profile)].sort(), [...statuses(profile)].sort())
    t.strictSame(Object.keys(outgoingMachine({ profile }).states).sort(), [...statuses(profile)].sort())
    for (const state of Object.keys(incomingMachine({ profile }).states))
      t.ok(statusesOf(profile).includes(state as 'none'))
  }
  t.equal(statusesOf('2.11').length, MigrationStatus.literals.length)
})

t.test(
  'roles, messages and failover statuses are the schema’s; every message stands in the chart of COLO',
  async (t) => {
    t.strictSame(coloModes, COLOMode.literals)
    t.strictSame(Object.keys(coloMachine().states), COLOMode.literals)
    t.strictSame(coloMessages, COLOMessage.literals)
    t.strictSame(failoverStatuses, FailoverStatus.literals)
    t.strictSame(Object.keys(failoverMachine().states), FailoverStatus.literals)
    for (const role of ['primary', 'secondary'] as const) {
      const phases = coloMachine().states[role]?.states['lockstep']?.states ?? {}
      const sources = Object.values(phases).map(({ meta }) => meta?.source ?? '')
      for (const message of coloMessages)
        t.ok(
          sources.some((source) => source.startsWith(`COLOMessage.${message};`)),
          `${role}: ${message}`,
        )
    }
  },
)

t.test('every run state of the guest chart is one of the schema', async (t) => {
  for (const state of Object.keys(guestMachine().states)) t.ok(RunState.literals.includes(state as 'running'), state)
})

t.test('every state says what it means, and every top state where it comes from', async (t) => {
  const visit = (node: {
    readonly states: object
    readonly description?: string | undefined
    readonly path: readonly string[]
  }): void => {
    for (const child of Object.values(node.states)) {
      t.ok(child.description, `${child.path.join('.')} has a description`)
      visit(child)
    }
  }
  for (const profile of ['2.11', '7.2'] satisfies Profile[])
    for (const machine of [
      outgoingMachine({ profile }),
      incomingMachine({ profile }),
      guestMachine(),
      imagesMachine(),
      coloMachine({ profile }),
      failoverMachine({ profile, fence: true }),
      replicationMachine({ profile }),
    ]) {
      visit(machine.root)
      for (const state of Object.values(machine.states))
        t.ok(state.meta?.source, `${state.path.join('.')} has a source`)
    }
})
