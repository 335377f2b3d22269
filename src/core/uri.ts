/** The addresses of a migration channel: `tcp:host:port`, `unix:path`, `exec:command`, `fd:name`. */
import { badAddress, noProtocol, unknownIncomingProtocol } from './wording.ts'

/** A parsed address. */
export type ChannelAddress =
  | { readonly transport: 'tcp'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string }
  | { readonly transport: 'exec'; readonly command: string }
  | { readonly transport: 'fd'; readonly name: string }

/**
 * Parses a URI; undefined where it is none. Ports are 0 to 65535 (0: the system chooses, for listening).
 *
 * @example
 * parseUri('tcp:[::1]:4444') // { transport: 'tcp', host: '::1', port: 4444 }
 */
export const parseUri = (uri: string): ChannelAddress | undefined => {
  const [, scheme, rest = ''] = /^(tcp|unix|exec|fd):(.*)$/s.exec(uri) ?? []
  if (scheme === 'tcp') {
    const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})(?:,.*)?$/.exec(rest) ?? []
    if (port === '' || Number(port) > 65535) return undefined
    return { transport: 'tcp', host: host.replaceAll(/^\[|\]$/g, ''), port: Number(port) }
  }
  if (rest === '') return undefined
  if (scheme === 'unix') return { transport: 'unix', path: rest }
  if (scheme === 'exec') return { transport: 'exec', command: rest }
  if (scheme === 'fd') return { transport: 'fd', name: rest }
  return undefined
}

/** Why a URI cannot be used, in QEMU's words; undefined where it can. */
export const problemOf = (uri: string, direction: 'outgoing' | 'incoming'): string | undefined => {
  if (!/^(tcp|unix|exec|fd):/.test(uri)) return direction === 'outgoing' ? noProtocol : unknownIncomingProtocol(uri)
  return parseUri(uri) === undefined ? badAddress(uri.slice(uri.indexOf(':') + 1)) : undefined
}
