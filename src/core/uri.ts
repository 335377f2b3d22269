/**
 * The addresses of a migration channel: `tcp:host:port`, `unix:path`, `exec:command`, `fd:name`. The grammar is QEMU's
 * (`inet_parse` of util/qemu-sockets.c), and so is what is said about an address that does not follow it.
 */
import type { Profile } from '../../machines/index.ts'
import {
  alreadyDeferred,
  badAddress,
  badDescriptorNumber,
  badFlag,
  badIpv6Address,
  badPort,
  badToArgument,
  descriptorNotFound,
  noAddressFamily,
  noProtocol,
  noUnixAddress,
  unknownIncomingProtocol,
  unresolvedService,
} from './wording.ts'

/** `tcp:`: a host by name or address (empty: all there are, for listening) and a port. */
export interface TcpAddress {
  readonly transport: 'tcp'
  readonly host: string
  /** 0 to 65535; 0: the system chooses, for listening. */
  readonly port: number
  /** Listening: the first free port from `port` to here. */
  readonly to?: number
  /** Whether addresses of this family may be used; where neither is given, both. */
  readonly ipv4?: boolean
  readonly ipv6?: boolean
}

/** A parsed address. */
export type ChannelAddress =
  | TcpAddress
  | { readonly transport: 'unix'; readonly path: string }
  | { readonly transport: 'exec'; readonly command: string }
  | { readonly transport: 'fd'; readonly name: string }

const PORT_MAX = 65_535

const split = (uri: string): readonly [scheme: string, rest: string] | undefined => {
  const [, scheme, rest = ''] = /^(tcp|unix|exec|fd):(.*)$/s.exec(uri) ?? []
  return scheme === undefined ? undefined : [scheme, rest]
}

/**
 * Parses a URI; undefined where it is none that can be used ({@link problemOf} says why).
 *
 * @example
 * parseUri('tcp:[::1]:4444') // { transport: 'tcp', host: '::1', port: 4444 }
 * parseUri('tcp::4444,to=4448,ipv4') // { transport: 'tcp', host: '', port: 4444, to: 4448, ipv4: true }
 */
export const parseUri = (uri: string): ChannelAddress | undefined => {
  const [scheme, rest = ''] = split(uri) ?? []
  if (scheme === 'tcp') {
    const address = parseInet(rest)
    return typeof address === 'string' ? undefined : address
  }
  if (scheme === 'exec') return { transport: 'exec', command: rest }
  if (rest === '') return undefined
  if (scheme === 'unix') return { transport: 'unix', path: rest }
  return scheme === 'fd' ? { transport: 'fd', name: rest } : undefined
}

/** Host, port and the options behind them; a text says what is wrong. */
const parseInet = (text: string): TcpAddress | string => {
  const parts = hostAndPort(text)
  if (typeof parts === 'string') return parts
  const { host, port, options } = parts
  const to = toOption(options)
  if (to === 'bad') return badToArgument
  const ipv4 = flagOption('ipv4', options)
  if (typeof ipv4 === 'string') return ipv4
  const ipv6 = flagOption('ipv6', options)
  if (typeof ipv6 === 'string') return ipv6
  if (ipv4 === false && ipv6 === false) return noAddressFamily
  const number = /^\d+$/.test(port) ? Number(port) : Infinity
  // QEMU takes the number modulo 65536, and knows the names in /etc/services.
  if (number > PORT_MAX) return unresolvedService(host, port)
  return {
    transport: 'tcp',
    host,
    port: number,
    ...(to === undefined ? {} : { to }),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
  }
}

interface HostAndPort {
  readonly host: string
  readonly port: string
  /** Empty, or beginning with a comma. */
  readonly options: string
}

const hostAndPort = (text: string): HostAndPort | string => {
  const [pattern, problem] = text.startsWith(':')
    ? [/^():([^,]{1,32})(,.*)?$/s, badPort(text)]
    : text.startsWith('[')
      ? [/^\[([^\]]{1,64})\]:([^,]{1,32})(,.*)?$/s, badIpv6Address(text)]
      : [/^([^:]{1,64}):([^,]{1,32})(,.*)?$/s, badAddress(text)]
  const [, host, port, options = ''] = pattern.exec(text) ?? []
  return host === undefined || port === undefined ? problem : { host, port, options }
}

const toOption = (options: string): number | undefined | 'bad' => {
  if (!options.includes(',to=')) return undefined
  const [, port] = /,to=(\d+)(?:,|$)/.exec(options) ?? []
  return port === undefined || Number(port) > PORT_MAX ? 'bad' : Number(port)
}

/** `,ipv4`, `,ipv4=on` or `,ipv4=off`. What is no option of ours is passed over, as QEMU does. */
const flagOption = (name: 'ipv4' | 'ipv6', options: string): boolean | undefined | string => {
  const at = options.indexOf(`,${name}`)
  if (at === -1) return undefined
  const rest = options.slice(at + name.length + 1)
  const [, value] = /^(=on|=off|)(?:$|,(?!,))/.exec(rest) ?? []
  return value === undefined ? badFlag(name, rest) : value !== '=off'
}

/** What the names behind `fd:` mean to a process. */
export interface UriOptions {
  /** The descriptors that may be used; default all. */
  readonly descriptors?: readonly string[]
  readonly profile?: Profile
}

/** Why a URI cannot be used, in QEMU's words; undefined where it can. */
export const problemOf = (
  uri: string,
  direction: 'outgoing' | 'incoming',
  options: UriOptions = {},
): string | undefined => {
  const [scheme, rest = ''] = split(uri) ?? []
  if (scheme === undefined && direction === 'outgoing') return noProtocol
  if (scheme === undefined)
    return uri === 'defer' && options.profile !== '7.2' ? alreadyDeferred : unknownIncomingProtocol(uri)
  if (scheme === 'fd') return descriptorProblem(rest, direction, options)
  if (scheme === 'unix' && rest === '') return noUnixAddress
  if (scheme !== 'tcp') return undefined
  const address = parseInet(rest)
  return typeof address === 'string' ? address : undefined
}

/** 7.2 reads what begins with a digit as a number, where a guest is received. */
const descriptorProblem = (
  name: string,
  direction: 'outgoing' | 'incoming',
  { descriptors, profile }: UriOptions,
): string | undefined => {
  if (profile === '7.2' && direction === 'incoming' && /^\d.*\D/.test(name)) return badDescriptorNumber(name)
  return name === '' || descriptors?.includes(name) === false ? descriptorNotFound(name) : undefined
}

/** Whether a URI names a transport at all. QEMU treats one that does not worse than one whose address is wrong. */
export const namesTransport = (uri: string): boolean => split(uri) !== undefined

/** The name of the descriptor that a URI uses up. */
export const descriptorOf = (uri: string): string | undefined => {
  const address = parseUri(uri)
  return address?.transport === 'fd' ? address.name : undefined
}

/** Where a process listens, as 7.2 tells it in `query-migrate`; nothing for what is no socket. */
export const socketAddress = (uri: string): readonly Readonly<Record<string, unknown>>[] => {
  const address = parseUri(uri)
  if (address?.transport === 'unix') return [{ path: address.path, type: 'unix' }]
  if (address?.transport !== 'tcp') return []
  const { host, port } = address
  const family = /^[\d.]+$/.test(host) ? { ipv4: true } : host.includes(':') ? { ipv6: true } : {}
  return [{ port: String(port), ...family, host, type: 'inet' }]
}
