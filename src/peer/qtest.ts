/**
 * QEMU's qtest server: writes to the memory of a guest whose processors stand still, with dirty tracking as if the guest
 * itself wrote. So a migration of several rounds is exact and the same every time, without a guest program.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** Bytes of one write command: the line stays short. */
const WRITE_BYTES_MAX = 4096

export class Qtest {
  readonly #socket: Socket
  readonly #answers: AsyncIterator<string>

  constructor(socket: Socket) {
    this.#socket = socket
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]()
  }

  /** Sends one command and waits for its answer. */
  async command(line: string): Promise<void> {
    if (!this.#socket.write(`${line}\n`)) await once(this.#socket, 'drain')
    const answer = await this.#answers.next()
    if (answer.done === true) throw new Error('qtest: the connection is closed')
    if (!answer.value.startsWith('OK')) throw new Error(`qtest: ${line.slice(0, 40)}: ${answer.value}`)
  }

  /** Writes to guest physical memory. */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
      const part = Buffer.from(bytes.subarray(at, at + WRITE_BYTES_MAX)).toString('hex')
      await this.command(`write ${address + at} ${part.length / 2} 0x${part}`)
    }
  }

  /** Fills guest physical memory with one byte. */
  fill(address: number, length: number, value: number): Promise<void> {
    return this.command(`memset ${address} ${length} ${value}`)
  }
}
