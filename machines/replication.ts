/**
 * Block replication (replication.c, block/replication.c): a primary whose writes go to the secondary as well, and a
 * secondary whose own guest writes into overlays, so that each checkpoint can drop them and a failover can keep them. A
 * process has a list of such nodes; one chart speaks for all of them, because each operation is for all or for none.
 *
 * In 7.2 COLO starts them, makes their checkpoints and ends them with the failover; in 2.11 that is the operator's part.
 */
import { variantOf, type ChartOptions } from './profile.ts'
import { chart, initialContext, synchronise } from './vocabulary.ts'

const source = (member: string) => ({ source: `${member}; block/replication.c` })

const replicates = (operation: 'start' | 'checkpoint' | 'stop' | 'failover') =>
  ({ type: 'replicate', params: { operation } }) as const

/** The life of the nodes in one role. */
const inRole = (role: 'primary' | 'secondary', options: ChartOptions) => {
  const failover = `#replication-failover-${role}`
  const fails = {
    'replication.stop': 'stopping',
    'replication.failover': failover,
  } as const
  return chart.createStateConfig({
    id: `replication-${role}`,
    description:
      role === 'primary'
        ? 'Every write of the guest goes to the secondary as well.'
        : 'The primary’s writes arrive; the guest’s own go into an overlay until the next checkpoint.',
    meta: source('BLOCK_REPLICATION_RUNNING'),
    initial: 'starting',
    ...(variantOf(options).recent ? { on: { 'colo.leave': failover } } : {}),
    states: {
      starting: {
        description: 'The nodes are being set up.',
        entry: replicates('start'),
        on: {
          'replication.done': { target: 'replicating', actions: synchronise.disksSettled },
          'replication.refused': { target: '#replication-off', actions: synchronise.disksLost },
        },
      },
      replicating: {
        description: 'All is well.',
        on: {
          'replication.checkpoint': 'checkpointing',
          'replication.io-error': { target: 'error', actions: synchronise.disksLost },
          ...fails,
        },
      },
      checkpointing: {
        description: 'What was written since the last checkpoint becomes final (primary) or is dropped (secondary).',
        entry: replicates('checkpoint'),
        on: {
          'replication.done': { target: 'replicating', actions: synchronise.disksSettled },
          'replication.refused': { target: 'error', actions: synchronise.disksLost },
          'replication.io-error': { target: 'error', actions: synchronise.disksLost },
        },
      },
      error: {
        description: 'A write is missing on the secondary: query-xen-replication-status tells.',
        on: { 'replication.checkpoint': 'checkpointing', ...fails },
      },
      stopping: {
        description: 'The nodes are being let go, without a failover.',
        entry: replicates('stop'),
        on: { 'replication.done': '#replication-done', 'replication.refused': 'error' },
      },
    },
  })
}

/** The chart's states; `process` has them where it has such disks. */
export const replicationRegion = (options: ChartOptions = {}) => {
  const variant = variantOf(options)
  return chart.createStateConfig({
    description: 'Block replication of all nodes of a process. They are used once: nothing leads back to off.',
    initial: 'off',
    states: {
      off: {
        id: 'replication-off',
        description: 'Never started.',
        meta: source('BLOCK_REPLICATION_NONE'),
        on: {
          'replication.start': [{ target: 'primary', guard: 'startsPrimary' }, { target: 'secondary' }],
          ...(variant.recent
            ? { 'colo.begin-primary': 'primary' as const, 'colo.begin-secondary': 'secondary' as const }
            : {}),
        },
      },
      primary: inRole('primary', options),
      secondary: inRole('secondary', options),
      failover: {
        description: 'This side goes on alone.',
        meta: source('BLOCK_REPLICATION_FAILOVER'),
        initial: 'primary',
        entry: replicates('failover'),
        states: {
          primary: {
            id: 'replication-failover-primary',
            description: 'The other copy is let go.',
            on: { 'replication.done': '#replication-done', 'replication.refused': '#replication-done' },
          },
          secondary: {
            id: 'replication-failover-secondary',
            description: 'What the guest has written by itself becomes part of its disk, while it goes on writing.',
            on: {
              'replication.committed': '#replication-done',
              'replication.commit-failed': '#replication-failover-failed',
            },
          },
        },
      },
      'failover-failed': {
        id: 'replication-failover-failed',
        description: 'That could not be done: the disk is still the overlay with its base.',
        meta: source('BLOCK_REPLICATION_FAILOVER_FAILED'),
      },
      done: { id: 'replication-done', description: 'Stopped.', meta: source('BLOCK_REPLICATION_DONE') },
    },
  })
}

/** The replication chart on its own. */
export const replicationMachine = (options: ChartOptions = {}) =>
  chart.createMachine({ id: 'replication', context: initialContext, ...replicationRegion(options) })
