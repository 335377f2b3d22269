/**
 * A network in memory, and the hand that breaks it: connections are pairs of bounded pipes, and every fault of a real
 * network can be brought about at a chosen message, at a chosen byte, or now. Nothing here waits, has a clock of its own
 * or is random, so a run on it is a function of what its users do.
 *
 *   cut        both directions of a connection break; what is under way is delivered or dropped
 *   crash      a listener and its connections are gone; connects are refused
 *   refuse     connects are refused; what stands goes on
 *   freeze     nothing moves until thawed; a partition is a freeze that nobody ends
 */
import { ChannelError, type ByteLink } from './byte-link.ts'
import { SimulatedPipe, type PipeOptions } from './simulated-pipe.ts'

/** The direction of bytes; forward is away from the side that connected. */
export type Direction = 'forward' | 'back'

/** What becomes of bytes under way when a connection is cut. Delivered: the end of the stream comes behind them. */
export type Fate = 'delivered' | 'dropped'

/** Where a connection is to be cut. */
export interface CutPoint {
  /** Position in the order in which connections came to be, from 0. */
  readonly connection: number
  readonly direction: Direction
  /** At the n-th accepted write from 1 on, or behind the n-th byte. */
  readonly at: { readonly message: number } | { readonly byte: number }
  /** `dropped` loses the message that is cut at (or its last bytes), and all that is under way in both directions. */
  readonly fate: Fate
}

/** How a network behaves while nobody breaks it. */
export interface NetworkOptions {
  /** Bytes a direction of a connection holds. Default 64 KiB. */
  readonly capacityBytes?: number
  /** Default 0. */
  readonly latencyMillis?: number
  /** Sees every accepted write, in order, before it can be read. */
  readonly tap?: (connection: number, direction: Direction, bytes: Uint8Array) => void
}

/** What a connection has carried, and what of it is still open. */
export interface ConnectionFigures {
  readonly uri: string
  readonly messages: Readonly<Record<Direction, number>>
  readonly bytes: Readonly<Record<Direction, number>>
  /** Ends that have not been closed by their owner. */
  readonly openEnds: number
  /** How often each end was closed by the scope that owned it: once, if all is well. */
  readonly releases: readonly number[]
}

const opposite = { forward: 'back', back: 'forward' } as const

/** One end of a connection, as the side that holds it sees it. */
export class SimulatedEnd {
  readonly connection: SimulatedConnection
  readonly out: Direction
  #wakers = new Set<() => void>()
  /** Raised whenever reading or writing may give something new. */
  #changes = 0
  #seen = 0
  closed = false
  releases = 0

  constructor(connection: SimulatedConnection, out: Direction) {
    this.connection = connection
    this.out = out
  }

  /** The link of this end on a clock. */
  link(now: () => number): ByteLink {
    return {
      writev: (views) => {
        this.#seen = this.#changes
        return this.connection.write(this, views, now())
      },
      read: (buffer, start, end) => {
        this.#seen = this.#changes
        return this.connection.read(this, buffer, start, end, now())
      },
      endWrites: () => this.connection.endWrites(this),
    }
  }

  /** Whether something has changed since the last look. */
  get hasNews(): boolean {
    return this.#changes !== this.#seen
  }

  /** When bytes that are under way can be read. */
  get nextMillis(): number | undefined {
    return this.connection.network.frozen ? undefined : this.connection.pipes[opposite[this.out]].nextMillis
  }

