/**
 * The frame of a guest's saved state: magic, version, kind, body; all big-endian. The frame is what lets a destination say
 * "this is the state of another sort of guest" instead of reading nonsense.
 *
 * ```
 * u32 magic 0x53574753 "SWGS"   u16 version 1   u8 kind length   kind, ASCII   body
 * ```
 */
import { GUEST_STATE_BYTES_MAX } from './guest.ts'
import { GuestStateError } from './memory-error.ts'

const MAGIC = 0x53574753
const VERSION = 1
const KIND_OFFSET = 7

/** A new state of that kind, and a view of its body to be filled in. */
export function newGuestState(kind: string, bodyBytes: number): { bytes: Uint8Array<ArrayBuffer>; body: DataView } {
  const bodyOffset = KIND_OFFSET + kind.length
  const bytes = new Uint8Array(bodyOffset + bodyBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC)
  view.setUint16(4, VERSION)
  view.setUint8(6, kind.length)
  for (let index = 0; index < kind.length; index++) view.setUint8(KIND_OFFSET + index, kind.charCodeAt(index))
  return { bytes, body: new DataView(bytes.buffer, bodyOffset) }
}

/**
 * A view of the body of a state of that kind and size.
 * @throws GuestStateError on any other magic, version, kind or length.
 */
export function guestStateBody(kind: string, bodyBytes: number, bytes: Uint8Array): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = KIND_OFFSET + kind.length + bodyBytes
  if (bytes.length < KIND_OFFSET || bytes.length > GUEST_STATE_BYTES_MAX)
    throw new GuestStateError('guest state', `${length} bytes`, `${bytes.length} bytes`)
  if (view.getUint32(0) !== MAGIC)
    throw new GuestStateError('magic of a guest state', hex(MAGIC), hex(view.getUint32(0)))
  if (view.getUint16(4) !== VERSION)
    throw new GuestStateError('version of a guest state', `${VERSION}`, `${view.getUint16(4)}`)
  const found = String.fromCharCode(...bytes.subarray(KIND_OFFSET, KIND_OFFSET + view.getUint8(6)))
  if (found !== kind) throw new GuestStateError('kind of a guest state', JSON.stringify(kind), JSON.stringify(found))
  if (bytes.length !== length)
    throw new GuestStateError(`state of a ${kind} guest`, `${length} bytes`, `${bytes.length} bytes`)
  return new DataView(bytes.buffer, bytes.byteOffset + KIND_OFFSET + kind.length, bodyBytes)
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
