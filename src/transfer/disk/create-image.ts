/** New images: raw ones of zeroes, and qcow2 ones that show a backing image until they are written to. */
import { closeSync, ftruncateSync, openSync, rmSync } from 'node:fs'
import { systemCode, systemText } from '../../channel/system-error.ts'
import { DiskError, SECTOR_BYTES } from './disk.ts'
import { ImageFile } from './image-file.ts'
import { HEAD_BYTES, writeHeader, type Backing } from './qcow2-header.ts'

const CLUSTER_BITS = 16
const CLUSTER_BYTES = 2 ** CLUSTER_BITS

/** An empty file of that size, which must not exist yet. @throws DiskError */
const createFile = (path: string, length: number): void => {
  try {
    const descriptor = openSync(path, 'wx')
    ftruncateSync(descriptor, length)
    closeSync(descriptor)
  } catch (error) {
    throw new DiskError(`Could not create '${path}': ${systemText(error)}`, systemCode(error))
  }
}

const checkSize = (path: string, sizeBytes: number): void => {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % SECTOR_BYTES !== 0)
    throw new DiskError(`Could not create '${path}': expected a multiple of 512 bytes, found ${sizeBytes}`, 'ESIZE')
}

/** A raw image of zeroes, which takes no room. @throws DiskError */
export const createRaw = (path: string, sizeBytes: number): void => {
  checkSize(path, sizeBytes)
  createFile(path, sizeBytes)
}

/** Clusters of the head: header with the name of the backing image, refcount table, its first block, L1. */
const REFCOUNT_TABLE = 1
const REFCOUNT_BLOCK = 2
const L1 = 3

/**
 * A qcow2 image with 64 KiB clusters. The name of a backing image is put into it as it is given; a relative one is looked for
 * beside the image.
 *
 * @throws DiskError
 */
export const createQcow2 = (path: string, sizeBytes: number, backing?: Backing): void => {
  checkSize(path, sizeBytes)
  const l1Entries = Math.ceil(sizeBytes / (CLUSTER_BYTES * (CLUSTER_BYTES / 8)))
  const clusters = L1 + Math.ceil((l1Entries * 8) / CLUSTER_BYTES)
  createFile(path, clusters * CLUSTER_BYTES)
  const file = new ImageFile(path, { writable: true })
  try {
    const head = new Uint8Array(HEAD_BYTES)
    writeHeader(head, {
      clusterBits: CLUSTER_BITS,
      sizeBytes,
      l1Entries,
      l1Offset: L1 * CLUSTER_BYTES,
      refcountTableOffset: REFCOUNT_TABLE * CLUSTER_BYTES,
      refcountTableClusters: 1,
      ...(backing === undefined ? {} : { backing }),
    })
    file.write(head, 0)
    const entry = new Uint8Array(8)
    new DataView(entry.buffer).setBigUint64(0, BigInt(REFCOUNT_BLOCK * CLUSTER_BYTES))
    file.write(entry, REFCOUNT_TABLE * CLUSTER_BYTES)
    const used = new Uint8Array(clusters * 2)
    for (let index = 1; index < used.length; index += 2) used[index] = 1
    file.write(used, REFCOUNT_BLOCK * CLUSTER_BYTES)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    file.close()
  }
}
