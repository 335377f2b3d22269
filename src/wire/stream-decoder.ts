/**
 * The push parser of the migration stream: fed with whatever the transport delivers, it checks and hands on complete
 * records (QEMU's docs/devel/migration.rst, "Stream structure"; migration/savevm.c, `qemu_loadvm_state`;
 * migration/ram.c, `ram_load_precopy`). The caller owns the buffer; the decoder keeps no page and makes no object per
 * page. What it refuses, it refuses before the sink hears of it.
 */
import { RAM_IDSTR, SECTION_VM_DESCRIPTION, TAIL_BYTES_MAX, VM_DESCRIPTION_BYTES_MAX } from './constants.ts'
import { Accumulator, readU32 } from './bytes.ts'
import { COLO_STATE_IDSTR, type ColoDialect } from './colo-message.ts'
import { DeviceTail } from './device-tail.ts'
import { HeaderDecoder } from './header-decoder.ts'
import { IterableSections, type IterableName } from './iterable-sections.ts'
import { RamBlockTable, RamDecoder } from './ram-decoder.ts'
import type { RamBlock } from './ram-record.ts'
import { SectionDecoder, type SectionDecoderOptions } from './section-decoder.ts'
import { StreamError, hex } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'
import { readVmDescription, type DeviceDescription } from './vm-description.ts'

export interface StreamDecoderOptions extends SectionDecoderOptions {
  /**
   * Whether a VM description has to follow EOF. Unless told, it has to, except in a stream that switched to postcopy
   * (one with a PACKAGED command). `absent` is for machine types up to 2.2, which suppress it: in tail mode only
   * `finish` can tell the end of such a stream. `optional` is for a reader that does not know the machine type: as
   * `absent` if the transport ends without one and the source is of an old type, and as required otherwise.
   */
  readonly vmDescription?: 'required' | 'absent' | 'optional'
  /** The iterable sections that the receiver takes; `ram` alone unless told. */
  readonly iterables?: readonly IterableName[]
  /**
   * The transport may deliver what follows the end of the stream together with it, as a recording of COLO does (a live
   * source waits for an answer first): in tail mode an end is then also looked for in the middle of what has come.
   */
  readonly readsAhead?: boolean
  /** Limits; each has a default of the same name in `constants`. */
  readonly blockCountMax?: number
  readonly tailBytesMax?: number
  readonly vmDescriptionBytesMax?: number
}

const HEADER = 0
const SECTIONS = 1
const DESCRIPTION = 2
const DESCRIPTION_BODY = 3
const TAIL = 4
const COMPLETE = 5

const WANTED: Readonly<Record<number, string>> = {
  [DESCRIPTION]: 'the vmdescription section',
  [DESCRIPTION_BODY]: 'the rest of the vmdescription section',
  [TAIL]: 'the vmdescription section behind the device sections',
}

/**
 * Push parser. Hold one buffer of at least `RECORD_BYTES_MAX` (a little above 64 KiB), read into it, feed it, move what
 * was not consumed to its front, read on:
 *
 * ```ts
 * const consumed = decoder.feed(buffer, 0, filled)
 * buffer.copyWithin(0, consumed, filled)
 * ```
 *
 * At the end of the transport call `finish`. A StreamError, or whatever the sink throws, is final: every further call
 * throws it again.
 */
export class StreamDecoder {
  readonly #sink: StreamSink
  readonly #options: StreamDecoderOptions
  readonly #header = new HeaderDecoder()
  readonly #table: RamBlockTable
  readonly #ram: RamDecoder
  readonly #iterables: IterableSections
  readonly #sections: SectionDecoder
  readonly #description = new Accumulator()
  #descriptionLeft = 0
  #tail: DeviceTail | undefined
  #tailOffset: number | undefined
  #state: number = HEADER
  /** Bytes consumed in all feeds before this one, minus the index they would have: index + base = stream offset. */
  #base = 0
  #position = 0
  #failure: { readonly cause: unknown } | undefined
  #colo: ColoDialect | undefined
  #inCheckpoint = false

  /** `first` is for `checkpointStream`. */
  constructor(sink: StreamSink, options: StreamDecoderOptions = {}, first?: StreamDecoder) {
    this.#sink = sink
    this.#options = options
    this.#table = first === undefined ? new RamBlockTable(options.blockCountMax) : first.#table
    this.#ram = first === undefined ? new RamDecoder(sink, this.#table) : first.#ram
    this.#iterables = new IterableSections(sink, this.#ram, options.iterables ?? [RAM_IDSTR])
    this.#sections = new SectionDecoder(sink, options, this.#table, this.#iterables)
  }

  /** Bytes of the stream consumed so far. */
  get position(): number {
    return this.#position
  }

  /** Place in the stream of index `at` of the buffer that is being fed: what a sink names in an error of its own. */
  offsetOf(at: number): number {
    return this.#base + at
  }

