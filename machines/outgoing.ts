/**
 * MigrationStatus of the side that sends its guest. Statuses are the top states; what happens inside one (iterating,
 * completing, waiting for the destination) are states below it that no manager sees.
 *
 * The point that matters most is `commit`: until the end mark is handed to the channel the source can always take the
 * guest back; from then on only the destination's word, or proof that it is dead, decides (invariants I1, I2, I4).
 */
import { variantOf, type ChartOptions } from './profile.ts'
import { chart, initialContext, remember, synchronise } from './vocabulary.ts'

const source = (member: string, where: string) => ({ source: `MigrationStatus.${member}; ${where}` })

/** The states in which a new run may begin, and capabilities may change. */
const idle = (options: ChartOptions) => {
  const variant = variantOf(options)
  return {
    migrate: {
      target: '#setup',
      guard: variant.has('q14') ? ('migrateAllowedWhileLeft' as const) : ('migrateAllowed' as const),
      actions: remember.newRun,
    },
    'migrate-set-capabilities': { actions: ['setCapabilities' as const, remember.capabilities] },
  }
}

/** Where a run ends that the guest survives on this side. */
const failsAndReturns = { target: '#failed.ending' } as const

/**
 * From the last byte to the verdict; the same under `active` (no pause) and under `device` (after a pause).
 * `name` keeps the identifiers of the two copies apart.
 */
const completion = (name: 'active' | 'device', options: ChartOptions) => {
  const variant = variantOf(options)
  const cancel = { target: '#cancelling.ending' } as const
  // QEMU's COLO begins from active only; behind a pause both of its versions break (h15, h20).
  const entersColo = name === 'active' || !variant.has('h20')
  const completing = chart.createStateConfig({
    description: 'The guest is stopped; the last pass, then the devices, go out without a bandwidth limit.',
    entry: 'completePrecopy',
    on: {
      'outgoing.flushed': [
        ...(name === 'device' && variant.has('h15') ? [{ target: '#stuck', guard: 'colo' as const }] : []),
        ...(entersColo ? [{ target: '#colo', guard: 'coloAtOnce' as const }] : []),
        { target: 'preparing', guard: 'returnPath' },
        { target: 'releasing' },
      ],
      'outgoing.failed': failsAndReturns,
      migrate_cancel: cancel,
    },
  })
  const preparing = chart.createStateConfig({
    description: 'All but the end mark is sent; waiting until the destination has loaded it. A cancel still wins.',
    on: {
      'outgoing.prepared': [
        ...(entersColo ? [{ target: '#colo', guard: 'colo' as const }] : []),
        { target: 'releasing' },
      ],
      'outgoing.failed': failsAndReturns,
      migrate_cancel: cancel,
    },
  })
  const releasing = chart.createStateConfig({
    description: 'The images are released, so that the destination can take them.',
    entry: [synchronise.release, synchronise.outgoingProceeds],
    on: { 'outgoing.proceed': 'committing' },
  })
  const committing = chart.createStateConfig({
    description: 'The end mark is sent: the destination may run from here on. A cancel comes too late.',
    entry: 'commit',
    on: {
      'outgoing.committed': '#completed',
      'outgoing.loaded': '#completed',
      'outgoing.failed': variant.has('h27') ? '#failed.ending' : 'inquiring',
      ...(variant.has('h1') ? { migrate_cancel: cancel } : {}),
    },
  })
  const inquiring = chart.createStateConfig({
    description: 'The channel was lost after the commit: only the destination knows whether it runs the guest.',
    entry: 'inquire',
    on: {
      'outgoing.outcome-running': '#completed',
      'outgoing.outcome-not-running': failsAndReturns,
      'outgoing.outcome-unknown': '#failed.abandoned',
    },
  })
  return { completing, preparing, releasing, committing, inquiring }
}

