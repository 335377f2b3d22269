/**
 * FailoverStatus: how far one side has got with keeping the guest for itself, after x-colo-lost-heartbeat. Asked for once
 * it goes through (I28): a checkpoint that is being sent or received is dropped, one that is being put in use is finished
 * first. Where a fence is at hand the command is not even accepted before it has confirmed that the other side cannot run
 * the guest; without one that is the operator's word.
 */
import { variantOf, type ChartOptions } from './profile.ts'
import { chart, initialContext, synchronise } from './vocabulary.ts'

/** How a process is made, as far as a failover is concerned. */
export interface FailoverOptions extends ChartOptions {
  /** True: something can confirm that the other side is dead or cut off. Default false. */
  readonly fence?: boolean
}

const source = (member: string, where: string) => ({ source: `FailoverStatus.${member}; ${where}` })

/** The chart's states; `process` places them beside the other charts. */
export const failoverRegion = (options: FailoverOptions = {}) => {
  const variant = variantOf(options)
  /** 2.11 cannot begin a failover while a checkpoint is being loaded: one lock covers both. */
  const waitsForLoad = !variant.recent && !variant.has('q10')
  return chart.createStateConfig({
    description: 'The failover of this side.',
    initial: 'none',
    // In the same step in which the status becomes colo: a failover cannot be asked for in between (quirk q9).
    on: { 'colo.begin-primary': '.none', 'colo.begin-secondary': '.none' },
    states: {
      none: {
        id: 'failover-none',
        description: 'No failover was asked for since COLO began, or it is about to be asked for again.',
        meta: source('none', 'since 2.8, failover_init_state'),
        initial: 'idle',
        states: {
          idle: {
            description: 'Nothing was asked.',
            on: {
              'x-colo-lost-heartbeat': [
                ...(variant.has('q9') ? [{ guard: 'coloEntering' as const, actions: 'loseFailover' as const }] : []),
                { target: options.fence ? 'fencing' : '#failover-require', guard: 'inColo' as const },
              ],
            },
          },
          ...(options.fence
            ? {
                fencing: {
                  description: 'The fence is asked. The command has no answer yet; lock-step goes on.',
                  entry: 'fence' as const,
                  on: {
                    'failover.fenced': [{ target: '#failover-require', guard: 'inColo' as const }, { target: 'idle' }],
                    'failover.not-fenced': 'idle' as const,
                  },
                },
              }
            : {}),
          again: {
            id: 'failover-again',
            description: 'Asked for again by this side itself, unless what was loaded is no state of any guest.',
            entry: synchronise.failoverProceeds,
            on: { 'failover.proceed': [{ target: '#failover-require', guard: 'inColo' }, { target: 'idle' }] },
          },
        },
      },
      require: {
        id: 'failover-require',
        description: 'Asked for and accepted. Work on a checkpoint is being interrupted.',
        meta: source('require', 'since 2.8, edge none -> require'),
        initial: 'interrupting',
        // What was being loaded is no state of any guest: there is nothing to go on with.
        on: { 'colo.load-over': { target: '#failover-none', guard: 'outOfColo' } },
        states: {
          interrupting: {
            description: 'The data plane is told to let go.',
            entry: 'interruptCheckpoint',
            on: {
              'outgoing.interrupted': '#failover-active',
              'incoming.interrupted': [
                ...(waitsForLoad ? [{ target: 'blocked', guard: 'coloLoading' as const }] : []),
                { target: '#failover-active' },
              ],
            },
          },
          ...(waitsForLoad
            ? {
                blocked: {
                  description: 'A checkpoint is being loaded; the failover begins behind it.',
                  on: { 'colo.load-over': { target: '#failover-active', guard: 'inColo' as const } },
                },
              }
            : {}),
        },
      },
      active: {
        id: 'failover-active',
        description: 'Being carried out.',
        meta: source('active', 'since 2.8, edge require -> active'),
        entry: synchronise.failoverProceeds,
        on: {
          'failover.proceed': [
            { target: 'relaunch', guard: 'coloLoading' },
            {
              target: 'completed',
              guard: 'coloPrimary',
              actions: [synchronise.coloStop, synchronise.coloLeave, synchronise.coloExit, synchronise.coloResume],
            },
            {
              target: 'completed',
              actions: [
                synchronise.coloStop,
                synchronise.claim,
                synchronise.coloLeave,
                synchronise.coloExit,
                synchronise.takeOver,
              ],
            },
          ],
        },
      },
      completed: {
        description: 'This side has the guest for itself.',
        meta: source('completed', 'since 2.8, edge active -> completed'),
      },
      relaunch: {
        description: 'A checkpoint was being put in use: the failover starts again when it is, from none.',
        meta: source('relaunch', 'since 2.9, edge active -> relaunch'),
        on: { 'colo.load-over': '#failover-again' },
      },
    },
  })
}

/** The chart of failover on its own. */
export const failoverMachine = (options: FailoverOptions = {}) =>
  chart.createMachine({ id: 'failover', context: initialContext, ...failoverRegion(options) })
