/**
 * MigrationStatus of the side that receives a guest, with the phases of postcopy (PostcopyState) as states below it.
 * The guest is started only after the end mark, or by postcopy's run command; whatever goes wrong before leaves this
 * side unable to run it, for ever.
 */
import type { GuestOptions } from './guest.ts'
import { variantOf } from './profile.ts'
import { chart, initialContext, remember, synchronise } from './vocabulary.ts'

/** How a receiving process is started. */
export interface IncomingOptions extends GuestOptions {
  /** True: `-incoming defer`, the address comes with migrate-incoming. Default: the same as `incoming`. */
  readonly defer?: boolean
}

const source = (where: string) => ({ source: where })

/** The chart's states; `process` places them beside the other charts. */
export const incomingRegion = (options: IncomingOptions = {}) => {
  const variant = variantOf(options)
  const listens = {
    target: 'listening',
    actions: [
      { type: 'emitMigration' as const, params: { status: 'setup' as const, unconditional: true } },
      'listen' as const,
    ],
  }
  const takesOver = {
    target: '#incoming-starting',
  } as const
  const colo = { target: '#incoming-colo', actions: remember.sourceState } as const
  // Whatever the first listener came to, a second one is opened beside it.
  const listensAgain = variant.has('q2') ? { 'migrate-incoming': { actions: listens.actions } } : {}
  return chart.createStateConfig({
    description: 'MigrationStatus of the incoming side.',
    initial: 'none',
    states: {
      none: {
        id: 'incoming-none',
        description: 'No stream has arrived.',
        meta: source('MigrationStatus.none; MigrationIncomingState'),
        initial: options.incoming ? (options.defer === false ? 'listening' : 'deferred') : 'off',
        states: {
          off: { description: 'Not started with -incoming.' },
          deferred: {
            description: 'Started with -incoming defer: waits for migrate-incoming.',
            on: { 'migrate-incoming': listens },
          },
          listening: {
            description: 'One connection will be taken.',
            on: {
              'incoming.connected': '#incoming-active',
              'incoming.listen-failed': 'deferred',
              ...(variant.has('q2') ? { 'migrate-incoming': listens } : {}),
            },
          },
        },
      },
      active: {
        id: 'incoming-active',
        description: 'A stream is being loaded.',
        meta: source('MigrationStatus.active; process_incoming_migration_co'),
        entry: [{ type: 'emitMigration', params: { status: 'active' } }, 'load'],
        initial: 'loading',
        states: {
          loading: {
            description: 'Memory and devices are being loaded.',
            on: {
              'incoming.prepared': 'prepared',
              'incoming.ended': takesOver,
              'incoming.advised': 'advised',
              'incoming.colo': colo,
            },
          },
          advised: {
            description: 'Postcopy may come: the destination has emptied its memory.',
            meta: source('POSTCOPY_INCOMING_ADVISE'),
            on: {
              'incoming.discarding': 'discarding',
              'incoming.listening': '#incoming-postcopy-active',
              'incoming.prepared': 'prepared',
              'incoming.ended': takesOver,
              'incoming.colo': colo,
            },
          },
          discarding: {
            description: 'Pages that were sent and written again are being dropped.',
            meta: source('POSTCOPY_INCOMING_DISCARD'),
            on: { 'incoming.listening': '#incoming-postcopy-active' },
          },
          prepared: {
            description: 'All but the end mark is here and loaded. The guest must not run yet.',
            on: { 'incoming.ended': takesOver, 'incoming.colo': colo },
          },
          starting: {
            id: 'incoming-starting',
            description: 'The end mark is here: images are taken, then the guest runs, then the source is told.',
            entry: [synchronise.acquire, synchronise.arrive, synchronise.incomingProceeds],
            on: { 'incoming.proceed': { target: '#incoming-completed', actions: 'acknowledge' } },
          },
        },
        on: {
          'incoming.failed': '#incoming-failed',
          'incoming.lost': '#incoming-failed',
          ...listensAgain,
        },
      },
      'postcopy-active': {
        id: 'incoming-postcopy-active',
        description: 'The guest runs here, or is about to, and faults for what is missing.',
        meta: source('MigrationStatus.postcopy-active; since 2.5'),
        entry: { type: 'emitMigration', params: { status: 'postcopy-active' } },
        initial: 'listening',
        states: {
          listening: {
            description: 'Ready to take faults; the devices are being loaded from the package.',
            meta: source('POSTCOPY_INCOMING_LISTENING'),
            on: { 'incoming.running': { target: 'running', actions: synchronise.acquire } },
          },
          running: {
            description: 'The guest may run.',
            meta: source('POSTCOPY_INCOMING_RUNNING'),
            on: {
              'incoming.ended': { target: '#incoming-completed', actions: 'acknowledge' },
              // Before that there is no guest here that could be kept waiting for its pages.
              ...(variant.recent
                ? {
                    'incoming.lost': '#incoming-postcopy-paused',
                    'migrate-pause': { actions: { type: 'breakChannel', params: { side: 'incoming' } } },
                  }
                : {}),
            },
          },
        },
        on: {
          'incoming.failed': '#incoming-failed',
          'incoming.lost': variant.has('h12') ? '#incoming-completed' : '#incoming-failed',
          ...listensAgain,
        },
      },
      ...(variant.recent
        ? {
            'postcopy-paused': {
              id: 'incoming-postcopy-paused',
              description: 'The channel broke in postcopy; the guest runs until it misses a page.',
              meta: source('MigrationStatus.postcopy-paused; since 3.0'),
              entry: [
                { type: 'closeChannel', params: { side: 'incoming' } },
                { type: 'emitMigration', params: { status: 'postcopy-paused' } },
              ],
              initial: 'broken',
              states: {
                broken: { description: 'No channel stands, and none is waited for.' },
                listening: {
                  description: 'Waits for the source at a place that the manager has named, the last one.',
                  on: { 'incoming.listen-failed': 'broken' },
                },
              },
              on: {
                'migrate-recover': {
                  target: '.listening',
                  actions: [{ type: 'emitMigration', params: { status: 'setup', unconditional: true } }, 'listenAgain'],
                },
                'incoming.recovering': '#incoming-postcopy-recover',
                'incoming.failed': '#incoming-failed',
              },
            },
            'postcopy-recover': {
              id: 'incoming-postcopy-recover',
              description: 'A new channel stands; both sides agree on what has arrived.',
              meta: source('MigrationStatus.postcopy-recover; since 3.0'),
              entry: [{ type: 'emitMigration', params: { status: 'postcopy-recover' } }, 'resumeLoad'],
              on: {
                // The channel may have broken before the guest was free to run, and so before the images were taken.
                'incoming.recovered': { target: '#incoming-postcopy-active.running', actions: synchronise.acquire },
                'incoming.lost': '#incoming-postcopy-paused',
                'incoming.failed': '#incoming-failed',
              },
            },
          }
        : {}),
      colo: {
        id: 'incoming-colo',
        description: 'The secondary of a COLO pair: takes checkpoints until it is told to take over.',
        meta: source('MigrationStatus.colo; since 2.8'),
        entry: [{ type: 'emitMigration', params: { status: 'colo' } }, synchronise.beginSecondary],
        on: {
          'colo.leave': '#incoming-completed',
          // What is in memory is no state of any guest.
          'incoming.torn': { target: '#incoming-failed', guard: 'coloLoading' },
          'replication.lost': '#incoming-failed',
        },
      },
      completed: {
        id: 'incoming-completed',
        description: 'The guest is here. The source may be told so as often as it asks.',
        meta: source('MigrationStatus.completed; process_incoming_migration_bh'),
        entry: { type: 'emitMigration', params: { status: 'completed' } },
        on: listensAgain,
      },
      failed: {
        id: 'incoming-failed',
        description: 'The load failed: this process can never run the guest. QEMU exits with status 1 here.',
        meta: source('MigrationStatus.failed; process_incoming_migration_co'),
        entry: [{ type: 'emitMigration', params: { status: 'failed' } }, 'reject', synchronise.lose],
      },
    },
  })
}

/** The incoming chart on its own. */
export const incomingMachine = (options: IncomingOptions = {}) =>
  chart.createMachine({ id: 'incoming', context: initialContext, ...incomingRegion(options) })
