/**
 * How long a manager waits for `query-migrate` while a transfer takes all there is: one that asks, and asks again with every
 * answer, for as long as the migration lasts. No rate is of interest here.
 */

import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { randomChunks, writeContents, zeroChunks } from './contents.ts'
import { numberAt, stringAt } from './document.ts'
import { awaitCompleted, finalInfo, listen, type Machine, MEMORY_DIRECTORY, qemu, setUp, startMachine } from './qemu.ts'
import type { QmpClient } from './qmp.ts'
import { renderSamples } from './samples.ts'
import { Scratch } from './scratch.ts'
import { servingAvailable, startServing } from './serving.ts'
import { withPair } from './pair.ts'

/** Asks until the promise has settled. */
const askUntil = async (qmp: QmpClient, ended: Promise<unknown>): Promise<readonly number[]> => {
  const millis: number[] = []
  const over = new AbortController()
  const ending = ended.finally(() => over.abort())
  while (!over.signal.aborted) {
    const asked = performance.now()
    await qmp.execute('query-migrate')
    millis.push(performance.now() - asked)
  }
  await ending
  return millis
}

const migrate = async (source: Machine, destination: Machine, uri: string, signal: AbortSignal): Promise<Figure> => {
  const cpuSeconds = (): number => source.process.cpuSeconds() + destination.process.cpuSeconds()
  const cpuBefore = cpuSeconds()
  await source.qmp.execute('migrate', { uri })
  const ended = awaitCompleted('source', source)
  const samplesMillis = await askUntil(source.qmp, ended)
  const info = await finalInfo(source.qmp, signal)
  return {
    totalMillis: numberAt(info, 'total-time'),
    downtimeMillis: numberAt(info, 'downtime'),
    cpuSeconds: cpuSeconds() - cpuBefore,
    bytes: numberAt(info, 'ram', 'transferred'),
    samplesMillis,
  }
}

const runQemu = async (options: RunOptions): Promise<Figure> => {
  const { sizeBytes, seed, signal } = options
  const scratch = new Scratch(MEMORY_DIRECTORY)
  try {
    const memory = { source: scratch.file('source.ram'), destination: scratch.file('destination.ram') }
    await writeContents(memory.source, randomChunks(seed, sizeBytes), signal)
    await writeContents(memory.destination, zeroChunks(sizeBytes), signal)
    return await withPair(
      (side) => startMachine(side, memory[side], scratch, options),
      async (source, destination) => {
        await setUp([source, destination])
        return await migrate(source, destination, `tcp:127.0.0.1:${await listen(destination.qmp)}`, signal)
      },
    )
  } finally {
    scratch.remove()
  }
}

const runOurs = async (options: RunOptions): Promise<Figure> => {
  const { sizeBytes, seed, signal } = options
  const scratch = new Scratch(MEMORY_DIRECTORY)
  try {
    const guest = `write:seed=${seed},rate=0,size=${sizeBytes / 2 ** 20}M`
    return await withPair(
      (side) => startServing(side, guest, scratch, options),
      async (source, destination) => {
        await setUp([source, destination])
        const uri = await destination.qmp.execute('x-switchover-address')
        const figure = await migrate(source, destination, String(uri), signal)
        const [here, there] = await Promise.all(
          [source, destination].map(({ qmp }) => qmp.execute('x-switchover-memory')),
        )
        return { ...figure, verified: stringAt(here, 'sha256') === stringAt(there, 'sha256') }
      },
    )
  } finally {
    scratch.remove()
  }
}

const ours: Contender = { name: 'switchover', available: servingAvailable, run: runOurs }

export const answers: Benchmark = {
  name: 'answers',
  summary: 'query-migrate asked in a loop while incompressible RAM takes all of the channel',
  contenders: [{ ...qemu, run: runQemu }, ours],
  render: renderSamples,
}
