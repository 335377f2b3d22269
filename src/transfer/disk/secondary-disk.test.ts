/** A secondary's disk against a model of three arrays: what its guest sees, what its image holds, and what is left. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import t from 'tap'
import { DiskError } from './disk.ts'
import { CLUSTER_BYTES, Overlay } from './overlay.ts'
import { SecondaryDisk } from './secondary-disk.ts'

const CLUSTERS = 40
/** The last cluster is not a whole one. */
const IMAGE_BYTES = CLUSTERS * CLUSTER_BYTES - 8192

const within = (use: (files: { path: string; activePath: string; hiddenPath: string }) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'))
  const files = { path: join(folder, 'd'), activePath: join(folder, 'a'), hiddenPath: join(folder, 'h') }
  writeFileSync(files.path, new Uint8Array(IMAGE_BYTES).fill(1))
  try {
    use(files)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const seen = (disk: SecondaryDisk): Buffer =>
  Buffer.concat(Array.from({ length: CLUSTERS }, (_, cluster) => disk.readCluster(cluster))).subarray(0, IMAGE_BYTES)

const write = fc.record({
  who: fc.constantFrom('primary' as const, 'guest' as const),
  byteOffset: fc.nat(IMAGE_BYTES - 1),
  length: fc.integer({ min: 1, max: 3 * CLUSTER_BYTES }),
  value: fc.integer({ min: 2, max: 255 }),
})
const steps = fc.array(fc.oneof({ weight: 5, arbitrary: write }, fc.constant('checkpoint' as const)), { maxLength: 30 })

t.test('its guest sees the last checkpoint and its own writes; a failover makes that the image', async (t) => {
  fc.assert(
    fc.property(steps, fc.array(write, { maxLength: 5 }), (before, during) => {
      within((files) => {
        const disk = new SecondaryDisk(files)
        const primary = Buffer.alloc(IMAGE_BYTES, 1)
        const guest = Buffer.alloc(IMAGE_BYTES, 1)
        const put = (
          into: Buffer,
          { byteOffset, length, value }: { byteOffset: number; length: number; value: number },
        ) => into.fill(value, byteOffset, Math.min(IMAGE_BYTES, byteOffset + length))
        for (const step of before) {
          if (step === 'checkpoint') {
            disk.checkpoint()
            guest.set(primary)
            continue
          }
          const bytes = new Uint8Array(Math.min(step.length, IMAGE_BYTES - step.byteOffset)).fill(step.value)
          if (step.who === 'primary') disk.writeFromPrimary(step.byteOffset, bytes)
          else disk.write(step.byteOffset, bytes)
          put(step.who === 'primary' ? primary : guest, step)
        }
        if (Buffer.compare(seen(disk), guest) !== 0) throw new Error('the guest sees something else')
        if (Buffer.compare(readFileSync(files.path), primary) !== 0) throw new Error('the image is not the primary’s')
        for (const step of during) {
          disk.commitSome()
          disk.write(
            step.byteOffset,
            new Uint8Array(Math.min(step.length, IMAGE_BYTES - step.byteOffset)).fill(step.value),
          )
          put(guest, step)
        }
        while (!disk.commitSome());
        if (Buffer.compare(readFileSync(files.path), guest) !== 0)
          throw new Error('the image is not what the guest saw')
        disk.close()
      })
    }),
    { numRuns: 60 },
  )
  t.pass()
})

t.test('an overlay that was left behind holds what it says; one of another image is refused', async (t) => {
  within(({ activePath, path }) => {
    const first = Overlay.open(activePath, IMAGE_BYTES)
    first.write(3, new Uint8Array(CLUSTER_BYTES).fill(7))
    first.write(9, new Uint8Array(CLUSTER_BYTES).fill(8))
    first.drop(9)
    first.close()
    const again = Overlay.open(activePath, IMAGE_BYTES)
    t.strictSame(again.clusters, [3])
    t.ok(again.read(3).every((byte) => byte === 7))
    again.empty()
    t.strictSame(again.clusters, [])
    again.close()
    t.throws(() => Overlay.open(activePath, IMAGE_BYTES * 2), DiskError)
    t.throws(() => Overlay.open(path, IMAGE_BYTES), DiskError, 'no overlay at all')
    t.equal(readFileSync(path)[0], 1, 'and it was not touched')
    truncateSync(path, 0)
  })
})
