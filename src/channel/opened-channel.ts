/**
 * What Node opens for an address: streams that nobody has read from or written to yet. Whoever moves the bytes does it by
 * their descriptors, or puts TLS around them; this thread keeps the streams only to close them.
 */
import type { Socket } from 'node:net'
import { Effect } from 'effect'
import type { ChannelError } from './byte-link.ts'
import { descriptorLink, type Descriptors } from './descriptor-link.ts'
import type { Connection } from './transport.ts'

/** See the head of this file. */
export interface OpenedChannel {
  readonly descriptors: Descriptors
  /** The streams behind the descriptors; a file has none. Where both are there they are one socket, or two pipes. */
  readonly input?: Socket
  readonly output?: Socket
  readonly endWrites: Effect.Effect<void, ChannelError>
  /** What took the bytes is through with them. Only asked where there is no way back. */
  readonly finished: Effect.Effect<void, ChannelError>
  readonly close: Effect.Effect<void>
}

/** Between two looks at a descriptor that had nothing to give, or no room. */
const LOOK = '1 millis'

/** A connection whose bytes are moved by descriptors. */
export const connectionOf = ({ descriptors, endWrites, finished, close }: OpenedChannel): Connection => ({
  link: descriptorLink(descriptors),
  shared: { kind: 'descriptors', descriptors },
  returnPath: descriptors.in >= 0 && descriptors.out >= 0,
  ready: Effect.sleep(LOOK),
  endWrites,
  finished,
  close,
})

/** Node has no public way to what is behind a stream; this is the one that its own child_process uses. */
const handleOf = (holder: unknown): object | undefined =>
  typeof holder === 'object' &&
  holder !== null &&
  '_handle' in holder &&
  typeof holder._handle === 'object' &&
  holder._handle !== null
    ? holder._handle
    : undefined

/** The descriptor of a stream; -1 where it has none. */
export const descriptorOfStream = (holder: unknown): number => {
  const handle = handleOf(holder)
  return handle !== undefined && 'fd' in handle && typeof handle.fd === 'number' ? handle.fd : -1
}

const call = (handle: object, name: 'readStart' | 'readStop'): void => {
  const method: unknown = Reflect.get(handle, name)
  if (typeof method === 'function') method.call(handle)
  Object.assign(handle, { reading: name === 'readStart' })
}

/**
 * Keeps a stream that has just been made from reading: Node has it read ahead by itself, paused or not, and what it takes
 * nobody else would see. Nothing has been taken yet in the turn of the event loop in which it was made.
 */
export const keepFromReading = (stream: Socket): void => {
  stream.pause()
  const handle = handleOf(stream)
  if (handle !== undefined) call(handle, 'readStop')
}

/** Lets a stream read again that was kept from it: Node still believes that it does, and would not start it. */
export const letRead = (stream: Socket): void => {
  const handle = handleOf(stream)
  if (handle !== undefined) call(handle, 'readStart')
}

/** A socket: both directions in one. */
export const openedSocket = (socket: Socket): OpenedChannel => {
  const descriptor = descriptorOfStream(socket)
  // An error of a socket that nobody reads on this thread is found by whoever uses its descriptor.
  socket.on('error', () => {})
  return {
    descriptors: { in: descriptor, out: descriptor, kind: 'socket' },
    input: socket,
    output: socket,
    endWrites: Effect.void,
    finished: Effect.never,
    close: Effect.sync(() => socket.destroy()),
  }
}
