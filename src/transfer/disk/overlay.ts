/**
 * A file that holds what differs from another image, a cluster at a time, and can be emptied: the active and the hidden
 * disk of a replicated secondary (where QEMU has qcow2). A bitmap in its head says which clusters are in it; the data of a
 * cluster is written before its bit, so that a file that was left behind never claims what it does not hold.
 *
 * ```
 * 0      "SWOV"   u32 version 1   u64 image bytes   u32 cluster bytes        big-endian
 * 4096   one bit a cluster, padded to whole pages
 * ...    the clusters, each at its own place
 * ```
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'

export const CLUSTER_BYTES = 64 * 1024
const HEAD_BYTES = 4096
const MAGIC = 0x53574f56
const VERSION = 1

/** A file that cannot serve as what it was opened for. It was not changed. */
export class DiskError extends Error {
  readonly _tag = 'DiskError'
  override readonly name = 'DiskError'
}

const readFully = (descriptor: number, bytes: Uint8Array, position: number): void => {
  let at = 0
  while (at < bytes.length) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, position + at)
    // Behind the end of a sparse file there is nothing but zeros.
    if (count === 0) return void bytes.fill(0, at)
    at += count
  }
}

/** Writes all of it. */
export const writeFully = (descriptor: number, bytes: Uint8Array, position: number): void => {
  let at = 0
  while (at < bytes.length) at += writeSync(descriptor, bytes, at, bytes.length - at, position + at)
}

export class Overlay {
  readonly imageBytes: number
  readonly #descriptor: number
  readonly #bitmap: Uint8Array
  readonly #dataStart: number

  private constructor(descriptor: number, imageBytes: number) {
    this.#descriptor = descriptor
    this.imageBytes = imageBytes
    const bits = Math.ceil(imageBytes / CLUSTER_BYTES)
    this.#bitmap = new Uint8Array(Math.ceil(bits / 8 / HEAD_BYTES) * HEAD_BYTES)
    this.#dataStart = HEAD_BYTES + this.#bitmap.length
  }

  /**
   * Opens the overlay of an image of that size, or makes an empty one where there is no file.
   * @throws DiskError on a file that is no overlay, or one of an image of another size.
   */
  static open(path: string, imageBytes: number): Overlay {
    const descriptor = openSync(path, 'a+')
    closeSync(descriptor)
    const opened = openSync(path, 'r+')
    try {
      const overlay = new Overlay(opened, imageBytes)
      if (fstatSync(opened).size === 0) overlay.#format()
      else overlay.#check(path)
      return overlay
    } catch (error) {
      closeSync(opened)
      throw error
    }
  }

  /** Clusters that are in it, in order. */
  get clusters(): readonly number[] {
    const all: number[] = []
    for (let cluster = 0; cluster * CLUSTER_BYTES < this.imageBytes; cluster++) if (this.has(cluster)) all.push(cluster)
    return all
  }

  has(cluster: number): boolean {
    return (this.#bitmap[cluster >> 3]! & (1 << (cluster & 7))) !== 0
  }

  /** The bytes of a cluster that is in it. */
  read(cluster: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(CLUSTER_BYTES)
    readFully(this.#descriptor, bytes, this.#position(cluster))
    return bytes
  }

  /** Puts a whole cluster in. */
  write(cluster: number, bytes: Uint8Array): void {
    writeFully(this.#descriptor, bytes, this.#position(cluster))
    this.#bitmap[cluster >> 3]! |= 1 << (cluster & 7)
    this.#writeBits(cluster)
  }

  /** Takes a cluster out. */
  drop(cluster: number): void {
    this.#bitmap[cluster >> 3]! &= ~(1 << (cluster & 7))
    this.#writeBits(cluster)
  }

  /** Takes everything out, and gives the space back. */
  empty(): void {
    this.#bitmap.fill(0)
    writeFully(this.#descriptor, this.#bitmap, HEAD_BYTES)
    ftruncateSync(this.#descriptor, this.#dataStart)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #position(cluster: number): number {
    return this.#dataStart + cluster * CLUSTER_BYTES
  }

  #writeBits(cluster: number): void {
    writeFully(this.#descriptor, this.#bitmap.subarray(cluster >> 3, (cluster >> 3) + 1), HEAD_BYTES + (cluster >> 3))
  }

  #format(): void {
    const head = new Uint8Array(HEAD_BYTES)
    const view = new DataView(head.buffer)
    view.setUint32(0, MAGIC)
    view.setUint32(4, VERSION)
    view.setBigUint64(8, BigInt(this.imageBytes))
    view.setUint32(16, CLUSTER_BYTES)
    writeFully(this.#descriptor, head, 0)
    this.empty()
  }

  #check(path: string): void {
    const head = new Uint8Array(20)
    readFully(this.#descriptor, head, 0)
    const view = new DataView(head.buffer)
    const isOverlay =
      view.getUint32(0) === MAGIC && view.getUint32(4) === VERSION && view.getUint32(16) === CLUSTER_BYTES
    if (!isOverlay) throw new DiskError(`${path}: expected an overlay of version ${VERSION}, found something else`)
    const found = view.getBigUint64(8)
    if (found !== BigInt(this.imageBytes))
      throw new DiskError("Active disk, hidden disk, secondary disk's length are not the same")
    readFully(this.#descriptor, this.#bitmap, HEAD_BYTES)
  }
}
