/** `tcp:` and `unix:`: connecting and listening, and what QEMU says when either fails. */
import { lstatSync, rmSync } from 'node:fs'
import { connect, createServer, isIPv4, isIPv6, type Server, type Socket } from 'node:net'
import { Effect, type Scope } from 'effect'
import type { ChannelAddress, TcpAddress } from '../core/uri.ts'
import { ChannelError } from './byte-link.ts'
import { openedSocket, type OpenedChannel } from './opened-channel.ts'
import { systemCode, systemText, textOfCode } from './system-error.ts'

/** The addresses that sockets are for. */
export type SocketAddress = Extract<ChannelAddress, { transport: 'tcp' | 'unix' }>

/** Longest path of a unix socket in bytes: Node keeps a place for the terminator that the system does not need. */
const PATH_BYTES_MAX = 107

const hostPort = ({ host, port }: TcpAddress): string => `${host}:${port}`

const resolutionCodes: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_ADDRFAMILY'])

const unresolved = (address: TcpAddress, code: string): ChannelError =>
  new ChannelError(`address resolution failed for ${hostPort(address)}`, code, textOfCode(code))

const tooLong = (path: string): ChannelError =>
  new ChannelError(`UNIX socket path '${path}' is too long`, 'ENAMETOOLONG', `expected at most ${PATH_BYTES_MAX} bytes`)

/** 2.11 does not say where to, unless it is a path. */
const connectFailure = (address: SocketAddress, error: unknown): ChannelError => {
  const code = systemCode(error)
  const text = systemText(error)
  if (address.transport === 'unix')
    return new ChannelError(
      `Failed to connect to '${address.path}'`,
      code,
      text,
      `Failed to connect socket ${address.path}: ${text}`,
    )
  if (resolutionCodes.has(code)) return unresolved(address, code)
  return new ChannelError(
    `Failed to connect to '${hostPort(address)}'`,
    code,
    text,
    `Failed to connect socket: ${text}`,
  )
}

const listenFailure = (address: SocketAddress, error: unknown): ChannelError => {
  const code = systemCode(error)
  if (address.transport === 'tcp' && resolutionCodes.has(code)) return unresolved(address, code)
  const subject =
    address.transport === 'unix'
      ? `Failed to bind socket to ${address.path}`
      : code === 'EADDRINUSE'
        ? 'Failed to find an available port'
        : 'Failed to bind socket'
  return new ChannelError(subject, code, systemText(error))
}

/** The one family that is asked for; 0: any. `ipv4` alone asks for IPv4, and so does `ipv6=off`. */
const familyOf = ({ ipv4, ipv6 }: TcpAddress): 0 | 4 | 6 => {
  if ((ipv4 === true && ipv6 !== true) || ipv6 === false) return 4
  return (ipv6 === true && ipv4 !== true) || ipv4 === false ? 6 : 0
}

/** Node does not look whether an address is of the family that is asked for. */
const familyProblem = (address: TcpAddress): ChannelError | undefined => {
  const family = familyOf(address)
  const isOther = (family === 4 && isIPv6(address.host)) || (family === 6 && isIPv4(address.host))
  return isOther ? unresolved(address, 'EAI_ADDRFAMILY') : undefined
}

const problemOfAddress = (address: SocketAddress): ChannelError | undefined => {
  if (address.transport === 'tcp') return familyProblem(address)
  return Buffer.byteLength(address.path) > PATH_BYTES_MAX ? tooLong(address.path) : undefined
}

const openSocket = (address: SocketAddress): Socket =>
  address.transport === 'unix'
    ? connect({ path: address.path })
    : connect({
        host: address.host,
        port: address.port,
        family: familyOf(address),
        noDelay: true,
        keepAlive: true,
      })

