/**
 * Reads the sections and commands of a stream, from behind the header up to EOF, and those of a postcopy package (QEMU's
 * migration/savevm.c, `qemu_loadvm_state_main`). What a section carries is read by the decoder of its kind.
 */
import {
  DEVICE_BYTES_MAX,
  DEVICE_COUNT_MAX,
  PACKAGE_BYTES_MAX,
  RAM_IDSTR,
  SECTION_COMMAND,
  SECTION_END,
  SECTION_EOF,
  SECTION_FOOTER,
  SECTION_FULL,
  SECTION_PART,
  SECTION_START,
  type CommandVersion,
} from './constants.ts'
import { Accumulator, readText, readU16, readU32 } from './bytes.ts'
import { readCommand, type Command, type RamRange } from './command.ts'
import type { IterableSection, IterableSections } from './iterable-sections.ts'
import { readPackage } from './package.ts'
import type { RamBlockTable } from './ram-decoder.ts'
import type { Section } from './section.ts'
import { StreamError, hex } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'
import type { DeviceDescription } from './vm-description.ts'

/** What the reading of sections depends on. */
export interface SectionDecoderOptions {
  /**
   * Payload bytes of a device section that the receiver knows, undefined for one that it does not (which refuses the
   * stream). Without this function the decoder is in tail mode: everything from the first FULL on is collected, and
   * split by the VM description that ends it.
   */
  readonly deviceLength?: (idstr: string, version: number, instance: number) => number | undefined
  /** What the numbers of commands mean; as since 3.1 unless told. */
  readonly commands?: CommandVersion
  /**
   * Stop behind every EOS of the `ram` section until `proceed` is called: with multifd the channels have to reach the
   * same point first.
   */
  readonly holdAtEos?: boolean
  /** Limits; each has a default of the same name in `constants`. */
  readonly deviceBytesMax?: number
  readonly deviceCountMax?: number
  readonly packageBytesMax?: number
}

const ITEM = 0
const PAYLOAD = 1
const BODY = 2
const FOOTER = 3
const DEVICES = 4
const EOF = 5

const WANTED = [
  'a section, a command or EOF',
  'a record or EOS',
  'the rest of a body',
  'a section footer',
  'the device sections',
  'nothing more',
]

const BODY_DEVICE = 0
const BODY_PACKAGE = 1

/** Resumable on any byte boundary; whole pieces only are consumed. */
export class SectionDecoder {
  readonly #sink: StreamSink
  readonly #options: SectionDecoderOptions
  readonly #table: RamBlockTable
  readonly #iterables: IterableSections
  readonly #place: 'stream' | 'package'
  readonly #body = new Accumulator()
  #state: number = ITEM
  #base = 0
  #iterable: IterableSection | undefined
  #bodyKind: typeof BODY_DEVICE | typeof BODY_PACKAGE = BODY_DEVICE
  #bodyLeft = 0
  #section: Section = { id: 0, idstr: '', instance: 0, version: 0 }
  #deviceBytes: Uint8Array | undefined

  /** Whether every section is closed by a footer. */
  footers = true
  /** Stopped behind an EOS of `ram`; clear it to go on. */
  held = false
  /** The device sections of known length that have been read. */
  readonly devices: DeviceDescription[] = []
  /** A PACKAGED command has come: the stream switches to postcopy, and ends without description. */
  packaged = false
  /** An ENABLE_COLO command has come. */
  coloEnabled = false
  /** Place in the stream of the section or command that is being read. */
  itemOffset = 0

  constructor(
    sink: StreamSink,
    options: SectionDecoderOptions,
    table: RamBlockTable,
    iterables: IterableSections,
    place: 'stream' | 'package' = 'stream',
  ) {
    this.#sink = sink
    this.#options = options
    this.#table = table
    this.#iterables = iterables
    this.#place = place
  }

  /** EOF has been read. */
  get ended(): boolean {
    return this.#state === EOF
  }

  /** A FULL section comes next whose length nobody knows: what follows is the device tail. */
  get atDevices(): boolean {
    return this.#state === DEVICES
  }

  /** Nothing has been begun and not ended. */
  get isBetween(): boolean {
    return this.#state === ITEM
  }

  /** What comes next, for the error of a stream that is cut off. */
  get expected(): string {
    return (this.#state === PAYLOAD ? this.#iterable?.payload.expected : undefined) ?? WANTED[this.#state]!
  }

  /** Sections come again, on a new connection or behind EOF; what was begun is forgotten. */
  restart(): void {
    this.#body.take()
    this.#deviceBytes = undefined
    this.held = false
    this.#state = ITEM
  }

  /**
   * Consume what is whole of `bytes[start .. end)`; returns the offset behind it. `base` is the stream offset of index 0,
   * for errors. Throws StreamError.
   */
  read(bytes: Uint8Array, start: number, end: number, base: number): number {
    this.#base = base
    let at = start
    while (!this.held && this.#state < DEVICES) {
      const state = this.#state
      const next = this.#step(state, bytes, at, end)
      if (next === at && state === this.#state) break
      at = next
    }
    return at
  }

  #error(at: number, message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#base + at, message, expected, found)
  }

  #step(state: number, bytes: Uint8Array, at: number, end: number): number {
    switch (state) {
      case PAYLOAD:
        return this.#payload(this.#iterable!, bytes, at, end)
      case BODY:
        return this.#bodyBytes(bytes, at, end)
      case FOOTER:
        return this.#footer(bytes, at, end)
      default:
        return this.#item(bytes, at, end)
    }
  }

