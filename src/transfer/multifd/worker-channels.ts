/** Channels of multifd that a thread of their own each serves, for engines that have a thread to themselves. */
import type { SharedLink } from '../../channel/shared-link.ts'
import { startThreadBeside } from '../../channel/thread.ts'
import type { GuestMemory } from '../../memory/index.ts'
import type { MultifdMethodName } from '../../wire/index.ts'
import { ChannelCell } from './channel-cell.ts'
import { ENDED, PASSED, type ChannelJob } from './channel-job.ts'
import type { PagePacket } from './channel-writer.ts'
import { PacketRing } from './packet-ring.ts'
import type { ReceiveChannel } from './receive-channels.ts'
import type { SendChannels, SendChannelsOptions } from './send-channels.ts'

const startChannel = (job: ChannelJob): void => {
  const thread = startThreadBeside(import.meta.url, 'channel-thread', job)
  thread.on('error', () => {})
  thread.unref()
}

/** See the head of this file. */
export class WorkerSendChannels implements SendChannels {
  readonly #channels: readonly { readonly cell: ChannelCell; readonly packets: PacketRing }[]

  /** @param doorbell Rung when there is something to collect. */
  constructor(links: readonly SharedLink[], doorbell: SharedArrayBuffer, options: SendChannelsOptions) {
    const { memory, method, level } = options
    this.#channels = links.map((link, channel) => {
      const cell = ChannelCell.make(doorbell)
      const packets = new PacketRing()
      const shared = { memory: memory.toShared(), link, method, cell: cell.shared }
      startChannel({ ...shared, kind: 'send', channel, level, packets: packets.shared })
      return { cell, packets }
    })
  }

  get count(): number {
    return this.#channels.length
  }

  get isIdle(): boolean {
    return this.#channels.every(({ packets }) => packets.pending === 0)
  }

  /** To the one that has least to do. */
  give(packet: PagePacket): boolean {
    const [first, ...others] = this.#channels
    if (first === undefined) return false
    const least = others.reduce((best, each) => (each.packets.pending < best.packets.pending ? each : best), first)
    if (!least.packets.hasRoom) return false
    least.packets.give(packet)
    least.cell.wake()
    return true
  }

  giveAll(packet: PagePacket): void {
    for (const { packets, cell } of this.#channels) {
      packets.give(packet)
      cell.wake()
    }
  }

  collect(): number {
    return this.#channels.reduce((bytes, { cell }) => bytes + cell.collect(), 0)
  }

  close(): void {
    for (const { cell } of this.#channels) cell.stop()
  }
}

/** One channel that comes. */
export class WorkerReceiveChannel implements ReceiveChannel {
  readonly #cell: ChannelCell
  readonly #rounds = new Int32Array(new SharedArrayBuffer(8))

  constructor(memory: GuestMemory, link: SharedLink, method: MultifdMethodName, doorbell: SharedArrayBuffer) {
    this.#cell = ChannelCell.make(doorbell)
    startChannel({
      kind: 'receive',
      memory: memory.toShared(),
      link,
      method,
      cell: this.#cell.shared,
      rounds: this.#rounds.buffer,
    })
  }

  get isHeld(): boolean {
    return Atomics.load(this.#rounds, ENDED) > Atomics.load(this.#rounds, PASSED)
  }

  step(): number {
    return this.#cell.collect()
  }

  proceed(): void {
    Atomics.add(this.#rounds, PASSED, 1)
    this.#cell.wake()
  }

  close(): void {
    this.#cell.stop()
  }
}