  /** Place in the stream of the section or command that the sink was last told of. */
  get itemOffset(): number {
    return this.#sections.itemOffset
  }

  /** Where in the stream the device tail begins, once it has; undefined before, and where device lengths are known. */
  get tailOffset(): number | undefined {
    return this.#tailOffset
  }

  /** Whether the stream has come to its proper end. From then on `feed` consumes nothing. */
  get complete(): boolean {
    return this.#state === COMPLETE
  }

  /** Stopped behind an EOS (see `holdAtEos`): `feed` consumes nothing until `proceed` is called. */
  get held(): boolean {
    return this.#sections.held
  }

  /** Go on behind the EOS at which the decoder has stopped. */
  proceed(): void {
    this.#sections.held = false
  }

  /** The block list, empty until it has come. */
  get blocks(): readonly RamBlock[] {
    return this.#table.listed ? this.#table.blocks : []
  }

  /** The block list as the decoders of further channels of the same migration need it. */
  get table(): RamBlockTable {
    return this.#table
  }

  /** The form of COLO that the source has announced: checkpoints follow the end of the stream. Undefined: none do. */
  get colo(): ColoDialect | undefined {
    return this.#sections.coloEnabled ? '7.2' : this.#colo
  }

  /**
   * Consume every complete record in `bytes[start .. end)`; returns how many bytes that was. The rest has to come again
   * with more behind it. Throws StreamError.
   */
  feed(bytes: Uint8Array, start: number, end: number): number {
    return this.#finally(() => {
      this.#base = this.#position - start
      let at = this.#run(bytes, start, end)
      if (this.#tail !== undefined) at -= this.#endTail(this.#tail)
      this.#position += at - start
      return at - start
    })
  }

  /**
   * The transport has ended, with `remaining` bytes left that `feed` did not consume. Throws StreamError unless the
   * stream is complete.
   */
  finish(remaining = 0): void {
    this.#finally(() => {
      if (this.#state === COMPLETE) return
      if (!this.#endBare(remaining)) throw this.#cutOff(remaining)
    })
  }

  /**
   * A new connection continues a broken postcopy: no header comes, records name their block again, and whatever was cut
   * off is forgotten. Block list and section ids stay.
   */
  resume(): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (!this.#table.listed || this.#state !== SECTIONS) {
      throw new StreamError(this.#position, 'Nothing to resume', 'a stream cut off behind its block list', 'another')
    }
    this.#iterables.forget()
    this.#sections.restart()
  }

  /**
   * COLO, behind the end of the stream: the memory of a checkpoint follows, sections up to an EOF without header and
   * description. The block that CONTINUE refers to is still that of the record before. `end` is called again. `position` is
   * where in the stream it comes.
   */
  checkpoint(position: number): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (this.#state !== COMPLETE) {
      throw new StreamError(this.#position, 'No checkpoint yet', 'a complete stream', this.#wanted)
    }
    this.#inCheckpoint = true
    this.#position = position
    this.#sections.restart()
    this.#state = SECTIONS
  }

  /**
   * COLO of 2.11, behind the end of the stream: the decoder of the whole stream that a checkpoint is. It hands on to the
   * same sink, its block list has to be that of the first, and CONTINUE reaches back into it. `position` is where in the
   * stream it comes.
   */
  checkpointStream(position: number): StreamDecoder {
    this.#table.repeatable = true
    const stream = new StreamDecoder(this.#sink, this.#options, this)
    stream.#position = position
    return stream
  }

  /** A failure is final: every later call ends in it. */
  #finally<Result>(work: () => Result): Result {
    if (this.#failure !== undefined) throw this.#failure.cause
    try {
      return work()
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #cutOff(remaining: number): unknown {
    const fault = this.#tail?.endFault()
    if (fault !== undefined) return fault
    const found = remaining === 0 ? 'the end of the stream' : `${remaining} bytes and the end of the stream`
    return new StreamError(this.#position, 'Stream cut off', this.#wanted, found)
  }

  get #wanted(): string {
    if (this.#state === HEADER) return this.#header.expected
    return WANTED[this.#state] ?? this.#sections.expected
  }

  /** Step until neither the place nor the state changes. */
  #run(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    for (;;) {
      const state = this.#state
      const next = this.#step(state, bytes, at, end)
      if (next === at && state === this.#state) return at
      at = next
    }
  }

  #step(state: number, bytes: Uint8Array, at: number, end: number): number {
    switch (state) {
      case SECTIONS:
        return this.#sectionBytes(bytes, at, end)
      case HEADER:
        return this.#headerBytes(bytes, at, end)
      case TAIL:
        this.#tail!.append(bytes, at, end)
        return end
      case DESCRIPTION:
        return this.#descriptionHeader(bytes, at, end)
      case DESCRIPTION_BODY:
        return this.#descriptionBody(bytes, at, end)
      default:
        return at
    }
  }

  #headerBytes(bytes: Uint8Array, at: number, end: number): number {
    const behind = this.#header.read(bytes, at, end, this.#base)
    if (this.#header.done) {
      const { configuration } = this.#header
      this.#table.addresses = configuration?.capabilities?.includes('x-ignore-shared') === true
      // Machine types that send no configuration section send no footers either.
      this.#sections.footers = configuration !== undefined
      this.#state = SECTIONS
      this.#sink.header(configuration)
    }
    return behind
  }

  #sectionBytes(bytes: Uint8Array, at: number, end: number): number {
    const sections = this.#sections
    const behind = sections.read(bytes, at, end, this.#base)
    if (sections.ended) {
      if (this.#descriptionRequired) this.#state = DESCRIPTION
      else this.#end()
    } else if (sections.atDevices) this.#startTail(behind)
    return behind
  }

  get #descriptionRequired(): boolean {
    if (this.#inCheckpoint) return false
    const { vmDescription } = this.#options
    if (vmDescription === 'absent') return false
    return vmDescription === 'required' || !this.#sections.packaged
  }

  get #descriptionBytesMax(): number {
    return this.#options.vmDescriptionBytesMax ?? VM_DESCRIPTION_BYTES_MAX
  }

  #descriptionHeader(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    if (bytes[at] !== SECTION_VM_DESCRIPTION) {
      const found = bytes[at]!
      throw this.#error(at, `Expected vmdescription section, but got ${found}`, hex(SECTION_VM_DESCRIPTION), hex(found))
    }
    if (end - at < 5) return at
    const length = readU32(bytes, at + 1)
    const limit = this.#descriptionBytesMax
    if (length > limit) throw this.#error(at + 1, 'VM description is too long', `at most ${limit}`, `${length}`)
    this.#descriptionLeft = length
    this.#state = DESCRIPTION_BODY
    return at + 5
  }

  #descriptionBody(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#descriptionLeft, end - at)
    this.#description.append(bytes, at, at + count)
    this.#descriptionLeft -= count
    if (this.#descriptionLeft === 0) {
      const json = this.#description.take()
      const offset = this.#base + at + count - json.length
      const description = readVmDescription(json, offset)
      requireSameDevices(this.#sections.devices, description.devices, offset)
      this.#sink.vmDescription(description)
      this.#end()
    }
    return at + count
  }

  #startTail(at: number): void {
    if (this.#inCheckpoint) {
      throw this.#error(at, 'Device section in the memory of a checkpoint', 'END, PART or EOF', 'FULL')
    }
    const { tailBytesMax = TAIL_BYTES_MAX } = this.#options
    const { footers } = this.#sections
    this.#tailOffset = this.#base + at
    this.#tail = new DeviceTail({
      offset: this.#base + at,
      footers,
      bytesMax: tailBytesMax,
      descriptionBytesMax: this.#descriptionBytesMax,
      readsAhead: this.#options.readsAhead === true,
    })
    this.#state = TAIL
  }

  /** Ends the tail if it is whole; returns how many bytes it has taken from behind its end. */
  #endTail(tail: DeviceTail): number {
    const whole = tail.whole()
    if (whole === undefined) return 0
    const { bytes, slices, description, excess } = whole
    this.#tail = undefined
    this.#sink.deviceTail(bytes)
    for (const { section, at, length } of slices) {
      if (section.idstr === COLO_STATE_IDSTR) this.#colo = '2.11'
      this.#sink.device(section, bytes.subarray(at, at + length))
    }
    this.#sink.vmDescription(description)
    this.#end()
    return excess
  }

  /** The end of a stream without description, where only the end of the transport can tell it. */
  #endBare(remaining: number): boolean {
    const { vmDescription } = this.#options
    const isOld = vmDescription === 'optional' && this.#header.done && this.#header.configuration === undefined
    if (remaining > 0 || (vmDescription !== 'absent' && !isOld)) return false
    const bytes = this.#tail?.bare()
    if (bytes === undefined && this.#state !== DESCRIPTION) return false
    this.#tail = undefined
    if (bytes !== undefined) this.#sink.deviceTail(bytes)
    this.#end()
    return true
  }

  #end(): void {
    if (this.#sections.devices.some(({ name }) => name === COLO_STATE_IDSTR)) this.#colo = '2.11'
    this.#state = COMPLETE
    this.#sink.end()
  }
}

/** The description has to tell of the device sections that came, and of no others. */
function requireSameDevices(
  came: readonly DeviceDescription[],
  told: readonly DeviceDescription[],
  offset: number,
): void {
  for (let index = 0; index < Math.max(told.length, came.length); index++) {
    const expected = printDevice(came[index])
    const found = printDevice(told[index])
    if (expected !== found) {
      throw new StreamError(offset, 'Device section and its description disagree', expected, found)
    }
  }
}

function printDevice(device: DeviceDescription | undefined): string {
  return device === undefined ? 'none' : `${device.name} instance ${device.instance} with ${device.length} bytes`
}
