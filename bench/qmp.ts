/**
 * A small QMP client: enough to drive a QEMU through one migration. One command at a time or several, replies matched
 * by id; every wait ends when the connection does, so whoever kills the peer ends the wait.
 */

import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { has, numberAt, stringAt } from './document.ts'

const RETRY_MILLIS = 10
/** Events that nobody asked for are kept until somebody does; a migration makes about a dozen. */
const EVENTS_LIMIT = 1_000

export interface QmpEvent {
  readonly event: string
  readonly data: unknown
}

interface Reply {
  readonly command: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

interface Watch {
  readonly matches: (event: QmpEvent) => boolean
  readonly resolve: (event: QmpEvent) => void
  readonly reject: (error: Error) => void
}

export class QmpClient {
  readonly #socket: Socket
  readonly #replies = new Map<number, Reply>()
  readonly #greeting = Promise.withResolvers<void>()
  #watches: Watch[] = []
  #events: QmpEvent[] = []
  #commands = 0
  #end: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    // The reader repeats the socket's errors, and throws them where nobody listens.
    createInterface({ input: socket })
      .on('line', (line) => this.#read(line))
      .on('error', (error) => this.#finish(error))
    socket.on('error', (error) => this.#finish(error))
    socket.on('close', () => this.#finish(new Error('the QMP connection was closed')))
    // Whoever waits for the greeting sees its failure; nobody else has to.
    this.#greeting.promise.catch(() => undefined)
  }

  /** Connects to a server that may still be starting, and negotiates capabilities. */
  static async connect(path: string, signal: AbortSignal): Promise<QmpClient> {
    const client = new QmpClient(await connectWhenListening(path, signal))
    await client.#greeting.promise
    await client.execute('qmp_capabilities')
    return client
  }

  /** Sends a command; resolves with its `return`, rejects with its `error`. */
  execute(command: string, args?: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end)
      this.#commands += 1
      this.#replies.set(this.#commands, { command, resolve, reject })
      const request = { execute: command, ...(args === undefined ? {} : { arguments: args }), id: this.#commands }
      this.#socket.write(`${JSON.stringify(request)}\n`)
    })
  }

  /** The first event, from those already received on, that matches; each event is given out once. */
  event(matches: (event: QmpEvent) => boolean): Promise<QmpEvent> {
    const index = this.#events.findIndex(matches)
    const found = this.#events[index]
    if (found !== undefined) {
      this.#events = this.#events.toSpliced(index, 1)
      return Promise.resolve(found)
    }
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end)
      this.#watches.push({ matches, resolve, reject })
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(line: string): void {
    try {
      this.#take(JSON.parse(line))
    } catch (error) {
      this.#finish(new Error(`cannot make sense of the QMP line '${line.slice(0, 200)}'`, { cause: error }))
      this.#socket.destroy()
    }
  }

  #take(message: unknown): void {
    if (has(message, 'QMP')) return this.#greeting.resolve()
    if (has(message, 'event')) return this.#offer(message as QmpEvent)
    const id = numberAt(message, 'id')
    const reply = this.#replies.get(id)
    this.#replies.delete(id)
    if (reply === undefined) throw new Error(`reply to the unknown command ${id}`)
    if (has(message, 'error')) reply.reject(new Error(`${reply.command}: ${stringAt(message, 'error', 'desc')}`))
    else reply.resolve((message as { readonly return: unknown }).return)
  }

  #offer(event: QmpEvent): void {
    const watch = this.#watches.find(({ matches }) => matches(event))
    if (watch === undefined) {
      if (this.#events.length >= EVENTS_LIMIT) throw new Error(`more than ${EVENTS_LIMIT} events that nobody took`)
      this.#events.push(event)
      return
    }
    this.#watches = this.#watches.filter((other) => other !== watch)
    watch.resolve(event)
  }

  #finish(error: Error): void {
    if (this.#end !== undefined) return
    this.#end = error
    this.#greeting.reject(error)
    for (const { reject } of [...this.#replies.values(), ...this.#watches]) reject(error)
    this.#replies.clear()
    this.#watches = []
  }
}

const connectOnce = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })

const connectWhenListening = async (path: string, signal: AbortSignal): Promise<Socket> => {
  for (;;) {
    try {
      return await connectOnce(path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error
      await sleep(RETRY_MILLIS, undefined, { signal })
    }
  }
}
