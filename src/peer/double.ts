/**
 * Our processes in the place of QEMU's: the core in profile 7.2 with the quirks that 7.2 has, over real sockets. As with
 * QEMU, a destination whose load has failed ends.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Deferred, Effect, Layer, Queue, Stream, type Cause, type Scope } from 'effect'
import type { QuirkId } from '../../machines/index.ts'
import { nodeTransport } from '../channel/node-transport.ts'
import { incomingStatus } from '../core/index.ts'
import type { GuestSpec } from '../memory/index.ts'
import { openSession } from '../qmp/session.ts'
import { fiberDataPlane } from '../transfer/fiber-data-plane.ts'
import { fiberGuestHost } from '../transfer/fiber-guest-host.ts'
import { allocateFor, bootMemory, makeGuest, type GuestProgram } from '../transfer/guest-program.ts'
import { makeMigrationProcess } from '../transfer/migration-process.ts'
import { openPeerSession, PromiseScope } from './peer-session.ts'
import type { PeerSession, Peers, PeerSystem, PeerTap, Role } from './peer.ts'
import { temporaryDirectory } from './temporary.ts'

/** A guest that hardly writes: what is compared is the control plane, and QEMU's `-machine none` writes nothing. */
const spec: Extract<GuestSpec, { kind: 'write' }> = {
  kind: 'write',
  seed: 1,
  pagesPerSecond: 20,
  workingSetBytes: 2 ** 20,
  memoryBytes: 4 * 2 ** 20,
}

const services = Layer.mergeAll(nodeTransport, fiberDataPlane)

const startProcess = (
  role: Role,
  quirks: readonly QuirkId[],
  tap: PeerTap,
): Effect.Effect<PeerSession, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const program: GuestProgram = { kind: 'write', spec }
    const memory = allocateFor(program)
    if (role === 'source') bootMemory(program, memory)
    const guest = yield* fiberGuestHost(makeGuest(program, memory))
    if (role === 'source') yield* guest.start
    const process = yield* makeMigrationProcess({
      guest,
      profile: '7.2',
      quirks,
      disks: [],
      ...(role === 'source' ? {} : { incoming: 'defer' as const }),
    })
    const messages = yield* Queue.unbounded<unknown, Cause.Done>()
    const ended = yield* Deferred.make<void>()
    const session = yield* openSession({
      process,
      profile: '7.2',
      send: (message) => Effect.asVoid(Queue.offer(messages, message)),
    })
    const failed = process.states.pipe(
      Stream.filter((state) => incomingStatus(state) === 'failed'),
      Stream.take(1),
      Stream.runDrain,
    )
    yield* Effect.forkScoped(
      Effect.raceFirst(failed, process.ended).pipe(
        // What was said before the end is still heard.
        Effect.andThen(Effect.yieldNow),
        Effect.andThen(Queue.end(messages)),
        Effect.andThen(Deferred.succeed(ended, undefined)),
      ),
    )
    const isOver = Deferred.isDone(ended)
    return yield* openPeerSession(
      {
        send: (message) =>
          Effect.flatMap(isOver, (over) => (over ? Effect.void : session.receive(JSON.parse(JSON.stringify(message))))),
        messages: Stream.fromQueue(messages),
      },
      (direction, message) => tap(direction, message),
    )
  }).pipe(Effect.provide(services, { local: true }))

/** The double as a system. */
export const doubleSystem = (quirks: Iterable<QuirkId>): PeerSystem => ({
  name: 'double',
  open: async (): Promise<Peers> => {
    const scope = new PromiseScope()
    const directory = await scope.run(temporaryDirectory(tmpdir()))
    return {
      start: (role, tap) => scope.run(startProcess(role, [...quirks], tap)),
      address: (number) => `unix:${join(directory, `migration-${number}.sock`)}`,
      file: join(directory, 'devices'),
      lastWords: () => '',
      close: () => scope.close(),
    }
  },
})
