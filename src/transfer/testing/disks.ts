/** The disks of the tests: images with known contents, and what a guest that writes to its disk has made of them. */
import { Buffer } from 'node:buffer'
import type { WritingGuestSpec } from '../../memory/index.ts'
import { createQcow2, createRaw } from '../disk/create-image.ts'
import { CHUNK_BYTES } from '../disk/disk.ts'
import { openImage, type ImageDescription } from '../disk/open-image.ts'
import { allocateFor, bootMemory, makeGuest } from '../guest-program.ts'
import { programOfSpec, smallGuest } from './guests.ts'

/** Bytes of a disk whose last chunk is a short one. */
export const DISK_BYTES = 5 * CHUNK_BYTES + 8192

/** A guest that writes a sector of its disk every 50 ms, anywhere on it. */
export const diskGuest: WritingGuestSpec = smallGuest({
  memoryBytes: 2 ** 20,
  workingSetBytes: 2 ** 18,
  pagesPerSecond: 1000,
  diskBytes: DISK_BYTES,
  diskWritesPerSecond: 20,
})

/** A new image of zeroes. */
export const newImage = (path: string, bytes = DISK_BYTES): ImageDescription => {
  const format = path.endsWith('.qcow2') ? 'qcow2' : 'raw'
  if (format === 'raw') createRaw(path, bytes)
  else createQcow2(path, bytes)
  return { path, format }
}

/** All that an image shows. */
export const contentsOf = (image: ImageDescription): Buffer => {
  const disk = openImage(image, { writable: false })
  const bytes = Buffer.alloc(disk.sizeBytes)
  disk.read(bytes, 0)
  disk.close()
  return bytes
}

/** Writes into chunks 0, 2 and 4, a quarter of each; gives what the image then shows. */
export const fillImage = (image: ImageDescription): Buffer => {
  const disk = openImage(image, { writable: true })
  for (const chunk of [0, 2, 4]) disk.write(new Uint8Array(CHUNK_BYTES / 4).fill(7 + chunk), chunk * CHUNK_BYTES + 4096)
  disk.close()
  return contentsOf(image)
}

/** A disk as the guest has it after so many operations, from what it held at first. */
export const diskAfter = (spec: WritingGuestSpec, first: Buffer, counter: number): Buffer => {
  const bytes = Buffer.from(first)
  const program = programOfSpec(spec)
  const memory = allocateFor(program)
  bootMemory(program, memory)
  const guest = makeGuest(program, memory)
  guest.onOutput = (output) => {
    if (output.kind === 'disk-write') bytes.set(output.bytes, output.byteOffset)
  }
  guest.advance(counter)
  return bytes
}
