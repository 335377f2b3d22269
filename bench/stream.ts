/**
 * The codec alone: how fast a stream of incompressible pages is decoded into RAM, looked through, and encoded from RAM,
 * within one process. Beside it the same bytes over a raw connection, and QEMU loading the same stream from a connection.
 * Whoever moves pages by this codec wants it far above both.
 */

import { statfs } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describeDevices, silentSink, StreamDecoder, StreamEncoder, type StreamSink } from '../src/wire/index.ts'
import type { Benchmark } from './benchmark.ts'
import { Child } from './child.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { digestOf, randomChunks, writeContents, zeroChunks } from './contents.ts'
import { numberAt } from './document.ts'
import {
  awaitCompleted,
  explained,
  isInstalled,
  listen,
  MEMORY_DIRECTORY,
  startMachine,
  stopMachine,
  version,
} from './qemu.ts'
import { raw } from './raw.ts'
import { Scratch } from './scratch.ts'

const SENDER = fileURLToPath(new URL('file-sender.ts', import.meta.url))
const PAGE_BYTES = 4096
/** What a reader hands to the decoder at once. */
const CHUNK_BYTES = 1 << 20
const RAM_SECTION = { id: 2, idstr: 'ram', instance: 0, version: 4 }
/** What QEMU calls the memory that bench/qemu.ts gives it. */
const BLOCK = 'ram'
const SPARE_BYTES = 64 << 20

/** Tells a sink a whole migration of this RAM in one pass. */
const tell = (sink: StreamSink, ram: Uint8Array): void => {
  sink.header({ machine: 'none' })
  sink.sectionStart(RAM_SECTION)
  sink.ramBlocks([{ name: BLOCK, usedLength: ram.length }])
  sink.ramEos(RAM_SECTION.id)
  sink.sectionEnd(RAM_SECTION.id)
  for (let offset = 0; offset < ram.length; offset += PAGE_BYTES) sink.page(0, offset, ram, offset)
  sink.ramEos(RAM_SECTION.id)
  sink.vmDescription({
    pageSize: PAGE_BYTES,
    devices: [],
    json: {},
    bytes: new TextEncoder().encode(describeDevices([])),
  })
  sink.end()
}

interface Material {
  readonly ram: Buffer
  readonly stream: Buffer
  readonly copy: Buffer
}

/** RAM, its stream, and room for a copy: made once for the whole series, as making them is no part of any figure. */
const materials = new Map<string, Material>()

const materialFor = ({ sizeBytes, seed }: Pick<RunOptions, 'sizeBytes' | 'seed'>): Material => {
  const key = `${sizeBytes} ${seed}`
  const known = materials.get(key)
  if (known !== undefined) return known
  const ram = Buffer.from(new SharedArrayBuffer(sizeBytes))
  let at = 0
  for (const chunk of randomChunks(seed, sizeBytes)) {
    ram.set(chunk, at)
    at += chunk.length
  }
  const stream = Buffer.from(new SharedArrayBuffer(sizeBytes + (sizeBytes / PAGE_BYTES) * 16 + 65_536))
  let length = 0
  const encoder = new StreamEncoder((bytes) => {
    stream.set(bytes, length)
    length += bytes.length
  })
  tell(encoder, ram)
  encoder.flush()
  const material = { ram, stream: stream.subarray(0, length), copy: Buffer.from(new SharedArrayBuffer(sizeBytes)) }
  material.copy.fill(1)
  materials.set(key, material)
  return material
}

const timed = (bytes: number, work: () => void, isRight?: () => boolean): Figure => {
  const cpu = process.cpuUsage()
  const started = performance.now()
  work()
  const totalMillis = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  const figure = { totalMillis, cpuSeconds: (user + system) / 1e6, bytes }
  return isRight === undefined ? figure : { ...figure, verified: isRight() }
}

/** Feeds a stream in chunks as a reader would, and has to come to its end. */
const decodeAll = (sink: StreamSink, stream: Buffer): void => {
  const decoder = new StreamDecoder(sink)
  let used = 0
  for (let end = CHUNK_BYTES; used < stream.length && !decoder.complete; end += CHUNK_BYTES) {
    used += decoder.feed(stream, used, Math.min(end, stream.length))
  }
  if (!decoder.complete) throw new Error('the decoder did not come to the end of the stream')
}

