/**
 * Images as files: whatever is written is read back, a backing image shows through and is never written to, QEMU's own tools
 * find nothing wrong with what we wrote and we read what they wrote; and what cannot be used is refused by name.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import t from 'tap'
import { createQcow2, createRaw } from './create-image.ts'
import { CHUNK_BYTES, chunkBytes, chunksOf, DiskError, type Disk, type ImageFormat } from './disk.ts'
import { openImage } from './open-image.ts'

const root = mkdtempSync(join(tmpdir(), 'switchover-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
let files = 0
const fresh = (): string => join(root, `${++files}.img`)

const qemuImg = (...args: readonly string[]) => spawnSync('qemu-img', args, { encoding: 'utf8' })
const hasQemuImg = qemuImg('--version').status === 0

const open = (path: string, format: ImageFormat, writable = true): Disk => openImage({ path, format }, { writable })

const contents = (disk: Disk): Uint8Array => {
  const bytes = new Uint8Array(disk.sizeBytes)
  disk.read(bytes, 0)
  return bytes
}

const refusal = (use: () => unknown): string => {
  try {
    use()
  } catch (error) {
    if (error instanceof DiskError) return error.message
    throw error
  }
  return 'nothing was refused'
}

const SIZE = 2 ** 20 + 512

const random = (bytes: number, seed: number): Uint8Array => {
  const made = new Uint8Array(bytes)
  let state = seed
  for (let at = 0; at < bytes; at++) made[at] = (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16
  return made
}

/** Makes an image of each kind; gives its path, format and what it holds. */
const kinds: Readonly<Record<string, () => { path: string; format: ImageFormat; holds: Uint8Array }>> = {
  raw: () => {
    const path = fresh()
    createRaw(path, SIZE)
    return { path, format: 'raw', holds: new Uint8Array(SIZE) }
  },
  qcow2: () => {
    const path = fresh()
    createQcow2(path, SIZE)
    return { path, format: 'qcow2', holds: new Uint8Array(SIZE) }
  },
  'qcow2 over a raw image that is shorter': () => {
    const base = fresh()
    const beneath = random(2 ** 19, 7)
    writeFileSync(base, beneath)
    const path = fresh()
    createQcow2(path, SIZE, { name: base.slice(root.length + 1), format: 'raw' })
    const holds = new Uint8Array(SIZE)
    holds.set(beneath)
    return { path, format: 'qcow2', holds }
  },
}

const write = fc.record({
  sector: fc.integer({ min: 0, max: SIZE / 512 - 1 }),
  bytes: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 60_000, max: 140_000 })),
  shift: fc.nat(511),
  seed: fc.nat(),
})

for (const [kind, make] of Object.entries(kinds))
  t.test(`${kind}: whatever is written is read back, by others too, and after it was opened again`, async (t) => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
        const { path, format, holds } = make()
        const disk = open(path, format)
        const reader = open(path, format, false)
        for (const { sector, bytes, shift, seed } of writes) {
          const offset = sector * 512 + shift
          const part = random(Math.min(bytes, SIZE - offset), seed)
          if (part.length <= 0) continue
          disk.write(part, offset)
          holds.set(part, offset)
          if (!disk.isAllocated(offset, part.length)) return false
        }
        if (Buffer.compare(contents(reader), holds) !== 0) return false
        disk.flush()
        disk.close()
        reader.close()
        const again = open(path, format)
        const same = Buffer.compare(contents(again), holds) === 0
        again.close()
        if (format === 'qcow2' && hasQemuImg && writes.length > 8) {
          if (qemuImg('check', path).status !== 0) throw new Error(qemuImg('check', path).stdout)
          const raw = fresh()
          qemuImg('convert', '-O', 'raw', path, raw)
          if (Buffer.compare(readFileSync(raw), holds) !== 0) return false
          rmSync(raw)
        }
        rmSync(path)
        return same
      }),
      { numRuns: 15 },
    )
    if (!hasQemuImg && kind !== 'raw') t.comment('no qemu-img here: nobody else has looked at the images')
  })

