/**
 * The commands about descriptors for `fd:`. A process has those that it was started with; it cannot be given any while it
 * runs, and says so behind the words that QEMU has for a command that came without one.
 */
import { refuseUnsupported } from '../output.ts'
import * as wording from '../wording.ts'
import { refused, type Command, type CommandTable } from './call.ts'
import type { CoreState } from '../core-state.ts'

const receive: Command = (state) =>
  refused(state, refuseUnsupported('descriptors over QMP', wording.noDescriptorReceived))

const close: Command = (state, given) => {
  const name = String(given['fdname'])
  if (!state.equipment.descriptors.includes(name)) return refused(state, wording.noDescriptorToClose(name))
  return [
    withoutDescriptor(state, name),
    [
      { type: 'intent', intent: { type: 'close-descriptor', name } },
      { type: 'reply', value: {} },
    ],
  ]
}

/** A descriptor is used once: the channel that is opened on it closes it. */
export const withoutDescriptor = (state: CoreState, name: string | undefined): CoreState =>
  name === undefined
    ? state
    : {
        ...state,
        equipment: {
          ...state.equipment,
          descriptors: state.equipment.descriptors.filter((each) => each !== name),
        },
      }

/** One that could not be used after all is still there. */
export const withDescriptor = (state: CoreState, name: string | undefined): CoreState =>
  name === undefined || state.equipment.descriptors.includes(name)
    ? state
    : { ...state, equipment: { ...state.equipment, descriptors: [...state.equipment.descriptors, name] } }

/** See the head of this file. */
export const descriptorCommands: CommandTable = { getfd: receive, 'add-fd': receive, closefd: close }
