/** Reads along what a source writes of its disk: what each chunk was when it was last carried. */
import type { BlockRecord } from '../../src/wire/index.ts'
import { CHUNK_BYTES, SECTOR_BYTES } from '../../src/transfer/disk/disk.ts'

const zeroes = new Uint8Array(CHUNK_BYTES)

export class DiskShadow {
  readonly #chunks = new Map<number, Uint8Array>()
  /** Whether the stream has a section of disks. */
  isThere = false

  record(record: BlockRecord): void {
    this.isThere = true
    if (record.name === 'DEVICE_BLOCK')
      this.#chunks.set((record.sector * SECTOR_BYTES) / CHUNK_BYTES, record.data?.slice() ?? zeroes)
  }

  /** Different chunks that were carried. */
  get distinctChunks(): number {
    return this.#chunks.size
  }

  /** Chunks that `isClean` holds for carried although the disk holds other bytes. */
  stale(disk: Uint8Array, isClean: (chunk: number) => boolean): readonly string[] {
    const found: string[] = []
    for (let chunk = 0; chunk * CHUNK_BYTES < disk.length; chunk++) {
      if (!isClean(chunk)) continue
      const now = disk.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)
      const carried = this.#chunks.get(chunk)?.subarray(0, now.length)
      if (carried === undefined || Buffer.compare(carried, now) !== 0) found.push(`disk:${chunk}`)
    }
    return found
  }
}
