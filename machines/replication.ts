/**
 * Block replication of one node (replication.c, block/replication.c): what xen-set-replication starts and stops. It is no
 * part of the process chart: no step of a migration depends on it, and a process has as many as it has such nodes.
 */
import { setup } from 'xstate'

/** What a replicating node can be told. */
export type ReplicationEvent =
  | { readonly type: 'replication.start' }
  | { readonly type: 'replication.stop' }
  /** Stop and take over; only a secondary has something to commit. */
  | { readonly type: 'replication.failover'; readonly secondary: boolean }
  | { readonly type: 'replication.io-error' }
  | { readonly type: 'replication.committed' }
  | { readonly type: 'replication.commit-failed' }

/** The stages of a node. It is used once: nothing leads back to `none`. */
export const replicationMachine = setup({
  types: { events: {} as ReplicationEvent },
  guards: { secondary: ({ event }) => event.type === 'replication.failover' && event.secondary },
}).createMachine({
  id: 'replication',
  description: 'Block replication of one node.',
  initial: 'none',
  states: {
    none: {
      description: 'Never started.',
      meta: { source: 'BLOCK_REPLICATION_NONE' },
      on: { 'replication.start': 'running' },
    },
    running: {
      description: 'Writes are replicated; a checkpoint makes them final.',
      meta: { source: 'BLOCK_REPLICATION_RUNNING' },
      initial: 'healthy',
      states: {
        healthy: { description: 'No error was seen.', on: { 'replication.io-error': 'broken' } },
        broken: { description: 'A write failed; query-xen-replication-status tells.' },
      },
      on: {
        'replication.stop': 'done',
        'replication.failover': [{ target: 'failover', guard: 'secondary' }, { target: 'done' }],
      },
    },
    failover: {
      description: 'A secondary commits what it has buffered into its own disk.',
      meta: { source: 'BLOCK_REPLICATION_FAILOVER' },
      on: { 'replication.committed': 'done', 'replication.commit-failed': 'failover-failed' },
    },
    'failover-failed': {
      description: 'The commit failed.',
      meta: { source: 'BLOCK_REPLICATION_FAILOVER_FAILED' },
    },
    done: { description: 'Stopped.', meta: { source: 'BLOCK_REPLICATION_DONE' } },
  },
})
