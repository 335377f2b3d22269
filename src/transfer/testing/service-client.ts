/**
 * The client of a guest's service: it holds whoever serves to it that nothing it was told is lost or contradicted, nothing
 * told twice, and nothing left out. Hosts come and go; a new one is greeted with what the client waits for, as a TCP peer
 * would say, and what an old one has still on its way is not heard any more.
 */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Effect, type Scope } from 'effect'
import type { GuestPacket, WritingGuestSpec } from '../../memory/index.ts'
import { PacketReader } from '../colo/packet-frame.ts'
import { GREETING_BYTES } from '../colo/uplink.ts'
import { allocateFor, bootMemory, makeGuest } from '../guest-program.ts'
import { programOfSpec } from './guests.ts'
import { within } from './watch.ts'

export class ServiceClient {
  /** What it has been told, in order. */
  readonly told: GuestPacket[] = []
  /** What a host did that it must not. */
  readonly complaints: string[] = []
  /** Hosts that have served so far. */
  hosts = 0
  #serving: Socket | undefined
  readonly #waiting = new Set<() => void>()

  accept(socket: Socket): void {
    this.hosts++
    this.#serving = socket
    const reader = new PacketReader()
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      if (this.#serving === socket) for (const { packet } of reader.feed(bytes)) this.#hear(packet)
    })
    const greeting = Buffer.alloc(GREETING_BYTES)
    greeting.writeBigUInt64BE(BigInt(this.told.length))
    socket.write(greeting)
  }

  #hear(packet: GuestPacket): void {
    const expected = this.told.length
    if (packet.number !== expected) {
      this.complaints.push(`host ${this.hosts}: expected packet ${expected}, found ${packet.number}`)
      return
    }
    this.told.push(packet)
    for (const look of this.#waiting) look()
  }

  /** Waits until it has been told so many packets. */
  toldAtLeast(count: number): Effect.Effect<void, Error> {
    return within(
      `${count} packets`,
      Effect.callback<void>((resume) => {
        const look = (): void => {
          if (this.told.length < count) return
          this.#waiting.delete(look)
          resume(Effect.void)
        }
        this.#waiting.add(look)
        look()
        return Effect.sync(() => this.#waiting.delete(look))
      }),
      () => `${this.told.length}; ${this.complaints.slice(0, 3).join('; ')}`,
    )
  }

  /** Waits until it has been told so many more. */
  hearsMore(count: number): Effect.Effect<void, Error> {
    return Effect.suspend(() => this.toldAtLeast(this.told.length + count))
  }

  /**
   * Packets that are not what one guest would have sent that was never interrupted. Only for a guest without noise: what
   * it sends is a function of what it has done.
   */
  unlike(spec: WritingGuestSpec): readonly number[] {
    const program = programOfSpec(spec)
    const memory = allocateFor(program)
    bootMemory(program, memory)
    const guest = makeGuest(program, memory)
    const wrong: number[] = []
    let heard = 0
    guest.onOutput = (output) => {
      if (output.kind !== 'packet' || output.number >= this.told.length) return
      heard++
      const told = this.told[output.number]!
      if (Buffer.compare(told.bytes, output.bytes) !== 0) wrong.push(output.number)
    }
    while (heard < this.told.length) guest.advance(1000)
    return wrong
  }
}

/** A client that listens until the scope closes. */
export const makeServiceClient: Effect.Effect<
  { readonly client: ServiceClient; readonly uri: string },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const client = new ServiceClient()
  const sockets = new Set<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const made = createServer((socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        client.accept(socket)
      }).listen(0, '127.0.0.1')
      await once(made, 'listening')
      return made
    }),
    (made) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        const closed = once(made, 'close')
        made.close()
        await closed
      }),
  )
  return { client, uri: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}` }
})
