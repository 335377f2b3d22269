/**
 * Live QEMU processes for a pair: started within a tenth of a second, spoken to over a unix socket, always killed and
 * cleaned up with the scope.
 *
 * `-machine none` has no CPU, no firmware and no device, and its run state still moves as a running machine's does; its
 * memory is a file with random contents, so that a bandwidth limit really holds a run. Everything that the comparison
 * looks at shows on it, and it starts twice as fast as a PC.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect, Exit, Queue, Result, Scope, Stream, type Cause } from 'effect'
import type { QmpDuplex } from '../qmp/client.ts'
import { openPeerSession, PromiseScope } from './peer-session.ts'
import type { PeerSession, Peers, PeerSystem, PeerTap, Role } from './peer.ts'
import { dieTogether, temporaryDirectory } from './temporary.ts'

/** The binary that is looked for. */
export const QEMU_BINARY = 'qemu-system-x86_64'

/** How long a process may take to open its monitor. */
const START_PATIENCE_MILLIS = 5000
/** Between two looks for the monitor's socket. */
const SOCKET_POLL_MILLIS = 4
/** How long a process may take to die of SIGKILL. */
const KILL_PATIENCE_MILLIS = 2000
/** What is kept of what a process says beside QMP. */
const STDERR_CHARACTERS_MAX = 16_384

/** Which QEMU is here: its version, or why there is none. */
export const findQemu = (): { readonly version: string } | { readonly missing: string } => {
  const result = spawnSync(QEMU_BINARY, ['--version'], { encoding: 'utf8', timeout: START_PATIENCE_MILLIS })
  if (result.error !== undefined) return { missing: `${QEMU_BINARY}: ${result.error.message}` }
  const [, version] = /version (\S+)/.exec(result.stdout) ?? []
  return version === undefined ? { missing: `${QEMU_BINARY} does not tell its version` } : { version }
}

/** How the processes are made. */
export interface QemuOptions {
  /** Guest memory. Default 4 MiB. */
  readonly memoryMebibytes?: number
  /** What the source's memory holds. Default random. */
  readonly contents?: 'random' | 'zero'
}

const DEFAULT_MEBIBYTES = 4

/** Where files of guest memory are best put: in memory. */
export const memoryDirectory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

/** Random bytes are made once a process and used for every run: each mebibyte is another rotation of the first. */
let randomMebibyte: Uint8Array | undefined
const fillRandomly = async (path: string, mebibytes: number): Promise<void> => {
  const bytes = (randomMebibyte ??= randomBytes(1 << 20))
  const file = await open(path, 'w', 0o600)
  try {
    for (let index = 0; index < mebibytes; index++) {
      const cut = (index * 4099) % bytes.length
      await file.write(bytes.subarray(cut))
      await file.write(bytes.subarray(0, cut))
    }
  } finally {
    await file.close()
  }
}
const randomBytes = (count: number): Uint8Array => {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return bytes
}

/** Keeps what processes say beside QMP. */
export class StderrKeeper {
  text = ''
  take(who: string, chunk: string): void {
    if (this.text.length < STDERR_CHARACTERS_MAX) this.text += chunk.replaceAll(/^(?=.)/gm, `${who}: `)
  }
}

/** A process that dies with the scope. */
export const spawned = (args: readonly string[], who: string, stderr: StderrKeeper) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(QEMU_BINARY, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => stderr.take(who, chunk))
      dieTogether(child)
      child.on('exit', (_code, signal) => {
        if (signal !== null && signal !== 'SIGKILL') stderr.take(who, `killed by ${signal}\n`)
      })
      child.on('error', (error) => stderr.take(who, `${error.message}\n`))
      return child as ChildProcess
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
        const exited = once(child, 'exit', { signal: AbortSignal.timeout(KILL_PATIENCE_MILLIS) })
        child.kill('SIGKILL')
        await exited.catch(() => undefined)
      }),
  )

