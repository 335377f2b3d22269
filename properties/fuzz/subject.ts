/**
 * What is damaged and decoded: the bytes of one or several channels, and the decoder that they are for. A decoder keeps
 * guest memory out of the way: pages are applied to a small piece of memory, over and over, so that every delta and zlib
 * stream is really decoded and nothing depends on what a block claims to be long.
 */
import {
  memoryStore,
  MigrationDecoder,
  MULTIFD_HEADER_BYTES,
  MULTIFD_INIT_BYTES,
  PAGE_BYTES,
  pageApplier,
  ReturnPathDecoder,
  StreamDecoder,
  StreamError,
  teeSink,
  type BarrierParty,
  type MigrationDecoderOptions,
  type MultifdPacket,
  type MultifdSink,
  type PageStore,
  type StreamDecoderOptions,
} from '../../src/wire/index.ts'
import { multifdDecompressor, pageInflater } from '../../src/wire/compression.ts'
import { CallDigest } from './call-digest.ts'
import type { Structure } from './mutate.ts'

export interface FuzzSubject {
  readonly name: string
  /** One stream, or the main stream and its channels. */
  readonly inputs: readonly Uint8Array[]
  /** Where the structure of each input is. */
  readonly structures: readonly Structure[]
  /**
   * Decodes inputs, each fed up to its `cuts` and then to its end. Returns what was told.
   * @throws StreamError for what is refused
   */
  readonly decode: (inputs: readonly Uint8Array[], cuts: readonly (readonly number[])[]) => string
}

const MEMORY_BYTES = 64 * PAGE_BYTES

/** Memory for any block of any length: pages share what there is. */
const sharedStore = (): PageStore => {
  const store = memoryStore([new Uint8Array(MEMORY_BYTES)])
  return {
    write: (_block, offset, bytes, at) => store.write(0, offset % MEMORY_BYTES, bytes, at),
    fill: (_block, offset, value) => store.fill(0, offset % MEMORY_BYTES, value),
    read: (_block, offset, into) => store.read(0, offset % MEMORY_BYTES, into),
  }
}

interface Feedable {
  readonly feed: (bytes: Uint8Array, start: number, end: number) => number
  readonly finish: (remaining: number) => void
}

/** Feeds up to every cut, and to the end. */
const feedTo = (decoder: Feedable, bytes: Uint8Array, cuts: readonly number[]): void => {
  let used = 0
  for (const cut of [...cuts, bytes.length]) {
    if (cut > used) used += decoder.feed(bytes, used, Math.min(cut, bytes.length))
  }
  decoder.finish(bytes.length - used)
}

/** Feeds channels in turn, with the barrier between them. */
const feedAll = (
  decoder: MigrationDecoder,
  inputs: readonly Uint8Array[],
  cuts: readonly (readonly number[])[],
): void => {
  const parties = inputs.map((bytes, index) => ({
    party: (index === 0 ? 'main' : index - 1) as BarrierParty,
    bytes,
    used: 0,
    limits: [...(cuts[index] ?? []), bytes.length],
    ended: false,
  }))
  while (parties.some(({ ended }) => !ended)) {
    let progress = false
    for (const state of parties) {
      if (state.ended || decoder.isHeld(state.party)) continue
      const [limit = state.bytes.length] = state.limits
      const used = limit > state.used ? decoder.feed(state.party, state.bytes, state.used, limit) : 0
      state.used += used
      progress = true
      if (used > 0 || decoder.isHeld(state.party)) continue
      if (state.limits.length > 1) state.limits.shift()
      else {
        decoder.finish(state.party, state.bytes.length - state.used)
        state.ended = true
      }
    }
    if (progress) continue
    const waiting = parties.find(({ ended }) => !ended)
    throw new StreamError(waiting?.used ?? 0, 'Channel waits for one that has ended', 'the end of its round', 'none')
  }
}

/** Bytes in a row that are all the same say nothing about structure beyond this many. */
const SAME_BYTES_MAX = 64

/** Every place but those in `contents`, which are pairs of start and end in ascending order, and in long runs of one byte. */
const structureBut = (bytes: Uint8Array, contents: readonly (readonly [number, number])[]): Structure => {
  const places: number[] = []
  let at = 0
  let same = 0
  for (const [start, end] of [...contents, [bytes.length, bytes.length] as const]) {
    for (; at < start; at++) {
      same = bytes[at] === bytes[at - 1] ? same + 1 : 0
      if (same < SAME_BYTES_MAX) places.push(at)
    }
    at = Math.max(at, end)
  }
  return Uint32Array.from(places)
}

