/**
 * Block migration in one process, over sockets and with engines in threads: what the stream holds, who may have an image,
 * and what is left where it fails. Between processes of their own: `src/cli/serve-drive.test.ts`.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Effect } from 'effect'
import type { Test } from 'tap'
import { incomingStatus, runState, type CoreState } from '../core/index.ts'
import { silentSink, StreamDecoder, type BlockRecord } from '../wire/index.ts'
import { streamOptions } from './dialect.ts'
import { CHUNK_BYTES } from './disk/disk.ts'
import { makeGuestDrives, type GuestDrives } from './disk/guest-drives.ts'
import { openImage, type ImageDescription } from './disk/open-image.ts'
import { contentsOf, DISK_BYTES, diskAfter, diskGuest, fillImage, newImage } from './testing/disks.ts'
import { assertReturned, makeDestination, makeSource, type Destination, type Source } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { temporaryDirectory } from './testing/temporary.ts'

const MIB = 2 ** 20

const driveOf = (image: ImageDescription) => makeGuestDrives([{ name: 'vda', image }])

const sourceOf = (image: ImageDescription) =>
  Effect.gen(function* () {
    const drives = yield* driveOf(image)
    yield* drives.acquire
    return yield* makeSource(diskGuest, undefined, { drives })
  })

const destinationOf = (drives?: GuestDrives) =>
  makeDestination(diskGuest, undefined, undefined, drives === undefined ? {} : { drives })

const setBlock = (source: Source, zeroBlocks = false) =>
  Effect.gen(function* () {
    yield* source.setCapability('block', true)
    yield* source.setCapability('zero-blocks', zeroBlocks)
  })

/** Each side's image holds what its guest has written. */
const assertDisk = (t: Test, first: Buffer, party: Source | Destination, image: ImageDescription, label: string) =>
  Effect.gen(function* () {
    const runs = runState(yield* party.process.state) === 'running'
    if (runs) yield* party.execute('stop')
    const counter = yield* party.guest.counter
    t.ok(contentsOf(image).equals(diskAfter(diskGuest, first, counter)), `${label} after ${counter} operations`)
    if (runs) yield* party.execute('cont')
  })

const blockRecords = (path: string): readonly BlockRecord[] => {
  const records: BlockRecord[] = []
  const sink = { ...silentSink, block: (record: BlockRecord) => void records.push(record) }
  const decoder = new StreamDecoder(sink, streamOptions)
  const bytes = readFileSync(path)
  decoder.finish(bytes.length - decoder.feed(bytes, 0, bytes.length))
  return records
}

realTest('the stream: every chunk once, zeroes as a flag where that is asked for, progress, and an end', (t) =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory
    const image = newImage(join(folder, 'from'))
    fillImage(image)
    const source = yield* sourceOf(image)
    yield* source.execute('stop')
    for (const zeroBlocks of [false, true]) {
      yield* setBlock(source, zeroBlocks)
      const file = join(folder, `stream-${zeroBlocks}`)
      t.equal(yield* source.migrate(`exec:cat > ${file}`), 'completed')
      const records = blockRecords(file)
      const chunks = records.filter((record) => record.name === 'DEVICE_BLOCK')
      t.same(
        chunks.map(({ device, sector, data }) => [device, sector / 2048, data === undefined]),
        [0, 1, 2, 3, 4, 5].map((chunk) => ['vda', chunk, zeroBlocks && ![0, 2, 4].includes(chunk)]),
      )
      t.ok(statSync(file).size < (zeroBlocks ? 4 : 7) * MIB + diskGuest.memoryBytes, 'a flag takes no room')
      const percents = records.flatMap((record) => (record.name === 'PROGRESS' ? [record.percent] : []))
      t.same(
        percents,
        [...new Set(percents)].sort((a, b) => a - b),
        'progress only grows',
      )
      t.equal(percents.at(-1), 100)
      t.equal(records.at(-1)?.name, 'EOS')
      // The images were handed over with the stream, to nobody.
      yield* source.execute('cont')
      yield* source.execute('stop')
    }
  }),
)

realTest('zeroes are written over what was there, and not where there are zeroes', (t) =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory
    const [from, to] = [newImage(join(folder, 'from')), newImage(join(folder, 'to'))]
    const first = fillImage(from)
    const stale = openImage(to, { writable: true })
    stale.write(new Uint8Array(4096).fill(1), CHUNK_BYTES)
    stale.close()
    const source = yield* sourceOf(from)
    const destination = yield* destinationOf(yield* driveOf(to))
    yield* source.execute('stop')
    yield* setBlock(source, true)
    t.equal(yield* source.migrate(destination.uri), 'completed')
    t.equal(yield* destination.differing, 0, 'the memory is here too')
    yield* assertDisk(t, first, source, from, 'the source’s')
    yield* assertDisk(t, first, destination, to, 'the destination’s')
    t.ok(statSync(to.path).blocks * 512 < 5 * MIB, 'a hole is one still')
  }),
)

