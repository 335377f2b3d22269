/**
 * The device tail: everything from the first FULL to the end of a stream, of which no length is told beforehand. It is
 * collected whole, and ends where a VM description fills it to the last byte and splits it exactly (QEMU's
 * migration/savevm.c, `qemu_savevm_state_complete_precopy_non_iterable`). The source of a live migration waits for an
 * answer then, so that nothing but the bytes themselves can tell the end.
 */
import { SECTION_EOF, SECTION_VM_DESCRIPTION } from './constants.ts'
import { Accumulator, readU32 } from './bytes.ts'
import { COLO_MESSAGE_NUMBER } from './colo-message.ts'
import { StreamError } from './stream-error.ts'
import { readVmDescription, splitDeviceTail, type DeviceSlice, type VmDescription } from './vm-description.ts'

/** EOF, the type byte of the description, its length. */
const LENGTH_PREFIX = 6
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

/** A tail that has ended: its bytes, and the sections in them. */
export interface WholeTail {
  /** Verbatim, with EOF and description; the receiver owns it. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly slices: readonly DeviceSlice[]
  readonly description: VmDescription
  /** Bytes that were taken from behind the end. */
  readonly excess: number
}

export interface DeviceTailOptions {
  /** Place of the tail in the stream. */
  readonly offset: number
  /** Whether every section is closed by a footer. */
  readonly footers: boolean
  /** Most bytes of the whole, and of the description in it. */
  readonly bytesMax: number
  readonly descriptionBytesMax: number
  /** Look for an end inside of what has come, in front of the first message of a COLO checkpoint. */
  readonly readsAhead: boolean
}

export class DeviceTail {
  readonly #collected = new Accumulator()
  readonly #options: DeviceTailOptions
  /** Place of the last zero byte that has been looked at. */
  #zero = -1
  #fault: unknown

  constructor(options: DeviceTailOptions) {
    this.#options = options
  }

  /** Take `bytes[at .. end)`. Throws StreamError if the tail gets too long. */
  append(bytes: Uint8Array, at: number, end: number): void {
    const { length } = this.#collected
    const { offset, bytesMax } = this.#options
    if (length + (end - at) > bytesMax) {
      const found = `${length + (end - at)} without an end`
      throw new StreamError(offset + length, 'Device tail is too long', `at most ${bytesMax} bytes`, found)
    }
    this.#collected.append(bytes, at, end)
  }

  /**
   * The whole tail, if it ends with what has been collected: EOF, VMDESCRIPTION and a length that is exactly what is left,
   * of JSON by which the sections before it can be split. JSON holds no zero byte, so the last zero byte of the tail is the
   * EOF or in the four length bytes.
   */
  whole(): WholeTail | undefined {
    const tail = this.#collected.peek()
    const { length } = tail
    if (this.#options.readsAhead) {
      for (let zero = tail.indexOf(0, this.#zero + 1); zero >= 0; zero = tail.indexOf(0, zero + 1)) {
        const found = startsCheckpoint(tail, zero) ? this.#endingAt(tail, zero) : undefined
        if (found !== undefined) {
          return { bytes: this.#collected.take().subarray(0, zero), ...found, excess: length - zero }
        }
        this.#zero = zero
      }
    } else {
      const zero = tail.subarray(this.#zero + 1).lastIndexOf(0)
      if (zero >= 0) this.#zero += 1 + zero
    }
    const found = this.#endingAt(tail, length)
    return found === undefined ? undefined : { bytes: this.#collected.take(), ...found, excess: 0 }
  }

  /** Nothing more comes: what is wrong with what looks like an end there, undefined if nothing does. */
  endFault(): unknown {
    this.#fault = undefined
    const tail = this.#collected.peek()
    this.#endingAt(tail, tail.length)
    return this.#fault
  }

  /** Whether the tail ends at `end`, if `#zero` is the last zero byte in front: six places are all there is to look at. */
  #endingAt(tail: Uint8Array, end: number): Pick<WholeTail, 'slices' | 'description'> | undefined {
    if (tail[end - 1] !== BRACE_CLOSE || this.#zero < 0) return undefined
    for (let eof = Math.max(0, this.#zero - 5); eof <= this.#zero; eof++) {
      const json = eof + LENGTH_PREFIX
      if (tail[eof] !== SECTION_EOF || tail[eof + 1] !== SECTION_VM_DESCRIPTION || tail[json] !== BRACE_OPEN) continue
      if (readU32(tail, eof + 2) !== end - json || end - json > this.#options.descriptionBytesMax) continue
      const found = this.#split(tail, eof, json, end)
      if (found !== undefined) return found
    }
    return undefined
  }

  #split(
    tail: Uint8Array,
    eof: number,
    json: number,
    end: number,
  ): Pick<WholeTail, 'slices' | 'description'> | undefined {
    try {
      const { offset, footers } = this.#options
      const description = readVmDescription(tail.subarray(json, end), offset + json)
      const slices = splitDeviceTail(tail, eof + 1, description.devices, footers, offset)
      return { description, slices }
    } catch (cause) {
      // Not the end, then: the bytes may be a payload's.
      this.#fault = cause
      return undefined
    }
  }

  /** The whole tail of a stream without description, of which only the end of the transport tells the end. */
  bare(): Uint8Array<ArrayBuffer> | undefined {
    const tail = this.#collected.peek()
    return tail[tail.length - 1] === SECTION_EOF ? this.#collected.take() : undefined
  }
}

/** Whether what stands at `at`, or as much of it as has come, is the message that opens a checkpoint. */
function startsCheckpoint(tail: Uint8Array, at: number): boolean {
  const number = COLO_MESSAGE_NUMBER['checkpoint-request']
  return [0, 0, 0, number].every((byte, index) => at + index >= tail.length || tail[at + index] === byte)
}
