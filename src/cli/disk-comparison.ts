/** A disk that was moved, held against the one that it was moved from. */
import { existsSync } from 'node:fs'
import type { GuestDiskWrite } from '../memory/index.ts'
import { createQcow2, createRaw } from '../transfer/disk/create-image.ts'
import { CHUNK_BYTES, chunkBytes, chunksOf, DiskError } from '../transfer/disk/disk.ts'
import { openImage, type ImageDescription } from '../transfer/disk/open-image.ts'

/** What a comparison came to. */
export interface DiskComparison {
  readonly name: string
  readonly comparedBytes: number
  /** Chunks of 1 MiB that are not the same. */
  readonly differing: number
}

/** Makes an image like another one where there is none. @throws DiskError */
export const makeIfMissing = (image: ImageDescription, like: ImageDescription): void => {
  if (existsSync(image.path)) return
  const disk = openImage(like, { writable: false })
  const { sizeBytes } = disk
  disk.close()
  if (image.format === 'raw') createRaw(image.path, sizeBytes)
  else createQcow2(image.path, sizeBytes)
}

/**
 * Compares them, where the guest has written more to the copy since. Neither is changed.
 *
 * @throws DiskError
 */
export const compareDisks = (
  name: string,
  from: ImageDescription,
  to: ImageDescription,
  writes: readonly GuestDiskWrite[],
): DiskComparison => {
  const images = [from, to].map((image) => openImage(image, { writable: false }))
  try {
    const [source, copy] = images
    if (source === undefined || copy === undefined || source.sizeBytes !== copy.sizeBytes)
      throw new DiskError(`Disk ${name}: expected ${source?.sizeBytes} bytes, found ${copy?.sizeBytes}`)
    let differing = 0
    for (let chunk = 0; chunk < chunksOf(source); chunk++) {
      const [expected, found] = [Buffer.alloc(chunkBytes(source, chunk)), Buffer.alloc(chunkBytes(source, chunk))]
      const start = chunk * CHUNK_BYTES
      source.read(expected, start)
      copy.read(found, start)
      for (const { byteOffset, bytes } of writes)
        if (byteOffset >= start && byteOffset < start + expected.length) expected.set(bytes, byteOffset - start)
      if (!expected.equals(found)) differing++
    }
    return { name, comparedBytes: source.sizeBytes, differing }
  } finally {
    for (const image of images) image.close()
  }
}
