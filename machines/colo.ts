/**
 * COLOMode, and below it the checkpoint transaction of that role: coarse-grained lock-stepping, in which a secondary is
 * made equal to the primary again and again and can take over at any moment. Every COLOMessage has its place:
 *
 *   primary                                        secondary
 *   entering      <------- checkpoint-ready ------ waiting
 *   requesting    -------- checkpoint-request ---> stopping
 *                 <------- checkpoint-reply ------ replied
 *   saving        -------- vmstate-send ---------> receiving
 *   sending       -------- vmstate-size, state --> staging
 *   sent          <------- vmstate-received ------ loading
 *   received      <------- vmstate-loaded -------- waiting
 *
 * What the primary's guest sends leaves when the secondary's has sent the same, or behind vmstate-loaded. A checkpoint is
 * taken as a whole or not at all (I27): nothing of it is in use before all of it is here. When the channel is lost neither
 * side can know whether the other will take over, so neither serves, both say so, and an operator decides (I28, I29).
 */
import { variantOf, type ChartOptions } from './profile.ts'
import type { ColoMessage } from './status.ts'
import { chart, initialContext, remember, synchronise } from './vocabulary.ts'

const source = (member: string, where: string) => ({ source: `${member}; ${where}` })

const sends = (message: Exclude<ColoMessage, 'vmstate-size'>) => ({ type: 'sendMessage', params: { message } }) as const

const closes = (role: 'primary' | 'secondary') => ({ type: 'closeColo', params: { role } }) as const

const exits = (mode: 'primary' | 'secondary', reason: 'request' | 'error') =>
  ({ type: 'emitColoExit', params: { mode, reason } }) as const

/** A failover that ends a whole pair is told where there is an event for it; a pair that has come apart was told before. */
const exitsWhole = (mode: 'primary' | 'secondary', options: ChartOptions) =>
  variantOf(options).recent
    ? {
        'colo.exit': {
          target: '#colo-unknown',
          actions: [exits(mode, 'request'), closes(mode), 'openOutput' as const],
        },
      }
    : {}

/**
 * A pair that has come apart. The guest stands still (quirk h19: it runs on), then it is told (quirk q11: never): who hears
 * of it can rely on it that this side does not serve.
 */
const comesApart = (mode: 'primary' | 'secondary', options: ChartOptions) => {
  const variant = variantOf(options)
  return {
    entry: [
      closes(mode),
      ...(variant.has('h19') ? [] : [synchronise.coloStop]),
      ...(variant.has('q11') ? [] : [synchronise.coloProceeds]),
    ],
    ...(variant.has('q11') ? {} : { on: { 'colo.proceed': { actions: exits(mode, 'error') } } }),
  }
}

