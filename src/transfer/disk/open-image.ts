/** Opens an image by its path and format, with all that it is backed by. */
import { DiskError, type Disk, type ImageFormat } from './disk.ts'
import { Qcow2Disk } from './qcow2-disk.ts'
import { RawDisk } from './raw-disk.ts'

/** Images in a chain; a longer one goes round in circles. */
const CHAIN_MAX = 16

/** What a disk is made of, as data. */
export interface ImageDescription {
  readonly path: string
  readonly format: ImageFormat
}

/**
 * Opens it; what it is backed by is only read.
 *
 * @throws DiskError
 */
export const openImage = (image: ImageDescription, options: { readonly writable: boolean }): Disk =>
  open(image, options.writable, CHAIN_MAX)

const open = ({ path, format }: ImageDescription, writable: boolean, left: number): Disk => {
  if (left === 0) throw new DiskError(`Image '${path}': expected a chain of at most ${CHAIN_MAX} images`, 'ELOOP')
  if (format === 'raw') return new RawDisk(path, { writable })
  return new Qcow2Disk(path, { writable }, (backing, backingFormat) =>
    open({ path: backing, format: backingFormat }, false, left - 1),
  )
}