  #item(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 1) return at
    const type = bytes[at]!
    this.itemOffset = this.#base + at
    if (this.#place === 'package' && type !== SECTION_FULL && type !== SECTION_COMMAND) {
      throw this.#error(at, 'Unexpected section in a package', 'FULL or COMMAND', `type ${hex(type)}`)
    }
    switch (type) {
      case SECTION_EOF:
        this.#state = EOF
        return at + 1
      case SECTION_START:
        return this.#start(bytes, at, end)
      case SECTION_PART:
      case SECTION_END: {
        if (end - at < 5) return at
        const id = readU32(bytes, at + 1)
        this.#open(this.#iterables.get(id, this.#base + at + 1))
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

  #open(iterable: IterableSection): void {
    this.#iterable = iterable
    this.#section = iterable.section
    this.#state = PAYLOAD
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
    this.#open(this.#iterables.start(this.#section, this.#base + at, this.#base + behind))
    this.#sink.sectionStart(this.#section)
    return behind
  }

  #full(bytes: Uint8Array, at: number, end: number): number {
    const { deviceLength } = this.#options
    if (deviceLength === undefined) {
      this.#state = DEVICES
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
    if (this.devices.length >= countLimit) {
      throw this.#error(at, 'Too many device sections', `at most ${countLimit}`, 'one more')
    }
    this.#startBody(BODY_DEVICE, length)
    return behind
  }

  #footer(bytes: Uint8Array, at: number, end: number): number {
    if (this.footers) {
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
      this.#device(this.#section, device)
    }
    return this.footers ? at + 5 : at
  }

  #device(section: Section, bytes: Uint8Array): void {
    this.devices.push({ name: section.idstr, instance: section.instance, length: bytes.length })
    this.#sink.device(section, bytes)
  }

  #payload(iterable: IterableSection, bytes: Uint8Array, at: number, end: number): number {
    const { payload, section } = iterable
    const behind = payload.read(bytes, at, end, this.#base)
    if (payload.ended) {
      payload.ended = false
      this.#state = FOOTER
      if (section.idstr === RAM_IDSTR) {
        this.held = this.#options.holdAtEos === true
        this.#sink.ramEos(section.id)
      }
    }
    return behind
  }

  #command(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 5) return at
    const length = readU16(bytes, at + 3)
    const behind = at + 5 + length
    if (behind > end) return at
    const command = readCommand(readU16(bytes, at + 1), bytes, at + 5, length, this.#options.commands)
    if (!('name' in command)) throw this.#error(at, command.message, command.expected, command.found)
    this.#obey(at, command)
    this.#sink.command(command)
    return behind
  }

  /** What a command means for the rest of the stream. */
  #obey(at: number, command: Command): void {
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
      case 'ENABLE_COLO':
        this.coloEnabled = true
        break
      case 'PACKAGED': {
        const limit = this.#options.packageBytesMax ?? PACKAGE_BYTES_MAX
        if (this.#place === 'package') throw this.#error(at, 'PACKAGED in a package', 'another command', 'PACKAGED')
        if (command.length > limit) {
          throw this.#error(at, 'Unreasonably large packaged state', `at most ${limit}`, `${command.length}`)
        }
        this.packaged = true
        this.#startBody(BODY_PACKAGE, command.length)
        break
      }
      default:
    }
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

  #package(bytes: Uint8Array, offset: number): void {
    this.#sink.package(bytes)
    if (this.#options.deviceLength === undefined) {
      const { before, devicesAt, devicesEnd, behind } = readPackage(bytes, offset, this.#options.commands)
      for (const command of before) this.#sink.command(command)
      if (devicesEnd > devicesAt) this.#sink.packageDevices(bytes.subarray(devicesAt, devicesEnd))
      for (const command of behind) this.#sink.command(command)
    } else this.#nested(bytes, offset)
    this.#sink.packageEnd()
  }

  /** The content of a package: whole items and nothing else. */
  #nested(bytes: Uint8Array, offset: number): void {
    const nested = new SectionDecoder(this.#sink, this.#options, this.#table, this.#iterables, 'package')
    nested.footers = this.footers
    const at = nested.read(bytes, 0, bytes.length, offset)
    if (at !== bytes.length || !nested.isBetween) {
      throw new StreamError(offset + at, 'Package cut off', nested.expected, `${bytes.length - at} bytes`)
    }
    this.devices.push(...nested.devices)
  }

  #startBody(kind: typeof BODY_DEVICE | typeof BODY_PACKAGE, length: number): void {
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
    if (this.#bodyKind === BODY_DEVICE) {
      this.#deviceBytes = body
      this.#state = FOOTER
    } else {
      this.#state = ITEM
      this.#package(body, this.#base + behind - body.length)
    }
    return behind
  }
}
