/**
 * `exec:`: a shell command as the other end of a channel. It reads the stream on its standard input, or gives one on its
 * standard output; the other of the two is the way back.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { Deferred, Effect, type Scope } from 'effect'
import { ChannelError } from './byte-link.ts'
import { descriptorOfStream, keepFromReading, type OpenedChannel } from './opened-channel.ts'
import { systemCode, systemText } from './system-error.ts'

/** How long a command may take to end after each of the signals that ask it to. */
const PATIENCE = '1 second'

/** To the whole group: the shell's own children would otherwise live on and keep the file open. */
const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It has ended, and its exit is not known here yet.
  }
}

/** A pipe of a child is a socket to Node, which its types do not say. */
const asSocket = (stream: unknown): Socket => stream as Socket

/** Which standard streams of the command are used. */
export interface CommandStreams {
  /** We write, the command reads. */
  readonly input: boolean
  /** The command writes, we read. */
  readonly output: boolean
}

/**
 * Runs a command until the scope closes. Without a way back its success is what stands for an answer: a full disk makes it
 * fail, and then nobody has the guest.
 */
export const runCommand = (
  command: string,
  { input, output }: CommandStreams,
): Effect.Effect<OpenedChannel, ChannelError, Scope.Scope> =>
  Effect.gen(function* () {
    const uri = `exec:${command}`
    const ended = yield* Deferred.make<void, ChannelError>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const spawned = spawn('/bin/sh', ['-c', command], {
          stdio: [input ? 'pipe' : 'ignore', output ? 'pipe' : 'ignore', 'inherit'],
          detached: true,
        })
        spawned.stdin?.on('error', () => {})
        spawned.stdout?.on('error', () => {})
        if (spawned.stdout !== null) keepFromReading(asSocket(spawned.stdout))
        spawned.once('error', (error) =>
          Deferred.doneUnsafe(ended, Effect.fail(new ChannelError(uri, systemCode(error), systemText(error)))),
        )
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
            yield* Deferred.await(ended).pipe(Effect.timeout(PATIENCE), Effect.ignore)
          }
        }),
    )
    const { stdin, stdout } = child
    return {
      descriptors: { in: descriptorOfStream(stdout), out: descriptorOfStream(stdin), kind: 'command' },
      ...(stdout === null ? {} : { input: asSocket(stdout) }),
      ...(stdin === null ? {} : { output: asSocket(stdin) }),
      endWrites: Effect.sync(() => stdin?.end()),
      finished: Deferred.await(ended),
      close: Effect.sync(() => {
        stdin?.destroy()
        stdout?.destroy()
      }),
    } satisfies OpenedChannel
  })
