/**
 * A recording of a real guest's memory, and its loader: the whole memory at the start and, step by step, the pages that
 * changed. A recording is a directory of three files.
 *
 * ```
 * base.ram.xz     guest physical memory from address 0, raw
 * deltas.bin.xz   the steps; a step is little-endian: u32 pages, u32 guest milliseconds,
 *                 then for each page u32 page number and its 4096 bytes
 * meta.json       { mode, memory_bytes, page_bytes, sha256_base, steps: [{ dirty_pages, guest_ms, sha256_after }] }
 * ```
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import xz from 'xz-decompress'
import { RecordingError } from './memory-error.ts'
import { PAGE_BYTES } from './ram-block.ts'

/** Largest memory of a recording, and largest total of its deltas: 16 GiB each. */
export const RECORDING_BYTES_MAX = 2 ** 34

/** Longest `meta.json` in bytes. */
export const RECORDING_META_BYTES_MAX = 16 * 2 ** 20

const STEP_HEADER_BYTES = 8
/** Bytes of one page in the deltas: its number and its contents. */
export const RECORDED_PAGE_BYTES = 4 + PAGE_BYTES

export interface RecordingStep {
  readonly pageCount: number
  /** Guest running time this step took, in milliseconds, >= 1. */
  readonly guestMillis: number
  /** Where in `deltas` the step's first page record starts, in bytes. */
  readonly offset: number
  /** SHA-256 of the whole memory after the step, hex. */
  readonly sha256After: string
}

/** A loaded recording; plain data over shared memory, so it can be handed to a worker without a copy. */
export interface Recording {
  /** What the guest was doing, as the recorder called it. */
  readonly mode: string
  /** A multiple of 4096. */
  readonly memoryBytes: number
  /** SHA-256 of `base`, hex: the identity of the recording. */
  readonly sha256Base: string
  /** The memory at the start; absent if it was not asked for. */
  readonly base: SharedArrayBuffer | undefined
  /** The steps, checked: every page number lies in the memory and every step has as many pages as `meta.json` says. */
  readonly deltas: SharedArrayBuffer
  readonly steps: readonly RecordingStep[]
}

export interface LoadRecordingOptions {
  /**
   * Also load the memory at the start. Default true; a destination, whose memory arrives by migration, needs only the steps
   * and saves the time and the room.
   */
  readonly base?: boolean
}

/**
 * Loads and checks a recording; 96 MiB take about 3 s.
 * @throws RecordingError (as a rejection) when a file is missing, is no xz, is damaged, too short or too long, or has other
 *   contents than `meta.json` says.
 */
export async function loadRecording(directory: string, options: LoadRecordingOptions = {}): Promise<Recording> {
  const meta = await loadMeta(join(directory, 'meta.json'))
  const deltasPath = join(directory, 'deltas.bin.xz')
  const deltas = await inflate(deltasPath, meta.deltasBytes)
  const steps = checkSteps(deltasPath, deltas, meta)
  const base = (options.base ?? true) ? await loadBase(join(directory, 'base.ram.xz'), meta) : undefined
  return { mode: meta.mode, memoryBytes: meta.memoryBytes, sha256Base: meta.sha256Base, base, deltas, steps }
}

interface Meta {
  readonly mode: string
  readonly memoryBytes: number
  readonly sha256Base: string
  readonly steps: readonly { readonly pageCount: number; readonly sha256After: string }[]
  /** Bytes of the deltas that such steps make. */
  readonly deltasBytes: number
}

async function loadMeta(path: string): Promise<Meta> {
  const size = await withFile(path, async () => (await stat(path)).size)
  if (size > RECORDING_META_BYTES_MAX)
    throw new RecordingError(path, `at most ${RECORDING_META_BYTES_MAX} bytes`, `${size} bytes`)
  const text = await withFile(path, async () => readFile(path, 'utf8'))
  let meta: unknown
  try {
    meta = JSON.parse(text)
  } catch (cause) {
    throw new RecordingError(path, 'JSON', cause instanceof Error ? cause.message : String(cause), { cause })
  }
  const take = <Value>(source: unknown, key: string, where: string, expected: string, is: Is<Value>): Value => {
    const value: unknown = typeof source === 'object' && source !== null ? Reflect.get(source, key) : undefined
    if (is(value)) return value
    throw new RecordingError(`${where}${key} in ${path}`, expected, JSON.stringify(value) ?? 'nothing')
  }
  const memoryBytes = take(meta, 'memory_bytes', '', `whole pages, at most ${RECORDING_BYTES_MAX} bytes`, isMemoryBytes)
  take(meta, 'page_bytes', '', `${PAGE_BYTES}`, (value): value is number => value === PAGE_BYTES)
  const steps = take(meta, 'steps', '', 'a list of steps', (value): value is unknown[] => Array.isArray(value)).map(
    (step, index) => {
      const where = `steps[${index}].`
      const pagesMax = memoryBytes / PAGE_BYTES
      return {
        pageCount: take(step, 'dirty_pages', where, `an integer in 0 .. ${pagesMax}`, isInteger(0, pagesMax)),
        sha256After: take(step, 'sha256_after', where, '64 hex digits', isSha256),
      }
    },
  )
  let deltasBytes = 0
  for (const step of steps) deltasBytes += STEP_HEADER_BYTES + step.pageCount * RECORDED_PAGE_BYTES
  if (deltasBytes > RECORDING_BYTES_MAX)
    throw new RecordingError(`steps in ${path}`, `at most ${RECORDING_BYTES_MAX} bytes in all`, `${deltasBytes} bytes`)
  return {
    mode: take(meta, 'mode', '', 'a string', (value): value is string => typeof value === 'string'),
    memoryBytes,
    sha256Base: take(meta, 'sha256_base', '', '64 hex digits', isSha256),
    steps,
    deltasBytes,
  }
}

