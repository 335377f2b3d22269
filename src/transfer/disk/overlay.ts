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
import { closeSync, openSync } from 'node:fs'
import { systemCode, systemText } from '../../channel/system-error.ts'
import { DiskError } from './disk.ts'
import { ImageFile } from './image-file.ts'

export const CLUSTER_BYTES = 64 * 1024
const HEAD_BYTES = 4096
const MAGIC = 0x53574f56
const VERSION = 1

/** Makes the file if there is none. */
const touch = (path: string): void => {
  try {
    closeSync(openSync(path, 'a'))
  } catch (error) {
    throw new DiskError(`Could not open '${path}': ${systemText(error)}`, systemCode(error))
  }
}

export class Overlay {
  readonly imageBytes: number
  readonly #file: ImageFile
  readonly #bitmap: Uint8Array
  readonly #dataStart: number

  private constructor(file: ImageFile, imageBytes: number) {
    this.#file = file
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
    touch(path)
    const file = new ImageFile(path, { writable: true })
    try {
      const overlay = new Overlay(file, imageBytes)
      if (file.length === 0) overlay.#format()
      else overlay.#check(path)
      return overlay
    } catch (error) {
      file.close()
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
    this.#file.read(bytes, this.#position(cluster))
    return bytes
  }

  /** Puts a whole cluster in. */
  write(cluster: number, bytes: Uint8Array): void {
    this.#file.write(bytes, this.#position(cluster))
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
    this.#file.write(this.#bitmap, HEAD_BYTES)
    this.#file.resize(this.#dataStart)
  }

  close(): void {
    this.#file.close()
  }

  #position(cluster: number): number {
    return this.#dataStart + cluster * CLUSTER_BYTES
  }

  #writeBits(cluster: number): void {
    this.#file.write(this.#bitmap.subarray(cluster >> 3, (cluster >> 3) + 1), HEAD_BYTES + (cluster >> 3))
  }

  #format(): void {
    const head = new Uint8Array(HEAD_BYTES)
    const view = new DataView(head.buffer)
    view.setUint32(0, MAGIC)
    view.setUint32(4, VERSION)
    view.setBigUint64(8, BigInt(this.imageBytes))
    view.setUint32(16, CLUSTER_BYTES)
    this.#file.write(head, 0)
    this.empty()
  }

  #check(path: string): void {
    const head = new Uint8Array(20)
    this.#file.read(head, 0)
    const view = new DataView(head.buffer)
    const isOverlay =
      view.getUint32(0) === MAGIC && view.getUint32(4) === VERSION && view.getUint32(16) === CLUSTER_BYTES
    if (!isOverlay) throw new DiskError(`${path}: expected an overlay of version ${VERSION}, found something else`)
    const found = view.getBigUint64(8)
    if (found !== BigInt(this.imageBytes))
      throw new DiskError("Active disk, hidden disk, secondary disk's length are not the same")
    this.#file.read(this.#bitmap, HEAD_BYTES)
  }
}
