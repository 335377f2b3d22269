/** The addresses of a migration channel: `tcp:host:port`, `unix:path`, `exec:command`, `fd:name`. */
import {
  alreadyDeferred,
  badAddress,
  badIpv6Address,
  badPort,
  descriptorNotFound,
  noProtocol,
  unknownIncomingProtocol,
  unresolvedService,
} from './wording.ts'

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

/** What QEMU's inet_parse says of `host:port`; where that is content, what resolving the port would say. */
const tcpProblem = (address: string): string | undefined => {
  if (address.startsWith(':') && !/^:[^,]/.test(address)) return badPort(address)
  if (address.startsWith('[') && !/^\[[^\]]{1,64}\]:[^,]/.test(address)) return badIpv6Address(address)
  if (!/^[:[]/.test(address) && !/^[^:]{1,64}:[^,]/.test(address)) return badAddress(address)
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*):([^,]*)/.exec(address) ?? []
  return parseUri(`tcp:${address}`) === undefined ? unresolvedService(host, port) : undefined
}

/** Why a URI cannot be used, in QEMU's words; undefined where it can. `descriptors` are the names that `fd:` may use. */
export const problemOf = (
  uri: string,
  direction: 'outgoing' | 'incoming',
  options: { readonly descriptors?: readonly string[]; readonly profile?: '2.11' | '7.2' } = {},
): string | undefined => {
  const [, scheme, rest = ''] = /^(tcp|unix|exec|fd):(.*)$/s.exec(uri) ?? []
  if (scheme === undefined && direction === 'outgoing') return noProtocol
  if (scheme === undefined)
    return uri === 'defer' && options.profile !== '7.2' ? alreadyDeferred : unknownIncomingProtocol(uri)
  if (scheme === 'tcp') return tcpProblem(rest)
  if (scheme === 'fd') return options.descriptors?.includes(rest) === false ? descriptorNotFound(rest) : undefined
  return rest === '' ? badAddress(rest) : undefined
}

/** Whether a URI names a transport at all. QEMU treats one that does not worse than one whose address is wrong. */
export const namesTransport = (uri: string): boolean => /^(tcp|unix|exec|fd):/.test(uri)

/** Where a process listens, as 7.2 tells it in `query-migrate`; nothing for what is no socket. */
export const socketAddress = (uri: string): readonly Readonly<Record<string, unknown>>[] => {
  const address = parseUri(uri)
  if (address?.transport === 'unix') return [{ path: address.path, type: 'unix' }]
  if (address?.transport !== 'tcp') return []
  const { host, port } = address
  const family = /^[\d.]+$/.test(host) ? { ipv4: true } : host.includes(':') ? { ipv6: true } : {}
  return [{ port: String(port), ...family, host, type: 'inet' }]
}
