/**
 * Packets on a connection, and in the state of a checkpoint: from the secondary's guest to whoever compares them, and from
 * a host to the client of the service.
 *
 * ```
 * u32 epoch   u64 number   u32 length   length bytes        big-endian
 * ```
 *
 * The epoch counts the checkpoints that the sender has put in use; a host that talks to a client leaves it at 0.
 */
import type { GuestPacket } from '../../memory/index.ts'

/** A packet and the epoch of the guest that sent it. */
export interface PacketFrame {
  readonly epoch: number
  readonly packet: GuestPacket
}

/** Longest packet that is taken: a jumbo frame and what a virtual network card puts in front of it. */
export const PACKET_BYTES_MAX = 16 * 1024

const HEAD_BYTES = 16

/** What arrived is no packet. */
export class PacketFrameError extends Error {
  readonly _tag = 'PacketFrameError'
  override readonly name = 'PacketFrameError'
}

/** The frame of a packet. */
export const encodePacket = ({ epoch, packet }: PacketFrame): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(HEAD_BYTES + packet.bytes.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, epoch)
  view.setBigUint64(4, BigInt(packet.number))
  view.setUint32(12, packet.bytes.length)
  bytes.set(packet.bytes, HEAD_BYTES)
  return bytes
}

/** The frames of some packets, one behind the other. */
export const encodePackets = (packets: readonly GuestPacket[], epoch = 0): Uint8Array<ArrayBuffer> => {
  const frames = packets.map((packet) => encodePacket({ epoch, packet }))
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const frame of frames) {
    all.set(frame, at)
    at += frame.length
  }
  return all
}

/** Takes packets apart from bytes that come in pieces of any size. */
export class PacketReader {
  #held: Uint8Array = new Uint8Array(0)

  /** Bytes of a packet that is not all there. */
  get held(): number {
    return this.#held.length
  }

  /** @throws PacketFrameError on a packet that is too long or has a number that no guest gives. */
  feed(bytes: Uint8Array): readonly PacketFrame[] {
    const all = new Uint8Array(this.#held.length + bytes.length)
    all.set(this.#held)
    all.set(bytes, this.#held.length)
    const view = new DataView(all.buffer)
    const frames: PacketFrame[] = []
    let at = 0
    while (all.length - at >= HEAD_BYTES) {
      const length = view.getUint32(at + 12)
      const number = view.getBigUint64(at + 4)
      if (length > PACKET_BYTES_MAX)
        throw new PacketFrameError(`packet: expected at most ${PACKET_BYTES_MAX} bytes, found ${length}`)
      if (number > BigInt(Number.MAX_SAFE_INTEGER))
        throw new PacketFrameError(`number of a packet: expected at most 2^53 - 1, found ${number}`)
      if (all.length - at - HEAD_BYTES < length) break
      const start = at + HEAD_BYTES
      const packet = { kind: 'packet', number: Number(number), bytes: all.slice(start, start + length) } as const
      frames.push({ epoch: view.getUint32(at), packet })
      at = start + length
    }
    this.#held = all.slice(at)
    return frames
  }
}
