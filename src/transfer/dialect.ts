/**
 * The own-to-own form of QEMU's stream: the same framing, two devices instead of a PC's seventy, and a question before the
 * end mark. The question is an ordinary PING; as a destination loads sections in order, its PONG says that everything in
 * front of it is loaded. Only then does the source release its images and write the end mark.
 */
import {
  BLOCK_IDSTR,
  COLO_STATE_IDSTR,
  RAM_IDSTR,
  type StreamDecoderOptions,
  SECTION_EOF,
  SECTION_FOOTER,
  SECTION_FULL,
  type Section,
} from '../wire/index.ts'

/** Machine name in the configuration section. */
export const MACHINE_NAME = 'switchover'
/** Section id of the section with disks. */
export const BLOCK_SECTION_ID = 1
/** Section id of the RAM section. QEMU 7.2 uses the same. */
export const RAM_SECTION_ID = 2
/** Value of the PING that opens the stream. */
export const OPENING_PING = 1
/** Value of the PING that asks whether all is loaded; 2 to 4 are those of QEMU's postcopy. */
export const PREPARE_PING = 5
/** Value of the PING behind a postcopy's leave to run. */
export const LEAVE_PING = 7
/** Value of the PING of an inquiry after a lost channel. */
export const INQUIRY_PING = 6

/** The devices that a guest of ours has; `COLOState` is how a source of 2.11 says that COLO follows. */
const DEVICES = ['globalstate', 'guest', 'net', 'disks', COLO_STATE_IDSTR] as const

/** The state of one device. */
export interface DeviceState {
  readonly idstr: (typeof DEVICES)[number]
  readonly payload: Uint8Array
}

/** Bytes of a globalstate payload: a length, the run state, padding (QEMU's VMStateDescription of the same name). */
const GLOBAL_STATE_BYTES = 104

