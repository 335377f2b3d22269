/**
 * A qcow2 image: clusters that are there when they are written to, and a backing image that shows through where they are not.
 * Two levels of tables say where a cluster is; refcounts say which are in use. Tables are read from the file at every use, so
 * that a thread that only reads sees what another one writes: first the cluster, then the entry that points to it.
 */
import { dirname, isAbsolute, join } from 'node:path'
import { DiskError, type Disk, type ImageFormat } from './disk.ts'
import { ImageFile } from './image-file.ts'
import { HEAD_BYTES, readHeader, type Qcow2Header } from './qcow2-header.ts'

const ENTRY_BYTES = 8
/** Bits 9 to 55 of an entry: where the table or cluster is in the file. */
const OFFSET_MASK = 0x00fffffffffffe00n
/** Its refcount is one: it may be written to where it is. */
const COPIED = 1n << 63n
const COMPRESSED = 1n << 62n
/** Version 3: the cluster reads as zeroes, whatever is in it. */
const ZERO = 1n
const REFCOUNT_BYTES = 2

/** A relative name is looked for beside the image that names it. */
const besides = (path: string, name: string): string => (isAbsolute(name) ? name : join(dirname(path), name))

export class Qcow2Disk implements Disk {
  readonly #file: ImageFile
  readonly #header: Qcow2Header
  readonly #backing: Disk | undefined
  readonly #clusterBytes: number
  readonly #l2Entries: number
  readonly #entry = new Uint8Array(ENTRY_BYTES)
  readonly #entryView = new DataView(this.#entry.buffer)
  readonly #path: string

  /**
   * @param openBacking Opens the backing image, where the image names one.
   * @throws DiskError
   */
  constructor(
    path: string,
    options: { readonly writable: boolean },
    openBacking: (path: string, format: ImageFormat) => Disk,
  ) {
    this.#path = path
    this.#file = new ImageFile(path, options)
    try {
      const head = new Uint8Array(HEAD_BYTES)
      this.#file.read(head, 0)
      this.#header = readHeader(path, head)
      const { backing } = this.#header
      this.#backing = backing && openBacking(besides(path, backing.name), backing.format)
    } catch (error) {
      this.#file.close()
      throw error
    }
    this.#clusterBytes = 2 ** this.#header.clusterBits
    this.#l2Entries = this.#clusterBytes / ENTRY_BYTES
  }

  get sizeBytes(): number {
    return this.#header.sizeBytes
  }

