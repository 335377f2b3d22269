/** Seeded bugs of disks that move: in what is sent of them, in what is said of that, and in what arrives. */
import { Effect } from 'effect'
import type { BlockRecord } from '../../src/wire/index.ts'
import { CHUNK_BYTES, SECTOR_BYTES } from '../../src/transfer/disk/disk.ts'
import type { GuestDisk } from '../../src/transfer/disk/guest-disk.ts'
import { DiskLoader, type DiskProblem } from '../../src/transfer/disk-loader.ts'
import { DiskScan, type DiskChunk } from '../../src/transfer/disk-scan.ts'
import { engines } from '../../src/transfer/fiber-data-plane.ts'
import { makeMigrationProcess } from '../../src/transfer/migration-process.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'
import type { Mutant } from './mutant.ts'
import { withOutgoing, withReports } from './seeded-engine.ts'

const withScan = (name: string, Scan: new (disks: readonly GuestDisk[], incremental: boolean) => DiskScan) =>
  withOutgoing(name, (options) => ({ ...options, makeDiskScan: (disks, incremental) => new Scan(disks, incremental) }))

const withLoader = (name: string, Loader: typeof DiskLoader): RuntimeSystem => ({
  ...ourRuntime,
  name,
  engines: {
    ...engines,
    incoming: (options) => engines.incoming({ ...options, makeDiskLoader: (disks) => new Loader(disks) }),
  },
})

/** A write between the reading of a chunk and the clearing of its mark is lost. */
class ClearsLate extends DiskScan {
  #before: DiskChunk | undefined
  override next(): DiskChunk | undefined {
    this.#before?.disk.written.clear(this.#before.chunk)
    this.#before = super.next()
    return this.#before
  }
}

class BulkOnly extends DiskScan {
  override next(): DiskChunk | undefined {
    return this.isBulk ? super.next() : undefined
  }
  override get remainingBytes(): number {
    return this.totalBytes - this.passedBytes
  }
}

class DropsTail extends DiskScan {
  override next(): DiskChunk | undefined {
    const taken = super.next()
    const isShort = taken !== undefined && taken.disk.chunkBytes(taken.chunk) < CHUNK_BYTES
    return isShort ? super.next() : taken
  }
}

/** A14, of disks: what the run before has sent counts as sent. */
const resumesBulk = (): RuntimeSystem => {
  let passed = 0
  class Resumes extends DiskScan {
    constructor(disks: readonly GuestDisk[], incremental: boolean) {
      super(disks, incremental)
      for (let skipped = 0; skipped < passed; skipped++) super.next()
    }
    override next(): DiskChunk | undefined {
      if (this.isBulk) passed++
      return super.next()
    }
  }
  return withScan('blk4', Resumes)
}

/** What is sent a second time counts again. */
class CountsAgain extends DiskScan {
  #sent = 0
  override next(): DiskChunk | undefined {
    const taken = super.next()
    if (taken !== undefined) this.#sent += taken.disk.chunkBytes(taken.chunk)
    return taken
  }
  override get figures() {
    return { ...super.figures, transferred: this.#sent }
  }
}

class IgnoresZeroes extends DiskLoader {
  override take(record: BlockRecord): DiskProblem | undefined {
    return record.name === 'DEVICE_BLOCK' && record.data === undefined ? undefined : super.take(record)
  }
}

/** Sector numbers taken for those of 4096 bytes, as some disks have them. */
class LargeSectors extends DiskLoader {
  override take(record: BlockRecord): DiskProblem | undefined {
    if (record.name !== 'DEVICE_BLOCK') return super.take(record)
    const perChunk = CHUNK_BYTES / SECTOR_BYTES
    return super.take({ ...record, sector: Math.floor(record.sector / 8 / perChunk) * perChunk })
  }
}

/** See the head of this file. */
export const diskMutants: readonly Mutant<RuntimeSystem>[] = [
  {
    id: 'blk1',
    title: 'the mark of a chunk is taken away when it has been read, and not before',
    system: withScan('blk1', ClearsLate),
    killedBy: ['I15'],
  },
  {
    id: 'blk2',
    title: 'what is written behind the bulk phase is not sent again',
    system: withScan('blk2', BulkOnly),
    killedBy: ['I15'],
  },
  {
    id: 'blk3',
    title: 'the last chunk of a disk, a short one, is left out',
    system: withScan('blk3', DropsTail),
    killedBy: ['I7', 'I15', 'I16'],
  },
  {
    id: 'blk4',
    title: 'a second run goes on where the bulk phase of the first one ended',
    system: resumesBulk(),
    killedBy: ['I7', 'I15'],
  },
  {
    id: 'blk5',
    title: 'disk.transferred counts a chunk each time that it is sent',
    system: withScan('blk5', CountsAgain),
    killedBy: ['I21'],
  },
  {
    id: 'blk6',
    title: 'disk.transferred begins again at every pass',
    system: withReports('blk6', () => {
      let base = 0
      let last = 0
      return (news) => {
        if (news.type === 'outgoing.pass') base = last
        if (news.type !== 'outgoing.progress' || news.disk === undefined) return [news]
        last = news.disk.transferred
        const transferred = last - base
        return [{ ...news, disk: { ...news.disk, transferred, remaining: news.disk.total - transferred } }]
      }
    }),
    killedBy: ['I22'],
  },
  {
    id: 'blk7',
    title: 'a chunk of zeroes is taken for one that is there already',
    system: withLoader('blk7', IgnoresZeroes),
    killedBy: ['I15'],
  },
  {
    id: 'blk8',
    title: 'the destination counts sectors of 4096 bytes',
    system: withLoader('blk8', LargeSectors),
    killedBy: ['I15'],
  },
  {
    id: 'blk9',
    title: 'what the guest still writes while it is being stopped does not reach the disk',
    system: {
      ...ourRuntime,
      name: 'blk9',
      makeProcess: (options) => {
        const { drives } = options
        if (drives === undefined) return makeMigrationProcess(options)
        let kept: Parameters<typeof drives.write>[0] | undefined
        return makeMigrationProcess({
          ...options,
          drives: {
            ...drives,
            write: (write) => {
              if (kept !== undefined) drives.write(kept)
              kept = write
            },
          },
        })
      },
    },
    killedBy: ['I15'],
  },
  {
    id: 'blk10',
    title: 'the images are let go of before the last chunks are sent, and taken back for them',
    system: {
      ...ourRuntime,
      name: 'blk10',
      makeProcess: (options) => {
        const { guest, images } = options
        if (images === undefined) return makeMigrationProcess(options)
        return makeMigrationProcess({
          ...options,
          guest: { ...guest, stop: Effect.andThen(guest.stop, images.release) },
        })
      },
    },
    killedBy: ['I3'],
  },
]
