/** `switchover serve` as a process of its own, with whatever descriptors it is to inherit. */
import { spawn, type ChildProcess, type StdioNull, type StdioPipe } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Stream as NodeStream } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Effect, type Scope } from 'effect'
import type { QmpClient } from '../../qmp/client.ts'
import { connectSocketClient } from '../../qmp/socket-client.ts'

/** Compiled modules are kept for the processes of all tests: reading them is half of what starting one takes. */
const compileCache = join(tmpdir(), 'switchover-compile-cache')

const entry = fileURLToPath(new URL('../main.ts', import.meta.url))

/** A process that serves. */
export interface Serving {
  readonly child: ChildProcess
  /** The next line of standard output, each a JSON document. */
  readonly line: Effect.Effect<Readonly<Record<string, string>>>
  /** Its exit status, when it has ended. */
  readonly code: Effect.Effect<number | null>
  /** What it has written to standard error so far. */
  readonly stderr: () => string
}

/** What a process inherits as descriptor 3, 4 and so on: one of ours, a stream's, or the other end of a new socket pair. */
export type Inherited = number | NodeStream | StdioPipe | StdioNull

/** Starts one with these arguments; it is gone when the scope is closed. */
export const serveWith = (
  inherited: readonly Inherited[],
  ...args: readonly string[]
): Effect.Effect<Serving, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        // env replaces itself: what a test runner has every Node import would treble the time that this one needs.
        spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, entry, 'serve', '--json', ...args], {
          stdio: ['ignore', 'pipe', 'pipe', ...inherited],
          env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
        }),
      ),
      (spawned) => Effect.sync(() => spawned.kill('SIGKILL')),
    )
    const exit = once(child, 'close')
    const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
    let stderr = ''
    child.stderr!.on('data', (text) => (stderr += String(text)))
    return {
      child,
      line: Effect.promise(async () => JSON.parse((await lines.next()).value ?? '{}') as Record<string, string>),
      code: Effect.promise(async () => (await exit)[0] as number | null),
      stderr: () => stderr,
    }
  })

/** The same, with nothing inherited. */
export const serve = (...args: readonly string[]): Effect.Effect<Serving, never, Scope.Scope> => serveWith([], ...args)

/** A client of its QMP. */
export const connected = (serving: Serving): Effect.Effect<QmpClient, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { qmp } = yield* serving.line
    return yield* connectSocketClient(String(qmp))
  })