/** Connects as soon as the process listens. */
export const connected = (path: string, child: ChildProcess): Effect.Effect<Socket, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const end = performance.now() + START_PATIENCE_MILLIS
        for (;;) {
          const socket = connect({ path })
          try {
            await once(socket, 'connect')
            return socket
          } catch (error) {
            if (child.exitCode !== null) throw new Error(`it ended with status ${child.exitCode}`, { cause: error })
            if (performance.now() > end) throw error
          }
          await new Promise((resolve) => setTimeout(resolve, SOCKET_POLL_MILLIS))
        }
      },
      catch: (error) => (error instanceof Error ? error : new Error(String(error))),
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )

/** QMP over a socket: a message a line. */
export const duplexOf = (socket: Socket): Effect.Effect<QmpDuplex> =>
  Effect.gen(function* () {
    const messages = yield* Queue.unbounded<unknown, Cause.Done>()
    let rest = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.trim() !== '') Queue.offerUnsafe(messages, JSON.parse(line))
    })
    socket.on('error', () => {})
    socket.on('close', () => Queue.endUnsafe(messages))
    return {
      send: (message) => Effect.sync(() => void socket.write(`${JSON.stringify(message)}\n`)),
      messages: Stream.fromQueue(messages),
    }
  })

const commandLine = (role: Role, socket: string, memory: string, mebibytes: number): readonly string[] => [
  '-nodefaults',
  '-display',
  'none',
  '-machine',
  'none,memory-backend=ram',
  '-m',
  `${mebibytes}M`,
  '-object',
  role === 'source'
    ? `memory-backend-file,id=ram,size=${mebibytes}M,mem-path=${memory},share=on`
    : `memory-backend-ram,id=ram,size=${mebibytes}M`,
  '-qmp',
  `unix:${socket},server=on,wait=off`,
  ...(role === 'source' ? [] : ['-incoming', 'defer']),
]

/** Tries once more, with nothing left of the first try. */
const again = <A>(
  attempt: Effect.Effect<A, Error, Scope.Scope>,
  note: (reason: string) => void,
): Effect.Effect<A, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const outer = yield* Effect.scope
    const inner = yield* Scope.fork(outer)
    const first = yield* Effect.result(Effect.provideService(attempt, Scope.Scope, inner))
    if (Result.isSuccess(first)) return first.success
    note(first.failure.message)
    yield* Scope.close(inner, Exit.void)
    return yield* attempt
  })

/** A live QEMU as a system: every `open` is a fresh pair. */
export const qemuSystem = (options: QemuOptions = {}): PeerSystem => ({
  name: 'qemu',
  open: async (): Promise<Peers> => {
    const { memoryMebibytes: mebibytes = DEFAULT_MEBIBYTES, contents = 'random' } = options
    const scope = new PromiseScope()
    const stderr = new StderrKeeper()
    const directory = await scope.run(temporaryDirectory(tmpdir()))
    const memory = join(await scope.run(temporaryDirectory(memoryDirectory())), 'source.ram')
    if (contents === 'random') await fillRandomly(memory, mebibytes)
    let processes = 0
    const start = (role: Role, tap: PeerTap): Promise<PeerSession> => {
      const who = `${role} ${++processes}`
      const socket = join(directory, `qmp-${processes}.sock`)
      const attempt = Effect.gen(function* () {
        const child = yield* spawned(commandLine(role, socket, memory, mebibytes), who, stderr)
        const duplex = yield* duplexOf(yield* connected(socket, child))
        return yield* openPeerSession(duplex, tap)
      }).pipe(
        Effect.timeoutOrElse({
          duration: START_PATIENCE_MILLIS,
          orElse: () => Effect.fail(new Error(`${who}: its monitor does not answer`)),
        }),
      )
      return scope.run(again(attempt, (reason) => stderr.take(who, `${reason}\n`)))
    }
    return {
      start,
      address: (number) => `unix:${join(directory, `migration-${number}.sock`)}`,
      file: join(directory, 'devices'),
      lastWords: () => stderr.text,
      close: () => scope.close(),
    }
  },
})
