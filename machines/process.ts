/**
 * One process: guest, images, incoming and outgoing in parallel. They meet in the synchronisations of the vocabulary
 * only. The order of the regions is the order of their outputs within a step: the guest first, so that STOP precedes
 * the status that needs a stopped guest, and RESUME the status that says it runs again.
 */
import { guestRegion } from './guest.ts'
import { imagesRegion } from './images.ts'
import { incomingRegion, type IncomingOptions } from './incoming.ts'
import { outgoingRegion } from './outgoing.ts'
import { chart, initialContext } from './vocabulary.ts'

/** How a process is started, in which profile and with which quirks. */
export type ProcessOptions = IncomingOptions

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
    },
  })

/** The machine that {@link processMachine} gives. */
export type ProcessMachine = ReturnType<typeof processMachine>
