/** Where a QMP server listens: `unix:PATH` or `tcp:HOST:PORT`. */
import { Schema } from 'effect'
import { parseUri, type ChannelAddress } from '../core/index.ts'

/** A parsed address. */
export type QmpAddress = Extract<ChannelAddress, { readonly transport: 'unix' | 'tcp' }>

/** The text is no address of a QMP server. */
export class BadQmpAddress extends Schema.TaggedError<BadQmpAddress>('BadQmpAddress')('BadQmpAddress', {
  address: Schema.String,
}) {
  override get message(): string {
    return `expected unix:PATH or tcp:HOST:PORT, found '${this.address}'`
  }
}

/**
 * Reads an address; undefined where it is none.
 *
 * @example
 * parseQmpAddress('tcp:127.0.0.1:4444') // { transport: 'tcp', host: '127.0.0.1', port: 4444 }
 */
export const parseQmpAddress = (text: string): QmpAddress | undefined => {
  const address = parseUri(text)
  return address?.transport === 'unix' || address?.transport === 'tcp' ? address : undefined
}

/** What Node calls an address. Without a host it is this machine. */
export const socketOptions = (
  address: QmpAddress,
): { readonly path: string } | { readonly host: string; readonly port: number } =>
  address.transport === 'unix'
    ? { path: address.path }
    : { host: address.host === '' ? '127.0.0.1' : address.host, port: address.port }
