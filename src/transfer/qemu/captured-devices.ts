/** The devices of a captured guest: the bytes of their sections, and what describes them. */
import { DeviceTail, describeDevices, TAIL_BYTES_MAX, VM_DESCRIPTION_BYTES_MAX } from '../../wire/index.ts'

export interface CapturedDevices {
  /** Device sections, without the EOF behind them. */
  readonly sections: Uint8Array
  /** The JSON that describes them; of no device where there is none (a guest that was taken in postcopy). */
  readonly description: Uint8Array
}

/** Takes apart what was kept of a guest: a device tail with its EOF and description, or device sections alone. */
export const capturedDevices = (bytes: Uint8Array): CapturedDevices => {
  const tail = new DeviceTail({
    offset: 0,
    footers: true,
    bytesMax: TAIL_BYTES_MAX,
    descriptionBytesMax: VM_DESCRIPTION_BYTES_MAX,
    readsAhead: false,
  })
  tail.append(bytes, 0, bytes.length)
  const whole = tail.whole()
  if (whole === undefined) return { sections: bytes, description: new TextEncoder().encode(describeDevices([])) }
  const last = whole.slices.at(-1)
  // Behind the last payload comes its footer, of five bytes.
  const end = last === undefined ? 0 : last.at + last.length + 5
  return { sections: bytes.slice(0, end), description: whole.description.bytes.slice() }
}
