/**
 * Transports of Node: `tcp:`, `unix:` and `exec:`. Sockets are opened here and read and written elsewhere, by their
 * descriptor (see `descriptor-link`); this thread keeps them only to close them.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Deferred, Effect, Layer, type Scope } from 'effect'
import { parseUri, type ChannelAddress } from '../core/uri.ts'
import { ChannelError } from './byte-link.ts'
import { descriptorLink } from './descriptor-link.ts'
import { Transport, type Connection } from './transport.ts'

/** Node has no public way to a socket's descriptor; this is the one that its own child_process uses. */
const descriptorOf = (holder: unknown): number => {
  if (typeof holder === 'object' && holder !== null && '_handle' in holder) {
    const handle = holder._handle
    if (typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number')
      return handle.fd
  }
  return -1
}

const failure = (operation: string, error: unknown): ChannelError => {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO'
  const texts: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'Connection refused',
    ENOENT: 'No such file or directory',
    EADDRINUSE: 'Address already in use',
    EACCES: 'Permission denied',
    ENOTFOUND: 'Name or service not known',
    ETIMEDOUT: 'Connection timed out',
  }
  return new ChannelError(operation, code, texts[code] ?? (error instanceof Error ? error.message : String(error)))
}

const fromSocket = (socket: Socket): Connection => {
  const descriptor = descriptorOf(socket)
  // An error of a socket that nobody reads on this thread is found by whoever uses its descriptor.
  socket.on('error', () => {})
  return {
    link: descriptorLink(descriptor, descriptor),
    descriptors: { in: descriptor, out: descriptor },
    returnPath: true,
    ready: Effect.sleep('1 millis'),
    endWrites: Effect.void,
    finished: Effect.never,
    close: Effect.sync(() => socket.destroy()),
  }
}

type SocketAddress = Extract<ChannelAddress, { transport: 'tcp' | 'unix' }>

const tcpOptions = (address: Extract<ChannelAddress, { transport: 'tcp' }>) => ({
  host: address.host || '127.0.0.1',
  port: address.port,
  noDelay: true,
  keepAlive: true,
})

const listenOptions = (address: SocketAddress) =>
  address.transport === 'tcp' ? { host: address.host || '127.0.0.1', port: address.port } : { path: address.path }

const connectSocket = (uri: string, address: SocketAddress) =>
  Effect.acquireRelease(
    Effect.callback<Socket, ChannelError>((resume) => {
      const socket = address.transport === 'tcp' ? connect(tcpOptions(address)) : connect({ path: address.path })
      // Nothing may be read here: the data plane does, by the descriptor.
      socket.pause()
      const refused = (error: Error) => resume(Effect.fail(failure(`Failed to connect to '${uri}'`, error)))
      socket.once('error', refused)
      socket.once('connect', () => {
        socket.off('error', refused)
        resume(Effect.succeed(socket))
      })
      return Effect.sync(() => socket.destroy())
    }),
    (socket) => Effect.sync(() => socket.destroy()),
    { interruptible: true },
  ).pipe(Effect.map(fromSocket))

/** How long a command may take to end after each of the signals that ask it to. */
const COMMAND_PATIENCE = '1 second'

/** To the whole group: the shell's own children would otherwise live on and keep the file open. */
const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It has ended, and its exit is not known here yet.
  }
}

/**
 * A shell command that takes the stream on its standard input. Success of the command is what stands for an answer: a
 * full disk makes it fail, and then nobody has the guest.
 */
const runCommand = (uri: string, command: string, returnPath: boolean) =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void, ChannelError>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const spawned = spawn('/bin/sh', ['-c', command], {
          stdio: ['pipe', returnPath ? 'pipe' : 'ignore', 'inherit'],
          detached: true,
        })
        spawned.stdin?.on('error', () => {})
        spawned.stdout?.on('error', () => {})
        spawned.stdout?.pause()
        spawned.once('error', (error) => Deferred.doneUnsafe(ended, Effect.fail(failure(uri, error))))
        spawned.once('exit', (code, signal) => {
          const verdict =
            code === 0
              ? Effect.void
              : Effect.fail(new ChannelError(uri, 'EXIT', `the command ended with ${signal ?? `status ${code}`}`))
          Deferred.doneUnsafe(ended, verdict)
        })
        return spawned
      }),
      (spawned) =>
        Effect.gen(function* () {
          spawned.stdin?.destroy()
          spawned.stdout?.destroy()
          for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
            if (yield* Deferred.isDone(ended)) return
            signalGroup(spawned, signal)
            yield* Deferred.await(ended).pipe(Effect.timeout(COMMAND_PATIENCE), Effect.ignore)
          }
        }),
    )
    const out = descriptorOf(child.stdin)
    const back = returnPath ? descriptorOf(child.stdout) : -1
    return {
      link: descriptorLink(back, out),
      descriptors: { in: back, out },
      returnPath,
      ready: Effect.sleep('1 millis'),
      endWrites: Effect.sync(() => child.stdin?.end()),
      finished: Deferred.await(ended),
      close: Effect.sync(() => child.stdin?.destroy()),
    } satisfies Connection
  })

const unsupported = (uri: string) =>
  Effect.fail(new ChannelError(uri, 'ENOTSUP', 'expected tcp:host:port, unix:path or exec:command'))

const connectTo = (uri: string, returnPath: boolean): Effect.Effect<Connection, ChannelError, Scope.Scope> => {
  const address = parseUri(uri)
  if (address?.transport === 'tcp' || address?.transport === 'unix') return connectSocket(uri, address)
  if (address?.transport === 'exec') return runCommand(uri, address.command, returnPath)
  return unsupported(uri)
}

const listeningUri = (server: Server, uri: string): string => {
  const address = server.address()
  return typeof address === 'object' && address !== null
    ? `tcp:${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
    : uri
}

const listenOn = (
  uri: string,
  accept: (connection: Connection) => Effect.Effect<void, never, Scope.Scope>,
): Effect.Effect<{ readonly uri: string }, ChannelError, Scope.Scope> =>
  Effect.gen(function* () {
    const address = parseUri(uri)
    if (address?.transport !== 'tcp' && address?.transport !== 'unix') return yield* unsupported(uri)
    const sockets = new Set<Socket>()
    const services = yield* Effect.context<Scope.Scope>()
    const server = yield* Effect.acquireRelease(
      Effect.callback<Server, ChannelError>((resume) => {
        const made = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true }, (socket) => {
          sockets.add(socket)
          socket.once('close', () => sockets.delete(socket))
          // In the scope: what is done with a connection must not outlive the listener.
          Effect.runForkWith(services)(Effect.forkScoped(accept(fromSocket(socket))))
        })
        made.once('error', (error) => resume(Effect.fail(failure(`Failed to listen on '${uri}'`, error))))
        made.listen(listenOptions(address), () => resume(Effect.succeed(made)))
      }),
      (made) =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          made.close(() => resume(Effect.void))
          if (address.transport === 'unix') rmSync(address.path, { force: true })
        }),
    )
    return { uri: listeningUri(server, uri) }
  })

/** The transports of Node. */
export const nodeTransport = Layer.succeed(
  Transport,
  Transport.of({ connect: (uri, { returnPath }) => connectTo(uri, returnPath), listen: listenOn }),
)
