/**
 * The channels of multifd on the side that receives, and the barrier between them and the main stream: nobody goes on behind
 * the end of a round before everybody has come to it.
 */
import type { Connection } from '../../channel/transport.ts'
import type { ByteLink } from '../../channel/byte-link.ts'
import type { GuestMemory } from '../../memory/index.ts'
import { MultifdBarrier, type MultifdMethodName } from '../../wire/index.ts'
import { ChannelReader } from './channel-reader.ts'

/** One channel as its engine sees it. */
export interface ReceiveChannel {
  /** Moves on as far as it can; tells how many bytes came. @throws StreamError, ChannelError */
  step(): number
  /** It has come to the end of its round. */
  readonly isHeld: boolean
  proceed(): void
  /** The link is not used any more. */
  close(): void
}

/** What a connection is taken by: its link, or what a link is made of in another thread. */
export type ReceivedLink = Pick<Connection, 'link' | 'shared'>

export type MakeReceiveChannel = (
  memory: GuestMemory,
  received: ReceivedLink,
  method: MultifdMethodName,
) => ReceiveChannel

/** What a channel that is held goes on to read, so that its end is noticed. */
const HELD_BYTES = 1024 * 1024

/** A channel that the engine's own thread reads. */
export class LinkReceiveChannel implements ReceiveChannel {
  readonly #link: ByteLink
  readonly #reader: ChannelReader

  constructor(memory: GuestMemory, { link }: ReceivedLink, method: MultifdMethodName) {
    this.#link = link
    this.#reader = new ChannelReader(memory, method, HELD_BYTES)
  }

  get isHeld(): boolean {
    return this.#reader.isHeld
  }

  step(): number {
    return this.#reader.step(this.#link)
  }

  proceed(): void {
    this.#reader.proceed()
  }

  close(): void {}
}

/** See the head of this file. */
export class ReceiveChannels {
  readonly #wanted: number
  readonly #channels: ReceiveChannel[] = []
  readonly #barrier: MultifdBarrier

  /** @param wanted Channels beside the main one. */
  constructor(wanted: number) {
    this.#wanted = wanted
    this.#barrier = new MultifdBarrier(wanted)
  }

  get wanted(): number {
    return this.#wanted
  }

  /** Channels that have not come yet. */
  get missing(): number {
    return this.#wanted - this.#channels.length
  }

  /** One that has come, in whatever order. */
  add(channel: ReceiveChannel): void {
    if (this.missing === 0) throw new RangeError(`There are ${this.#wanted} channels of multifd already`)
    this.#channels.push(channel)
  }

  /** The main stream has ended its round, and waits for the channels. */
  get isMainHeld(): boolean {
    return this.#barrier.isHeld('main')
  }

  /** The main stream has ended its round. */
  arriveMain(): void {
    this.#arrive('main')
  }

  /** Moves the channels on; tells how many bytes came. @throws StreamError, ChannelError */
  step(): number {
    let bytes = 0
    for (const [index, channel] of this.#channels.entries()) {
      bytes += channel.step()
      if (channel.isHeld && !this.#barrier.isHeld(index)) this.#arrive(index)
    }
    return bytes
  }

  #arrive(party: 'main' | number): void {
    if (this.#barrier.arrive(party)) for (const channel of this.#channels) channel.proceed()
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }
}
