/**
 * How connections come to be: a service, so that the same runtime works on sockets, on child processes, and on a
 * simulated network. A connection belongs to a scope; when that closes, nothing of it is left.
 */
import { Context, type Effect, type Scope } from 'effect'
import type { ByteLink, ChannelError } from './byte-link.ts'
import type { SharedLink } from './shared-link.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** One connection between two data planes. */
export interface Connection {
  /** For whoever moves bytes on this thread. */
  readonly link: ByteLink
  /** For a worker thread: what to make a link of there, where that can be done. */
  readonly shared?: SharedLink
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

/** TLS for a channel that is opened: this side's credentials, and whom the other side's certificate has to be for. */
export interface ConnectTls {
  readonly credentials: TlsCredentials
  /** A host name or an address. */
  readonly hostname: string
  /** How long the handshake may take. Default 10 seconds. */
  readonly handshakeMillis?: number
}

/** TLS for channels that are taken. */
export interface ListenTls {
  readonly credentials: TlsCredentials
  /** The distinguished name of the one client that may come; default any whose certificate is trusted. */
  readonly authorized?: string
  /** How long a handshake may take, and then the first byte behind it. Default 10 seconds. */
  readonly handshakeMillis?: number
  /** Told of everybody who was no such peer, with the reason. They are sent away, and the listener stays. */
  readonly turnedAway?: (reason: string) => void
}

/** See the head of this file. A transport without TLS (a simulated network) ignores what is said about it. */
export class Transport extends Context.Service<
  Transport,
  {
    /** Connects to a URI as migrate has it. Interruptible at any time. */
    readonly connect: (
      uri: string,
      options: { readonly returnPath: boolean; readonly tls?: ConnectTls },
    ) => Effect.Effect<Connection, ChannelError, Scope.Scope>
    /** Listens until the scope closes; every connection is handed over, in order, in the listener's scope. */
    readonly listen: (
      uri: string,
      accept: (connection: Connection) => Effect.Effect<void, never, Scope.Scope>,
      options?: { readonly tls?: ListenTls },
    ) => Effect.Effect<Listener, ChannelError, Scope.Scope>
  }
>()('switchover/channel/Transport') {}