/** Connects. Interruptible at any time. */
export const connectSocket = (address: SocketAddress): Effect.Effect<OpenedChannel, ChannelError, Scope.Scope> =>
  Effect.gen(function* () {
    const problem = problemOfAddress(address)
    if (problem !== undefined) return yield* Effect.fail(problem)
    // An empty host is every address of this machine, which is nothing that can be connected to.
    if (address.transport === 'tcp' && address.host === '') return yield* Effect.fail(unresolved(address, 'ENOTFOUND'))
    return yield* Effect.acquireRelease(
      Effect.callback<Socket, ChannelError>((resume) => {
        const socket = openSocket(address)
        // Nothing may be read here: whoever moves the bytes does it.
        socket.pause()
        const refused = (error: Error) => resume(Effect.fail(connectFailure(address, error)))
        socket.once('error', refused)
        socket.once('connect', () => {
          socket.off('error', refused)
          resume(Effect.succeed(socket))
        })
        return Effect.sync(() => socket.destroy())
      }),
      (socket) => Effect.sync(() => socket.destroy()),
      { interruptible: true },
    ).pipe(Effect.map(openedSocket))
  })

const canConnect = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const probe = connect({ path })
    const answer = (result: boolean): void => {
      probe.destroy()
      resume(Effect.succeed(result))
    }
    probe.once('connect', () => answer(true))
    probe.once('error', () => answer(false))
  })

/**
 * Takes away the socket of a listener that is no more, which would otherwise be in the way for ever. QEMU removes whatever
 * stands there; here the socket of one that lives stays, and so does any other file.
 */
export const removeStaleSocket = (path: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
    if (!(yield* canConnect(path))) rmSync(path, { force: true })
  })

/** What to listen at, for one port of those that may be tried. */
const listenOptions = (address: SocketAddress, port: number) => {
  if (address.transport === 'unix') return { path: address.path }
  const family = familyOf(address)
  if (address.host !== '') return { host: address.host, port, ipv6Only: family === 6 }
  // Without a host Node listens on all addresses of both families.
  return family === 0 ? { port } : { host: family === 4 ? '0.0.0.0' : '::', port, ipv6Only: family === 6 }
}

const bind = (
  address: SocketAddress,
  port: number,
  take: (socket: Socket) => void,
): Effect.Effect<Server, ChannelError> =>
  Effect.callback<Server, ChannelError>((resume) => {
    const server = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, take)
    server.once('error', (error) => resume(Effect.fail(listenFailure(address, error))))
    server.listen(listenOptions(address, port), () => resume(Effect.succeed(server)))
  })

/** The first port that is free, of those that the address allows. */
const bindFree = (address: SocketAddress, take: (socket: Socket) => void): Effect.Effect<Server, ChannelError> => {
  const first = address.transport === 'tcp' ? address.port : 0
  const last = address.transport === 'tcp' ? (address.to ?? first) : 0
  if (last < first)
    return Effect.fail(new ChannelError('Failed to create a socket', 'EINVAL', `no port from ${first} to ${last}`))
  const from = (port: number): Effect.Effect<Server, ChannelError> =>
    bind(address, port, take).pipe(
      Effect.catch((error) => (error.code === 'EADDRINUSE' && port < last ? from(port + 1) : Effect.fail(error))),
    )
  return from(first)
}

const listeningUri = (server: Server, uri: string): string => {
  const address = server.address()
  return typeof address === 'object' && address !== null
    ? `tcp:${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
    : uri
}

/** Listens until the scope closes; every connection is handed over, in order, in the listener's scope. */
export const listenSocket = (
  uri: string,
  address: SocketAddress,
  accept: (channel: OpenedChannel) => Effect.Effect<void, never, Scope.Scope>,
): Effect.Effect<{ readonly uri: string }, ChannelError, Scope.Scope> =>
  Effect.gen(function* () {
    const problem = problemOfAddress(address)
    if (problem !== undefined) return yield* Effect.fail(problem)
    if (address.transport === 'unix') yield* removeStaleSocket(address.path)
    const sockets = new Set<Socket>()
    const services = yield* Effect.context<Scope.Scope>()
    const take = (socket: Socket): void => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      // In the scope: what is done with a connection must not outlive the listener.
      Effect.runForkWith(services)(Effect.forkScoped(accept(openedSocket(socket))))
    }
    const server = yield* Effect.acquireRelease(bindFree(address, take), (made) =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        made.close(() => resume(Effect.void))
        if (address.transport === 'unix') rmSync(address.path, { force: true })
      }),
    )
    return { uri: listeningUri(server, uri) }
  })