  read(buffer: Uint8Array, offset: number): void {
    this.#eachCluster(offset, buffer.length, (cluster, within, from, to) => {
      const part = buffer.subarray(from, to)
      const entry = this.#lookUp(cluster)
      if ((entry & ZERO) !== 0n) part.fill(0)
      else if (entry !== 0n) this.#file.read(part, this.#offsetOf(entry) + within)
      else this.#readBacking(part, offset + from)
    })
  }

  /** A backing image may be shorter; behind its end are zeroes. */
  #readBacking(part: Uint8Array, offset: number): void {
    const there = Math.max(0, Math.min(part.length, (this.#backing?.sizeBytes ?? 0) - offset))
    if (there > 0) this.#backing?.read(part.subarray(0, there), offset)
    part.fill(0, there)
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#eachCluster(offset, bytes.length, (cluster, within, from, to) => {
      const entry = this.#lookUp(cluster)
      const part = bytes.subarray(from, to)
      const inPlace = entry !== 0n && (entry & ZERO) === 0n
      if (inPlace && (entry & COPIED) === 0n)
        throw this.#damage('a cluster of its own', `cluster ${cluster} that is shared`)
      if (inPlace) this.#file.write(part, this.#offsetOf(entry) + within)
      else this.#writeNew(cluster, part, within)
    })
  }

  /** A cluster that was not there: what the guest saw so far, with the new bytes over it. */
  #writeNew(cluster: number, part: Uint8Array, within: number): void {
    const whole = new Uint8Array(this.#clusterBytes)
    const start = cluster * this.#clusterBytes
    if (part.length < whole.length) this.read(whole.subarray(0, Math.min(whole.length, this.sizeBytes - start)), start)
    whole.set(part, within)
    const place = this.#allocate()
    this.#file.write(whole, place)
    this.#setEntry(this.#l2EntryOffset(cluster), BigInt(place) | COPIED)
  }

  isAllocated(offset: number, length: number): boolean {
    let found = this.#backing === undefined
    this.#eachCluster(offset, length, (cluster) => {
      found ||= this.#lookUp(cluster) !== 0n
    })
    return found
  }

  flush(): void {
    this.#file.flush()
  }

  close(): void {
    this.#backing?.close()
    this.#file.close()
  }

  #eachCluster(
    offset: number,
    length: number,
    use: (cluster: number, within: number, from: number, to: number) => void,
  ): void {
    for (let at = 0; at < length;) {
      const within = (offset + at) % this.#clusterBytes
      const to = Math.min(length, at + this.#clusterBytes - within)
      use(Math.floor((offset + at) / this.#clusterBytes), within, at, to)
      at = to
    }
  }

  #damage(expected: string, found: string): DiskError {
    return new DiskError(`Image '${this.#path}': expected ${expected}, found ${found}`, 'EFORMAT')
  }

  #entryAt(offset: number): bigint {
    this.#file.read(this.#entry, offset)
    return this.#entryView.getBigUint64(0)
  }

  #setEntry(offset: number, entry: bigint): void {
    this.#entryView.setBigUint64(0, entry)
    this.#file.write(this.#entry, offset)
  }

  /** Where an entry points to; it has to be a cluster inside the file. */
  #offsetOf(entry: bigint): number {
    const offset = Number(entry & OFFSET_MASK)
    if (offset === 0 || offset % this.#clusterBytes !== 0)
      throw this.#damage(`a place that is a multiple of ${this.#clusterBytes}`, `${offset}`)
    return offset
  }

  #l1EntryOffset(cluster: number): number {
    return this.#header.l1Offset + Math.floor(cluster / this.#l2Entries) * ENTRY_BYTES
  }

  /** The entry of a cluster; 0 where it has none. */
  #lookUp(cluster: number): bigint {
    const l1 = this.#entryAt(this.#l1EntryOffset(cluster))
    if ((l1 & OFFSET_MASK) === 0n) return 0n
    const entry = this.#entryAt(this.#offsetOf(l1) + (cluster % this.#l2Entries) * ENTRY_BYTES)
    if ((entry & COMPRESSED) !== 0n)
      throw this.#damage('clusters that are not compressed', `cluster ${cluster} that is`)
    if ((entry & ZERO) !== 0n) return ZERO
    return (entry & OFFSET_MASK) === 0n ? 0n : entry
  }

  /** Where the entry of a cluster is; its table is made if need be. */
  #l2EntryOffset(cluster: number): number {
    const at = this.#l1EntryOffset(cluster)
    const l1 = this.#entryAt(at)
    const isThere = (l1 & OFFSET_MASK) !== 0n
    if (isThere && (l1 & COPIED) === 0n) throw this.#damage('a table of its own', `the table at ${at} that is shared`)
    const table = isThere ? this.#offsetOf(l1) : this.#allocate()
    if (!isThere) {
      this.#file.write(new Uint8Array(this.#clusterBytes), table)
      this.#setEntry(at, BigInt(table) | COPIED)
    }
    return table + (cluster % this.#l2Entries) * ENTRY_BYTES
  }

  /** A cluster at the end of the file, counted as used. */
  #allocate(): number {
    const cluster = Math.ceil(this.#file.length / this.#clusterBytes)
    const counted = this.#clusterBytes / REFCOUNT_BYTES
    const entryAt = this.#header.refcountTableOffset + Math.floor(cluster / counted) * ENTRY_BYTES
    const end = this.#header.refcountTableOffset + this.#header.refcountTableClusters * this.#clusterBytes
    if (entryAt >= end)
      throw new DiskError(`Image '${this.#path}': its refcount table is full; nothing more fits into it`, 'ENOSPC')
    const block = this.#entryAt(entryAt)
    if (block === 0n) return this.#growRefcounts(entryAt, cluster)
    this.#count(Number(block), cluster % counted)
    this.#file.resize((cluster + 1) * this.#clusterBytes)
    return cluster * this.#clusterBytes
  }

  /** A new block of refcounts counts itself first; then there is room for the cluster behind it. */
  #growRefcounts(entryAt: number, cluster: number): number {
    const place = cluster * this.#clusterBytes
    this.#file.write(new Uint8Array(this.#clusterBytes), place)
    this.#count(place, cluster % (this.#clusterBytes / REFCOUNT_BYTES))
    this.#setEntry(entryAt, BigInt(place))
    return this.#allocate()
  }

  #count(block: number, index: number): void {
    this.#file.write(Uint8Array.of(0, 1), block + index * REFCOUNT_BYTES)
  }
}
