/**
 * A disk that is replicated between two processes: what the guest has written is on the survivor's disk, all of it and
 * nothing else, whichever side that is; who holds an image holds it alone; and Xen's commands drive the same by hand.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect, type Scope } from 'effect'
import type { WritingGuestSpec } from '../memory/index.ts'
import { effectTest } from '../qmp/testing/served.ts'
import { allocateFor, bootMemory, makeGuest } from '../transfer/guest-program.ts'
import { programOfSpec } from '../transfer/testing/guests.ts'
import { within } from '../transfer/testing/watch.ts'
import { coloSide, makeColoPair, type ColoSide } from './testing/colo-pair.ts'
import { serve } from './testing/serving.ts'

const DISK_BYTES = 2 ** 20

const spec: WritingGuestSpec = {
  kind: 'write',
  seed: 5,
  pagesPerSecond: 2000,
  workingSetBytes: 2 ** 20,
  memoryBytes: 2 ** 21,
  packetsPerSecond: 500,
  diskBytes: DISK_BYTES,
  diskWritesPerSecond: 400,
}

/** Files of both sides, and how each is told of its own. */
const makeDisks: Effect.Effect<
  { readonly primary: string; readonly secondary: string; readonly images: readonly [string, string] },
  never,
  Scope.Scope
> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), 'switchover-colo-disk-'))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true })),
  ),
  (directory) => {
    const [a, b] = [join(directory, 'primary.raw'), join(directory, 'secondary.raw')]
    for (const path of [a, b]) writeFileSync(path, new Uint8Array(DISK_BYTES))
    const mirror = `mirror=unix:${join(directory, 'mirror')}`
    return {
      primary: `primary,image=${a},${mirror}`,
      secondary: `secondary,image=${b},active=${join(directory, 'active')},hidden=${join(directory, 'hidden')},${mirror}`,
      images: [a, b],
    }
  },
)

/** What a guest has written to its disk after so many operations. */
const diskAfter = (counter: number): Uint8Array => {
  const program = programOfSpec(spec)
  const memory = allocateFor(program)
  bootMemory(program, memory)
  const guest = makeGuest(program, memory)
  const disk = new Uint8Array(DISK_BYTES)
  guest.onOutput = (output) => {
    if (output.kind === 'disk-write') disk.set(output.bytes, output.byteOffset)
  }
  guest.advance(counter)
  return disk
}

/** Stops the guest of a survivor, and waits until its image is what the guest has made of it. */
const holdsAll = (side: ColoSide, image: string) =>
  Effect.gen(function* () {
    yield* side.qmp.execute('stop')
    const { counter } = (yield* side.qmp.execute('x-switchover-memory')) as unknown as { readonly counter: number }
    const expected = diskAfter(counter)
    const isSame = Effect.sync(() => Buffer.compare(readFileSync(image), expected) === 0)
    // A commit goes on in the background; nothing tells of its end.
    const look: Effect.Effect<void> = Effect.flatMap(isSame, (same) =>
      same ? Effect.void : Effect.andThen(Effect.sleep('20 millis'), look),
    )
    yield* within(`the disk after ${counter} operations`, look)
  })

for (const victim of ['primary', 'secondary'] as const)
  effectTest(`the ${victim} is killed: the other has the disk of its guest`, (t) =>
    Effect.gen(function* () {
      const disks = yield* makeDisks
      const pair = yield* makeColoPair({
        profile: '7.2',
        spec,
        delayMillis: 20,
        // Images are to be alike when replication begins.
        paused: true,
        primaryArgs: ['--disk', disks.primary],
        secondaryArgs: ['--disk', disks.secondary],
      })
      yield* pair.client.hearsMore(200)
      const intruder = yield* serve('--disk', disks.primary)
      t.equal(yield* intruder.code, 1)
      t.match(intruder.stderr(), /Failed to get "write" lock/)
      const [dead, survivor, image] =
        victim === 'primary'
          ? [pair.primary, pair.secondary, disks.images[1]]
          : [pair.secondary, pair.primary, disks.images[0]]
      yield* dead.kill
      yield* survivor.qmp.execute('x-colo-lost-heartbeat')
      yield* survivor.event('MIGRATION', ({ data }) => data['status'] === 'completed')
      yield* pair.client.hearsMore(100)
      yield* holdsAll(survivor, image)
      t.same(pair.client.complaints, [])
      t.same(pair.client.unlike(spec), [])
    }),
  )

effectTest('by hand, as a toolstack of Xen does: started, checkpointed, an error told, and taken over', (t) =>
  Effect.gen(function* () {
    const disks = yield* makeDisks
    const guest = ['--guest', 'write:seed=5,rate=2000,working-set=1M,size=2M,disk=1M,disk-rate=400']
    const primary = yield* coloSide([...guest, '--disk', disks.primary])
    const secondary = yield* coloSide([...guest, '--disk', disks.secondary, '--incoming', 'defer'])
    yield* primary.qmp.execute('stop')
    yield* secondary.qmp.execute('xen-set-replication', { enable: true, primary: false })
    yield* primary.qmp.execute('xen-set-replication', { enable: true, primary: true })
    const refused = yield* Effect.flip(
      primary.qmp.execute('xen-set-replication', { enable: true, primary: true, failover: true }),
    )
    t.match(String(refused), /Parameter 'failover' is only for stopping replication/)
    for (const side of [primary, secondary]) {
      yield* side.qmp.execute('xen-colo-do-checkpoint')
      t.same(yield* side.qmp.execute('query-xen-replication-status'), { error: false })
    }
    yield* secondary.kill
    yield* primary.qmp.execute('cont')
    // The next write finds nobody.
    const told: Effect.Effect<unknown, unknown> = Effect.flatMap(
      primary.qmp.execute('query-xen-replication-status'),
      (status) => ((status as { readonly error?: boolean }).error === true ? Effect.succeed(status) : told),
    )
    t.match(yield* within('an error of the primary', told), { error: true })
    yield* primary.qmp.execute('xen-set-replication', { enable: false, primary: true, failover: true })
    yield* holdsAll(primary, disks.images[0])
  }),
)
