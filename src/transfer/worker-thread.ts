/**
 * What the worker threads of the data plane share: a doorbell to wake a thread that sleeps in the middle of a synchronous
 * loop, and where the threads' entry files are. Node's own worker_threads are used and not Effect's workers, because a
 * thread that moves pages never returns to its event loop while it does: it looks for orders between two writes.
 */
import { receiveMessageOnPort, type MessagePort, type Worker } from 'node:worker_threads'
import { startThreadBeside } from '../channel/thread.ts'

/** Starts one of the threads of this folder. */
export const startThread = (
  name: 'engine-thread' | 'guest-thread',
  workerData?: unknown,
  transferList: readonly MessagePort[] = [],
): Worker => startThreadBeside(import.meta.url, name, workerData, transferList)

/** One shared cell; ringing wakes whoever sleeps on it. */
export class Doorbell {
  readonly buffer: SharedArrayBuffer
  readonly #cell: Int32Array

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer
    this.#cell = new Int32Array(buffer)
  }

  ring(): void {
    Atomics.add(this.#cell, 0, 1)
    Atomics.notify(this.#cell, 0)
  }

  /** Read this before looking for orders, and sleep on it after: a ring in between is not missed. */
  get count(): number {
    return Atomics.load(this.#cell, 0)
  }

  sleep(count: number, millis: number): void {
    Atomics.wait(this.#cell, 0, count, millis)
  }
}

/** Everything that has been posted to a port, without waiting. */
export function* posted<Message>(port: MessagePort): Generator<Message> {
  for (;;) {
    const next = receiveMessageOnPort(port) as { readonly message: Message } | undefined
    if (next === undefined) return
    yield next.message
  }
}
