/**
 * Block migration between two processes: image files of either format, with a backing chain, while the guest writes to its
 * disk; what arrives is byte for byte what the guest has written. A disk that is full stops the guest, which goes on when
 * there is room. What is refused, and what a stream holds: `src/transfer/block.test.ts`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Effect, type Scope } from 'effect'
import type { Test } from 'tap'
import { formatGuestSpec } from '../memory/index.ts'
import type { MigrationInfo } from '../qapi/index.ts'
import type { QmpClient } from '../qmp/client.ts'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { createQcow2 } from '../transfer/disk/create-image.ts'
import { CHUNK_BYTES } from '../transfer/disk/disk.ts'
import { openImage, type ImageDescription } from '../transfer/disk/open-image.ts'
import { contentsOf, DISK_BYTES, diskAfter, diskGuest, fillImage, newImage } from '../transfer/testing/disks.ts'
import { within } from '../transfer/testing/watch.ts'
import { runCommand } from './testing/run-command.ts'
import { connected, serve, type Serving } from './testing/serving.ts'
import { serve as serveCommand } from './serve.ts'

const MIB = 2 ** 20

interface Side {
  readonly serving: Serving
  readonly qmp: QmpClient
}

const side = (
  { path, format }: ImageDescription,
  ...args: readonly string[]
): Effect.Effect<Side, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const drive = `id=vda,file=${path},format=${format}`
    const serving = yield* serve('--guest', formatGuestSpec(diskGuest), '--drive', drive, ...args)
    return { serving, qmp: yield* connected(serving) }
  })

const destinationOf = (image: ImageDescription) => side(image, '--incoming', 'tcp:127.0.0.1:0')

/** Asks until it is as it should be. */
const until = (
  qmp: QmpClient,
  command: string,
  what: string,
  isSo: (answer: Readonly<Record<string, unknown>>) => boolean,
) => {
  let last: Readonly<Record<string, unknown>> = {}
  const asking = Effect.gen(function* () {
    while (!isSo((last = (yield* qmp.execute(command)) as typeof last))) yield* Effect.sleep('5 millis')
    return last
  })
  return within(what, asking, () => JSON.stringify(last))
}

const untilInfo = (qmp: QmpClient, what: string, isSo: (info: MigrationInfo) => boolean) =>
  Effect.map(until(qmp, 'query-migrate', what, isSo), (info) => info as MigrationInfo)

const isOver = ({ status }: MigrationInfo): boolean => ['completed', 'failed', 'cancelled'].includes(String(status))

const counterOf = (qmp: QmpClient) =>
  Effect.map(qmp.execute('x-switchover-memory'), (answer) => Number((answer as { readonly counter: number }).counter))

const start = (source: Side, destination: Side, args: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const uri = String(yield* destination.qmp.execute('x-switchover-address'))
    yield* source.qmp.execute('migrate', { uri, ...args })
  })

const limit = ({ qmp }: Side, maxBandwidth: number) =>
  qmp.execute('migrate-set-parameters', { 'max-bandwidth': maxBandwidth })

/** The image holds what the guest had written when it was stopped here. */
const assertDisk = (t: Test, first: Buffer, { qmp }: Side, image: ImageDescription, label: string) =>
  Effect.gen(function* () {
    const counter = yield* counterOf(qmp)
    t.ok(contentsOf(image).equals(diskAfter(diskGuest, first, counter)), `${label} after ${counter} operations`)
    return counter
  })

const compared = (t: Test, a: ImageDescription, b: ImageDescription): void => {
  const args = ['compare', '-U', '-f', a.format, '-F', b.format, a.path, b.path]
  const { error, status, stdout } = spawnSync('qemu-img', args, { encoding: 'utf8' })
  if (error !== undefined) t.comment('not compared by QEMU’s own tool: there is no qemu-img')
  else t.equal(status, 0, `qemu-img compare: ${stdout.trim()}`)
}

effectTest('a raw disk that the guest writes to all the while, into a qcow2 image', (t) =>
  Effect.gen(function* () {
    const folder = yield* scratchDirectory
    const [from, to] = [newImage(join(folder, 'from')), newImage(join(folder, 'to.qcow2'))]
    const first = fillImage(from)
    const [source, destination] = yield* Effect.all([side(from), destinationOf(to)], { concurrency: 2 })
    yield* limit(source, 8 * MIB)
    yield* start(source, destination, { blk: true })
    const { status, disk } = yield* untilInfo(
      source.qmp,
      'a part of the disk',
      (info) => Number(info.disk?.transferred) >= 2 * MIB,
    )
    t.same([status, disk?.total], ['active', DISK_BYTES])
    t.equal(Number(disk?.transferred) + Number(disk?.remaining), DISK_BYTES)
    yield* untilInfo(source.qmp, 'all of it once', (info) => Number(info.disk?.remaining) === 0)
    yield* limit(source, 0)
    const info = yield* untilInfo(source.qmp, 'the end', isOver)
    t.same([info.status, info.disk], ['completed', undefined], 'no disk is being moved any more')
    const capabilities = (yield* source.qmp.execute('query-migrate-capabilities')) as readonly {
      readonly state: boolean
    }[]
    t.notOk(
      capabilities.some(({ state }) => state),
      'blk was for one run',
    )
    yield* destination.qmp.execute('stop')
    const before = yield* assertDisk(t, first, source, from, 'the source’s')
    const after = yield* assertDisk(t, first, destination, to, 'the destination’s')
    t.ok(after > before && before > 0, 'the guest wrote before and after')
  }),
)

