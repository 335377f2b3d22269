/**
 * A guest larger than 4 GiB of which little is in use, on both sides of that line: what each side holds beyond the guest's RAM
 * and beyond what it held before, at most. A page of zeroes must cost no memory at the destination.
 */

import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { numberAt, stringAt } from './document.ts'
import { withPair } from './pair.ts'
import { awaitCompleted, finalInfo, type Machine, MEMORY_DIRECTORY, setUp } from './qemu.ts'
import { Scratch } from './scratch.ts'
import { servingAvailable, startServing } from './serving.ts'

/** Of so many stretches of 2 MiB one has contents. */
const SPARSE_EVERY = 36
const STRETCH_BYTES = 2 * 2 ** 20

const contentBytes = (sizeBytes: number): number =>
  Math.floor(sizeBytes / (SPARSE_EVERY * STRETCH_BYTES)) * STRETCH_BYTES

const migrate = async (source: Machine, destination: Machine, { sizeBytes, signal }: RunOptions): Promise<Figure> => {
  const sides = [source, destination] as const
  await setUp(sides)
  const uri = String(await destination.qmp.execute('x-switchover-address'))
  const before = sides.map(({ process }) => process.memoryBytes('VmRSS'))
  for (const { process } of sides) process.resetPeak()
  const cpuSeconds = (): number => source.process.cpuSeconds() + destination.process.cpuSeconds()
  const cpuBefore = cpuSeconds()
  await source.qmp.execute('migrate', { uri })
  await awaitCompleted('source', source)
  const info = await finalInfo(source.qmp, signal)
  const cpuAfter = cpuSeconds()
  const [here = 0, there = 0] = sides.map(({ process }, side) => process.memoryBytes('VmHWM') - before[side]!)
  const digests = await Promise.all(sides.map(({ qmp }) => qmp.execute('x-switchover-memory')))
  return {
    totalMillis: numberAt(info, 'total-time'),
    downtimeMillis: numberAt(info, 'downtime'),
    cpuSeconds: cpuAfter - cpuBefore,
    bytes: numberAt(info, 'ram', 'transferred'),
    verified: stringAt(digests[0], 'sha256') === stringAt(digests[1], 'sha256'),
    // The guest's own pages are in the memory of the source from the beginning, and arrive in that of the destination.
    beyondBytes: { source: here, destination: there - contentBytes(sizeBytes) },
  }
}

const ours: Contender = {
  name: 'switchover',
  available: servingAvailable,
  run: async (options) => {
    const scratch = new Scratch(MEMORY_DIRECTORY)
    try {
      const guest = `write:seed=${options.seed},rate=0,size=${options.sizeBytes / 2 ** 20}M,sparse=${SPARSE_EVERY}`
      return await withPair(
        (side) => startServing(side, guest, scratch, options),
        (source, destination) => migrate(source, destination, options),
      )
    } finally {
      scratch.remove()
    }
  },
}

export const sparse: Benchmark = {
  name: 'sparse',
  summary: 'a guest across the 4 GiB line, of 72 MiB 2 in use: memory beyond its RAM',
  size: '4608M',
  contenders: [ours],
}
