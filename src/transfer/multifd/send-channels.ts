/** The channels of multifd on the side that sends, as an engine sees them: it gives packets and asks what has gone. */
import type { ByteLink } from '../../channel/byte-link.ts'
import type { GuestMemory } from '../../memory/index.ts'
import type { MultifdMethodName } from '../../wire/index.ts'
import { ChannelWriter, type PagePacket } from './channel-writer.ts'

/** See the head of this file. */
export interface SendChannels {
  readonly count: number
  /** Whether all that was given is in the channels. */
  readonly isIdle: boolean
  /** Gives a packet to a channel that has room; false if none has. */
  give(packet: PagePacket): boolean
  /** Gives one to each of them, whatever they have. */
  giveAll(packet: PagePacket): void
  /** Bytes that have gone since the last call. @throws ChannelError where a channel is broken */
  collect(): number
  /** The links are not used any more. */
  close(): void
}

export interface SendChannelsOptions {
  readonly memory: GuestMemory
  readonly method: MultifdMethodName
  /** Effort of its compression, for as long as the channels last. */
  readonly level: number
}

export type MakeSendChannels = (options: SendChannelsOptions) => SendChannels

/** Channels that the engine's own thread writes to. */
export class LinkSendChannels implements SendChannels {
  readonly #channels: readonly { readonly writer: ChannelWriter; readonly link: ByteLink }[]
  readonly #nothing = new Uint8Array(16)
  #next = 0

  constructor(links: readonly ByteLink[], { memory, method, level }: SendChannelsOptions) {
    this.#channels = links.map((link, channel) => {
      const writer = new ChannelWriter(memory, method, level)
      writer.open(channel)
      return { writer, link }
    })
  }

  get count(): number {
    return this.#channels.length
  }

  get isIdle(): boolean {
    return this.#channels.every(({ writer }) => writer.isEmpty)
  }

  /** In turn, as far as they are free. */
  give(packet: PagePacket): boolean {
    for (let tried = 0; tried < this.count; tried++) {
      const { writer } = this.#channels[(this.#next + tried) % this.count]!
      if (!writer.isEmpty) continue
      writer.put(packet)
      this.#next = (this.#next + tried + 1) % this.count
      return true
    }
    return false
  }

  giveAll(packet: PagePacket): void {
    for (const { writer } of this.#channels) writer.put(packet)
  }

  collect(): number {
    let bytes = 0
    for (const { writer, link } of this.#channels) {
      if (writer.isEmpty) this.#look(link)
      bytes += writer.flush(link)
    }
    return bytes
  }

  /** Nothing ever comes back; a channel that breaks is noticed, and one that the destination closes is through with it. */
  #look(link: ByteLink): void {
    link.read(this.#nothing, 0, this.#nothing.length)
  }

  close(): void {}
}
