/**
 * What becomes of the `block` section of a stream that arrives: chunks go where they belong, on disks that this side has and
 * has locked. Nothing in it is believed: a disk must be known, a chunk must lie inside it, and sizes are held against each other.
 */
import { Buffer } from 'node:buffer'
import type { BlockRecord } from '../wire/index.ts'
import { CHUNK_BYTES, DiskError, SECTOR_BYTES } from './disk/disk.ts'
import { openGuestDisks, type GuestDisk, type SharedGuestDisk } from './disk/guest-disk.ts'
import type { MovedDisk } from './dialect.ts'

/** The disks that an engine can send or fill. */
export interface EngineDisks {
  readonly disks: readonly SharedGuestDisk[]
  /** Why they must not be written to: somebody else holds the lock, say. */
  readonly refusal?: string
}

export const noDisks: EngineDisks = { disks: [] }

const SECTORS_PER_CHUNK = CHUNK_BYTES / SECTOR_BYTES
const zeroes = Buffer.alloc(CHUNK_BYTES)

/** What is wrong with a record: what was expected, and what found. */
export interface DiskProblem {
  readonly message: string
  readonly expected: string
  readonly found: string
}

export class DiskLoader {
  readonly #given: EngineDisks
  readonly #there = Buffer.alloc(CHUNK_BYTES)
  #opened: readonly GuestDisk[] | undefined

  constructor(given: EngineDisks) {
    this.#given = given
  }

  /** Takes a record, or says what is wrong with it. @throws DiskError if a disk cannot be written to. */
  take(record: BlockRecord): DiskProblem | undefined {
    if (record.name !== 'DEVICE_BLOCK') return undefined
    const { device, sector, data } = record
    const disk = this.#disks().find(({ name }) => name === device)
    if (disk === undefined) {
      const expected = this.#given.disks.map(({ name }) => name).join(' or ') || 'no disks'
      return { message: `Error unknown block device ${device}`, expected, found: device }
    }
    if (sector % SECTORS_PER_CHUNK !== 0 || sector * SECTOR_BYTES >= disk.sizeBytes)
      return {
        message: `Block device ${device}: sector out of range`,
        expected: `a multiple of ${SECTORS_PER_CHUNK} below ${disk.sizeBytes / SECTOR_BYTES}`,
        found: `${sector}`,
      }
    this.#put(disk, sector / SECTORS_PER_CHUNK, data ?? zeroes)
    return undefined
  }

  /** The disks that were moved, as the source has them: a smaller one here has lost what lies behind its end, a larger one is another. */
  compare(moved: readonly MovedDisk[] | undefined): DiskProblem | undefined {
    const damaged = { message: 'The names and sizes of the disks are damaged', expected: 'a list', found: 'none' }
    if (moved === undefined) return damaged
    for (const { name, sizeBytes } of moved) {
      const own = this.#given.disks.find((disk) => disk.name === name)
      if (own === undefined) return { message: `Error unknown block device ${name}`, expected: 'a disk', found: 'none' }
      if (own.sizeBytes !== sizeBytes)
        return {
          message: `Size mismatch: block device ${name}`,
          expected: `${own.sizeBytes} bytes`,
          found: `${sizeBytes} bytes`,
        }
    }
    return undefined
  }

  /** All that arrived is on the medium, and the images are closed. @throws DiskError */
  finish(): void {
    for (const disk of this.#opened ?? []) disk.flush()
    this.close()
  }

  close(): void {
    for (const disk of this.#opened ?? []) disk.close()
    this.#opened = undefined
  }

  #disks(): readonly GuestDisk[] {
    const { disks, refusal } = this.#given
    if (refusal !== undefined) throw new DiskError(refusal, 'ELOCKED')
    this.#opened ??= openGuestDisks(disks, { writable: true })
    return this.#opened
  }

  /** Zeroes that are there already are not written: an image with holes keeps them. */
  #put(disk: GuestDisk, chunk: number, bytes: Uint8Array): void {
    if (zeroes.equals(bytes)) {
      disk.readChunk(chunk, this.#there)
      if (this.#there.equals(zeroes)) return
    }
    disk.putChunk(chunk, bytes)
  }
}
