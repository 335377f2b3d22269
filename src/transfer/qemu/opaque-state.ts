/** Devices that nobody here can read, in the form in which the runtime hands the state of a guest around. */
import type { DeviceState } from '../dialect.ts'

/** The device `guest` with this state, of any length. */
export const opaqueState = (state: Uint8Array): DeviceState => {
  const payload = new Uint8Array(4 + state.length)
  new DataView(payload.buffer).setUint32(0, state.length)
  payload.set(state, 4)
  return { idstr: 'guest', payload }
}
