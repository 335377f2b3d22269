/**
 * Sends a file over one tcp connection, a program: `node bench/file-sender.ts FILE PORT`. The file is in memory before the
 * connection is made. Prints one line of JSON when the first byte is about to go, and one when the last has gone.
 */

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

const CHUNK_BYTES = 1 << 20
const RETRY_MILLIS = 0.1
const pause = new Int32Array(new SharedArrayBuffer(4))

const contentsOf = (path: string): Uint8Array => {
  const file = openSync(path, 'r')
  const bytes = new Uint8Array(new SharedArrayBuffer(fstatSync(file).size))
  for (let at = 0; at < bytes.length;) at += readSync(file, bytes, at, Math.min(CHUNK_BYTES, bytes.length - at), at)
  closeSync(file)
  return bytes
}

const descriptorOf = (socket: Socket): number => {
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle
  if (handle?.fd === undefined || handle.fd < 0) throw new Error('this Node does not show the descriptor of a socket')
  return handle.fd
}

/** Writes until the kernel has room, which it says by not answering EAGAIN. */
const writeReady = (descriptor: number, bytes: Uint8Array): number => {
  for (;;) {
    try {
      return writeSync(descriptor, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, RETRY_MILLIS)
    }
  }
}

const nowMillis = (): number => performance.timeOrigin + performance.now()
const print = (document: object): void => void process.stdout.write(`${JSON.stringify(document)}\n`)

const [path = '', port = ''] = process.argv.slice(2)
const bytes = contentsOf(path)
const socket = connect(Number(port), '127.0.0.1', () => {
  const descriptor = descriptorOf(socket)
  const cpu = process.cpuUsage()
  print({ startedMillis: nowMillis() })
  for (let sent = 0; sent < bytes.length;) {
    sent += writeReady(descriptor, bytes.subarray(sent, Math.min(sent + CHUNK_BYTES, bytes.length)))
  }
  const { user, system } = process.cpuUsage(cpu)
  print({ sent: bytes.length, cpuSeconds: (user + system) / 1e6 })
  socket.end()
})