t.test('a backing image is never written to', async (t) => {
  const base = fresh()
  const beneath = random(2 ** 20, 3)
  writeFileSync(base, beneath)
  const path = fresh()
  createQcow2(path, 2 ** 20, { name: base, format: 'raw' })
  const disk = open(path, 'qcow2')
  t.notOk(disk.isAllocated(0, 2 ** 20))
  disk.write(Uint8Array.of(1), 70_000)
  t.ok(disk.isAllocated(65_536, 65_536))
  t.notOk(disk.isAllocated(0, 65_536), 'a cluster beside it')
  disk.close()
  t.ok(readFileSync(base).equals(beneath))
})

t.test('an image of more than one table and more than one block of refcounts', async (t) => {
  const path = fresh()
  const sizeBytes = 5 * 2 ** 30
  createQcow2(path, sizeBytes)
  const disk = open(path, 'qcow2')
  const places = [0, 2 ** 29 - 1, 2 ** 29, 4 * 2 ** 30 + 5, sizeBytes - 1]
  for (const place of places) disk.write(Uint8Array.of(0xab), place)
  for (const place of places) {
    const byte = new Uint8Array(1)
    disk.read(byte, place)
    t.equal(byte[0], 0xab, `${place}`)
  }
  disk.close()
  if (hasQemuImg) t.equal(qemuImg('check', path).status, 0)
})

t.test('what QEMU made is read and written: versions, cluster sizes, zero clusters', async (t) => {
  if (!hasQemuImg) return t.pass('left out', { skip: 'no qemu-img here' })
  const data = fresh()
  writeFileSync(data, random(2 ** 20, 11))
  for (const options of [
    'compat=0.10',
    'compat=1.1',
    'cluster_size=512',
    'cluster_size=2M',
    'preallocation=metadata',
  ]) {
    const path = fresh()
    t.equal(qemuImg('convert', '-O', 'qcow2', '-o', options, data, path).status, 0, options)
    const holds = new Uint8Array(readFileSync(data))
    const disk = open(path, 'qcow2')
    t.ok(Buffer.compare(contents(disk), holds) === 0, options)
    for (const offset of [5, 99_999, 2 ** 20 - 3]) {
      disk.write(Uint8Array.of(1, 2, 3), offset)
      holds.set([1, 2, 3], offset)
    }
    t.ok(Buffer.compare(contents(disk), holds) === 0, `${options}, written to`)
    disk.close()
    t.equal(qemuImg('check', path).status, 0, `${options}, checked`)
  }
  const base = fresh()
  writeFileSync(base, random(2 ** 20, 12))
  const top = fresh()
  qemuImg('create', '-f', 'qcow2', '-b', base, '-F', 'raw', top)
  const io = spawnSync('qemu-io', ['-c', 'write -z 0 64k', top], { encoding: 'utf8' })
  const disk = open(top, 'qcow2')
  if (io.status === 0) {
    const zeroes = contents(disk).subarray(0, 65_536)
    t.ok(
      zeroes.every((byte) => byte === 0),
      'a cluster of zeroes hides what is beneath',
    )
    disk.write(Uint8Array.of(9), 100)
    t.same([...contents(disk).subarray(99, 102)], [0, 9, 0])
  }
  disk.close()
  t.equal(qemuImg('check', top).status, 0)
})

