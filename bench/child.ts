/**
 * A child process that cannot outlive its run. Each child leads a process group of its own, which is killed as a
 * whole when the run is aborted, when the run is over, and when the benchmark exits: no transfer, hung or not,
 * stays behind and disturbs the next one.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** How much of a child's stderr is kept for the error message. */
const STDERR_LIMIT_CHARACTERS = 4_000

/** USER_HZ, the unit of the times in /proc/PID/stat: 100 on every architecture that QEMU's x86 build runs on. */
const TICKS_PER_SECOND = 100

const living = new Set<Child>()
process.on('exit', () => {
  for (const child of living) child.kill()
})

export class Child {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>
  readonly #name: string
  readonly #signal: AbortSignal
  readonly #lines: NodeJS.AsyncIterator<string>
  readonly #closed: Promise<void>
  readonly #onAbort = (): void => this.kill()
  #stderr = ''
  #spawnError: Error | undefined

  constructor(name: string, command: string, args: readonly string[], signal: AbortSignal) {
    signal.throwIfAborted()
    this.#name = name
    this.#signal = signal
    this.#process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LIMIT_CHARACTERS)
    })
    this.#process.on('error', (error) => {
      this.#spawnError = error
    })
    this.#closed = new Promise((resolve) => {
      this.#process.on('close', () => {
        living.delete(this)
        signal.removeEventListener('abort', this.#onAbort)
        resolve()
      })
    })
    living.add(this)
    signal.addEventListener('abort', this.#onAbort)
  }

  /** The next line of its stdout; an error if it ends, or is ended, without writing one. */
  async nextLine(): Promise<string> {
    const next = await this.#lines.next()
    if (next.done !== true) return next.value
    await this.#closed
    throw this.failure('ended without the line that was expected of it')
  }

  /** All that is left of its stdout. */
  async rest(): Promise<string> {
    let text = ''
    for (;;) {
      const next = await this.#lines.next()
      if (next.done === true) return text
      text += `${next.value}\n`
    }
  }

  /** Its exit code, once it has exited; null if a signal ended it. */
  async exit(): Promise<number | null> {
    await this.#closed
    if (this.#signal.aborted || this.#spawnError !== undefined) throw this.failure('did not finish')
    return this.#process.exitCode
  }

  /** User and system time of all its threads so far, with a resolution of 10 ms. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${String(this.#process.pid)}/stat`, 'latin1')
    // proc(5): the command may contain blanks, so count from its closing parenthesis; utime is field 14, stime 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }

  /** A figure of /proc/PID/status in bytes: `VmRSS`, or `VmHWM` for the most that there was. */
  memoryBytes(name: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${String(this.#process.pid)}/status`, 'latin1')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  }

  /** From here on the most that there was is counted anew. */
  resetPeak(): void {
    writeFileSync(`/proc/${String(this.#process.pid)}/clear_refs`, '5')
  }

  /** The error for something that went wrong with this child, with what is known of why. */
  failure(what: string): Error {
    if (this.#signal.aborted) return this.#signal.reason as Error
    if (this.#spawnError !== undefined) return new Error(`${this.#name}: ${this.#spawnError.message}`)
    const { exitCode, signalCode } = this.#process
    const end = signalCode === null ? (exitCode === null ? '' : ` (exit code ${exitCode})`) : ` (${signalCode})`
    const stderr = this.#stderr.trim()
    return new Error(`${this.#name}: ${what}${end}${stderr === '' ? '' : `; its stderr ends: ${stderr}`}`)
  }

  /** Kills the child and everything it started. */
  kill(): void {
    const { pid } = this.#process
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // The group is gone already.
    }
  }

  /** Kills it if it still runs, and waits until it is gone. */
  async stop(): Promise<void> {
    this.kill()
    await this.#closed
  }
}
