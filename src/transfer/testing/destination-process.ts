/** A destination that is another process of the operating system, as `switchover migrate` starts it. It can be killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Cause, Effect, Queue, Stream, type Scope } from 'effect'
import type { WritingGuestSpec } from '../../memory/index.ts'
import { connectClient, type QmpBroken, type QmpClient, type QmpRefusal } from '../../qmp/client.ts'
import { encodeLine } from '../../qmp/message.ts'
import { optionOf } from './guests.ts'
import { within } from './watch.ts'

const entry = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface DestinationProcess {
  readonly client: QmpClient
  /** Where it listens. */
  readonly uri: string
  /** SIGKILL, now. */
  readonly kill: () => void
  /** Ends its standard input, as a manager that goes away does. */
  readonly hangUp: () => void
  /** Its exit is known. */
  readonly isDead: () => boolean
  readonly exited: Effect.Effect<Exit, Error>
  /** What it has written to standard error. */
  readonly complaints: () => string
  readonly pid: number
}

/** Where compiled modules are kept between the processes of a test: it halves the time that each needs to start. */
export interface ProcessOptions {
  readonly compileCache: string
  readonly uri?: string
}

/** Starts a process that listens; it is gone when the scope is closed. */
export const makeDestinationProcess = (
  spec: WritingGuestSpec,
  { compileCache, uri = 'tcp:127.0.0.1:0' }: ProcessOptions,
): Effect.Effect<DestinationProcess, Error | QmpBroken | QmpRefusal, Scope.Scope> =>
  Effect.gen(function* () {
    let complaints = ''
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        // env replaces itself: what a test runner has every Node import would treble the time that this one needs.
        spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, entry, 'destination', '--guest', optionOf(spec)], {
          stdio: 'pipe',
          env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
        }),
      ),
      (spawned) =>
        Effect.promise(async () => {
          if (spawned.exitCode !== null || spawned.signalCode !== null) return
          spawned.kill('SIGKILL')
          await once(spawned, 'close')
        }),
    )
    child.stdin.on('error', () => {})
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    const messages = yield* Queue.unbounded<unknown, Cause.Done>()
    createInterface(child.stdout)
      .on('line', (line) => Queue.offerUnsafe(messages, JSON.parse(line) as unknown))
      .on('close', () => Queue.endUnsafe(messages))
    const client = yield* within(
      'a destination process to greet',
      connectClient({
        send: (message) => Effect.sync(() => child.stdin.write(encodeLine(message))),
        messages: Stream.fromQueue(messages),
      }),
      () => `standard error: ${complaints}`,
    )
    yield* client.execute('migrate-incoming', { uri })
    const isDead = (): boolean => child.exitCode !== null || child.signalCode !== null
    return {
      client,
      uri: String(yield* client.execute('x-switchover-address')),
      kill: () => child.kill('SIGKILL'),
      hangUp: () => child.stdin.end(),
      isDead,
      exited: within(
        'a process to end',
        Effect.gen(function* () {
          while (!isDead()) yield* Effect.sleep('1 millis')
          return { code: child.exitCode, signal: child.signalCode }
        }),
      ),
      complaints: () => complaints,
      pid: Number(child.pid),
    }
  })

/** Starts one and has it end in good order, which is when it writes the compile cache. */
export const warmCompileCache = (spec: WritingGuestSpec, compileCache: string) =>
  Effect.gen(function* () {
    const first = yield* makeDestinationProcess(spec, { compileCache })
    yield* first.client.execute('quit')
    return yield* first.exited
  }).pipe(Effect.scoped)