const primary = (options: ChartOptions) => {
  const variant = variantOf(options)
  const breaks = '#colo-primary-broken' as const
  const wish = { actions: remember.checkpointDue(true) }
  return chart.createStateConfig({
    id: 'colo-primary',
    description: 'The side that serves clients and sends checkpoints.',
    meta: source('COLOMode.primary', 'colo_process_checkpoint'),
    initial: 'lockstep',
    on: {
      'colo.exit': { target: '#colo-unknown', actions: [closes('primary'), 'openOutput'] },
      ...(variant.has('h8') ? { 'colo.forget': '.forgotten' as const } : {}),
    },
    states: {
      ...(variant.has('h8')
        ? {
            forgotten: {
              description:
                'The run was replaced by another; lock-step ends behind the checkpoint that is due or going on.',
              on: {
                'outgoing.checkpoint-due': { target: '#colo-unknown', actions: exits('primary', 'error') },
                'outgoing.vmstate-loaded': { target: '#colo-unknown', actions: exits('primary', 'error') },
              },
            },
          }
        : {}),
      lockstep: {
        description: 'The pair is whole. A message out of its order breaks it.',
        initial: 'entering',
        on: {
          ...exitsWhole('primary', options),
          'outgoing.checkpoint-due': wish,
          ...(variant.recent ? { 'outgoing.output-differs': wish } : {}),
          'outgoing.colo-ready': breaks,
          'outgoing.checkpoint-reply': breaks,
          'outgoing.vmstate-received': breaks,
          'outgoing.vmstate-loaded': breaks,
          'outgoing.failed': breaks,
          'replication.lost': breaks,
          // The secondary has to learn that the guest has shut down, and its last words have to leave.
          'guest.shutdown': wish,
        },
        states: {
          entering: {
            description: 'The first full pass is sent; the guest stands still until the secondary is ready.',
            meta: source('COLOMessage.checkpoint-ready', 'since 2.8'),
            entry: ['enterColo', 'holdOutput', 'armCheckpoint'],
            on: {
              'outgoing.colo-ready': [
                { target: 'mirroring', guard: 'disksStart' },
                { target: 'running', actions: synchronise.coloResume },
              ],
            },
          },
          mirroring: {
            description: 'The secondary is ready; the disks are not yet, and no write may be missed.',
            on: { 'replication.settled': { target: 'running', actions: synchronise.coloResume } },
          },
          running: {
            description:
              'Between two checkpoints: the guest runs, its output leaves as far as the secondary’s is the same.',
            meta: source('COLOMessage.vmstate-loaded', 'since 2.8'),
            entry: synchronise.coloProceeds,
            on: {
              // A checkpoint was asked for while the last one was going on.
              'colo.proceed': { target: 'requesting', guard: 'checkpointDue' },
              'outgoing.checkpoint-due': 'requesting',
              ...(variant.recent ? { 'outgoing.output-differs': 'requesting' as const } : {}),
              'guest.shutdown': 'requesting',
            },
          },
          requesting: {
            description: 'A checkpoint is asked for. The guest runs on until the secondary has answered.',
            meta: source('COLOMessage.checkpoint-request', 'since 2.8'),
            entry: [remember.checkpointDue(false), sends('checkpoint-request'), 'armCheckpoint'],
            on: { 'outgoing.checkpoint-reply': 'stopping' },
          },
          stopping: {
            description: 'The secondary is ready: the guest is stopped.',
            meta: source('COLOMessage.checkpoint-reply', 'since 2.8'),
            entry: synchronise.coloStop,
            on: { 'vm.colo-stop': 'saving' },
          },
          saving: {
            description:
              'What was written since the last checkpoint is sent (2.11: put together), and the devices are read.',
            meta: source('COLOMessage.vmstate-send', 'since 2.8'),
            entry: [sends('vmstate-send'), 'saveCheckpoint'],
            on: { 'outgoing.vmstate-saved': 'sending' },
          },
          sending: {
            description: 'The size of the state and the state are sent.',
            meta: source('COLOMessage.vmstate-size', 'since 2.8'),
            entry: 'sendVmstate',
            // Who hears the answer first knows that all of it was sent.
            on: { 'outgoing.vmstate-sent': 'sent', 'outgoing.vmstate-received': 'received' },
          },
          sent: {
            description: 'Waiting until the secondary has all of it.',
            on: { 'outgoing.vmstate-received': 'received' },
          },
          received: {
            description:
              'The secondary has all of it and puts it in use. Until it has, nothing of it may be told to a client.',
            meta: source('COLOMessage.vmstate-received', 'since 2.8'),
            on: {
              'outgoing.vmstate-loaded': { target: 'running', actions: ['releaseOutput', synchronise.coloResume] },
            },
          },
        },
      },
      broken: {
        id: 'colo-primary-broken',
        description:
          'The secondary is lost, or the channel to it: whether it will take over is not known here. Nothing is told to a client; a failover goes on alone.',
        meta: source('COLOExitReason.error', 'colo_process_checkpoint; since 3.1'),
        ...comesApart('primary', options),
      },
    },
  })
}

