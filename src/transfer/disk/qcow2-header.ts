/**
 * The header of a qcow2 image: the part of the format that is understood here. Whatever else an image may have (snapshots,
 * encryption, compression, an external data file, a dirty or corrupt mark) is refused by name, as writing to it would ruin it.
 * Source: docs/interop/qcow2.txt of QEMU.
 */
import { DISK_BYTES_MAX, DiskError, SECTOR_BYTES, type ImageFormat } from './disk.ts'

const MAGIC = 0x514649fb
/** Bytes of a header: of version 2, and of version 3 as it is written here. */
const V2_BYTES = 72
const V3_BYTES = 104
/** A refcount has 2^4 bits. */
const REFCOUNT_ORDER = 4
const L1_ENTRIES_MAX = 2 ** 22

/** Names of the incompatible features, by bit. */
const features = ['dirty', 'corrupt', 'external data file', 'compression type', 'extended L2 entries']

/** What an image says of its backing image. */
export interface Backing {
  readonly name: string
  /** Never guessed: a guest could make its raw disk look like anything. */
  readonly format: ImageFormat
}

export interface Qcow2Header {
  readonly version: 2 | 3
  readonly clusterBits: number
  readonly sizeBytes: number
  readonly l1Entries: number
  readonly l1Offset: number
  readonly refcountTableOffset: number
  readonly refcountTableClusters: number
  readonly backing?: Backing
}

/** Header extension with the format of the backing image. */
const BACKING_FORMAT = 0xe2792aca

/** Bytes at the start of an image that hold its header, its extensions and the name of its backing image, for sure. */
export const HEAD_BYTES = 4096

const u64 = (view: DataView, at: number): number => {
  const value = view.getBigUint64(at)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value)
}

const refuse = (path: string, expected: string, found: string): never => {
  throw new DiskError(`Image '${path}': expected ${expected}, found ${found}`, 'EFORMAT')
}

/** Reads the first {@link HEAD_BYTES} of an image. @throws DiskError */
export const readHeader = (path: string, head: Uint8Array): Qcow2Header => {
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const found = view.getUint32(0)
  if (found !== MAGIC) refuse(path, 'a qcow2 image', `magic 0x${found.toString(16)}`)
  const version = view.getUint32(4)
  if (version !== 2 && version !== 3) return refuse(path, 'qcow2 version 2 or 3', `version ${version}`)
  checkFeatures(path, version, view)
  const clusterBits = view.getUint32(20)
  if (clusterBits < 9 || clusterBits > 21) refuse(path, 'clusters of 2^9 to 2^21 bytes', `2^${clusterBits}`)
  const sizeBytes = u64(view, 24)
  if (sizeBytes === 0 || sizeBytes % SECTOR_BYTES !== 0 || sizeBytes > DISK_BYTES_MAX)
    refuse(path, `a disk of a multiple of ${SECTOR_BYTES} bytes, at most ${DISK_BYTES_MAX}`, `${sizeBytes}`)
  const l1Entries = view.getUint32(36)
  const l1Needed = Math.ceil(sizeBytes / 2 ** (2 * clusterBits - 3))
  if (l1Entries < l1Needed || l1Entries > L1_ENTRIES_MAX) refuse(path, `${l1Needed} entries of L1`, `${l1Entries}`)
  const backing = backingOf(path, version, view)
  return {
    version,
    clusterBits,
    sizeBytes,
    l1Entries,
    l1Offset: u64(view, 40),
    refcountTableOffset: u64(view, 48),
    refcountTableClusters: view.getUint32(56),
    ...(backing === undefined ? {} : { backing }),
  }
}

const checkFeatures = (path: string, version: 2 | 3, view: DataView): void => {
  if (view.getUint32(32) !== 0) refuse(path, 'an image that is not encrypted', `encryption ${view.getUint32(32)}`)
  if (view.getUint32(60) !== 0) refuse(path, 'an image without snapshots', `${view.getUint32(60)}`)
  if (version === 2) return
  const incompatible = view.getBigUint64(72)
  const feature = features.find((_name, bit) => (incompatible >> BigInt(bit)) & 1n)
  if (incompatible !== 0n) refuse(path, 'no incompatible feature', feature ?? `0x${incompatible.toString(16)}`)
  // Bitmaps, say, which a writer that does not know them would make wrong.
  const autoclear = view.getBigUint64(88)
  if (autoclear !== 0n) refuse(path, 'no autoclear feature', `0x${autoclear.toString(16)}`)
  const order = view.getUint32(96)
  if (order !== REFCOUNT_ORDER) refuse(path, 'refcounts of 16 bits', `of ${2 ** order}`)
}

const textAt = (path: string, view: DataView, at: number, length: number): string => {
  if (at + length > view.byteLength) refuse(path, `a header in the first ${view.byteLength} bytes`, `${at + length}`)
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, length))
}

const backingOf = (path: string, version: 2 | 3, view: DataView): Backing | undefined => {
  const length = view.getUint32(16)
  if (length === 0) return undefined
  const name = textAt(path, view, u64(view, 8), length)
  let at = version === 3 ? view.getUint32(100) : V2_BYTES
  while (at + 8 <= view.byteLength && view.getUint32(at) !== 0) {
    const bytes = view.getUint32(at + 4)
    const text = view.getUint32(at) === BACKING_FORMAT ? textAt(path, view, at + 8, bytes) : undefined
    if (text === 'raw' || text === 'qcow2') return { name, format: text }
    if (text !== undefined) refuse(path, 'a backing image that is raw or qcow2', text)
    at += 8 + Math.ceil(bytes / 8) * 8
  }
  return refuse(path, `the format of the backing image ${name} beside its name`, 'the name alone')
}

/** The head of a new image, version 3. */
export const writeHeader = (head: Uint8Array, header: Omit<Qcow2Header, 'version'>): void => {
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  view.setUint32(0, MAGIC)
  view.setUint32(4, 3)
  view.setUint32(20, header.clusterBits)
  view.setBigUint64(24, BigInt(header.sizeBytes))
  view.setUint32(36, header.l1Entries)
  view.setBigUint64(40, BigInt(header.l1Offset))
  view.setBigUint64(48, BigInt(header.refcountTableOffset))
  view.setUint32(56, header.refcountTableClusters)
  view.setUint32(96, REFCOUNT_ORDER)
  view.setUint32(100, V3_BYTES)
  if (header.backing !== undefined) writeBacking(head, view, header.backing)
}

const writeBacking = (head: Uint8Array, view: DataView, { name, format }: Backing): void => {
  const encoder = new TextEncoder()
  const formatBytes = encoder.encode(format)
  view.setUint32(V3_BYTES, BACKING_FORMAT)
  view.setUint32(V3_BYTES + 4, formatBytes.length)
  head.set(formatBytes, V3_BYTES + 8)
  // The end of the extensions is one of type 0; the name comes behind it.
  const nameOffset = V3_BYTES + 8 + 8 + 8
  const nameBytes = encoder.encode(name)
  view.setBigUint64(8, BigInt(nameOffset))
  view.setUint32(16, nameBytes.length)
  head.set(nameBytes, nameOffset)
}
