/**
 * The disk of a secondary (QEMU's block/replication.c): a copy of the primary's image, into which the primary's writes go
 * at once, and two overlays through which the secondary's own guest sees it as it was at the last checkpoint. The hidden one
 * keeps what a write of the primary replaces, the active one what the guest writes itself.
 *
 *   guest  ->  active  ->  hidden  ->  secondary image  <-  primary
 *
 * A checkpoint empties both overlays, and the guest sees what the primary has. A failover makes of all three one image.
 */
import type { Disk } from './disk.ts'
import { openImage } from './open-image.ts'
import { CLUSTER_BYTES, Overlay } from './overlay.ts'

/** The files of a secondary's disk. */
export interface SecondaryDiskFiles {
  readonly path: string
  readonly activePath: string
  readonly hiddenPath: string
}

/** Clusters of a commit that are copied before other things get their turn. */
export const COMMIT_CLUSTERS = 16

/** Splits a range into the parts that lie in one cluster each. */
const partsOf = function* (
  byteOffset: number,
  length: number,
): Generator<{ readonly cluster: number; readonly from: number; readonly start: number; readonly count: number }> {
  for (let at = 0; at < length;) {
    const cluster = Math.floor((byteOffset + at) / CLUSTER_BYTES)
    const from = byteOffset + at - cluster * CLUSTER_BYTES
    const count = Math.min(CLUSTER_BYTES - from, length - at)
    yield { cluster, from, start: at, count }
    at += count
  }
}

export class SecondaryDisk {
  readonly imageBytes: number
  readonly #image: Disk
  readonly #active: Overlay
  readonly #hidden: Overlay

  /** Opens all three files; the overlays are made where there are none. @throws DiskError */
  constructor({ path, activePath, hiddenPath }: SecondaryDiskFiles) {
    this.#image = openImage({ path, format: 'raw' }, { writable: true })
    this.imageBytes = this.#image.sizeBytes
    let active: Overlay | undefined
    try {
      active = Overlay.open(activePath, this.imageBytes)
      this.#hidden = Overlay.open(hiddenPath, this.imageBytes)
      this.#active = active
    } catch (error) {
      active?.close()
      this.#image.close()
      throw error
    }
  }

  /** A write of the primary: what it replaces is kept for this side's guest first. */
  writeFromPrimary(byteOffset: number, bytes: Uint8Array): void {
    for (const { cluster } of partsOf(byteOffset, bytes.length))
      if (!this.#hidden.has(cluster)) this.#hidden.write(cluster, this.#readImage(cluster))
    this.#image.write(bytes, byteOffset)
  }

  /** A write of this side's guest. */
  write(byteOffset: number, bytes: Uint8Array): void {
    for (const { cluster, from, start, count } of partsOf(byteOffset, bytes.length)) {
      const content = this.readCluster(cluster)
      content.set(bytes.subarray(start, start + count), from)
      this.#active.write(cluster, content)
    }
  }

  /** A cluster as this side's guest sees it. */
  readCluster(cluster: number): Uint8Array<ArrayBuffer> {
    if (this.#active.has(cluster)) return this.#active.read(cluster)
    return this.#hidden.has(cluster) ? this.#hidden.read(cluster) : this.#readImage(cluster)
  }

  /** From here on the guest sees what the primary has written. */
  checkpoint(): void {
    this.#active.empty()
    this.#hidden.empty()
  }

  /**
   * Makes some of what the guest sees part of the image; true when all of it is. May be interleaved with writes of the guest,
   * which then go where the cluster is.
   */
  commitSome(): boolean {
    const overlaid = [...new Set([...this.#active.clusters, ...this.#hidden.clusters])].slice(0, COMMIT_CLUSTERS)
    for (const cluster of overlaid) {
      const content = this.readCluster(cluster)
      const start = cluster * CLUSTER_BYTES
      this.#image.write(content.subarray(0, Math.min(CLUSTER_BYTES, this.imageBytes - start)), start)
      this.#active.drop(cluster)
      this.#hidden.drop(cluster)
    }
    return overlaid.length < COMMIT_CLUSTERS
  }

  /** A write of the guest once all of it is one image. */
  writeThrough(byteOffset: number, bytes: Uint8Array): void {
    this.#image.write(bytes, byteOffset)
  }

  close(): void {
    this.#image.close()
    this.#active.close()
    this.#hidden.close()
  }

  #readImage(cluster: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(CLUSTER_BYTES)
    const start = cluster * CLUSTER_BYTES
    this.#image.read(bytes.subarray(0, Math.min(CLUSTER_BYTES, this.imageBytes - start)), start)
    return bytes
  }
}