const secondary = (options: ChartOptions) => {
  const variant = variantOf(options)
  const breaks = '#colo-secondary-broken' as const
  const torn = {
    target: '#colo-unknown',
    actions: [synchronise.loadOver, closes('secondary'), ...(variant.has('q11') ? [] : [exits('secondary', 'error')])],
  }
  /** Where a checkpoint leads that is in use: to the failover that was asked for meanwhile, or on. */
  const inUse = [
    {
      target: '#colo-withheld',
      guard: 'failoverWaits' as const,
      actions: [remember.sourceState, synchronise.loadOver],
    },
    { target: breaks, guard: 'pairLost' as const, actions: remember.sourceState },
    { target: '#colo-resuming', actions: remember.sourceState },
  ] as const
  return chart.createStateConfig({
    id: 'colo-secondary',
    description: 'The side that follows and can take over.',
    meta: source('COLOMode.secondary', 'colo_process_incoming_thread'),
    initial: 'lockstep',
    on: {
      'colo.exit': { target: '#colo-unknown', actions: [closes('secondary'), 'openOutput'] },
      'replication.lost': torn,
    },
    states: {
      lockstep: {
        description: 'The pair is whole. A message out of its order breaks it.',
        initial: 'starting',
        on: {
          ...exitsWhole('secondary', options),
          'incoming.checkpoint-request': breaks,
          'incoming.vmstate-send': breaks,
          'incoming.vmstate-size': breaks,
          'incoming.failed': breaks,
          'incoming.lost': breaks,
        },
        states: {
          starting: {
            description: 'The first full pass is here.',
            entry: [
              'enterColo',
              'holdOutput',
              ...(variant.recent ? [synchronise.mirror] : []),
              synchronise.coloProceeds,
            ],
            on: { 'colo.proceed': [{ target: 'mirroring', guard: 'disksStart' }, { target: 'launching' }] },
          },
          mirroring: {
            description: 'The disks are being set up.',
            on: { 'replication.settled': 'launching' },
          },
          launching: {
            description: 'The guest is started, then the primary is told (2.11: it stands still until a failover).',
            entry: [...(variant.recent ? [synchronise.coloResume] : []), synchronise.coloProceeds],
            on: { 'colo.proceed': { target: 'waiting', actions: sends('checkpoint-ready') } },
          },
          waiting: {
            description:
              'Between two checkpoints. What the guest sends is compared with the primary’s, and never leaves.',
            meta: source('COLOMessage.checkpoint-ready', 'since 2.8'),
            on: { 'incoming.checkpoint-request': 'stopping' },
          },
          stopping: {
            description: 'A checkpoint is coming: the guest is stopped.',
            meta: source('COLOMessage.checkpoint-request', 'since 2.8'),
            entry: synchronise.coloStop,
            on: { 'vm.colo-stop': { target: 'replied', actions: sends('checkpoint-reply') } },
          },
          replied: {
            description: 'Waiting for the state.',
            meta: source('COLOMessage.checkpoint-reply', 'since 2.8'),
            on: { 'incoming.vmstate-send': 'receiving' },
          },
          receiving: {
            description: 'Pages are put aside as they come (2.11: they come with the state).',
            meta: source('COLOMessage.vmstate-send', 'since 2.8'),
            entry: 'stageCheckpoint',
            on: { 'incoming.vmstate-size': 'staging' },
          },
          staging: {
            description: 'The rest of the state is put aside.',
            meta: source('COLOMessage.vmstate-size', 'since 2.8'),
            on: { 'incoming.vmstate-staged': { target: 'loading', actions: sends('vmstate-received') } },
          },
          loading: {
            description: 'All of it is here and is put in use: that cannot be interrupted, a failover waits for it.',
            meta: source('COLOMessage.vmstate-received', 'since 2.8; vmstate_loading'),
            initial: 'applying',
            on: {
              // Nothing of it is in use: the guest is what it was when it was stopped for the checkpoint.
              'incoming.failed': variant.has('q10') ? '.stuck' : { target: breaks, actions: synchronise.loadOver },
              'incoming.lost': { actions: remember.pairLost(true) },
            },
            states: {
              applying: {
                description: 'Pages and devices are put in use together.',
                entry: 'loadCheckpoint',
                on: {
                  'incoming.torn': torn,
                  'incoming.vmstate-loaded': [
                    { target: 'disks', guard: 'replicates', actions: remember.sourceState },
                    ...inUse,
                  ],
                },
              },
              disks: {
                description: 'What the guest has written by itself since the last checkpoint is dropped.',
                entry: synchronise.checkpointDisks,
                on: { 'replication.settled': inUse },
              },
              ...(variant.has('q10')
                ? { stuck: { description: 'The load failed and is for ever going on, for a failover that asks.' } }
                : {}),
            },
          },
          withheld: {
            id: 'colo-withheld',
            description: 'The checkpoint is in use and the primary is not told: a failover was asked for meanwhile.',
          },
          resuming: {
            id: 'colo-resuming',
            description: 'The guest is started from the checkpoint, then the primary is told.',
            meta: source('COLOMessage.vmstate-loaded', 'since 2.8'),
            entry: [...(variant.recent ? [synchronise.coloResume] : []), synchronise.coloProceeds],
            on: { 'colo.proceed': { target: 'waiting', actions: sends('vmstate-loaded') } },
          },
        },
      },
      broken: {
        id: 'colo-secondary-broken',
        description:
          'The primary is lost, or the channel to it: whether it still serves is not known here. A failover takes over from the last checkpoint that is in use.',
        meta: source('COLOExitReason.error', 'colo_process_incoming_thread; since 3.1'),
        ...comesApart('secondary', options),
      },
    },
  })
}

/** The chart's states; `process` places them beside the other charts. */
export const coloRegion = (options: ChartOptions = {}) =>
  chart.createStateConfig({
    description: 'The role in COLO, and the checkpoint that is going on.',
    initial: 'unknown',
    states: {
      unknown: {
        id: 'colo-unknown',
        description: 'Not in COLO. 7.2 calls it `none`.',
        meta: source('COLOMode.unknown', 'since 2.8'),
        entry: [remember.checkpointDue(false), remember.pairLost(false)],
        on: { 'colo.begin-primary': 'primary', 'colo.begin-secondary': 'secondary' },
      },
      primary: primary(options),
      secondary: secondary(options),
    },
  })

/** The chart of COLO on its own. */
export const coloMachine = (options: ChartOptions = {}) =>
  chart.createMachine({ id: 'colo', context: initialContext, ...coloRegion(options) })
