/**
 * What a decoder has told, as one number, and whether each call keeps what is promised of it: pages inside of their
 * blocks, bodies inside of the buffer that was fed. Two decodings with the same digest have told the same.
 */
import { crc32 } from 'node:zlib'
import {
  PAGE_BYTES,
  silentSink,
  type MultifdSink,
  type RamBlock,
  type ReturnPathMessage,
  type StreamSink,
} from '../../src/wire/index.ts'

/** A decoder broke a promise: the bytes it was given are a counterexample. */
export class PromiseBroken extends Error {}

const require = (holds: boolean, what: string): void => {
  if (!holds) throw new PromiseBroken(what)
}

export class CallDigest {
  #state = 0x811c9dc5
  /** Calls so far. */
  calls = 0
  #blocks: readonly RamBlock[] = []

  get value(): string {
    return `${this.calls} calls ${(this.#state >>> 0).toString(16)}`
  }

  /** One call: its kind, numbers, and bytes. */
  hear(kind: number, a: number, b: number, bytes?: Uint8Array): void {
    this.calls++
    let state = Math.imul(this.#state ^ kind, 0x01000193)
    state = Math.imul(state ^ (a | 0), 0x01000193)
    state = Math.imul(state ^ (b | 0) ^ Math.floor(b / 0x1_0000_0000), 0x01000193)
    this.#state = bytes === undefined ? state : crc32(bytes, state >>> 0)
  }

  /** One call whose argument is an object. */
  tell(kind: number, value: unknown, bytes?: Uint8Array): void {
    this.hear(kind, 0, 0, new TextEncoder().encode(JSON.stringify(value) ?? ''))
    if (bytes !== undefined) this.hear(kind, bytes.length, 0, bytes)
  }

  /** @throws PromiseBroken for a page outside of its block */
  requirePage(index: number, offset: number): void {
    const block = this.#blocks[index]
    require(block !== undefined, `page of block ${index} of ${this.#blocks.length}`)
    const isInside = Number.isSafeInteger(offset) && offset >= 0 && offset + PAGE_BYTES <= block!.usedLength
    require(isInside && offset % PAGE_BYTES === 0, `page at ${offset} of a block of ${block!.usedLength} bytes`)
  }

  #page(kind: number, index: number, offset: number, bytes?: Uint8Array, at = 0, length = 0): void {
    this.requirePage(index, offset)
    if (bytes === undefined) return this.hear(kind, index, offset)
    require(at >= 0 &&
      length >= 0 &&
      at + length <= bytes.length, `body of ${length} at ${at} of ${bytes.length} bytes`)
    this.hear(kind, index, offset, bytes.subarray(at, at + length))
  }

  readonly sink: StreamSink = {
    ...silentSink,
    header: (configuration) =>
      this.tell(1, configuration && { ...configuration, uuid: [...(configuration.uuid ?? [])] }),
    sectionStart: (section) => this.tell(2, section),
    sectionPart: (id) => this.hear(3, id, 0),
    sectionEnd: (id) => this.hear(4, id, 0),
    ramBlocks: (blocks) => {
      this.#blocks = blocks
      this.tell(5, blocks)
    },
    page: (index, offset, bytes, at) => this.#page(6, index, offset, bytes, at, PAGE_BYTES),
    zeroPage: (index, offset, fill) => {
      require(fill >= 0 && fill <= 255, `fill byte ${fill}`)
      this.#page(7 + fill * 256, index, offset)
    },
    xbzrlePage: (index, offset, bytes, at, length) => this.#page(8, index, offset, bytes, at, length),
    compressedPage: (index, offset, bytes, at, length) => this.#page(9, index, offset, bytes, at, length),
    ramEos: (id) => this.hear(10, id, 0),
    command: (command) => this.tell(11, command),
    block: (record) => {
      const data = record.name === 'DEVICE_BLOCK' ? record.data : undefined
      this.tell(12, { ...record, data: data?.length }, data)
    },
    dirtyBitmap: (record) => {
      const data = record.name === 'BITS' ? record.data : undefined
      this.tell(13, { ...record, data: data?.length }, data)
    },
    package: (bytes) => this.hear(14, bytes.length, 0, bytes),
    packageDevices: (bytes) => this.hear(15, bytes.length, 0, bytes),
    packageEnd: () => this.hear(16, 0, 0),
    device: (section, bytes) => this.tell(17, section, bytes),
    deviceTail: (bytes) => this.hear(18, bytes.length, 0, bytes),
    vmDescription: ({ pageSize, devices, bytes }) => this.tell(19, [pageSize, devices], bytes),
    end: () => this.hear(20, 0, 0),
    coloMessage: (message) => this.tell(21, message),
    checkpointDevices: (bytes) => this.hear(22, bytes.length, 0, bytes),
  }

  readonly channel: MultifdSink = {
    init: ({ uuid, channel }) => this.tell(30, [[...uuid], channel]),
    packet: (packet) => this.tell(31, packet),
    page: (index, offset, bytes, at) => this.hear(32, index, offset, bytes.subarray(at, at + PAGE_BYTES)),
  }

  readonly returnPath = (message: ReturnPathMessage): void => {
    const bitmap = message.name === 'RECV_BITMAP' ? message.bitmap : undefined
    this.tell(40, { ...message, bitmap: bitmap?.length }, bitmap)
  }
}