effectTest('the upper layer of a chain of two, and nothing of what it is backed by', (t) =>
  Effect.gen(function* () {
    const folder = yield* scratchDirectory
    const base = newImage(join(folder, 'base.qcow2'))
    fillImage(base)
    const [from, to] = ['from', 'to'].map((name): ImageDescription => {
      const path = join(folder, name)
      createQcow2(path, DISK_BYTES, { name: 'base.qcow2', format: 'qcow2' })
      return { path, format: 'qcow2' }
    }) as [ImageDescription, ImageDescription]
    const before = readFileSync(base.path)
    const overlay = openImage(from, { writable: true })
    overlay.write(new Uint8Array(512).fill(3), 2 * CHUNK_BYTES)
    overlay.close()
    // A guest that stands still: both images are then the same to the byte.
    const [source, destination] = yield* Effect.all([side(from, '--paused'), destinationOf(to)], { concurrency: 2 })
    yield* limit(source, 0)
    yield* start(source, destination, { inc: true })
    t.equal((yield* untilInfo(source.qmp, 'the end', isOver)).status, 'completed')
    t.match(yield* source.qmp.execute('query-migrate-parameters'), { 'block-incremental': false })
    t.ok(contentsOf(to).equals(contentsOf(from)))
    compared(t, from, to)
    t.ok(readFileSync(base.path).equals(before), 'what it is backed by is as it was')
    const copy = openImage(to, { writable: false })
    const allocated = [0, 1, 2, 3, 4, 5].filter((chunk) => copy.isAllocated(chunk * CHUNK_BYTES, 4096))
    t.same(allocated, [2], 'one chunk was sent')
    copy.close()
  }),
)

const hasPrlimit = spawnSync('prlimit', ['--version']).error === undefined

effectTest(
  'a disk that is full stops the guest, whose write is not lost; one at the destination fails the migration',
  (t) =>
    Effect.gen(function* () {
      const folder = yield* scratchDirectory
      const [from, to] = [newImage(join(folder, 'from.qcow2')), newImage(join(folder, 'to.qcow2'))]
      const first = contentsOf(from)
      const [source, destination] = yield* Effect.all([side(from, '--paused'), destinationOf(to)], { concurrency: 2 })
      const room = ({ serving }: Side, bytes: number | 'unlimited') =>
        Effect.sync(() => spawnSync('prlimit', [`--pid=${serving.child.pid}`, `--fsize=${bytes}:`]))
      const fullBytes = 300 * 1024
      yield* room(source, fullBytes)
      yield* source.qmp.execute('cont')
      yield* until(source.qmp, 'query-status', 'a full disk', ({ status }) => status === 'io-error')
      // There is still no room: the guest is stopped again, and the migration of half a write refused.
      yield* source.qmp.execute('cont')
      yield* until(source.qmp, 'query-status', 'a full disk', ({ status }) => status === 'io-error')
      yield* start(source, destination, { blk: true })
      const refused = yield* untilInfo(source.qmp, 'the end', isOver)
      t.same(refused.status, 'failed')
      yield* room(source, 'unlimited')
      yield* source.qmp.execute('cont')
      const before = yield* counterOf(source.qmp)
      while ((yield* counterOf(source.qmp)) < before + 100) yield* Effect.sleep('5 millis')
      yield* source.qmp.execute('stop')
      yield* assertDisk(t, first, source, from, 'with room again: all of the guest’s writes')
      const full = yield* destinationOf(to)
      yield* room(full, fullBytes)
      yield* start(source, full, { blk: true })
      t.equal((yield* untilInfo(source.qmp, 'the end', isOver)).status, 'failed')
      yield* full.serving.code
      t.match(full.serving.stderr(), /Unable to write image '.*': File too large/)
      t.match(yield* source.qmp.execute('query-status'), { status: 'paused' }, 'the source keeps its guest')
    }),
  { skip: hasPrlimit ? false : 'there is no prlimit, by which a disk is made full' },
)

effectTest('a drive is refused where it makes no sense, and says why', (t) =>
  Effect.gen(function* () {
    const folder = yield* scratchDirectory
    const image = newImage(join(folder, 'small'), MIB)
    const refusal = (...drive: readonly string[]) =>
      Effect.promise(async () => {
        const flags = drive.flatMap((each) => ['--drive', each])
        const { code, error } = await runCommand(serveCommand, ['--guest', formatGuestSpec(diskGuest), ...flags])
        return [code, error]
      })
    t.match(yield* refusal('file=x'), [2, /expected id= with 1 to 255 bytes/])
    t.match(yield* refusal('id=vda'), [2, /expected file=/])
    t.match(yield* refusal('id=vda,file=x,format=vmdk'), [2, /expected a format that is raw or qcow2/])
    t.match(yield* refusal('id=vda,file=x,cache=none'), [2, /expected id=, file=.*, found "cache=none"/])
    t.match(yield* refusal('id=vda,file=x', 'id=vda,file=y'), [2, /expected another id/])
    t.match(yield* refusal(`id=vda,file=${folder}/none`), [1, /Could not open '.*none': No such file or directory/])
    t.match(yield* refusal(`id=vda,file=${image.path}`), [2, /expected at least the 5251072 bytes of the guest/])
    t.match(yield* refusal(`id=vda,file=${image.path},format=qcow2`), [1, /expected a qcow2 image, found magic 0x0/])
  }),
)
