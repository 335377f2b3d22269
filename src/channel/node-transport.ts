/**
 * Transports of Node: `tcp:`, `unix:`, `exec:` and `fd:`. Channels are opened here and read and written elsewhere, by
 * their descriptors (see `descriptor-link`); with TLS they live in a thread of their own.
 */
import { Effect, Layer, type Scope } from 'effect'
import { parseUri, type ChannelAddress } from '../core/uri.ts'
import { ChannelError } from './byte-link.ts'
import { runCommand } from './command.ts'
import { openDescriptor, takeDescriptor, type DescriptorTable } from './descriptor.ts'
import { connectionOf, type OpenedChannel } from './opened-channel.ts'
import { connectSocket, listenSocket } from './socket.ts'
import type { ThreadAddress } from './tls-request.ts'
import { TlsChannels } from './tls-transport.ts'
import { Transport, type Listener } from './transport.ts'

/** What a process brings along for its transports. */
export interface NodeTransportOptions {
  /** Descriptors that it was started with, by name; one that has been used is taken out. Default none. */
  readonly descriptors?: DescriptorTable
}

const unsupported = (uri: string) =>
  Effect.fail(new ChannelError(uri, 'ENOTSUP', 'expected tcp:host:port, unix:path, exec:command or fd:name'))

const withoutReturnPath = (uri: string) =>
  new ChannelError('Unable to open return-path', 'ENOTSUP', `${uri} is no socket and has no way back`)

/** Opens the outgoing end of an address. */
const openOutgoing = (
  uri: string,
  address: ChannelAddress | undefined,
  table: DescriptorTable,
  returnPath: boolean,
): Effect.Effect<OpenedChannel, ChannelError, Scope.Scope> => {
  switch (address?.transport) {
    case 'tcp':
    case 'unix':
      return connectSocket(address)
    case 'exec':
      return runCommand(address.command, { input: true, output: returnPath })
    case 'fd':
      return Effect.filterOrFail(
        openDescriptor(table, address.name, 'outgoing'),
        ({ descriptors }) => !returnPath || descriptors.in >= 0,
        () => withoutReturnPath(uri),
      )
    default:
      return unsupported(uri)
  }
}

/** Opens the incoming end; where there is nothing to listen at, the one connection is there at once. */
const openIncoming = (
  uri: string,
  address: ChannelAddress | undefined,
  table: DescriptorTable,
  accept: (channel: OpenedChannel) => Effect.Effect<void, never, Scope.Scope>,
): Effect.Effect<Listener, ChannelError, Scope.Scope> => {
  if (address?.transport === 'tcp' || address?.transport === 'unix') return listenSocket(uri, address, accept)
  const opened =
    address?.transport === 'exec'
      ? runCommand(address.command, { input: true, output: true })
      : address?.transport === 'fd'
        ? openDescriptor(table, address.name, 'incoming')
        : unsupported(uri)
  return Effect.gen(function* () {
    const channel = yield* opened
    yield* Effect.forkScoped(accept(channel))
    return { uri }
  })
}

/** The same address for the TLS thread, which cannot see the table: a descriptor is used up here. */
const forThread = (
  uri: string,
  address: ChannelAddress | undefined,
  table: DescriptorTable,
): Effect.Effect<ThreadAddress, ChannelError> =>
  Effect.gen(function* () {
    if (address === undefined) return yield* unsupported(uri)
    if (address.transport !== 'fd') return address
    return { transport: 'fd' as const, descriptor: yield* takeDescriptor(table, address.name) }
  })

const make = ({ descriptors = new Map() }: NodeTransportOptions) =>
  Effect.gen(function* () {
    const secured = new TlsChannels()
    yield* Effect.addFinalizer(() => secured.end)
    return Transport.of({
      connect: (uri, { returnPath, tls }) =>
        tls === undefined
          ? Effect.map(openOutgoing(uri, parseUri(uri), descriptors, returnPath), connectionOf)
          : Effect.flatMap(forThread(uri, parseUri(uri), descriptors), (address) => secured.connect(uri, address, tls)),
      listen: (uri, accept, { tls } = {}) =>
        tls === undefined
          ? openIncoming(uri, parseUri(uri), descriptors, (channel) => accept(connectionOf(channel)))
          : Effect.flatMap(forThread(uri, parseUri(uri), descriptors), (address) =>
              secured.listen(uri, address, tls, accept),
            ),
    })
  })

/** The transports of Node, for a process that was started with descriptors. */
export const nodeTransportWith = (options: NodeTransportOptions): Layer.Layer<Transport> =>
  Layer.effect(Transport, make(options))

/** The transports of Node. */
export const nodeTransport = nodeTransportWith({})
