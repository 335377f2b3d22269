/** What the TLS thread is asked to do, and what it says: plain data that crosses between threads. */
import type { MessagePort } from 'node:worker_threads'
import type { ChannelAddress } from '../core/uri.ts'
import type { SharedRings } from './ring-link.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** An address; a descriptor is named by its number there. */
export type ThreadAddress =
  Exclude<ChannelAddress, { transport: 'fd' }> | { readonly transport: 'fd'; readonly descriptor: number }

/** One channel, outgoing or incoming. */
export type TlsRequest = {
  /** News about it come here; a {@link TlsOrder} ends it. */
  readonly port: MessagePort
  readonly uri: string
  readonly address: ThreadAddress
  readonly credentials: TlsCredentials
  readonly handshakeMillis: number
} & (
  { readonly type: 'connect'; readonly hostname: string } | { readonly type: 'listen'; readonly authorized?: string }
)

/** What is told on the port of a request. */
export type TlsNews =
  /** The handshake is done and the peer is who it has to be. */
  | { readonly type: 'connected'; readonly rings: SharedRings }
  | {
      readonly type: 'failed'
      readonly operation: string
      readonly code: string
      readonly message: string
      readonly message211: string
    }
  | { readonly type: 'bound'; readonly uri: string }
  /** A peer is who it has to be and has said something. Its own port ends its connection. */
  | { readonly type: 'accepted'; readonly rings: SharedRings; readonly port: MessagePort }
  /** Somebody was no such peer. The listener goes on. */
  | { readonly type: 'turned-away'; readonly reason: string }
  /** Everything is let go, and nothing more will be said. */
  | { readonly type: 'closed' }

/** Ends a connection or a listener; `drain`: what is still in the ring is sent before. */
export interface TlsOrder {
  readonly type: 'close'
  readonly drain: boolean
}
