/** A live QEMU as a source, for tests: a guest that stands still and whose memory is written through qtest. */
import { readFileSync } from 'node:fs'
import { Effect } from 'effect'
import { startQemuMachine, type QemuMachine } from '../../../peer/qemu-machine.ts'
import { findQemu } from '../../../peer/qemu.ts'
import { within } from '../../testing/watch.ts'

const qemu = findQemu()

/** Why there is no live QEMU 7.2 here, or false. */
export const missingQemu =
  'missing' in qemu ? qemu.missing : qemu.version.startsWith('7.2') ? false : `${qemu.version} is not 7.2`

const MEBIBYTE = 2 ** 20

/** Bytes that do not compress, the same every time. */
export const noise = (seed: number, count: number): Uint8Array => {
  const bytes = new Uint8Array(count)
  let word = seed * 2_654_435_761 + 1
  for (let at = 0; at < count; at++) {
    word = (Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + at) >>> 0
    bytes[at] = word >>> 13
  }
  return bytes
}

/** Puts some of everything into the memory of a guest. */
export const fillSome = (machine: QemuMachine) =>
  Effect.promise(async () => {
    const qtest = machine.qtest()
    await qtest.write(MEBIBYTE, noise(1, 8 * 4096))
    await qtest.write(2 * MEBIBYTE, Buffer.from('all work and no play '.repeat(3000)))
    await qtest.fill(3 * MEBIBYTE, 4096, 0x55)
  })

/** A stopped PC of 4 MiB with some of everything in its memory. */
export const startSource = (capabilities: readonly string[] = [], parameters: Readonly<Record<string, unknown>> = {}) =>
  Effect.gen(function* () {
    const source = yield* startQemuMachine({ machine: 'pc-i440fx-7.2', mebibytes: 4, qtest: true })
    yield* fillSome(source)
    yield* source.client.execute('migrate-set-capabilities', {
      capabilities: capabilities.map((capability) => ({ capability, state: true })),
    })
    yield* source.client.execute('migrate-set-parameters', parameters)
    return source
  })

const status = (machine: QemuMachine) => Effect.map(machine.client.execute('query-migrate'), (info) => info.status)

/** Waits for a status of a QEMU's migration; fails if it fails instead. */
export const untilStatus = (machine: QemuMachine, wanted: string) =>
  within(
    `${wanted} of the QEMU`,
    Effect.gen(function* () {
      for (;;) {
        const now = yield* status(machine)
        if (now === wanted) return undefined
        if (now === 'failed') return yield* Effect.fail(new Error(`failed instead of ${wanted}: ${machine.stderr()}`))
        yield* Effect.sleep('2 millis')
      }
    }),
  )

/** Rounds of a migration after which the guest is written to no more. */
const ROUNDS = 4

/** Writes to the guest without a pause for a few rounds of its migration, and waits until it stops before the switchover. */
export const writeWhileItMigrates = (machine: QemuMachine) =>
  Effect.gen(function* () {
    for (let batch = 1; ; batch++) {
      const { status, ram } = yield* machine.client.execute('query-migrate')
      if (status === 'pre-switchover') return
      if (status === 'failed') return yield* Effect.fail(new Error(`failed: ${machine.stderr()}`))
      if (Number(ram?.['dirty-sync-count'] ?? 0) > ROUNDS) {
        yield* Effect.sleep('2 millis')
        continue
      }
      yield* Effect.promise(async () => {
        const qtest = machine.qtest()
        for (let page = 0; page < 12; page++) {
          const at = 2 * MEBIBYTE + page * 4096 + (batch % 16) * 100
          await qtest.write(at, Uint8Array.of(batch, page, 3))
          await qtest.write(at + 2000, noise(batch * 100 + page, 32))
        }
        await qtest.write(MEBIBYTE, noise(batch, 4096))
        await qtest.fill(3 * MEBIBYTE, 4096, batch % 2)
      })
    }
  }).pipe((writing) => within('pre-switchover', writing))

/** Where {@link counting} counts. */
const COUNTER_AT = 0x1000

/** A guest that counts in its memory and does nothing else: xor ax, ax; mov ds, ax; inc dword [0x1000]; jmp to the inc. */
export const counting = Uint8Array.of(0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xff, 0x06, 0x00, 0x10, 0xeb, 0xf9)

/** How far a counting guest has come. */
export const countOf = (machine: QemuMachine): number =>
  new DataView(memoryOf(machine).buffer).getUint32(COUNTER_AT, true)

/** Waits until a counting guest is beyond a count. */
export const untilCounted = (machine: QemuMachine, beyond: number) =>
  within(
    `the guest to count beyond ${beyond}`,
    Effect.gen(function* () {
      while (countOf(machine) <= beyond) yield* Effect.sleep('5 millis')
    }),
    () => String(countOf(machine)),
  )

/** The memory of a QEMU, as it is now. */
export const memoryOf = (machine: QemuMachine): Uint8Array => new Uint8Array(readFileSync(machine.memory))