const inProcess = (name: string, run: (material: Material) => Figure): Contender => ({
  name,
  available: () => Promise.resolve(undefined),
  run: (options) => Promise.resolve(run(materialFor(options))),
})

const decode = inProcess('decode', ({ ram, stream, copy }) => {
  copy.fill(1)
  const sink: StreamSink = {
    ...silentSink,
    page: (_block, offset, _bytes, at) => void stream.copy(copy, offset, at, at + PAGE_BYTES),
  }
  return timed(
    stream.length,
    () => decodeAll(sink, stream),
    () => ram.equals(copy),
  )
})

const parse = inProcess('parse', ({ ram, stream }) => {
  let pages = 0
  const sink: StreamSink = { ...silentSink, page: () => void pages++ }
  return timed(
    stream.length,
    () => decodeAll(sink, stream),
    () => pages === ram.length / PAGE_BYTES,
  )
})

const encode = inProcess('encode', ({ ram, stream }) => {
  let length = 0
  return timed(
    stream.length,
    () => {
      const encoder = new StreamEncoder((bytes) => (length += bytes.length))
      tell(encoder, ram)
      encoder.flush()
    },
    () => length === stream.length,
  )
})

const loadOnce = async (
  files: { stream: string; source: string; memory: string },
  scratch: Scratch,
  options: RunOptions,
) => {
  const { signal } = options
  const destination = await startMachine('destination', files.memory, scratch, options)
  try {
    await destination.qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
    const port = await listen(destination.qmp)
    const cpuBefore = destination.process.cpuSeconds()
    const completed = awaitCompleted('destination', destination).then(() => performance.timeOrigin + performance.now())
    const sender = new Child('sender', process.execPath, [SENDER, files.stream, String(port)], signal)
    try {
      const startedMillis = numberAt(JSON.parse(await sender.nextLine()), 'startedMillis')
      const endedMillis = await completed
      const sent: unknown = JSON.parse(await sender.nextLine())
      return {
        totalMillis: endedMillis - startedMillis,
        cpuSeconds: destination.process.cpuSeconds() - cpuBefore,
        bytes: numberAt(sent, 'sent'),
      }
    } finally {
      await sender.stop()
    }
  } catch (error) {
    throw await explained(error as Error, [destination])
  } finally {
    await stopMachine(destination)
  }
}

const load = async (options: RunOptions): Promise<Figure> => {
  const { sizeBytes, seed, signal } = options
  const scratch = new Scratch(MEMORY_DIRECTORY)
  try {
    const { ram, stream } = materialFor(options)
    const files = {
      stream: scratch.file('stream'),
      source: scratch.file('source.ram'),
      memory: scratch.file('guest.ram'),
    }
    await writeContents(files.stream, chunksOf(stream), signal)
    await writeContents(files.source, randomChunks(seed, sizeBytes), signal)
    await writeContents(files.memory, zeroChunks(sizeBytes), signal)
    const figure = await loadOnce(files, scratch, options)
    const verified = (await digestOf(files.source, signal)) === (await digestOf(files.memory, signal))
    return { ...figure, verified: verified && ram.length === sizeBytes }
  } finally {
    scratch.remove()
  }
}

function* chunksOf(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}

const availableHere = async ({ sizeBytes }: Pick<RunOptions, 'sizeBytes'>): Promise<string | undefined> => {
  if (!(await isInstalled())) return 'qemu-system-x86_64 is not in PATH (Debian: apt-get install qemu-system-x86)'
  const { bavail, bsize } = await statfs(MEMORY_DIRECTORY)
  const needBytes = 3 * sizeBytes + SPARE_BYTES
  return bavail * bsize >= needBytes ? undefined : `${MEMORY_DIRECTORY} has less than ${needBytes} bytes free`
}

const qemuLoad: Contender = { name: 'qemu', available: availableHere, version, run: load }

export const stream: Benchmark = {
  name: 'stream',
  summary: 'the codec: decode into RAM, look through, encode from RAM; and QEMU loading the same stream',
  contenders: [raw, qemuLoad, decode, parse, encode],
}
