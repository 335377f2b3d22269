/**
 * The push parser of the migration stream: fed with whatever the transport delivers, it checks and hands on complete
 * records (QEMU's docs/devel/migration.rst, "Stream structure"; migration/savevm.c, `qemu_loadvm_state`;
 * migration/ram.c, `ram_load_precopy`). The caller owns the buffer; the decoder keeps no page and makes no object per
 * page. What it refuses, it refuses before the sink hears of it.
 */
import {
  CAPABILITY_COUNT_MAX,
  DEVICE_BYTES_MAX,
  DEVICE_COUNT_MAX,
  MACHINE_NAME_BYTES_MAX,
  PACKAGE_BYTES_MAX,
  RAM_IDSTR,
  RAM_INSTANCE,
  RAM_VERSION,
  SECTION_COMMAND,
  SECTION_CONFIGURATION,
  SECTION_END,
  SECTION_EOF,
  SECTION_FOOTER,
  SECTION_FULL,
  SECTION_PART,
  SECTION_START,
  SECTION_SUBSECTION,
  SECTION_VM_DESCRIPTION,
  STREAM_MAGIC,
  STREAM_VERSION,
  TAIL_BYTES_MAX,
  VM_DESCRIPTION_BYTES_MAX,
} from './constants.ts'
import { Accumulator, readText, readU16, readU32 } from './bytes.ts'
import { readCommand, type RamRange } from './command.ts'
import { CAPABILITIES_NAME, TARGET_PAGE_BITS_NAME, UUID_NAME, type Configuration } from './header.ts'
import { RamBlockTable, RamDecoder } from './ram-decoder.ts'
import type { RamBlock } from './ram-record.ts'
import type { Section } from './section.ts'
import { StreamError, hex } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'
import { readVmDescription, splitDeviceTail, type DeviceDescription } from './vm-description.ts'

export interface StreamDecoderOptions {
  /**
   * Payload bytes of a device section that the receiver knows, undefined for one that it does not (which refuses the
   * stream). Without this function the decoder is in tail mode: everything from the first FULL on is collected, and
   * split by the VM description that ends it.
   */
  readonly deviceLength?: (idstr: string, version: number, instance: number) => number | undefined
  /**
   * Whether a VM description has to follow EOF. Unless told, it has to, except in a stream that switched to postcopy
   * (one with a PACKAGED command). `absent` is for machine types up to 2.2, which suppress it: in tail mode only
   * `finish` can tell the end of such a stream.
   */
  readonly vmDescription?: 'required' | 'absent'
  /** Limits; each has a default of the same name in `constants`. */
  readonly blockCountMax?: number
  readonly deviceBytesMax?: number
  readonly deviceCountMax?: number
  readonly packageBytesMax?: number
  readonly tailBytesMax?: number
  readonly vmDescriptionBytesMax?: number
}

const HEADER = 0
const CONFIGURATION = 1
const SUBSECTION = 2
const ITEM = 3
const RAM = 4
const BODY = 5
const FOOTER = 6
const DESCRIPTION = 7
const TAIL = 8
const COMPLETE = 9

const WANTED = [
  'the file header',
  'the configuration section or the first section',
  'a configuration subsection or the first section',
  'a section, a command or EOF',
  'a RAM record or EOS',
  'the rest of a body',
  'a section footer',
  'the vmdescription section',
  'the vmdescription section behind the device sections',
  'nothing more',
]

const BODY_DEVICE = 0
const BODY_PACKAGE = 1
const BODY_DESCRIPTION = 2

