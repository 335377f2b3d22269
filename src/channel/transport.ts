/**
 * How connections come to be: a service, so that the same runtime works on sockets, on child processes, and on a
 * simulated network. A connection belongs to a scope; when that closes, nothing of it is left.
 */
import { Context, type Effect, type Scope } from 'effect'
import type { ByteLink, ChannelError } from './byte-link.ts'
import type { Descriptors } from './descriptor-link.ts'

/** One connection between two data planes. */
export interface Connection {
  /** For whoever moves bytes on this thread. */
  readonly link: ByteLink
  /** For a worker thread: the descriptors to read from and to write to, where there are any. */
  readonly descriptors?: Descriptors
  /** Whether the other side can answer. */
  readonly returnPath: boolean
  /** The link may have become readable or writable since the last look. */
  readonly ready: Effect.Effect<void>
  /** No more writes: the other side sees the end of the stream. */
  readonly endWrites: Effect.Effect<void, ChannelError>
  /** What took the bytes is through with them: a child process has ended well. Only without a return path. */
  readonly finished: Effect.Effect<void, ChannelError>
  /** Nothing is sent or received any more. May be called again; the scope does it too. */
  readonly close: Effect.Effect<void>
}

/** A place that takes connections. */
export interface Listener {
  /** Where it really listens: a port that the system chose is filled in. */
  readonly uri: string
}

/** See the head of this file. */
export class Transport extends Context.Service<
  Transport,
  {
    /** Connects to a URI as migrate has it. Interruptible at any time. */
    readonly connect: (
      uri: string,
      options: { readonly returnPath: boolean },
    ) => Effect.Effect<Connection, ChannelError, Scope.Scope>
    /** Listens until the scope closes; every connection is handed over, in order, in the listener's scope. */
    readonly listen: (
      uri: string,
      accept: (connection: Connection) => Effect.Effect<void, never, Scope.Scope>,
    ) => Effect.Effect<Listener, ChannelError, Scope.Scope>
  }
>()('switchover/channel/Transport') {}
