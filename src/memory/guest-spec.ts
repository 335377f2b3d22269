/**
 * The guest option of the command line: which guest to run, in one string.
 *
 * ```
 * write:seed=1,rate=20000,working-set=64M,size=256M    a guest that keeps writing (these are the defaults)
 * write:packets=1000,noise=50,disk=16M,disk-rate=100   one that also sends (defaults: nothing)
 * write:wipe=5                                         one of whose pages each 5th operation is cleared or filled whole
 * write:size=4608M,sparse=36                           one of which 2 MiB of 72 have contents at first, and the rest are zero
 * image:DIR                                            a guest replayed from a recording
 * ```
 */
import { GuestSpecError, SizeError } from './memory-error.ts'
import { BLOCK_BYTES_MAX, PAGE_BYTES } from './ram-block.ts'
import { formatSize, parseSize } from './size.ts'

/** A `WritingGuest` and the size of its memory. */
export interface WritingGuestSpec {
  readonly kind: 'write'
  /** Safe integer >= 0. */
  readonly seed: number
  /** Operations a second, >= 0. */
  readonly pagesPerSecond: number
  /** Whole pages, at most `memoryBytes`. */
  readonly workingSetBytes: number
  /** Whole pages, at most 2^44 bytes. */
  readonly memoryBytes: number
  /** As `WritingGuestOptions` has it; default 0. */
  readonly wipeEvery?: number
  /** Of so many stretches of {@link SPARSE_BYTES} the last has contents at first; >= 1, default 1. */
  readonly sparseEvery?: number
  /** As `GuestOutputOptions` has them; default 0. */
  readonly packetsPerSecond?: number
  readonly noiseEvery?: number
  readonly diskBytes?: number
  readonly diskWritesPerSecond?: number
}

/** A `RecordedGuest`; its memory is as large as its recording says. */
export interface RecordedGuestSpec {
  readonly kind: 'image'
  /** Where the recording is. */
  readonly directory: string
}

export type GuestSpec = WritingGuestSpec | RecordedGuestSpec

/** What `write:` alone means; the working set is smaller where the memory is. */
export const WRITING_GUEST_DEFAULTS: WritingGuestSpec = {
  kind: 'write',
  seed: 1,
  pagesPerSecond: 20_000,
  workingSetBytes: 64 * 2 ** 20,
  memoryBytes: 256 * 2 ** 20,
}

/** Unit of a sparse guest's contents. */
export const SPARSE_BYTES = 2 * 2 ** 20

const OPTIONS = [
  'seed',
  'rate',
  'working-set',
  'size',
  'sparse',
  'wipe',
  'packets',
  'noise',
  'disk',
  'disk-rate',
] as const
type Option = (typeof OPTIONS)[number]

/** @throws GuestSpecError, which says what would have been accepted. */
export function parseGuestSpec(text: string): GuestSpec {
  const colon = text.indexOf(':')
  const kind = colon === -1 ? text : text.slice(0, colon)
  const rest = colon === -1 ? '' : text.slice(colon + 1)
  if (kind === 'write') return parseWriting(rest)
  if (kind !== 'image')
    throw new GuestSpecError('guest', `write:${OPTIONS.join('=,')}= or image:DIR`, JSON.stringify(text))
  if (rest === '')
    throw new GuestSpecError('guest', 'image:DIR with the directory of a recording', JSON.stringify(text))
  return { kind, directory: rest }
}

/** The option string of a spec, which `parseGuestSpec` reads back. */
export function formatGuestSpec(spec: GuestSpec): string {
  if (spec.kind === 'image') return `image:${spec.directory}`
  const { seed, pagesPerSecond, workingSetBytes, memoryBytes } = spec
  const sizes = `working-set=${formatSize(workingSetBytes)},size=${formatSize(memoryBytes)}`
  return `write:seed=${seed},rate=${pagesPerSecond},${sizes}${formatRest(spec)}`
}

const formatRest = (spec: WritingGuestSpec): string =>
  Object.entries({
    sparse: spec.sparseEvery,
    wipe: spec.wipeEvery,
    packets: spec.packetsPerSecond,
    noise: spec.noiseEvery,
    disk: spec.diskBytes === undefined ? undefined : formatSize(spec.diskBytes),
    'disk-rate': spec.diskWritesPerSecond,
  })
    .map(([name, value]) => (value === undefined ? '' : `,${name}=${value}`))
    .join('')

