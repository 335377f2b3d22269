/** A server over a real process with a small guest, on real sockets, for a test; and tests that run effects. */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect, Layer, Logger, type Scope } from 'effect'
import t, { type Test } from 'tap'
import type { Profile } from '../../../machines/index.ts'
import { nodeTransport } from '../../channel/node-transport.ts'
import type { Transport } from '../../channel/transport.ts'
import { parseGuestSpec } from '../../memory/index.ts'
import type { DataPlane } from '../../transfer/data-plane.ts'
import { fiberDataPlane } from '../../transfer/fiber-data-plane.ts'
import { fiberGuestHost } from '../../transfer/fiber-guest-host.ts'
import { allocateFor, bootMemory, makeGuest, programOf } from '../../transfer/guest-program.ts'
import { makeMigrationProcess, type MigrationProcess } from '../../transfer/migration-process.ts'
import { qmpServer, type QmpServerOptions } from '../server.ts'
import { LineClient } from './line-client.ts'

const platform = Layer.mergeAll(nodeTransport, fiberDataPlane)

/** What a body of {@link effectTest} may ask for. */
export type Services = Transport | DataPlane | Scope.Scope

/** A test whose body is an effect; whatever it opens is closed at its end. Log lines are dropped. */
export const effectTest = (
  name: string,
  body: (t: Test) => Effect.Effect<void, unknown, Services>,
  options: { readonly skip?: string | false } = {},
) =>
  t.test(name, { skip: options.skip ?? false }, (t) =>
    Effect.runPromise(body(t).pipe(Effect.scoped, Effect.provide([platform, Logger.layer([])], { local: true }))),
  )

/** A directory that is gone after the test. */
export const scratchDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), 'switchover-qmp-'))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true })),
)

/** A process with a guest of one page. */
export const smallProcess = (
  options: { readonly profile?: Profile; readonly incoming?: boolean; readonly paused?: boolean } = {},
): Effect.Effect<MigrationProcess, never, Services> =>
  Effect.gen(function* () {
    const spec = parseGuestSpec('write:size=4K,working-set=4K,rate=0')
    const program = yield* Effect.promise(() => programOf(spec, () => Promise.reject(new Error('no recording here'))))
    const memory = allocateFor(program)
    bootMemory(program, memory)
    const guest = yield* fiberGuestHost(makeGuest(program, memory))
    return yield* makeMigrationProcess({
      guest,
      profile: options.profile ?? '2.11',
      autostart: options.paused !== true,
      ...(options.incoming === true ? { incoming: 'defer' } : {}),
    })
  })

/** A served process, and ways to connect to it. */
export const served = (profile: Profile = '2.11', options: Partial<QmpServerOptions> = {}) =>
  Effect.gen(function* () {
    const process = yield* smallProcess({ profile })
    const server = yield* qmpServer(process, { address: 'tcp:127.0.0.1:0', ...options })
    const connect = Effect.acquireRelease(
      Effect.promise(() => LineClient.connect(server.address)),
      (client) => Effect.promise(() => client.close()),
    )
    return { process, address: server.address, connect }
  })