  notify(): void {
    this.#changes++
    const wakers = [...this.#wakers]
    this.#wakers.clear()
    for (const wake of wakers) wake()
  }

  /** Calls back once, at the next change; gives what takes it back. */
  onChange(wake: () => void): () => void {
    this.#wakers.add(wake)
    return () => this.#wakers.delete(wake)
  }

  /** The owner is through with it. What is on its way to the other side still arrives, as it does with a socket. */
  close(): void {
    if (this.closed) return
    this.closed = true
    const { pipes } = this.connection
    const inbound = pipes[opposite[this.out]]
    // A socket that is closed with bytes unread resets the connection; otherwise the other side sees the end.
    pipes[this.out].close(inbound.unread > 0 ? 'broken' : 'ended')
    inbound.drop()
    this.connection.notifyBoth()
  }
}

/** A connection: a pipe each way, and an end for each side. */
export class SimulatedConnection {
  readonly network: SimulatedNetwork
  readonly number: number
  readonly uri: string
  readonly pipes: Readonly<Record<Direction, SimulatedPipe>>
  readonly ends: readonly [connecting: SimulatedEnd, listening: SimulatedEnd]
  isCut = false

  constructor(network: SimulatedNetwork, number: number, uri: string, options: PipeOptions) {
    this.network = network
    this.number = number
    this.uri = uri
    this.pipes = { forward: new SimulatedPipe(options), back: new SimulatedPipe(options) }
    this.ends = [new SimulatedEnd(this, 'forward'), new SimulatedEnd(this, 'back')]
  }

  notifyBoth(): void {
    for (const end of this.ends) end.notify()
  }

  write(end: SimulatedEnd, views: readonly Uint8Array[], nowMillis: number): number {
    if (end.closed) throw new ChannelError('write', 'EBADF', 'the connection was closed on this side')
    if (this.network.frozen) return 0
    const pipe = this.pipes[end.out]
    if (this.isCut || pipe.end !== 'open') throw new ChannelError('write', 'EPIPE', 'the channel is broken (EPIPE)')
    const point = this.network.pointFor(this.number, end.out)
    const limit = point !== undefined && 'byte' in point.at ? point.at.byte - pipe.bytes : Infinity
    const taken = pipe.write(views, limit, nowMillis)
    if (taken > 0) {
      this.network.tap?.(this.number, end.out, Buffer.concat(views, taken))
      this.ends[end.out === 'forward' ? 1 : 0].notify()
    }
    const reached =
      point !== undefined &&
      ('byte' in point.at ? pipe.bytes >= point.at.byte : taken > 0 && pipe.messages >= point.at.message)
    if (reached) this.cut(point.fate)
    return taken
  }

  read(end: SimulatedEnd, buffer: Uint8Array, start: number, stop: number, nowMillis: number): number {
    if (end.closed) throw new ChannelError('read', 'EBADF', 'the connection was closed on this side')
    if (this.network.frozen) return 0
    const pipe = this.pipes[opposite[end.out]]
    const wasFull = pipe.room === 0
    const count = pipe.read(buffer, start, stop, nowMillis)
    if (count > 0) {
      if (wasFull) this.ends[end.out === 'forward' ? 1 : 0].notify()
      return count
    }
    if (pipe.unread > 0 || pipe.end === 'open') return 0
    if (pipe.end === 'broken') throw new ChannelError('read', 'ECONNRESET', 'the channel is broken (ECONNRESET)')
    return -1
  }

  endWrites(end: SimulatedEnd): void {
    if (end.closed || this.isCut) return
    this.pipes[end.out].close('ended')
    this.notifyBoth()
  }

  /** Both directions break, at once. */
  cut(fate: Fate): void {
    if (this.isCut) return
    this.isCut = true
    for (const pipe of Object.values(this.pipes)) {
      if (fate === 'dropped') pipe.drop()
      else pipe.close('ended')
    }
    this.notifyBoth()
  }

  get figures(): ConnectionFigures {
    const { forward, back } = this.pipes
    return {
      uri: this.uri,
      messages: { forward: forward.messages, back: back.messages },
      bytes: { forward: forward.bytes, back: back.bytes },
      openEnds: this.ends.filter((end) => !end.closed).length,
      releases: this.ends.map((end) => end.releases),
    }
  }
}

/** Someone who takes connections. */
export interface SimulatedListener {
  readonly uri: string
  readonly accept: (connection: SimulatedConnection) => void
}

/** See the head of this file. */
export class SimulatedNetwork {
  readonly tap: NetworkOptions['tap']
  readonly #pipe: PipeOptions
  readonly #listeners = new Map<string, SimulatedListener>()
  readonly connections: SimulatedConnection[] = []
  #points: CutPoint[] = []
  #frozen = false
  #refusing = false
  #thawed = new Set<() => void>()
  #port = 49152

