/**
 * A test on the real runtime: threads, sockets, time. Whatever its body opens belongs to a scope, and when that is closed
 * nothing of it may be left: no handle, descriptor, thread or child.
 */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { Effect, Layer } from 'effect'
import t, { type Test } from 'tap'
import { nodeTransport } from '../../channel/node-transport.ts'
import { workerDataPlane } from '../worker-data-plane.ts'
import { inventory, leftovers, type Inventory } from './inventory.ts'
import type { Services } from './party.ts'
import { Random, seed } from './seed.ts'

// Much longer than a test takes, for a machine that is busy with something else; the waits give up before, and say why.
t.setTimeout(110_000)

const platform = Layer.mergeAll(nodeTransport, workerDataPlane)

/** What libuv starts at the first use and keeps is none of ours: a descriptor of /dev/null, and its threads. */
const warmUp = async (): Promise<void> => {
  await Promise.all(Array.from({ length: 4 }, () => stat('/')))
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
let warm: Promise<void> | undefined

/** While a scope is open: nothing is held that was not held at the time of `before`. */
export const assertNothingLeft = (t: Test, before: Inventory, label: string) =>
  Effect.map(
    Effect.promise(() => leftovers(before)),
    (left) => t.same(left, {}, label),
  )

/** The body gets a generator of its own: what it draws does not depend on the tests before. */
export const realTest = (name: string, body: (t: Test, random: Random) => Effect.Effect<void, unknown, Services>) =>
  t.test(name, async (t) => {
    await (warm ??= warmUp())
    const before = inventory()
    try {
      await Effect.runPromise(body(t, new Random(seed)).pipe(Effect.scoped, Effect.provide(platform, { local: true })))
    } catch (error) {
      t.error(error instanceof Error ? error : new Error(String(error)))
    }
    t.same(await leftovers(before), {}, 'nothing is left over')
    if (!t.passing()) t.comment(`to repeat the random choices: SWITCHOVER_SEED=${seed}`)
  })
