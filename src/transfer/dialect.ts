/**
 * The own-to-own form of QEMU's stream: the same framing, two devices instead of a PC's seventy, and a question before the
 * end mark. The question is an ordinary PING; as a destination loads sections in order, its PONG says that everything in
 * front of it is loaded. Only then does the source release its images and write the end mark.
 */
import type { Section } from '../wire/index.ts'

/** Machine name in the configuration section. */
export const MACHINE_NAME = 'switchover'
/** Section id of the RAM section. QEMU 7.2 uses the same. */
export const RAM_SECTION_ID = 2
/** Value of the PING that asks whether all is loaded; 1 opens the stream, 2 to 4 belong to postcopy. */
export const PREPARE_PING = 5
/** Value of the PING of an inquiry after a lost channel. */
export const INQUIRY_PING = 6

/** The state of one device. */
export interface DeviceState {
  readonly idstr: 'globalstate' | 'guest'
  readonly payload: Uint8Array
}

/** Bytes of a globalstate payload: a length, the run state, padding (QEMU's VMStateDescription of the same name). */
const GLOBAL_STATE_BYTES = 104

/** The run state that the destination is to enter, as QEMU's `globalstate` device carries it. */
export const globalState = (runState: 'running' | 'paused'): DeviceState => {
  const payload = new Uint8Array(GLOBAL_STATE_BYTES)
  const text = new TextEncoder().encode(runState)
  new DataView(payload.buffer).setUint32(0, text.length + 1)
  payload.set(text, 4)
  return { idstr: 'globalstate', payload }
}

/** Bytes of the identity of a run, carried as the configuration's uuid. */
export const IDENTITY_BYTES = 16

/** The run state in a globalstate payload; undefined if it holds none. */
export const runStateOf = (payload: Uint8Array): string | undefined => {
  const length = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0)
  if (length < 1 || length > GLOBAL_STATE_BYTES - 4) return undefined
  return new TextDecoder().decode(payload.subarray(4, 4 + length - 1))
}

/** The guest's own state beside its memory: a length, then as many bytes, padded to a fixed size. */
export const guestState = (state: Uint8Array): DeviceState => {
  const payload = new Uint8Array(GUEST_STATE_PAYLOAD_BYTES)
  new DataView(payload.buffer).setUint32(0, state.length)
  payload.set(state, 4)
  return { idstr: 'guest', payload }
}

/** The bytes that {@link guestState} was given; undefined if the payload is not of its making. */
export const guestStateOf = (payload: Uint8Array): Uint8Array | undefined => {
  const length = new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0)
  return length > payload.length - 4 ? undefined : payload.slice(4, 4 + length)
}

const GUEST_STATE_PAYLOAD_BYTES = 4 + 4096

/** How long a device's payload is: what a receiver has to know beforehand, as the stream does not say. */
export const deviceBytes = (idstr: string, version: number): number | undefined => {
  if (version !== 1) return undefined
  if (idstr === 'globalstate') return GLOBAL_STATE_BYTES
  return idstr === 'guest' ? GUEST_STATE_PAYLOAD_BYTES : undefined
}

/** The sections of the devices, in the order in which they are sent. */
export const deviceSections = (
  devices: readonly DeviceState[],
): readonly { readonly section: Section; readonly payload: Uint8Array }[] =>
  devices.map(({ idstr, payload }, index) => ({
    section: { id: RAM_SECTION_ID + 1 + index, idstr, instance: 0, version: 1 },
    payload,
  }))