  constructor(options: NetworkOptions = {}) {
    this.#pipe = { capacityBytes: options.capacityBytes ?? 64 * 1024, latencyMillis: options.latencyMillis ?? 0 }
    this.tap = options.tap
  }

  get latencyMillis(): number {
    return this.#pipe.latencyMillis
  }

  get frozen(): boolean {
    return this.#frozen
  }

  /** Where somebody listens now. */
  get listening(): readonly string[] {
    return [...this.#listeners.keys()]
  }

  /** What every connection so far has carried, in the order in which they came to be. */
  get figures(): readonly ConnectionFigures[] {
    return this.connections.map((connection) => connection.figures)
  }

  /** Plans a cut. It happens when its message or byte is written, on a connection that may not exist yet. */
  cutAt(point: CutPoint): void {
    this.#points.push(point)
  }

  pointFor(connection: number, direction: Direction): CutPoint | undefined {
    return this.#points.find((point) => point.connection === connection && point.direction === direction)
  }

  /** Cuts one connection, or all that stand. Plans for later connections stay. */
  cut(fate: Fate, connection?: number): void {
    for (const each of this.connections) if (connection === undefined || each.number === connection) each.cut(fate)
  }

  /** From here on connects are refused, or taken again. */
  refuseConnects(refuse = true): void {
    this.#refusing = refuse
  }

  /** The party that listens there is gone, with all its connections. */
  crash(uri: string, fate: Fate = 'dropped'): void {
    this.#listeners.delete(uri)
    for (const connection of this.connections) if (connection.uri === uri) connection.cut(fate)
  }

  /** Nothing moves, nothing is refused and nothing ends: every read and write gets 0. */
  freeze(): void {
    this.#frozen = true
  }

  /** All of it moves again. */
  thaw(): void {
    this.#frozen = false
    for (const connection of this.connections) connection.notifyBoth()
    const waiting = [...this.#thawed]
    this.#thawed.clear()
    for (const go of waiting) go()
  }

  /** Calls back at the next thaw; gives what takes it back. */
  onThaw(go: () => void): () => void {
    this.#thawed.add(go)
    return () => this.#thawed.delete(go)
  }

  /** Takes a place; `tcp:…:0` gets a port. @throws ChannelError where somebody listens already. */
  listen(uri: string, accept: (connection: SimulatedConnection) => void): SimulatedListener {
    const place = /^tcp:.*:0$/.test(uri) ? `${uri.slice(0, -1)}${this.#port++}` : uri
    if (this.#listeners.has(place))
      throw new ChannelError(`Failed to listen on '${uri}'`, 'EADDRINUSE', 'Address already in use')
    const listener = { uri: place, accept }
    this.#listeners.set(place, listener)
    return listener
  }

  /** The listener has ended by itself; its connections are closed by whoever owns them. */
  leave(listener: SimulatedListener): void {
    if (this.#listeners.get(listener.uri) === listener) this.#listeners.delete(listener.uri)
  }

  /** A new connection to whoever listens there. @throws ChannelError */
  connect(uri: string): SimulatedConnection {
    const listener = this.#refusing ? undefined : this.#listeners.get(uri)
    if (listener === undefined)
      throw new ChannelError(`Failed to connect to '${uri}'`, 'ECONNREFUSED', 'Connection refused')
    const connection = new SimulatedConnection(this, this.connections.length, uri, this.#pipe)
    this.connections.push(connection)
    listener.accept(connection)
    return connection
  }
}