const everything = (bytes: Uint8Array): Structure => Uint32Array.from(bytes.keys())

/** Structure of the inputs of a migration, found by decoding them. */
const structuresOf = (inputs: readonly Uint8Array[], options: MigrationDecoderOptions): readonly Structure[] => {
  const contents: (readonly [number, number])[][] = inputs.map(() => [])
  const note = (index: number, start: number, length: number): void =>
    void contents[index]!.push([start, start + length])
  const channels = inputs.slice(1).map((_unused, index): MultifdSink => {
    let at = MULTIFD_INIT_BYTES
    const packet = ({ offsets, dataBytes }: MultifdPacket): void => {
      at += MULTIFD_HEADER_BYTES
      if (offsets.length === 0) return
      note(index + 1, at, dataBytes)
      at += dataBytes
    }
    return { ...new CallDigest().channel, packet }
  })
  const silent = new CallDigest().sink
  const decoder: MigrationDecoder = new MigrationDecoder(
    teeSink(silent, {
      page: (_block, _offset, _bytes, at) => note(0, decoder.main.offsetOf(at), PAGE_BYTES),
      xbzrlePage: (_block, _offset, _bytes, at, length) => note(0, decoder.main.offsetOf(at), length),
      compressedPage: (_block, _offset, _bytes, at, length) => note(0, decoder.main.offsetOf(at), length),
    }),
    { ...options, channels },
  )
  feedAll(decoder, inputs, [])
  return inputs.map((bytes, index) => structureBut(bytes, contents[index]!))
}

/** What a reader of anything takes. */
const ANYTHING: MigrationDecoderOptions = {
  iterables: ['ram', 'block', 'dirty-bitmap'],
  readsAhead: true,
  vmDescription: 'optional',
  method: 'any',
  makeDecompressor: multifdDecompressor,
}

/** A migration: its main stream, and its channels if it has any. */
export const migrationSubject = (
  name: string,
  inputs: readonly Uint8Array[],
  options: MigrationDecoderOptions = {},
): FuzzSubject => {
  const all: MigrationDecoderOptions = { ...ANYTHING, ...options }
  const inflate = pageInflater()
  return {
    name,
    inputs,
    structures: structuresOf(inputs, all),
    decode: (damaged, cuts) => {
      const store = sharedStore()
      const digests = damaged.map(() => new CallDigest())
      const decoder: MigrationDecoder = new MigrationDecoder(
        teeSink(
          digests[0]!.sink,
          pageApplier(store, (at) => decoder.main.offsetOf(at), inflate),
        ),
        {
          ...all,
          channels: digests.slice(1).map((digest) => ({
            ...digest.channel,
            // The list of blocks is known to the main stream's digest only.
            page: (block, offset, bytes, at) => {
              digests[0]!.requirePage(block, offset)
              digest.hear(32, block, offset, bytes.subarray(at, at + PAGE_BYTES))
            },
          })),
        },
      )
      feedAll(decoder, damaged, cuts)
      return digests.map(({ value }) => value).join(', ')
    },
  }
}

/** A stream whose receiver knows the lengths of its devices. */
export const knownDevicesSubject = (
  name: string,
  bytes: Uint8Array,
  deviceLength: NonNullable<StreamDecoderOptions['deviceLength']>,
): FuzzSubject => ({
  name,
  inputs: [bytes],
  structures: structuresOf([bytes], ANYTHING),
  decode: ([damaged = new Uint8Array(0)], [cuts = []]) => {
    const digest = new CallDigest()
    feedTo(new StreamDecoder(digest.sink, { deviceLength }), damaged, cuts)
    return digest.value
  },
})

/** The return path. */
export const returnPathSubject = (name: string, bytes: Uint8Array): FuzzSubject => ({
  name,
  inputs: [bytes],
  structures: [everything(bytes)],
  decode: ([damaged = new Uint8Array(0)], [cuts = []]) => {
    const digest = new CallDigest()
    feedTo(new ReturnPathDecoder(digest.returnPath), damaged, cuts)
    return digest.value
  },
})