/** The run state that the destination is to enter, as QEMU's `globalstate` device carries it. */
export const globalState = (runState: string): DeviceState => {
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

/** Bytes for the names and sizes of the disks that were moved. */
const DISKS_PAYLOAD_BYTES = 4 + 4096

/** A disk that was moved, by name and size. */
export interface MovedDisk {
  readonly name: string
  readonly sizeBytes: number
}

/** The stream of block migration tells no sizes: they come behind it, so that a destination can hold its own against them. */
export const diskState = (disks: readonly MovedDisk[]): DeviceState => {
  const payload = new Uint8Array(DISKS_PAYLOAD_BYTES)
  const view = new DataView(payload.buffer)
  view.setUint32(0, disks.length)
  let at = 4
  for (const { name, sizeBytes } of disks) {
    const bytes = new TextEncoder().encode(name)
    if (at + 1 + bytes.length + 8 > payload.length)
      throw new RangeError(`expected disks whose names fit into ${DISKS_PAYLOAD_BYTES} bytes, found ${disks.length}`)
    payload[at] = bytes.length
    payload.set(bytes, at + 1)
    view.setBigUint64(at + 1 + bytes.length, BigInt(sizeBytes))
    at += 1 + bytes.length + 8
  }
  return { idstr: 'disks', payload }
}

/** The disks that {@link diskState} was given; undefined if the payload is not of its making. */
export const disksOf = (payload: Uint8Array): readonly MovedDisk[] | undefined => {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const disks: MovedDisk[] = []
  let at = 4
  for (let left = view.getUint32(0); left > 0; left--) {
    const length = payload[at] ?? 0
    if (at + 1 + length + 8 > payload.length) return undefined
    const name = new TextDecoder().decode(payload.subarray(at + 1, at + 1 + length))
    disks.push({ name, sizeBytes: Number(view.getBigUint64(at + 1 + length)) })
    at += 1 + length + 8
  }
  return disks
}

/** How long a device's payload is: what a receiver has to know beforehand, as the stream does not say. */
export const deviceBytes = (idstr: string, version: number): number | undefined => {
  if (version !== 1) return undefined
  switch (idstr) {
    case 'globalstate':
      return GLOBAL_STATE_BYTES
    case 'guest':
      return GUEST_STATE_PAYLOAD_BYTES
    case 'net':
      return NETWORK_PAYLOAD_BYTES
    case 'disks':
      return DISKS_PAYLOAD_BYTES
    case COLO_STATE_IDSTR:
      return 1
    default:
      return undefined
  }
}

/** What a source of 2.11 announces COLO by. */
export const coloState: DeviceState = { idstr: COLO_STATE_IDSTR, payload: Uint8Array.of(1) }

/** Bytes of one piece of a network's state. */
const NETWORK_PAYLOAD_BYTES = 4096

/** The state of a guest's network card, in as many pieces as it needs: a length in each, then as many bytes, padded. */
export const networkState = (state: Uint8Array): readonly DeviceState[] => {
  const room = NETWORK_PAYLOAD_BYTES - 4
  return Array.from({ length: Math.ceil(state.length / room) }, (_unused, piece) => {
    const payload = new Uint8Array(NETWORK_PAYLOAD_BYTES)
    const bytes = state.subarray(piece * room, (piece + 1) * room)
    new DataView(payload.buffer).setUint32(0, bytes.length)
    payload.set(bytes, 4)
    return { idstr: 'net', payload } as const
  })
}

/** The bytes that {@link networkState} was given; undefined if a piece is not of its making. */
export const networkStateOf = (devices: readonly DeviceState[]): Uint8Array | undefined => {
  const pieces = devices.filter(({ idstr }) => idstr === 'net').map(({ payload }) => guestStateOf(payload))
  if (pieces.some((piece) => piece === undefined)) return undefined
  const all = pieces as readonly Uint8Array[]
  const joined = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of all) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

const isDevice = (idstr: string): idstr is DeviceState['idstr'] => DEVICES.some((known) => known === idstr)

/** A device section as it was read; undefined for a device that no guest of ours has. */
export const deviceOf = (idstr: string, payload: Uint8Array): DeviceState | undefined =>
  isDevice(idstr) ? { idstr, payload } : undefined

/** Takes the device sections of a checkpoint apart, or says what is wrong with them. Their lengths are known here only. */
export const splitDevices = (bytes: Uint8Array): readonly DeviceState[] | string => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const devices: DeviceState[] = []
  let at = 0
  while (at < bytes.length && bytes[at] === SECTION_FULL) {
    const nameLength = at + 6 <= bytes.length ? bytes[at + 5]! : Infinity
    const payloadAt = at + 6 + nameLength + 8
    if (payloadAt > bytes.length) return 'a section that is cut off'
    const id = view.getUint32(at + 1)
    const idstr = new TextDecoder().decode(bytes.subarray(at + 6, at + 6 + nameLength))
    const length = deviceBytes(idstr, view.getUint32(payloadAt - 4))
    const footerAt = payloadAt + (length ?? Infinity)
    if (length === undefined || footerAt + 5 > bytes.length) return `a section ${idstr} that is unknown or cut off`
    if (bytes[footerAt] !== SECTION_FOOTER || view.getUint32(footerAt + 1) !== id) return `no footer behind ${idstr}`
    const device = deviceOf(idstr, bytes.slice(payloadAt, footerAt))
    if (device !== undefined) devices.push(device)
    at = footerAt + 5
  }
  return at === bytes.length - 1 && bytes[at] === SECTION_EOF
    ? devices
    : `${bytes.length - at} bytes that are no section`
}

/** What a receiver of this form of the stream has to be told of it. */
export const streamOptions: StreamDecoderOptions = {
  deviceLength: deviceBytes,
  iterables: [BLOCK_IDSTR, RAM_IDSTR],
}

/** The sections of the devices, in the order in which they are sent. */
export const deviceSections = (
  devices: readonly DeviceState[],
): readonly { readonly section: Section; readonly payload: Uint8Array }[] =>
  devices.map(({ idstr, payload }, index) => ({
    section: { id: RAM_SECTION_ID + 1 + index, idstr, instance: 0, version: 1 },
    payload,
  }))
