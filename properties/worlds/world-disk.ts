/** The disk of a world's guest: in memory, with known contents, and never two of them alike before one has arrived. */
import type { Guest } from '../../src/memory/index.ts'
import { CHUNK_BYTES } from '../../src/transfer/disk/disk.ts'

/** What of a plan concerns the disk. */
export interface DiskPlan {
  /** Chunks of 1 MiB, of which the last is half a one; 0: the guest has no disk. */
  readonly diskChunks: number
  /** Sectors that the guest writes a second, at most one an operation. */
  readonly diskWritesPerSecond: number
}

/** Bytes of the disk; 0 for none. */
export const diskBytesOf = ({ diskChunks }: DiskPlan): number => Math.max(0, (diskChunks - 0.5) * CHUNK_BYTES)

const chunksIn = (disk: Uint8Array): number => Math.ceil(disk.length / CHUNK_BYTES)

/** A new disk: a source's, of whose chunks every third is zero, or that of a destination, which holds something else. */
export const newDisk = (plan: DiskPlan, isSource: boolean): Uint8Array<SharedArrayBuffer> | undefined => {
  const bytes = diskBytesOf(plan)
  if (bytes === 0) return undefined
  const disk = new Uint8Array(new SharedArrayBuffer(bytes))
  for (let chunk = 0; chunk < chunksIn(disk); chunk++)
    disk.fill(isSource ? [chunk + 1, 0, chunk + 1][chunk % 3]! : 0xee, chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)
  return disk
}

/** A disk like the source's at first, and from now on as that guest writes to it. */
export const modelDisk = (plan: DiskPlan, guest: Guest): Uint8Array | undefined => {
  const disk = newDisk(plan, true)
  guest.onOutput = (output) => {
    if (output.kind === 'disk-write') disk?.set(output.bytes, output.byteOffset)
  }
  return disk
}

/** The chunks in which two disks differ. */
export const differingChunks = (a: Uint8Array | undefined, b: Uint8Array | undefined): readonly string[] => {
  if (a === undefined || b === undefined) return []
  return Array.from({ length: chunksIn(a) }, (_unused, chunk) => chunk)
    .filter((chunk) => {
      const [from, to] = [chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES]
      return Buffer.compare(a.subarray(from, to), b.subarray(from, to)) !== 0
    })
    .map((chunk) => `disk:${chunk}`)
}
