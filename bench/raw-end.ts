/**
 * One end of the raw transfer, a program: `node bench/raw-end.ts receive BYTES` prints `{"port"}` and then takes the
 * bytes; `node bench/raw-end.ts send BYTES SEED PORT` sends them. Both end with one line of JSON about themselves.
 *
 * The ends read and write the socket's file descriptor with blocking calls in a plain loop: on loopback that moves about
 * twice as much as a `net.Socket`'s streams, so it is the ceiling of what one Node process can hand to another.
 */

import { readSync, writeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { CHUNK_BYTES, randomChunks } from './contents.ts'

const RECEIVE_BUFFER_BYTES = 256 << 10
const RETRY_MILLIS = 0.1

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Calls until the kernel has room (or data), which it says by not answering EAGAIN. */
const untilReady = (call: () => number): number => {
  for (;;) {
    try {
      return call()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, RETRY_MILLIS)
    }
  }
}

const descriptorOf = (socket: Socket): number => {
  // oxlint-disable-next-line no-underscore-dangle -- Node has no public name for it.
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle
  if (handle?.fd === undefined || handle.fd < 0)
    throw new Error('this Node does not show the file descriptor of a socket')
  return handle.fd
}

const cpuSecondsSince = (start: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

const print = (document: object): void => {
  process.stdout.write(`${JSON.stringify(document)}\n`)
}

const send = (socket: Socket, ram: SharedArrayBuffer): void => {
  const fd = descriptorOf(socket)
  const cpuStart = process.cpuUsage()
  const start = performance.now()
  for (let sent = 0; sent < ram.byteLength;) {
    const chunk = new Uint8Array(ram, sent, Math.min(CHUNK_BYTES, ram.byteLength - sent))
    sent += untilReady(() => writeSync(fd, chunk))
  }
  // The receiver answers with one byte: only then has everything arrived.
  const answer = new Uint8Array(1)
  if (untilReady(() => readSync(fd, answer)) !== 1) throw new Error('the receiver closed the connection')
  print({ totalMillis: performance.now() - start, cpuSeconds: cpuSecondsSince(cpuStart) })
  socket.destroy()
}

const receive = (socket: Socket, sizeBytes: number): void => {
  const fd = descriptorOf(socket)
  const buffer = new Uint8Array(RECEIVE_BUFFER_BYTES)
  const cpuStart = process.cpuUsage()
  let received = 0
  while (received < sizeBytes) {
    const count = untilReady(() => readSync(fd, buffer))
    if (count === 0) throw new Error(`the sender closed the connection after ${received} of ${sizeBytes} bytes`)
    received += count
  }
  untilReady(() => writeSync(fd, buffer, 0, 1))
  print({ received, cpuSeconds: cpuSecondsSince(cpuStart) })
  socket.destroy()
}

const [role, size, seed, port] = process.argv.slice(2)
const sizeBytes = Number(size)
if (role === 'receive') {
  // Paused, so that nobody but the loop above reads from the socket.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    server.close()
    receive(socket, sizeBytes)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object' && address !== null) print({ port: address.port })
  })
} else if (role === 'send') {
  const ram = new SharedArrayBuffer(sizeBytes)
  let filled = 0
  for (const chunk of randomChunks(Number(seed), sizeBytes)) {
    new Uint8Array(ram, filled, chunk.length).set(chunk)
    filled += chunk.length
  }
  const socket = connect(Number(port), '127.0.0.1', () => send(socket, ram))
} else {
  throw new Error(`expected 'receive' or 'send', found '${String(role)}'`)
}