/** The chart's states for one profile and set of quirks; `process` places them beside the other charts. */
export const outgoingRegion = (options: ChartOptions = {}) => {
  const variant = variantOf(options)
  const canMigrate = idle(options)
  const latchesPostcopy = {
    'migrate-start-postcopy': { guard: 'postcopy' as const, actions: remember.postcopyStart },
  }
  const startsPostcopy = {
    'migrate-start-postcopy': {
      guard: 'postcopy' as const,
      actions: [remember.postcopyStart, 'startPostcopy' as const],
    },
  }
  // The guest runs at the destination, or may: 7.2 waits until the channel is mended, before that all was lost.
  const hasLeft = variant.recent ? '#postcopy-paused' : '#failed.abandoned'
  const cancelsTooLate = variant.has('q7') ? { migrate_cancel: '#cancelling.abandoned' as const } : {}
  const h22 = variant.has('h22')
    ? { migrate: { target: '#setup', guard: 'migrateAllowedWhileLeft' as const, actions: remember.newRun } }
    : {}
  const changesCapabilities = {
    'migrate-set-capabilities': { actions: ['setCapabilities' as const, remember.capabilities] },
  }
  return chart.createStateConfig({
    description: 'MigrationStatus of the outgoing side.',
    initial: 'none',
    on: latchesPostcopy,
    states: {
      none: {
        id: 'none',
        description: 'No migration has ever been started from here.',
        meta: source('none', 'qapi/migration.json since 2.3'),
        on: { ...canMigrate, 'migrate-start-postcopy': {} },
      },

      setup: {
        id: 'setup',
        description: 'A migration was accepted; the channel is being opened and the sections are set up.',
        meta: source('setup', 'migrate_init, edges none/completed/failed/cancelled -> setup'),
        entry: { type: 'emitMigration', params: { status: 'setup' } },
        initial: 'connecting',
        states: {
          connecting: {
            description: 'The transport is being opened; the manager has its answer already.',
            entry: 'openChannel',
            on: {
              'outgoing.refused': failsAndReturns,
              'outgoing.connected': { target: 'starting', actions: remember.returnPath },
              'outgoing.connect-failed': failsAndReturns,
            },
          },
          starting: {
            description: 'Header, configuration and section starts are written; the first dirty-bitmap sync is made.',
            entry: 'beginSetup',
            on: {
              'outgoing.setup-done': '#active',
              'outgoing.failed': failsAndReturns,
              ...(variant.recent ? { 'outgoing.unplug-wait': '#wait-unplug' } : {}),
              ...startsPostcopy,
            },
          },
          ...(variant.has('h8')
            ? {
                refused: {
                  id: 'setup-refused',
                  description: 'The manager was told that this run cannot be; nobody goes on with it or ends it.',
                  on: { migrate_cancel: '#cancelling.stuck' },
                },
              }
            : {}),
        },
        on: { migrate_cancel: '#cancelling.ending' },
      },

      active: {
        id: 'active',
        description: 'Precopy: memory is sent in passes while the guest writes on.',
        meta: source('active', 'migration_thread, edge setup -> active'),
        entry: { type: 'emitMigration', params: { status: 'active' } },
        initial: 'iterating',
        states: {
          iterating: {
            description: 'Passes over the dirty bitmap, held to max-bandwidth in windows of 100 ms.',
            entry: 'iterate',
            on: {
              'outgoing.converged': 'stopping',
              'outgoing.postcopy': [
                { target: 'stopping-for-postcopy', guard: 'pausesForPostcopy' },
                { target: '#postcopy-active', guard: 'postcopyStarted' },
              ],
              'outgoing.failed': failsAndReturns,
              migrate_cancel: '#cancelling.ending',
              ...startsPostcopy,
            },
          },
          stopping: {
            description: 'The estimate fits the downtime limit: the guest is stopped.',
            entry: synchronise.finishMigrate,
            on: {
              'vm.finish-migrate': [{ target: '#pre-switchover.precopy', guard: 'pause' }, { target: 'completing' }],
            },
          },
          'stopping-for-postcopy': {
            description: 'Postcopy is about to begin and pause-before-switchover is on.',
            entry: synchronise.finishMigrate,
            on: { 'vm.finish-migrate': '#pre-switchover.postcopy' },
          },
          ...completion('active', options),
        },
      },

      'pre-switchover': {
        id: 'pre-switchover',
        description: 'The guest is stopped and everything waits for migrate-continue; block jobs can be ended now.',
        meta: source('pre-switchover', 'since 2.11, edge active -> pre-switchover'),
        entry: { type: 'emitMigration', params: { status: 'pre-switchover' } },
        initial: 'precopy',
        states: {
          precopy: {
            description: 'On the way to completion.',
            on: { 'migrate-continue': '#device', migrate_cancel: '#cancelling.ending' },
          },
          postcopy: {
            description: 'On the way to postcopy.',
            on: {
              'migrate-continue': '#postcopy-active.packaging',
              migrate_cancel: variant.has('h3') ? '#cancelling.abandoned' : '#cancelling.ending',
            },
          },
        },
        on: { 'outgoing.failed': failsAndReturns },
      },

      device: {
        id: 'device',
        description: 'After the pause: the last pass and the devices are sent.',
        meta: source('device', 'since 2.11, edge pre-switchover -> device'),
        entry: { type: 'emitMigration', params: { status: 'device' } },
        initial: 'completing',
        states: {
          ...completion('device', options),
          ...(variant.has('h15')
            ? {
                stuck: {
                  id: 'stuck',
                  description: 'COLO expected the status active and gave up; nobody ever leaves this state.',
                  entry: synchronise.restore,
                  on: { migrate_cancel: '#cancelling.stuck' },
                },
              }
            : {}),
        },
      },

      'postcopy-active': {
        id: 'postcopy-active',
        description: 'The guest moves over before its memory: what it misses is sent on request and in the background.',
        meta: source('postcopy-active', 'since 2.5, edges active -> and pre-switchover -> postcopy-active'),
        entry: { type: 'emitMigration', params: { status: 'postcopy-active' } },
        initial: 'stopping',
        states: {
          stopping: {
            description: 'The status is published before the guest is stopped (with a pause it was stopped before).',
            entry: synchronise.finishMigrate,
            on: { 'vm.finish-migrate': 'packaging' },
          },
          packaging: {
            description:
              'What the destination has to forget and the devices are sent; waiting until it has loaded them. It must not run ' +
              'yet, so a failure gives the guest back.',
            entry: 'sendPackage',
            on: { 'outgoing.prepared': 'releasing', 'outgoing.failed': failsAndReturns },
          },
          releasing: {
            description: 'The images are released, so that the destination can take them.',
            entry: [synchronise.release, synchronise.outgoingProceeds],
            on: { 'outgoing.proceed': 'committing' },
          },
          committing: {
            description: 'The leave to run is sent: the destination may run from here on, and what it misses follows.',
            entry: 'commit',
            on: {
              'outgoing.package-sent': 'running',
              'outgoing.loaded': '#completed',
              'outgoing.failed': variant.has('h26') ? '#failed.ending' : 'inquiring',
              ...cancelsTooLate,
            },
          },
          inquiring: {
            description: 'The channel was lost with the leave to run: only the destination knows whether it has it.',
            entry: 'inquire',
            on: {
              'outgoing.outcome-running': hasLeft,
              'outgoing.outcome-not-running': failsAndReturns,
              'outgoing.outcome-unknown': hasLeft,
              ...cancelsTooLate,
            },
          },
          running: {
            description: 'The guest is free to run at the destination: only there.',
            on: {
              'outgoing.loaded': '#completed',
              'outgoing.failed': variant.has('h26') && !variant.recent ? '#failed.ending' : hasLeft,
              ...(variant.recent
                ? {
                    'migrate-pause': {
                      actions: { type: 'breakChannel' as const, params: { side: 'outgoing' as const } },
                    },
                  }
                : {}),
              ...cancelsTooLate,
            },
          },
        },
      },

      ...(variant.recent
        ? {
            'wait-unplug': {
              id: 'wait-unplug',
              description: 'Waiting for the guest to let go of a device that cannot be migrated.',
              meta: source('wait-unplug', 'since 4.2, edge setup -> wait-unplug'),
              entry: { type: 'emitMigration', params: { status: 'wait-unplug' } },
              on: {
                'outgoing.setup-done': '#active',
                'outgoing.failed': failsAndReturns,
                migrate_cancel: '#cancelling.ending',
                ...startsPostcopy,
              },
            },
            'postcopy-paused': {
              id: 'postcopy-paused',
              description: 'The channel broke in postcopy; migrate with resume can mend it.',
              meta: source('postcopy-paused', 'since 3.0'),
              // The broken channel is let go first: what is opened next may bear the number of what is closed.
              entry: [
                { type: 'closeChannel', params: { side: 'outgoing' } },
                { type: 'emitMigration', params: { status: 'postcopy-paused' } },
              ],
              initial: 'broken',
              states: {
                broken: { description: 'No channel stands.', on: { 'migrate-resume': 'connecting' } },
                connecting: {
                  description: 'A new channel is being opened; the manager has its answer already.',
                  entry: 'reopenChannel',
                  on: { 'outgoing.connected': '#postcopy-recover', 'outgoing.connect-failed': 'broken' },
                },
              },
              on: variant.has('h2') ? { migrate_cancel: '#cancelling.stuck' } : {},
            },
            'postcopy-recover': {
              id: 'postcopy-recover',
              description: 'A new channel stands; both sides agree on what has arrived.',
              meta: source('postcopy-recover', 'since 3.0'),
              entry: [{ type: 'emitMigration', params: { status: 'postcopy-recover' } }, 'resume'],
              on: {
                'outgoing.resumed': '#postcopy-active.running',
                'outgoing.failed': '#postcopy-paused',
                ...(variant.has('h2') ? { migrate_cancel: '#cancelling.stuck' } : {}),
              },
            },
          }
        : {}),

      colo: {
        id: 'colo',
        description: 'Coarse-grained lock-stepping: the guest goes on here, its state goes to the secondary for ever.',
        meta: source('colo', 'since 2.8, edge active -> colo'),
        entry: [{ type: 'emitMigration', params: { status: 'colo' } }, synchronise.beginPrimary],
        on: {
          'colo.leave': '#completed.survivor',
          ...(variant.recent || variant.has('q3') ? changesCapabilities : {}),
          ...(variant.has('q8')
            ? { migrate_cancel: { actions: { type: 'closeColo' as const, params: { role: 'primary' as const } } } }
            : {}),
          ...(variant.has('h8')
            ? { migrate: { target: '#setup-refused', actions: [remember.newRun, synchronise.coloForget] } }
            : {}),
        },
      },

      completed: {
        id: 'completed',
        description: 'The destination has the guest.',
        meta: source('completed', 'edges active, device, postcopy-active, colo -> completed'),
        entry: { type: 'emitMigration', params: { status: 'completed' } },
        initial: 'ending',
        states: {
          ending: {
            description: 'The run is being let go; its figures are final.',
            entry: 'teardown',
            on: { 'outgoing.ended': { target: 'settled', actions: synchronise.postmigrate }, ...h22 },
          },
          survivor: {
            description: 'A primary that has left COLO keeps its guest.',
            entry: 'teardown',
            on: { 'outgoing.ended': 'survived' },
          },
          survived: { description: 'Nothing of the run is left, but the guest itself.', on: canMigrate },
          settled: { description: 'Nothing of the run is left; a new one may begin.', on: canMigrate },
        },
      },

      failed: {
        id: 'failed',
        description: 'The migration was given up because of an error.',
        meta: source('failed', 'edges setup, active, postcopy-active, device -> failed'),
        entry: { type: 'emitMigration', params: { status: 'failed' } },
        initial: 'ending',
        states: {
          ending: {
            description: 'The run is being let go; the guest then returns to the run state it had before.',
            entry: 'teardown',
            on: {
              'outgoing.ended': { target: 'settled', actions: [synchronise.acquire, synchronise.restore] },
              ...h22,
            },
          },
          abandoned: {
            description: 'The destination may run the guest: this side stays stopped until an operator decides.',
            entry: 'teardown',
            on: { 'outgoing.ended': { target: 'settled', actions: synchronise.postmigrate } },
          },
          settled: { description: 'Nothing of the run is left; a new one may begin.', on: canMigrate },
        },
        ...(variant.has('h6') ? { on: { 'outgoing.failed': { target: '#failed', reenter: true } } } : {}),
      },

      cancelling: {
        id: 'cancelling',
        description: 'A cancel was accepted; the run is being let go.',
        meta: source('cancelling', 'migrate_fd_cancel, edges setup, active, pre-switchover, device -> cancelling'),
        entry: { type: 'emitMigration', params: { status: 'cancelling' } },
        initial: 'ending',
        states: {
          ending: {
            description: 'When everything is let go, the guest returns to its run state, then cancelled is published.',
            entry: 'teardown',
            on: {
              'outgoing.ended': {
                target: 'restoring',
                actions: [synchronise.acquire, synchronise.restore, synchronise.outgoingProceeds],
              },
              ...(variant.has('h14') ? { 'outgoing.connect-failed': 'stuck' as const } : {}),
              ...(variant.has('h5') ? { 'outgoing.failed': '#failed' as const } : {}),
            },
          },
          abandoned: {
            description: 'The same, but the guest is not given back.',
            entry: 'teardown',
            on: {
              'outgoing.ended': {
                target: 'restoring',
                actions: [synchronise.postmigrate, synchronise.outgoingProceeds],
              },
            },
          },
          restoring: {
            description: 'The guest has its run state back.',
            on: { 'outgoing.proceed': '#cancelled' },
          },
          ...((['h2', 'h7', 'h8', 'h14', 'h15'] as const).some((id) => variant.has(id))
            ? { stuck: { description: 'Nobody ever leaves this state.' } }
            : {}),
        },
        on: {
          ...(variant.has('q3') ? changesCapabilities : {}),
          ...(variant.has('h7')
            ? {
                migrate_cancel: {
                  actions: { type: 'emitMigration' as const, params: { status: 'cancelling' as const } },
                },
              }
            : {}),
        },
      },

      cancelled: {
        id: 'cancelled',
        description: 'A cancel has ended the migration; the guest is where it was.',
        meta: source('cancelled', 'migrate_fd_cleanup, edge cancelling -> cancelled'),
        entry: { type: 'emitMigration', params: { status: 'cancelled' } },
        on: canMigrate,
      },
    },
  })
}

/**
 * The outgoing chart on its own.
 *
 * @example
 * import { initialTransition, transition } from 'xstate'
 * const [first] = initialTransition(outgoingMachine())
 * const [second] = transition(outgoingMachine(), first, { type: 'migrate' })
 * second.matches('setup') // true
 */
export const outgoingMachine = (options: ChartOptions = {}) =>
  chart.createMachine({ id: 'outgoing', context: initialContext, ...outgoingRegion(options) })
