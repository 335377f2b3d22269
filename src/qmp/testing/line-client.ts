/** The bare end of a QMP socket for a test: bytes out, lines in, nothing in between. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseQmpAddress, socketOptions } from '../address.ts'

/** A connection whose lines are waited for one by one. */
export class LineClient {
  readonly socket: Socket
  readonly #lines: string[] = []
  #rest = ''
  #ended = false
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
    this.listen()
  }

  static async connect(address: string): Promise<LineClient> {
    const parsed = parseQmpAddress(address)
    if (parsed === undefined) throw new Error(`no address: ${address}`)
    const socket = connect({ ...socketOptions(parsed), noDelay: true })
    await once(socket, 'connect')
    return new LineClient(socket)
  }

  /** Reads from here on; a client that is not to read stops with `deafen`. */
  listen(): void {
    this.socket.on('data', this.#take)
  }

  deafen(): void {
    this.socket.off('data', this.#take)
    this.socket.pause()
  }

  readonly #take = (text: string): void => {
    const parts = (this.#rest + text).split('\r\n')
    this.#rest = parts.pop() ?? ''
    this.#lines.push(...parts)
    this.#wake()
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** The next line as it is; undefined when the server has closed. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined || this.#ended) return line
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** The next line as JSON. */
  async next(): Promise<unknown> {
    const line = await this.line()
    return line === undefined ? undefined : JSON.parse(line)
  }

  /** Asks and takes the next line for the answer. */
  ask(message: unknown): Promise<unknown> {
    this.send(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`)
    return this.next()
  }

  /** Greeting and negotiation. */
  async negotiate(): Promise<void> {
    await this.next()
    await this.ask({ execute: 'qmp_capabilities' })
  }

  /** Everything up to the end. */
  async rest(): Promise<readonly unknown[]> {
    const all: unknown[] = []
    for (let line = await this.line(); line !== undefined; line = await this.line()) all.push(JSON.parse(line))
    return all
  }

  async close(): Promise<void> {
    const closed = this.socket.closed ? Promise.resolve() : once(this.socket, 'close')
    this.socket.destroy()
    await closed
  }
}