const LENGTH_PREFIX = 6
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

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
  readonly #body = new Accumulator()
  readonly #table: RamBlockTable
  readonly #ram: RamDecoder
  readonly #devices: DeviceDescription[] = []
  #state: number = HEADER
  /** Bytes consumed in all feeds before this one, minus the index they would have: index + base = stream offset. */
  #base = 0
  #position = 0
  #failure: { readonly cause: unknown } | undefined

  #configuration: { -readonly [K in keyof Configuration]: Configuration[K] } | undefined
  #footers = true
  #packaged = false
  #inPackage = false

  #ramSectionId: number | undefined

  #bodyKind = BODY_DEVICE
  #bodyLeft = 0
  #section: Section = { id: 0, idstr: '', instance: 0, version: 0 }
  #deviceBytes: Uint8Array | undefined

  #tailOffset = 0
  #lastZero = -1
  #tailFault: unknown

  constructor(sink: StreamSink, options: StreamDecoderOptions = {}) {
    this.#sink = sink
    this.#options = options
    this.#table = new RamBlockTable(options.blockCountMax)
    this.#ram = new RamDecoder(sink, this.#table)
  }

  /** Bytes of the stream consumed so far. */
  get position(): number {
    return this.#position
  }

  /** Whether the stream has come to its proper end. From then on `feed` consumes nothing. */
  get complete(): boolean {
    return this.#state === COMPLETE
  }

  /** The block list, empty until it has come. */
  get blocks(): readonly RamBlock[] {
    return this.#table.listed ? this.#table.blocks : []
  }

  /**
   * Consume every complete record in `bytes[start .. end)`; returns how many bytes that was. The rest has to come again
   * with more behind it. Throws StreamError.
   */
  feed(bytes: Uint8Array, start: number, end: number): number {
    if (this.#failure !== undefined) throw this.#failure.cause
    this.#base = this.#position - start
    try {
      const at = this.#run(bytes, start, end)
      this.#position += at - start
      if (this.#state === TAIL) this.#endTail()
      return at - start
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
  }

  /**
   * The transport has ended, with `remaining` bytes left that `feed` did not consume. Throws StreamError unless the
   * stream is complete.
   */
  finish(remaining = 0): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (this.#state === COMPLETE) return
    try {
      if (this.#state !== TAIL || !this.#endBareTail()) throw this.#cutOff(remaining)
    } catch (cause) {
      this.#failure = { cause }
      throw cause
    }
  }

  /**
   * A new connection continues a broken postcopy: no header comes, records name their block again, and whatever was cut
   * off is forgotten. Block list and section ids stay.
   */
  resume(): void {
    if (this.#failure !== undefined) throw this.#failure.cause
    if (!this.#table.listed || this.#state === COMPLETE) {
      throw new StreamError(this.#position, 'Nothing to resume', 'a stream cut off behind its block list', 'another')
    }
    this.#body.take()
    this.#deviceBytes = undefined
    this.#ram.forget()
    this.#state = ITEM
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #cutOff(remaining: number): unknown {
    if (this.#state === TAIL && this.#tailFault !== undefined) return this.#tailFault
    const wanted = this.#state === RAM ? this.#ram.expected : WANTED[this.#state]!
    const found = remaining === 0 ? 'the end of the stream' : `${remaining} bytes and the end of the stream`
    return new StreamError(this.#position, 'Stream cut off', wanted, found)
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
      case RAM:
        return this.#ramRecords(bytes, at, end)
      case BODY:
        return this.#bodyBytes(bytes, at, end)
      case ITEM:
        return this.#item(bytes, at, end)
      case FOOTER:
        return this.#footer(bytes, at, end)
      case HEADER:
        return this.#header(bytes, at, end)
      case CONFIGURATION:
        return this.#configurationSection(bytes, at, end)
      case SUBSECTION:
        return this.#subsection(bytes, at, end)
      case DESCRIPTION:
        return this.#description(bytes, at, end)
      case TAIL:
        return this.#tail(bytes, at, end)
      default:
        return at
    }
  }

  // Header and configuration

  #header(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 8) return at
    const magic = readU32(bytes, at)
    if (magic !== STREAM_MAGIC) throw this.#error(at, 'Not a migration stream', hex(STREAM_MAGIC), hex(magic))
    const version = readU32(bytes, at + 4)
    if (version !== STREAM_VERSION) {
      throw this.#error(at + 4, 'Unsupported migration stream version', `${STREAM_VERSION}`, `${version}`)
    }
    this.#state = CONFIGURATION
    return at + 8
  }

  #configurationSection(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    if (bytes[at] !== SECTION_CONFIGURATION) {
      // Machine types that send no configuration section send no footers either.
      this.#footers = false
      this.#state = ITEM
      this.#sink.header(undefined)
      return at
    }
    if (end - at < 5) return at
    const length = readU32(bytes, at + 1)
    if (length === 0 || length > MACHINE_NAME_BYTES_MAX) {
      throw this.#error(at + 1, 'Bad machine name length', `1 to ${MACHINE_NAME_BYTES_MAX}`, `${length}`)
    }
    if (end - at < 5 + length) return at
    this.#configuration = { machine: readText(bytes, at + 5, length) }
    this.#state = SUBSECTION
    return at + 5 + length
  }

  #subsection(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    const configuration = this.#configuration!
    if (bytes[at] !== SECTION_SUBSECTION) {
      this.#state = ITEM
      this.#sink.header(configuration)
      return at
    }
    if (end - at < 2) return at
    const nameLength = bytes[at + 1]!
    const body = at + 2 + nameLength + 4
    if (end < body) return at
    const name = readText(bytes, at + 2, nameLength)
    const version = readU32(bytes, body - 4)
    if (version !== 1) throw this.#error(body - 4, `Unsupported version of subsection ${name}`, '1', `${version}`)
    const repeated = (): StreamError => this.#error(at, `Subsection ${name} came twice`, 'it once', 'a second one')
    switch (name) {
      case TARGET_PAGE_BITS_NAME: {
        if (configuration.targetPageBits !== undefined) throw repeated()
        if (end - body < 4) return at
        const bits = readU32(bytes, body)
        if (bits !== 12) throw this.#error(body, 'Target page size does not fit', '12 bits', `${bits}`)
        configuration.targetPageBits = bits
        return body + 4
      }
      case CAPABILITIES_NAME:
        if (configuration.capabilities !== undefined) throw repeated()
        return this.#capabilities(bytes, at, body, end, configuration)
      case UUID_NAME:
        if (configuration.uuid !== undefined) throw repeated()
        if (end - body < 16) return at
        // A copy, whatever was fed: the slice of a Buffer would be a view, and change with the next read.
        configuration.uuid = Uint8Array.from(bytes.subarray(body, body + 16))
        return body + 16
      default:
        throw this.#error(
          at,
          'Unknown configuration subsection',
          `${TARGET_PAGE_BITS_NAME}, ${CAPABILITIES_NAME} or ${UUID_NAME}`,
          JSON.stringify(name),
        )
    }
  }

  #capabilities(
    bytes: Uint8Array,
    at: number,
    body: number,
    end: number,
    configuration: { capabilities?: readonly string[] },
  ): number {
    if (end - body < 4) return at
    const count = readU32(bytes, body)
    if (count > CAPABILITY_COUNT_MAX) {
      throw this.#error(body, 'Too many capabilities', `at most ${CAPABILITY_COUNT_MAX}`, `${count}`)
    }
    const capabilities: string[] = []
    let next = body + 4
    while (capabilities.length < count) {
      if (next >= end) return at
      const length = bytes[next]!
      if (length === 0) throw this.#error(next, 'Empty capability name', '1 to 255 bytes', '0')
      if (end - next < 1 + length) return at
      capabilities.push(readText(bytes, next + 1, length))
      next += 1 + length
    }
    configuration.capabilities = capabilities
    this.#table.addresses = capabilities.includes('x-ignore-shared')
    return next
  }

  // Sections

  #item(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    const type = bytes[at]!
    if (this.#inPackage && type !== SECTION_FULL && type !== SECTION_COMMAND) {
      throw this.#error(at, 'Unexpected section in a package', 'FULL or COMMAND', `type ${hex(type)}`)
    }
    switch (type) {
      case SECTION_EOF:
        if (this.#descriptionRequired()) this.#state = DESCRIPTION
        else this.#end()
        return at + 1
      case SECTION_START:
        return this.#start(bytes, at, end)
      case SECTION_PART:
      case SECTION_END: {
        if (end - at < 5) return at
        const id = readU32(bytes, at + 1)
        if (id !== this.#ramSectionId) {
          const known = this.#ramSectionId === undefined ? 'a START first' : hex(this.#ramSectionId)
          throw this.#error(at + 1, `Unknown savevm section ${hex(id)}`, known, hex(id))
        }
        this.#state = RAM
        if (type === SECTION_PART) this.#sink.sectionPart(id)
        else this.#sink.sectionEnd(id)
        return at + 5
      }
      case SECTION_FULL:
        return this.#full(bytes, at, end)
      case SECTION_COMMAND:
        return this.#command(bytes, at, end)
      default:
        throw this.#error(
          at,
          `Unknown savevm section type ${type}`,
          'START, PART, END, FULL, COMMAND or EOF',
          hex(type),
        )
    }
  }

  /** Read the header of START or FULL into `#section`; returns the offset behind it, or `at` if it is not all there. */
  #sectionHeader(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 6) return at
    const nameLength = bytes[at + 5]!
    if (nameLength === 0) throw this.#error(at + 5, 'Unable to read ID string for section', '1 to 255 bytes', '0')
    const behind = at + 6 + nameLength + 8
    if (behind > end) return at
    this.#section = {
      id: readU32(bytes, at + 1),
      idstr: readText(bytes, at + 6, nameLength),
      instance: readU32(bytes, behind - 8),
      version: readU32(bytes, behind - 4),
    }
    return behind
  }

  #start(bytes: Uint8Array, at: number, end: number): number {
    const behind = this.#sectionHeader(bytes, at, end)
    if (behind === at) return at
    const { id, idstr, instance, version } = this.#section
    if (idstr !== RAM_IDSTR || instance !== RAM_INSTANCE) {
      throw this.#error(at, 'Unknown iterable section', `${RAM_IDSTR} instance 0`, `${idstr} instance ${instance}`)
    }
    if (version !== RAM_VERSION) {
      throw this.#error(behind - 4, `Unsupported version of ${idstr}`, `${RAM_VERSION}`, `${version}`)
    }
    if (this.#ramSectionId !== undefined && this.#ramSectionId !== id) {
      throw this.#error(at + 1, `Second section id for ${idstr}`, hex(this.#ramSectionId), hex(id))
    }
    this.#ramSectionId = id
    this.#state = RAM
    this.#sink.sectionStart(this.#section)
    return behind
  }

  #full(bytes: Uint8Array, at: number, end: number): number {
    const deviceLength = this.#options.deviceLength
    if (deviceLength === undefined) {
      if (this.#inPackage) throw this.#error(at, 'FULL in a package', 'known device lengths', 'none')
      this.#tailOffset = this.#base + at
      this.#lastZero = -1
      this.#state = TAIL
      return at
    }
    const behind = this.#sectionHeader(bytes, at, end)
    if (behind === at) return at
    const { idstr, instance, version } = this.#section
    const length = deviceLength(idstr, version, instance)
    if (length === undefined) {
      throw this.#error(
        at,
        `Unknown section or version ${idstr}`,
        'a device section that this side has',
        `${idstr} instance ${instance} version ${version}`,
      )
    }
    const limit = this.#options.deviceBytesMax ?? DEVICE_BYTES_MAX
    if (!Number.isSafeInteger(length) || length < 0 || length > limit) {
      throw this.#error(at, `Device section ${idstr} is too long`, `at most ${limit} bytes`, `${length}`)
    }
    const countLimit = this.#options.deviceCountMax ?? DEVICE_COUNT_MAX
    if (this.#devices.length >= countLimit) {
      throw this.#error(at, 'Too many device sections', `at most ${countLimit}`, 'one more')
    }
    this.#startBody(BODY_DEVICE, length)
    return behind
  }

  #footer(bytes: Uint8Array, at: number, end: number): number {
    if (this.#footers) {
      if (end - at < 1) return at
      const { id, idstr } = this.#section
      if (bytes[at] !== SECTION_FOOTER) {
        throw this.#error(at, `Missing section footer for ${idstr}`, hex(SECTION_FOOTER), hex(bytes[at]!))
      }
      if (end - at < 5) return at
      const found = readU32(bytes, at + 1)
      if (found !== id) {
        throw this.#error(
          at + 1,
          `Mismatched section id in footer for ${idstr} - read ${hex(found)} expected ${hex(id)}`,
          hex(id),
          hex(found),
        )
      }
    }
    this.#state = ITEM
    const device = this.#deviceBytes
    if (device !== undefined) {
      this.#deviceBytes = undefined
      this.#devices.push({ name: this.#section.idstr, instance: this.#section.instance, length: device.length })
      this.#sink.device(this.#section, device)
    }
    return this.#footers ? at + 5 : at
  }

  #ramRecords(bytes: Uint8Array, at: number, end: number): number {
    const behind = this.#ram.read(bytes, at, end, this.#base)
    if (this.#ram.ended) {
      const id = this.#ramSectionId!
      this.#ram.ended = false
      this.#section = { id, idstr: RAM_IDSTR, instance: RAM_INSTANCE, version: RAM_VERSION }
      this.#state = FOOTER
      this.#sink.ramEos(id)
    }
    return behind
  }

  // Commands, bodies and the end

  #command(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 5) return at
    const length = readU16(bytes, at + 3)
    const behind = at + 5 + length
    if (behind > end) return at
    const command = readCommand(readU16(bytes, at + 1), bytes, at + 5, length)
    if (!('name' in command)) throw this.#error(at, command.message, command.expected, command.found)
    switch (command.name) {
      case 'POSTCOPY_ADVISE':
        if (command.pageSizes !== undefined) this.#table.pageSizeSummary = command.pageSizes.summary
        break
      case 'POSTCOPY_RAM_DISCARD':
        this.#checkRanges(at, command.block, command.ranges)
        break
      case 'RECV_BITMAP':
        this.#checkRanges(at, command.block, [])
        break
      case 'PACKAGED': {
        const limit = this.#options.packageBytesMax ?? PACKAGE_BYTES_MAX
        if (this.#inPackage) throw this.#error(at, 'PACKAGED in a package', 'another command', 'PACKAGED')
        if (command.length > limit) {
          throw this.#error(at, 'Unreasonably large packaged state', `at most ${limit}`, `${command.length}`)
        }
        this.#packaged = true
        this.#startBody(BODY_PACKAGE, command.length)
        break
      }
      default:
    }
    this.#sink.command(command)
    return behind
  }

  #checkRanges(at: number, name: string, ranges: readonly RamRange[]): void {
    const index = this.#table.indexOf(name)
    if (index === undefined) {
      throw this.#error(at, `Can't find block ${name}`, 'a name of the block list', JSON.stringify(name))
    }
    const { usedLength } = this.#table.blocks[index]!
    for (const { start, length } of ranges) {
      if (start + length > usedLength) {
        throw this.#error(
          at,
          `Discard range outside of RAM block ${name}`,
          `an end up to ${hex(usedLength)}`,
          `${hex(start)} and ${hex(length)} bytes`,
        )
      }
    }
  }

  #startBody(kind: number, length: number): void {
    this.#bodyKind = kind
    this.#bodyLeft = length
    this.#state = BODY
  }

  #bodyBytes(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#bodyLeft, end - at)
    this.#body.append(bytes, at, at + count)
    this.#bodyLeft -= count
    const behind = at + count
    if (this.#bodyLeft > 0) return behind
    const body = this.#body.take()
    const offset = this.#base + behind - body.length
    if (this.#bodyKind === BODY_DEVICE) {
      this.#deviceBytes = body
      this.#state = FOOTER
    } else if (this.#bodyKind === BODY_PACKAGE) {
      this.#state = ITEM
      this.#sink.package(body)
      if (this.#options.deviceLength !== undefined) this.#nested(body, offset)
    } else {
      const description = readVmDescription(body, offset)
      this.#checkDevices(description.devices, offset)
      this.#sink.vmDescription(description)
      this.#end()
    }
    return behind
  }

  /** The content of a package: whole items and nothing else. */
  #nested(bytes: Uint8Array, offset: number): void {
    const outer = this.#base
    this.#base = offset
    this.#inPackage = true
    const at = this.#run(bytes, 0, bytes.length)
    if (at !== bytes.length || this.#state !== ITEM) {
      throw this.#error(at, 'Package cut off', WANTED[this.#state]!, `${bytes.length - at} bytes`)
    }
    this.#inPackage = false
    this.#base = outer
  }

  #descriptionRequired(): boolean {
    return this.#options.vmDescription === undefined ? !this.#packaged : this.#options.vmDescription === 'required'
  }

  #description(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    if (bytes[at] !== SECTION_VM_DESCRIPTION) {
      const found = bytes[at]!
      throw this.#error(at, `Expected vmdescription section, but got ${found}`, hex(SECTION_VM_DESCRIPTION), hex(found))
    }
    if (end - at < 5) return at
    const length = readU32(bytes, at + 1)
    const limit = this.#options.vmDescriptionBytesMax ?? VM_DESCRIPTION_BYTES_MAX
    if (length > limit) throw this.#error(at + 1, 'VM description is too long', `at most ${limit}`, `${length}`)
    this.#startBody(BODY_DESCRIPTION, length)
    return at + 5
  }

  /** The description has to tell of the device sections that came, and of no others. */
  #checkDevices(described: readonly DeviceDescription[], offset: number): void {
    const count = Math.max(described.length, this.#devices.length)
    for (let index = 0; index < count; index++) {
      const came = printDevice(this.#devices[index])
      const told = printDevice(described[index])
      if (came !== told) {
        throw new StreamError(offset, 'Device section and its description disagree', came, told)
      }
    }
  }

  #tail(bytes: Uint8Array, at: number, end: number): number {
    const limit = this.#options.tailBytesMax ?? TAIL_BYTES_MAX
    if (this.#body.length + (end - at) > limit) {
      throw this.#error(at, 'Device tail is too long', `at most ${limit} bytes`, 'more')
    }
    const zero = end > at ? bytes.subarray(at, end).lastIndexOf(0) : -1
    if (zero >= 0) this.#lastZero = this.#body.length + zero
    this.#body.append(bytes, at, end)
    return end
  }

  /**
   * See whether the tail ends here: EOF, VMDESCRIPTION and a length that is exactly what is left, of JSON by which the
   * sections before it can be split. JSON holds no zero byte, so the last zero byte of the tail is the EOF or in the
   * four length bytes, and six places are all there is to look at.
   */
  #endTail(): void {
    const tail = this.#body.peek()
    if (tail[tail.length - 1] !== BRACE_CLOSE || this.#lastZero < 0) return
    for (let eof = Math.max(0, this.#lastZero - 5); eof <= this.#lastZero; eof++) {
      const json = eof + LENGTH_PREFIX
      if (tail[eof] !== SECTION_EOF || tail[eof + 1] !== SECTION_VM_DESCRIPTION || tail[json] !== BRACE_OPEN) continue
      if (readU32(tail, eof + 2) !== tail.length - json) continue
      if (this.#splitTail(tail, eof, json)) return
    }
  }

  #splitTail(tail: Uint8Array, eof: number, json: number): boolean {
    let description
    let slices
    try {
      description = readVmDescription(tail.subarray(json), this.#tailOffset + json)
      slices = splitDeviceTail(tail, eof + 1, description.devices, this.#footers, this.#tailOffset)
    } catch (cause) {
      // Not the end, then: the bytes may be a payload's. Should nothing more come, this is what was wrong.
      this.#tailFault = cause
      return false
    }
    const owned = this.#body.take()
    this.#sink.deviceTail(owned)
    for (const { section, at, length } of slices) this.#sink.device(section, owned.subarray(at, at + length))
    this.#sink.vmDescription(description)
    this.#end()
    return true
  }

  /** The end of a tail without a description, which only the end of the transport can tell. */
  #endBareTail(): boolean {
    const tail = this.#body.peek()
    if (this.#options.vmDescription !== 'absent' || tail[tail.length - 1] !== SECTION_EOF) return false
    this.#sink.deviceTail(this.#body.take())
    this.#end()
    return true
  }

  #end(): void {
    this.#state = COMPLETE
    this.#sink.end()
  }
}

function printDevice(device: DeviceDescription | undefined): string {
  return device === undefined ? 'none' : `${device.name} instance ${device.instance} with ${device.length} bytes`
}
