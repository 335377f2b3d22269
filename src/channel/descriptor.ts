/**
 * `fd:`: a descriptor that this process was given when it was started. A socket has a way back, a pipe and a file have not.
 *
 * QEMU is also given descriptors while it runs, over the QMP socket (SCM_RIGHTS). Node cannot receive any: it reads its
 * sockets with read(2), and a descriptor that comes with the bytes is dropped by the system.
 */
import { closeSync, fdatasyncSync, fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { Effect, type Scope } from 'effect'
import { ChannelError } from './byte-link.ts'
import { keepFromReading, openedSocket, type OpenedChannel } from './opened-channel.ts'
import { systemCode, systemText } from './system-error.ts'

/** The descriptors of a process by the names that `fd:` knows them by. One that has been used is gone from it. */
export type DescriptorTable = Map<string, number>

/** Closes a descriptor that has not been used. */
export const closeDescriptor = (table: DescriptorTable, name: string): Effect.Effect<void> =>
  Effect.sync(() => {
    const descriptor = table.get(name)
    table.delete(name)
    try {
      if (descriptor !== undefined) closeSync(descriptor)
    } catch {
      // It was never open: what was asked for holds.
    }
  })

const failure = (name: string, error: unknown): ChannelError =>
  new ChannelError(`File descriptor named '${name}'`, systemCode(error), systemText(error))

/** A file, or a device like one: written and read at once, whole. */
const openedFile = (descriptor: number, direction: Direction): OpenedChannel => {
  const isOut = direction === 'outgoing'
  let isOpen = true
  return {
    descriptors: { in: isOut ? -1 : descriptor, out: isOut ? descriptor : -1, kind: 'file' },
    // On the disk, or not moved: there is nobody to ask later.
    endWrites: Effect.try({
      try: () => {
        if (fstatSync(descriptor).isFile()) fdatasyncSync(descriptor)
      },
      catch: (error) => new ChannelError('Unable to write to file', systemCode(error), systemText(error)),
    }),
    finished: Effect.void,
    close: Effect.sync(() => {
      if (isOpen) closeSync(descriptor)
      isOpen = false
    }),
  }
}

const openedPipe = (pipe: Socket, direction: Direction): OpenedChannel => {
  const socket = openedSocket(pipe)
  const { out } = socket.descriptors
  const stream = direction === 'outgoing' ? { output: pipe } : { input: pipe }
  return {
    descriptors: { in: direction === 'outgoing' ? -1 : out, out: direction === 'outgoing' ? out : -1, kind: 'file' },
    ...stream,
    endWrites: socket.close,
    // Nobody can know what the other end of a pipe does with what it reads, nor does QEMU.
    finished: Effect.void,
    close: socket.close,
  }
}

type Direction = 'outgoing' | 'incoming'

const notFound = (name: string): ChannelError =>
  new ChannelError(`File descriptor named '${name}'`, 'EBADF', 'not found')

/** Takes a descriptor out of the table, for somebody else to open. */
export const takeDescriptor = (table: DescriptorTable, name: string): Effect.Effect<number, ChannelError> =>
  Effect.suspend(() => {
    const descriptor = table.get(name)
    table.delete(name)
    return descriptor === undefined ? Effect.fail(notFound(name)) : Effect.succeed(descriptor)
  })

/** Opens the descriptor of that name, which is used up, and closed with the scope. */
export const openDescriptor = (
  table: DescriptorTable,
  name: string,
  direction: Direction,
): Effect.Effect<OpenedChannel, ChannelError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const descriptor = table.get(name)
        if (descriptor === undefined) throw notFound(name)
        const stat = fstatSync(descriptor)
        const opened = stat.isSocket()
          ? openedSocket(streamOf(descriptor))
          : stat.isFIFO()
            ? openedPipe(pipeOf(descriptor, direction), direction)
            : openedFile(descriptor, direction)
        table.delete(name)
        return opened
      },
      catch: (error) => (error instanceof ChannelError ? error : failure(name, error)),
    }),
    ({ close }) => close,
  )

const streamOf = (fd: number, options: { readonly readable?: boolean; readonly writable?: boolean } = {}): Socket => {
  const stream = new Socket({ fd, ...options })
  keepFromReading(stream)
  return stream
}

/** Node takes a pipe for a socket, and makes it one that does not wait. */
const pipeOf = (descriptor: number, direction: Direction): Socket =>
  streamOf(descriptor, { readable: direction === 'incoming', writable: direction === 'outgoing' })
