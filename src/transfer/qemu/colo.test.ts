/**
 * COLO with a live QEMU 7.2. Its checkpoints hang under TCG as soon as there is a processor, so the machine has none: what
 * goes over the wire is a whole guest, then checkpoints of devices without written pages.
 */
import { randomFillSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Effect, Stream } from 'effect'
import t from 'tap'
import { startQemuMachine } from '../../peer/qemu-machine.ts'
import { temporaryDirectory } from '../testing/temporary.ts'
import { within } from '../testing/watch.ts'
import { startReceiver } from './testing/receiver.ts'
import { sendable, startSender } from './testing/sender.ts'
import { memoryOf, missingQemu, untilStatus } from './testing/source.ts'

if (missingQemu !== false) t.comment(`no live QEMU 7.2: ${missingQemu}`)

const CHECKPOINTS = 10
const DELAY_MILLIS = 20

const on = (...capabilities: readonly string[]) => ({
  capabilities: capabilities.map((capability) => ({ capability, state: true })),
})

/** A guest of a QEMU without a processor, and its memory as it was there. */
const capture = Effect.gen(function* () {
  const source = yield* startQemuMachine({ machine: 'none', mebibytes: 2 })
  writeFileSync(source.memory, randomFillSync(new Uint8Array(2 ** 21)))
  yield* source.client.execute('migrate-set-capabilities', on('return-path'))
  const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
  const receiver = yield* startReceiver(uri)
  yield* source.client.execute('migrate', { uri })
  yield* untilStatus(source, 'completed')
  yield* receiver.ended
  const devices = (yield* receiver.guest.devices) ?? new Uint8Array(0)
  return { memory: sendable(receiver.memory), devices, truth: memoryOf(source) }
}).pipe(Effect.scoped)

t.test('a live QEMU as the primary, we as its secondary', { skip: missingQemu }, (t) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const primary = yield* startQemuMachine({ machine: 'none', mebibytes: 2 })
      writeFileSync(primary.memory, randomFillSync(new Uint8Array(2 ** 21)))
      const { client } = primary
      yield* client.execute('migrate-set-capabilities', on('x-colo', 'events'))
      yield* client.execute('migrate-set-parameters', { 'x-checkpoint-delay': DELAY_MILLIS })
      let checkpoints = 0
      const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
      const secondary = yield* startReceiver(uri, {
        listener: { checkpointDevices: () => void checkpoints++ },
      })
      yield* client.execute('migrate', { uri })
      yield* untilStatus(primary, 'colo')
      const more: Effect.Effect<void> = Effect.suspend(() =>
        checkpoints >= CHECKPOINTS ? Effect.void : Effect.andThen(Effect.sleep('5 millis'), more),
      )
      yield* within(`${CHECKPOINTS} checkpoints`, more, () => `${checkpoints}; ${primary.stderr()}`)
      t.equal(Buffer.compare(secondary.memory.bytes.get('ram') ?? new Uint8Array(0), memoryOf(primary)), 0)
      yield* client.execute('x-colo-lost-heartbeat')
      yield* untilStatus(primary, 'completed')
      yield* secondary.process.execute('x-colo-lost-heartbeat')
      yield* secondary.ended
      t.strictSame(secondary.statuses(), ['none', 'active', 'colo', 'completed'])
      t.ok(((yield* secondary.guest.devices)?.length ?? 0) > 0, 'with the devices of a checkpoint')
    }).pipe(Effect.scoped),
  ),
)

t.test('we as the primary, a live QEMU as our secondary', { skip: missingQemu }, (t) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { memory, devices, truth } = yield* capture
      const secondary = yield* startQemuMachine({ machine: 'none', mebibytes: 2, incoming: true })
      const { client } = secondary
      yield* client.execute('migrate-set-capabilities', on('x-colo', 'events'))
      const uri = `unix:${join(yield* temporaryDirectory, 'stream.sock')}`
      yield* client.execute('migrate-incoming', { uri })
      const primary = yield* startSender({ memory, devices, machine: 'none', coloDelayMillis: DELAY_MILLIS })
      let resumed = 0
      yield* Effect.forkScoped(
        Stream.runForEach(primary.process.events, ({ event }) =>
          Effect.sync(() => void (resumed += event.event === 'RESUME' ? 1 : 0)),
        ),
      )
      yield* primary.process.execute('migrate', { uri })
      yield* primary.until('colo')
      const more: Effect.Effect<void> = Effect.suspend(() =>
        resumed > CHECKPOINTS ? Effect.void : Effect.andThen(Effect.sleep('5 millis'), more),
      )
      yield* within(`${CHECKPOINTS} checkpoints`, more, () => `${resumed}; ${secondary.stderr()}`)
      t.equal(Buffer.compare(memoryOf(secondary), truth), 0, 'memory is equal')
      t.match(yield* client.execute('query-colo-status'), { mode: 'secondary' })
      yield* client.execute('x-colo-lost-heartbeat')
      yield* untilStatus(secondary, 'completed')
      t.match(yield* client.execute('query-status'), { status: 'running' })
      t.equal(Buffer.compare(memoryOf(secondary), truth), 0, 'and stays so')
      yield* primary.process.execute('x-colo-lost-heartbeat')
      yield* primary.until('completed')
    }).pipe(Effect.scoped),
  ),
)