t.test('what cannot be used is refused by name', async (t) => {
  const missing = join(root, 'missing')
  t.equal(
    refusal(() => open(missing, 'raw')),
    `Could not open '${missing}': No such file or directory`,
  )
  t.match(
    refusal(() => open(root, 'raw')),
    /Could not open .*: (Is a directory|expected a regular file)/,
  )
  t.match(
    refusal(() => open('/dev/null', 'raw')),
    /expected a regular file/,
  )
  const odd = fresh()
  writeFileSync(odd, 'x'.repeat(513))
  t.match(
    refusal(() => open(odd, 'raw')),
    /expected a size that is a multiple of 512 bytes and not 0, found 513/,
  )
  t.match(
    refusal(() => open(odd, 'qcow2')),
    /expected a qcow2 image, found magic 0x78787878/,
  )
  t.match(
    refusal(() => createRaw(odd, 512)),
    /Could not create .*/,
  )
  t.match(
    refusal(() => createRaw(fresh(), 5)),
    /expected a multiple of 512 bytes, found 5/,
  )
  const head = (change: (view: DataView) => void): string => {
    const path = fresh()
    createQcow2(path, 2 ** 20)
    const bytes = readFileSync(path)
    change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
    writeFileSync(path, bytes)
    return refusal(() => open(path, 'qcow2'))
  }
  const cases: readonly (readonly [(view: DataView) => void, RegExp])[] = [
    [(view) => view.setUint32(4, 4), /expected qcow2 version 2 or 3, found version 4/],
    [(view) => view.setUint32(20, 40), /expected clusters of 2\^9 to 2\^21 bytes/],
    [(view) => view.setUint32(32, 1), /expected an image that is not encrypted/],
    [(view) => view.setUint32(60, 2), /expected an image without snapshots, found 2/],
    [(view) => view.setUint32(76, 1), /no incompatible feature, found dirty/],
    [(view) => view.setUint32(76, 4), /no incompatible feature, found external data file/],
    [(view) => view.setUint32(92, 1), /expected no autoclear feature/],
    [(view) => view.setUint32(96, 6), /expected refcounts of 16 bits, found of 64/],
    [(view) => view.setUint32(36, 0), /expected 1 entries of L1, found 0/],
    [(view) => view.setBigUint64(24, 513n), /expected a disk of a multiple of 512 bytes/],
  ]
  for (const [change, text] of cases) t.match(head(change), text)
})

t.test('a backing image whose format is not named could be anything', async (t) => {
  const path = fresh()
  createQcow2(path, 2 ** 20, { name: 'base.img', format: 'raw' })
  const bytes = readFileSync(path)
  bytes.writeUInt32BE(0x12345678, 104)
  writeFileSync(path, bytes)
  t.match(
    refusal(() => open(path, 'qcow2')),
    /expected the format of the backing image base.img beside its name/,
  )
  const circle = fresh()
  createQcow2(circle, 2 ** 20, { name: circle, format: 'qcow2' })
  t.match(
    refusal(() => open(circle, 'qcow2')),
    /a chain of at most 16 images/,
  )
})

t.test('tables that point out of the file, and an image that became shorter', async (t) => {
  const path = fresh()
  createQcow2(path, 2 ** 20)
  const disk = open(path, 'qcow2')
  disk.write(new Uint8Array(4).fill(1), 0)
  disk.close()
  const bytes = readFileSync(path)
  bytes.writeBigUInt64BE(0x8000000000000200n, 3 * 65_536)
  writeFileSync(path, bytes)
  const damaged = open(path, 'qcow2')
  t.match(
    refusal(() => contents(damaged)),
    /expected a place that is a multiple of 65536, found 512/,
  )
  damaged.close()
  const raw = fresh()
  createRaw(raw, 2 ** 20)
  const shrinking = open(raw, 'raw')
  truncateSync(raw, 2 ** 19)
  t.match(
    refusal(() => contents(shrinking)),
    /expected 1048576 bytes, found 524288/,
  )
  shrinking.close()
})

t.test('chunks', async (t) => {
  t.equal(chunksOf({ sizeBytes: CHUNK_BYTES }), 1)
  t.equal(chunksOf({ sizeBytes: SIZE }), 2)
  t.equal(chunkBytes({ sizeBytes: SIZE }, 1), 512)
  t.equal(chunkBytes({ sizeBytes: SIZE }, 0), CHUNK_BYTES)
})
