/**
 * Who holds the locks of the block images (bdrv_inactivate_all, bdrv_invalidate_cache_all). One process at a time: the
 * source lets go before the end mark, the destination takes them after it, a failed source takes them back (I3).
 * Releasing twice or taking twice is refused by having no such edge, which is the assertion QEMU dies of.
 */
import type { GuestOptions } from './guest.ts'
import { chart, initialContext } from './vocabulary.ts'

/** The chart's states; `process` places them beside the other charts. */
export const imagesRegion = (options: GuestOptions = {}) =>
  chart.createStateConfig({
    description: 'The locks of the block images.',
    initial: options.incoming ? 'inactive' : 'held',
    states: {
      inactive: {
        description: 'Opened for an incoming migration: never held here, nothing may be written.',
        meta: { source: 'BDRV_O_INACTIVE, -incoming' },
        on: {
          'images.acquire': { target: 'held', actions: 'acquireImages' },
          'images.mirror': { target: 'mirrored', actions: 'mirrorImages' },
          // 2.11 leaves a secondary's copies alone until the failover.
          'images.claim': { target: 'held', actions: 'acquireImages' },
        },
      },
      mirrored: {
        description:
          'A secondary in COLO: its own copies are open, and what its guest writes lasts until the next checkpoint. The service’s images stay with the primary.',
        meta: { source: 'block/replication.c; since 3.1' },
        on: { 'images.claim': { target: 'held', actions: 'acquireImages' } },
      },
      held: {
        description: 'This process may write.',
        meta: { source: 'bdrv_invalidate_cache_all' },
        on: {
          'images.release': { target: 'released', actions: 'releaseImages' },
          // Part of another toolstack's live migration: the images are for the other side, unless the guest still runs.
          'devices.saved': {
            target: 'released',
            guard: 'savesLiveStopped',
            actions: 'releaseImages',
          },
        },
      },
      released: {
        description: 'Handed over: another process may hold them.',
        meta: { source: 'bdrv_inactivate_all; xen-save-devices-state with live' },
        on: { 'images.acquire': { target: 'held', actions: 'acquireImages' } },
      },
    },
  })

/** The images chart on its own. */
export const imagesMachine = (options: GuestOptions = {}) =>
  chart.createMachine({ id: 'images', context: initialContext, ...imagesRegion(options) })
