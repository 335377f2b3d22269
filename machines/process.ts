/**
 * One process: guest, images, incoming and outgoing, the role in COLO with its failover, and the replicated disks, in
 * parallel. They meet in the synchronisations of the vocabulary only. The order of the regions is the order of their
 * outputs within a step: the guest first, so that STOP precedes the status that needs a stopped guest, and RESUME the
 * status that says it runs again.
 */
import { coloRegion } from './colo.ts'
import { failoverRegion, type FailoverOptions } from './failover.ts'
import { guestRegion } from './guest.ts'
import { imagesRegion } from './images.ts'
import { incomingRegion, type IncomingOptions } from './incoming.ts'
import { outgoingRegion } from './outgoing.ts'
import { replicationRegion } from './replication.ts'
import { chart, initialContext } from './vocabulary.ts'

/** How a process is started, in which profile and with which quirks. */
export interface ProcessOptions extends IncomingOptions, FailoverOptions {
  /** True: it has disks that can be replicated. Default false, and the process has no such chart. */
  readonly replication?: boolean
}

/**
 * The chart of one process.
 *
 * @example
 * import { initialTransition, transition } from 'xstate'
 * const machine = processMachine({ profile: '2.11' })
 * const [before] = initialTransition(machine)
 * const [after, outputs] = transition(machine, before, { type: 'migrate' })
 * after.matches({ outgoing: 'setup', guest: 'running' }) // true
 * outputs.map((output) => output.type) // ['emitMigration', 'openChannel']
 */
export const processMachine = (options: ProcessOptions = {}) =>
  chart.createMachine({
    id: 'process',
    description: 'One process that can send and receive a guest.',
    type: 'parallel',
    context: { ...initialContext, autostart: options.autostart ?? true },
    states: {
      guest: guestRegion(options),
      images: imagesRegion(options),
      incoming: incomingRegion(options),
      outgoing: outgoingRegion(options),
      colo: coloRegion(options),
      failover: failoverRegion(options),
      ...(options.replication ? { replication: replicationRegion(options) } : {}),
    },
  })

/** The machine that {@link processMachine} gives. */
export type ProcessMachine = ReturnType<typeof processMachine>
