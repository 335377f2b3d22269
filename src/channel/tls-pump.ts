/**
 * Moves the bytes of a TLS session between its socket, on the event loop of this thread, and two rings, on which another
 * thread works. What is handed over is bounded by the rings: a full one stops the reading, and so in the end the sender.
 */
import type { TLSSocket } from 'node:tls'
import { ByteRing } from './byte-ring.ts'
import type { SharedRings } from './ring-link.ts'
import { systemCode, systemText } from './system-error.ts'

/** Bytes that are encrypted at once: many records of 16 KiB, few enough to stay in the cache. */
const WRITE_BYTES_MAX = 256 * 1024

/** Said where the peer leaves without a word, right after the handshake: TLS 1.3 tells a client no other way. */
const WITHOUT_A_WORD =
  "The peer closed the connection without a word, as it does when it refuses this side's certificate"

/** See the head of this file. */
export class TlsPump {
  readonly #socket: TLSSocket
  readonly #received = new ByteRing()
  readonly #toSend = new ByteRing()
  #hasReceived = false
  /** Done when the first byte has come; never where none does. */
  readonly begun: Promise<void>
  /** Done when all that was put into the ring has been given to the system, or cannot be any more. */
  readonly drained: Promise<void>
  /** Done when the socket is closed. */
  readonly closed: Promise<void>

  constructor(socket: TLSSocket) {
    this.#socket = socket
    const { promise, resolve } = Promise.withResolvers<void>()
    this.begun = promise
    this.closed = new Promise((settle) => socket.once('close', settle))
    socket.on('data', (chunk: Buffer) => {
      this.#hasReceived = true
      resolve()
      this.#take(chunk)
    })
    socket.once('end', () => {
      if (this.#hasReceived) this.#received.finish()
      else this.#break(WITHOUT_A_WORD)
    })
    socket.once('error', (error) => this.#fail(error))
    socket.once('close', () => this.#break('The TLS connection was non-properly terminated.'))
    this.drained = this.#send()
  }

  /** The rings as the other thread sees them. */
  get rings(): SharedRings {
    return { in: this.#received.shared, out: this.#toSend.shared }
  }

  #fail(error: Error): void {
    const code = systemCode(error)
    const isAlert = /ALERT/.test(code)
    this.#break(isAlert ? `A TLS fatal alert has been received (${code}).` : systemText(error))
  }

  #break(reason: string): void {
    // What was received before the end of the stream is still there to be read.
    if (!this.#received.isFinished) this.#received.break(reason)
    this.#toSend.break(reason)
  }

  #take(chunk: Buffer): void {
    const count = this.#received.put(chunk)
    if (count === chunk.length) return
    this.#socket.pause()
    void this.#takeLater(chunk.subarray(count))
  }

  async #takeLater(chunk: Buffer): Promise<void> {
    let rest = chunk
    while (rest.length > 0 && !this.#received.isBroken) {
      await this.#received.hasRoom(this.#received.capacity)
      rest = rest.subarray(this.#received.put(rest))
    }
    this.#socket.resume()
  }

  async #send(): Promise<void> {
    while (!this.#toSend.isBroken) {
      const piece = this.#toSend.peek().subarray(0, WRITE_BYTES_MAX)
      if (piece.length > 0) {
        // In the ring until it is with the system: nothing may be written over what Node has not encrypted yet.
        await new Promise<void>((resolve) => this.#socket.write(piece, () => resolve()))
        this.#toSend.skip(piece.length)
      } else if (this.#toSend.isFinished) {
        this.#socket.end()
        return
      } else await this.#toSend.hasMore(0)
    }
  }

  /** Nothing more is put in by the other thread: what there is goes out, then the end of the stream. */
  finish(): void {
    this.#toSend.finish()
  }
}
