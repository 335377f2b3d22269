/**
 * A wire that can be cut. It stands between source and destination, passes bytes on and counts them, and at a chosen byte
 * of either direction cuts the connection or stops passing on. It understands nothing of what it passes but one mark: the
 * question at the end of the devices, behind which the source is silent until it is answered. Places near the end of a
 * stream are counted from there, as how many bytes come before depends on what the guest wrote.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Effect, type Scope } from 'effect'
import { parseUri } from '../../core/uri.ts'
import { writeCommand } from '../../wire/index.ts'
import { PREPARE_PING } from '../dialect.ts'

/** A place in one direction of the stream. */
export interface Place {
  /** Towards the destination, or on the way back. */
  readonly direction: 'forward' | 'back'
  /** Bytes from the start, or from the end of the question (negative: in front of it; forward only). */
  readonly from: 'start' | 'question'
  readonly bytes: number
}

/** What happens at a place. */
export interface Rule extends Place {
  /** `hold`: what comes behind the place waits for `release`. */
  readonly action: 'cut' | 'hold'
  /** Whether what stands in front of the place, and was not passed on before, still arrives. */
  readonly before: 'arrives' | 'is lost'
}

const question = (() => {
  const buffer = Buffer.alloc(16)
  return buffer.subarray(0, writeCommand(buffer, 0, { name: 'PING', value: PREPARE_PING }))
})()

/** How much is kept back while the end of the question has not come: more than the devices need. */
const WINDOW_BYTES = 8 * 1024

/** Bytes that wait in a lane before its sender is no longer read. */
const WAITING_BYTES_MAX = 64 * 1024

type Position = 'open' | 'reached' | 'released'

/** One direction of the relayed connection. */
class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #rule: Rule | undefined
  readonly #reached: () => void
  readonly #passed: () => void
  #waiting: Buffer = Buffer.alloc(0)
  #position: Position = 'open'
  /** Byte at which the rule applies, once it is known. */
  #at: number | undefined
  passedBytes = 0

  constructor(from: Socket, to: Socket, rule: Rule | undefined, events: { reached: () => void; passed: () => void }) {
    this.#from = from
    this.#to = to
    this.#rule = rule
    this.#reached = events.reached
    this.#passed = events.passed
    this.#at = rule?.from === 'start' ? rule.bytes : undefined
    from.on('data', (chunk: Buffer) => this.#take(chunk))
    from.on('end', () => {
      if (this.#position !== 'reached') to.end(this.#waiting)
    })
    from.on('close', () => to.destroySoon())
    if (this.#at === 0) this.#stop(0)
  }

  release(): void {
    if (this.#position !== 'reached') return
    this.#position = 'released'
    this.#pass(this.#waiting.length)
    this.#from.resume()
  }

  #take(chunk: Buffer): void {
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk])
    if (this.#position === 'reached') {
      if (this.#waiting.length > WAITING_BYTES_MAX) this.#from.pause()
      return
    }
    if (this.#rule === undefined || this.#position === 'released') return this.#pass(this.#waiting.length)
    if (this.#at === undefined) {
      const length = this.#waiting.length
      const asked = length >= question.length && this.#waiting.subarray(-question.length).equals(question)
      if (!asked) return this.#pass(Math.max(0, length - WINDOW_BYTES))
      this.#at = Math.max(this.passedBytes, this.passedBytes + length + this.#rule.bytes)
    }
    const ahead = this.#at - this.passedBytes
    if (this.#waiting.length < ahead) this.#pass(this.#waiting.length)
    else this.#stop(ahead)
  }

  #stop(ahead: number): void {
    this.#position = 'reached'
    if (this.#rule?.before === 'arrives') this.#pass(ahead)
    this.#reached()
  }

  #pass(count: number): void {
    if (count === 0) return
    const part = this.#waiting.subarray(0, count)
    this.#waiting = this.#waiting.subarray(count)
    this.passedBytes += count
    if (this.#to.destroyed) return
    if (!this.#to.write(part)) {
      this.#from.pause()
      this.#to.once('drain', () => this.#from.resume())
    }
    this.#passed()
  }
}

/** A wire between the two sides of one migration. */
export class Relay {
  readonly #server: Server
  readonly #target: string
  readonly #rule: Rule | undefined
  readonly #sockets = new Set<Socket>()
  #lanes: { readonly forward: Lane; readonly back: Lane } | undefined
  #refusing = false
  readonly #hasReached = Promise.withResolvers<void>()
  /** Called after bytes were passed on, with the sums so far. */
  onPassed: (forward: number, back: number) => void = () => {}
  /** Called when the rule has applied. */
  onReached: () => void = () => {}
  /** Connections made after the first one is cut: passed through, or refused. */
  newcomers: 'pass' | 'refuse' = 'pass'

  constructor(server: Server, target: string, rule?: Rule) {
    this.#server = server
    this.#target = target
    this.#rule = rule
    server.on('connection', (socket) => this.#accept(socket))
  }

  /** Where a source connects to. */
  get uri(): string {
    const address = this.#server.address()
    if (typeof address === 'string') return `unix:${address}`
    return `tcp:127.0.0.1:${address?.port}`
  }

  /** Bytes passed on so far. */
  get passed(): { readonly forward: number; readonly back: number } {
    return { forward: this.#lanes?.forward.passedBytes ?? 0, back: this.#lanes?.back.passedBytes ?? 0 }
  }

  /** The rule has applied. */
  get reached(): Effect.Effect<void> {
    return Effect.promise(() => this.#hasReached.promise)
  }

  /** Lets what was held go on. */
  release(): void {
    this.#lanes?.forward.release()
    this.#lanes?.back.release()
  }

  /** Ends all connections, behind what has been passed on. */
  cut(): void {
    if (this.newcomers === 'refuse') this.#refuse()
    for (const socket of this.#sockets) socket.destroySoon()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closed = once(this.#server, 'close')
    if (this.#refusing) return
    this.#refuse()
    await closed
  }

  #refuse(): void {
    if (this.#refusing) return
    this.#refusing = true
    this.#server.close()
  }

  #accept(near: Socket): void {
    const address = parseUri(this.#target)
    if (address?.transport !== 'tcp' && address?.transport !== 'unix')
      throw new Error(`cannot relay to ${this.#target}`)
    const far = connect(
      address.transport === 'tcp' ? { host: address.host, port: address.port } : { path: address.path },
    )
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      if ('setNoDelay' in socket) socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    const rule = this.#lanes === undefined ? this.#rule : undefined
    const ruled = (direction: Rule['direction']) => (rule?.direction === direction ? rule : undefined)
    const events = {
      reached: () => {
        if (rule?.action === 'cut') this.cut()
        this.#hasReached.resolve()
        this.onReached()
      },
      passed: () => this.onPassed(this.passed.forward, this.passed.back),
    }
    const forward = new Lane(near, far, ruled('forward'), events)
    const back = new Lane(far, near, ruled('back'), events)
    this.#lanes ??= { forward, back }
  }
}

/** A relay in front of a destination, until the scope closes. */
export const makeRelay = (target: string, rule?: Rule): Effect.Effect<Relay, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const server = createServer().listen(0, '127.0.0.1')
        await once(server, 'listening')
        return new Relay(server, target, rule)
      },
      catch: (error) => (error instanceof Error ? error : new Error(String(error))),
    }),
    (relay) => Effect.promise(() => relay.close()),
  )