function parseWriting(text: string): WritingGuestSpec {
  const given = options(text)
  const defaults = WRITING_GUEST_DEFAULTS
  const memoryBytes = pages('size', given.get('size'), defaults.memoryBytes, BLOCK_BYTES_MAX)
  const workingSetDefault = Math.min(defaults.workingSetBytes, memoryBytes)
  const pagesPerSecond = integer('rate', given.get('rate'), defaults.pagesPerSecond)
  return {
    kind: 'write',
    seed: integer('seed', given.get('seed'), defaults.seed),
    pagesPerSecond,
    workingSetBytes: pages('working-set', given.get('working-set'), workingSetDefault, memoryBytes),
    memoryBytes,
    ...(given.has('wipe') ? { wipeEvery: integer('wipe', given.get('wipe'), 0) } : {}),
    ...sparse(given.get('sparse')),
    ...output(given, pagesPerSecond),
  }
}

function sparse(text: string | undefined): Pick<WritingGuestSpec, 'sparseEvery'> {
  if (text === undefined) return {}
  const sparseEvery = integer('sparse', text, 1)
  if (sparseEvery >= 1) return { sparseEvery }
  throw new GuestSpecError('sparse of a writing guest', 'a whole number >= 1', JSON.stringify(text))
}

/** What is sent, at most once an operation. */
function output(
  given: ReadonlyMap<Option, string>,
  pagesPerSecond: number,
): Pick<WritingGuestSpec, 'packetsPerSecond' | 'noiseEvery' | 'diskBytes' | 'diskWritesPerSecond'> {
  const rate = (option: 'packets' | 'disk-rate'): number => {
    const text = given.get(option)
    const value = integer(option, text, 0)
    if (value <= pagesPerSecond) return value
    const expected = `a whole number from 0 to its rate of ${pagesPerSecond}`
    throw new GuestSpecError(`${option} of a writing guest`, expected, JSON.stringify(text))
  }
  if (given.has('disk-rate') && !given.has('disk'))
    throw new GuestSpecError('disk-rate of a writing guest', 'disk= beside it', 'none')
  return {
    ...(given.has('packets') ? { packetsPerSecond: rate('packets') } : {}),
    ...(given.has('noise') ? { noiseEvery: integer('noise', given.get('noise'), 0) } : {}),
    ...(given.has('disk') ? { diskBytes: pages('disk', given.get('disk'), 0, BLOCK_BYTES_MAX) } : {}),
    ...(given.has('disk-rate') ? { diskWritesPerSecond: rate('disk-rate') } : {}),
  }
}

function options(text: string): Map<Option, string> {
  const given = new Map<Option, string>()
  for (const part of text === '' ? [] : text.split(',')) {
    const equals = part.indexOf('=')
    const option = OPTIONS.find((candidate) => candidate === part.slice(0, Math.max(equals, 0)))
    if (option === undefined)
      throw new GuestSpecError('option of a writing guest', `${OPTIONS.join('=, ')}=`, JSON.stringify(part))
    if (given.has(option))
      throw new GuestSpecError('options of a writing guest', `${option} at most once`, JSON.stringify(text))
    given.set(option, part.slice(equals + 1))
  }
  return given
}

function integer(option: Option, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new GuestSpecError(`${option} of a writing guest`, 'a whole number >= 0', JSON.stringify(text))
}

function pages(option: Option, text: string | undefined, fallback: number, maximum: number): number {
  if (text === undefined) return fallback
  const expected = `a size of whole pages (multiples of ${formatSize(PAGE_BYTES)}), at most ${formatSize(maximum)}`
  try {
    const bytes = parseSize(text)
    if (bytes > 0 && bytes % PAGE_BYTES === 0 && bytes <= maximum) return bytes
  } catch (cause) {
    if (!(cause instanceof SizeError)) throw cause
  }
  throw new GuestSpecError(`${option} of a writing guest`, expected, JSON.stringify(text))
}
