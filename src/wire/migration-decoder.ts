/**
 * One migration as its destination reads it, all channels together: the main stream, the channels of multifd with the
 * barrier between them, and the checkpoints of COLO behind the end. For live connections and for recordings alike; where
 * the bytes come from is the caller's business.
 */
import { ColoDecoder } from './colo-decoder.ts'
import { MultifdBarrier, type BarrierParty } from './multifd-barrier.ts'
import {
  MultifdDecoder,
  type MultifdDecoderOptions,
  type MultifdDecompressor,
  type MultifdSink,
} from './multifd-decoder.ts'
import { StreamDecoder, type StreamDecoderOptions } from './stream-decoder.ts'
import type { StreamSink } from './stream-sink.ts'
import type { MultifdMethodName } from './multifd-packet.ts'

export interface MigrationDecoderOptions extends Omit<StreamDecoderOptions, 'holdAtEos'> {
  /** One sink a channel of multifd, in the order in which `feed` numbers them; none unless told. */
  readonly channels?: readonly MultifdSink[]
  /** As in `MultifdDecoderOptions`. */
  readonly method?: MultifdDecoderOptions['method']
  readonly makeDecompressor?: (method: MultifdMethodName) => MultifdDecompressor | undefined
}

/** Fed like `StreamDecoder`, a channel at a time: `main`, or the number of a channel. */
export class MigrationDecoder {
  readonly main: StreamDecoder
  readonly channels: readonly MultifdDecoder[]
  readonly barrier: MultifdBarrier
  readonly #sink: StreamSink
  #colo: ColoDecoder | undefined

  constructor(sink: StreamSink, options: MigrationDecoderOptions = {}) {
    const { channels = [], method, makeDecompressor, ...rest } = options
    this.#sink = sink
    this.main = new StreamDecoder(sink, { ...rest, holdAtEos: channels.length > 0 })
    this.barrier = new MultifdBarrier(channels.length)
    this.channels = channels.map(
      (channel) =>
        new MultifdDecoder({
          sink: channel,
          table: this.main.table,
          ...(method === undefined ? {} : { method }),
          ...(makeDecompressor === undefined ? {} : { makeDecompressor }),
        }),
    )
  }

  /** The checkpoints, once the first stream of a COLO migration is complete. */
  get colo(): ColoDecoder | undefined {
    return this.#colo
  }

  /** Whether this channel waits for the others: it takes nothing until they have come to the end of the round. */
  isHeld(party: BarrierParty): boolean {
    return this.barrier.isHeld(party)
  }

  /** The main stream has come to its end, and no checkpoint is expected or half read. */
  get complete(): boolean {
    return this.main.complete && (this.#colo === undefined || this.#colo.isBetween)
  }

  /** Consume what is complete in `bytes[start .. end)` of a channel; returns how many bytes that was. Throws StreamError. */
  feed(party: BarrierParty, bytes: Uint8Array, start: number, end: number): number {
    if (this.isHeld(party)) return 0
    return party === 'main' ? this.#feedMain(bytes, start, end) : this.#feedChannel(party, bytes, start, end)
  }

  /** The transport of a channel has ended, with `remaining` bytes that were not consumed. Throws StreamError if too early. */
  finish(party: BarrierParty, remaining = 0): void {
    if (party !== 'main') this.#channel(party).finish(remaining)
    else if (this.#colo === undefined) this.main.finish(remaining)
    else this.#colo.finish(remaining)
  }

  #channel(party: number): MultifdDecoder {
    const channel = this.channels[party]
    if (channel === undefined) throw new RangeError(`There is no channel ${party}`)
    return channel
  }

  #feedMain(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    if (this.#colo === undefined) {
      at += this.main.feed(bytes, at, end)
      if (this.main.held) this.#arrive('main')
      if (!this.main.complete || this.main.colo === undefined) return at - start
      this.#colo = new ColoDecoder(this.#sink, this.main)
    }
    return at - start + this.#colo.feed(bytes, at, end)
  }

  #feedChannel(party: number, bytes: Uint8Array, start: number, end: number): number {
    const channel = this.#channel(party)
    const used = channel.feed(bytes, start, end)
    if (channel.held) this.#arrive(party)
    return used
  }

  #arrive(party: BarrierParty): void {
    if (!this.barrier.arrive(party)) return
    this.main.proceed()
    for (const channel of this.channels) channel.proceed()
  }
}