async function loadBase(path: string, meta: Meta): Promise<SharedArrayBuffer> {
  const hash = createHash('sha256')
  const base = await inflate(path, meta.memoryBytes, (chunk) => hash.update(chunk))
  const found = hash.digest('hex')
  if (found !== meta.sha256Base) throw new RecordingError(`SHA-256 of ${path}`, meta.sha256Base, found)
  return base
}

/** Walks the deltas and holds them against the meta data, so that the guest may trust every number in them. */
function checkSteps(path: string, deltas: SharedArrayBuffer, meta: Meta): RecordingStep[] {
  const view = new DataView(deltas)
  const pages = meta.memoryBytes / PAGE_BYTES
  let offset = 0
  return meta.steps.map((step, index) => {
    const [pageCount, guestMillis] = [view.getUint32(offset, true), view.getUint32(offset + 4, true)]
    // The time is the delta's own: a recorder may have rounded the one in meta.json otherwise.
    if (pageCount !== step.pageCount || guestMillis === 0)
      throw new RecordingError(
        `step ${index} of ${path}`,
        `${step.pageCount} pages as in meta.json and 1 ms or more`,
        `${pageCount} pages and ${guestMillis} ms`,
      )
    const start = offset + STEP_HEADER_BYTES
    offset = start + pageCount * RECORDED_PAGE_BYTES
    for (let record = start; record < offset; record += RECORDED_PAGE_BYTES) {
      const page = view.getUint32(record, true)
      if (page >= pages) throw new RecordingError(`page in step ${index} of ${path}`, `below ${pages}`, `${page}`)
    }
    return { pageCount, guestMillis, offset: start, sha256After: step.sha256After }
  })
}

const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])

/** Unpacks an xz file of exactly that many bytes; never holds more than that and one chunk. */
async function inflate(
  path: string,
  expectedBytes: number,
  observe: (chunk: Uint8Array) => void = () => {},
): Promise<SharedArrayBuffer> {
  await checkMagic(path)
  const file = createReadStream(path, { highWaterMark: 2 ** 20 })
  const bytes = new Uint8Array(new SharedArrayBuffer(expectedBytes))
  let length = 0
  try {
    const packed = Readable.toWeb(file) as ConstructorParameters<typeof xz.XzReadableStream>[0]
    // The DOM's stream type has no iterator; at run time both are Node's.
    const unpacked = new xz.XzReadableStream(packed) as unknown as ReadableStream<Uint8Array>
    for await (const chunk of unpacked) {
      if (length + chunk.length > expectedBytes) {
        length += chunk.length
        break
      }
      bytes.set(chunk, length)
      observe(chunk)
      length += chunk.length
    }
  } catch (cause) {
    const found = `${cause instanceof Error ? cause.message : String(cause)} after ${length} bytes`
    throw new RecordingError(path, `xz data of ${expectedBytes} bytes`, found, { cause })
  } finally {
    file.destroy()
  }
  if (length === expectedBytes) return bytes.buffer
  const found = length < expectedBytes ? `${length} bytes` : `more than ${expectedBytes} bytes`
  throw new RecordingError(path, `xz data of ${expectedBytes} bytes`, found)
}

async function checkMagic(path: string): Promise<void> {
  const start = await withFile(path, async () => {
    const file = await open(path)
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(XZ_MAGIC.length), 0, XZ_MAGIC.length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  })
  if (!start.equals(XZ_MAGIC))
    throw new RecordingError(path, `an xz file (starts ${XZ_MAGIC.toString('hex')})`, `starts ${start.toString('hex')}`)
}

/** Turns the system's refusal (no such file, no permission) into a typed error. */
async function withFile<Result>(path: string, use: () => Promise<Result>): Promise<Result> {
  try {
    return await use()
  } catch (cause) {
    throw new RecordingError(path, 'a readable file', cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

type Is<Value> = (value: unknown) => value is Value

function isInteger(minimum: number, maximum: number): Is<number> {
  return (value): value is number => Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum
}

function isMemoryBytes(value: unknown): value is number {
  return isInteger(PAGE_BYTES, RECORDING_BYTES_MAX)(value) && value % PAGE_BYTES === 0
}

function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