realTest('what a destination cannot have is refused with the reason; the source keeps guest and image', (t) =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory
    const image = (name: string, bytes = DISK_BYTES) => newImage(join(folder, name), bytes)
    const from = image('from')
    const first = fillImage(from)
    const source = yield* sourceOf(from)
    yield* setBlock(source)
    const held = yield* driveOf(image('held'))
    yield* held.acquire
    const cases: readonly (readonly [string, ImageDescription | undefined, string])[] = [
      ['no disk there', undefined, 'Error unknown block device vda'],
      ['a smaller one there', image('small', 3 * MIB), 'Block device vda: sector out of range'],
      ['a larger one there', image('large', 6 * MIB), 'Size mismatch: block device vda'],
      ['one that somebody else has', { path: join(folder, 'held'), format: 'raw' }, 'Failed to get "write" lock'],
      ['the very same', from, 'Failed to get "write" lock'],
    ]
    for (const [label, there, reason] of cases) {
      const drives = there === undefined ? undefined : yield* driveOf(there)
      const destination = yield* destinationOf(drives)
      t.equal(yield* source.migrate(destination.uri), 'failed', label)
      const failed = (state: CoreState): boolean => incomingStatus(state) === 'failed'
      const { incoming } = yield* destination.watch.until('the reason', failed)
      t.match(incoming?.error, reason, label)
      yield* assertReturned(t, source, label)
      if (there !== undefined && reason.includes('vda')) {
        const another = yield* driveOf(there)
        yield* another.acquire
        yield* another.release
      }
    }
    yield* assertDisk(t, first, source, from, 'the source’s image')
    const intruder = yield* driveOf(from)
    t.match(yield* Effect.flip(intruder.acquire), { message: /Failed to get "write" lock/ }, 'the source holds it')

    const to = image('to')
    const one = yield* destinationOf(yield* driveOf(to))
    yield* source.set({ 'max-bandwidth': MIB })
    yield* source.execute('migrate', { uri: one.uri })
    yield* source.watch.until(
      'a part of the disk',
      ({ outgoing }) => Number(outgoing?.figures?.disk?.transferred) > MIB,
    )
    yield* source.execute('migrate_cancel')
    t.equal(yield* source.settled, 'cancelled')
    yield* one.watch.until('the end there', (state) => incomingStatus(state) === 'failed')
    yield* source.set({ 'max-bandwidth': 0 })
    const other = yield* destinationOf(yield* driveOf(to))
    t.equal(yield* source.migrate(other.uri), 'completed', 'the next run moves all of it, to the same image')
    yield* assertDisk(t, first, other, to, 'the destination’s')
    yield* intruder.acquire
    t.pass('a source that is done has let go')
  }),
)

realTest('two disks, each to its own; block-incremental is for the run that asked', (t) =>
  Effect.gen(function* () {
    const folder = yield* temporaryDirectory
    const images = ['a', 'b', 'c', 'd'].map((name) => newImage(join(folder, `${name}.qcow2`))) as [
      ImageDescription,
      ImageDescription,
      ImageDescription,
      ImageDescription,
    ]
    const [a, b, c, d] = images
    const [first, second] = [fillImage(a), fillImage(b)]
    const pair = (one: ImageDescription, other: ImageDescription) =>
      makeGuestDrives([
        { name: 'vda', image: one },
        { name: 'vdb', image: other },
      ])
    const drives = yield* pair(a, b)
    yield* drives.acquire
    const source = yield* makeSource(diskGuest, undefined, { drives })
    const destination = yield* destinationOf(yield* pair(c, d))
    yield* source.set({ 'max-bandwidth': 20 * MIB })
    yield* source.execute('migrate', { uri: destination.uri, inc: true })
    const moving = yield* source.watch.until('both disks', ({ outgoing }) => outgoing?.figures?.disk !== undefined)
    t.equal(moving.outgoing?.figures?.disk?.total, 2 * DISK_BYTES)
    t.equal(moving.parameters['block-incremental'], true)
    yield* source.set({ 'max-bandwidth': 0 })
    t.equal(yield* source.settled, 'completed')
    const { capabilities, parameters } = yield* source.process.state
    t.same([capabilities['block'], parameters['block-incremental']], [false, false])
    yield* assertDisk(t, first, destination, c, 'the first')
    t.ok(contentsOf(d).equals(second), 'the second, which nobody wrote to')
  }),
)
