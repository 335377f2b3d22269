/**
 * Damages a subject, many times over, and decodes it. What must come of it, every time: a StreamError that says where, what
 * was expected and what was found; or a decode that keeps every promise. Never another error, a hang, or more memory than
 * the input accounts for. And the same whether the bytes come in one piece or in several.
 */
import { counterHash } from '../../src/memory/hash.ts'
import { StreamError } from '../../src/wire/index.ts'
import { Random } from '../random.ts'
import { PromiseBroken } from './call-digest.ts'
import { mutate, MUTATIONS, type MutationKind } from './mutate.ts'
import type { FuzzSubject } from './subject.ts'

/**
 * Memory that decoding may take beyond the input, all garbage included: a buffer that grows by doubling takes twice what it
 * holds at last, and an input is collected at most twice (package or tail, and a device of it). Plus contexts of
 * decompression and buffers of fixed size.
 */
export const MEMORY_FACTOR = 8
export const MEMORY_BYTES = 16 * 1024 * 1024
/** JavaScript objects: parsed descriptions, block lists. JSON takes up to fifty times its length. */
export const HEAP_FACTOR = 64
export const HEAP_BYTES = 64 * 1024 * 1024
/** Longest decode of one input; a healthy one takes milliseconds. */
export const CASE_MILLIS_MAX = 5000

export type Outcome = 'refused' | 'decoded'

export interface FuzzViolation {
  readonly subject: string
  readonly seed: number
  readonly number: number
  readonly kinds: readonly MutationKind[]
  /** What is wrong, in a sentence. */
  readonly what: string
  readonly token: string
}

export interface FuzzResult {
  readonly subject: string
  readonly inputBytes: number
  readonly cases: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  readonly kinds: Readonly<Record<MutationKind, number>>
  /** Places in the input at which it was refused: how many different ones, as a share of what was refused. */
  readonly refusalPlaces: number
  readonly slowestMillis: number
  /** Most memory that one decode took, all garbage included. */
  readonly memoryBytesMax: number
  readonly heapBytesMax: number
  readonly violation?: FuzzViolation
}

const PREFIX = 'switchover-fuzz'

export const formatFuzzToken = (subject: string, seed: number, number: number): string =>
  `${PREFIX}:${subject}:${seed}:${number}`

/** Reads a token back, out of a line of other text too. */
export const parseFuzzToken = (
  text: string,
): { readonly subject: string; readonly seed: number; readonly number: number } | undefined => {
  const [, subject, seed, number] = /switchover-fuzz:([^:\s]+):(\d+):(\d+)/.exec(text) ?? []
  return subject === undefined ? undefined : { subject, seed: Number(seed), number: Number(number) }
}

const nameHash = (name: string): number =>
  [...name].reduce((hash, character) => counterHash(hash >>> 0, character.charCodeAt(0), 0), 1)

interface FuzzCase {
  readonly inputs: readonly Uint8Array[]
  readonly cuts: readonly (readonly number[])[]
  readonly kinds: readonly MutationKind[]
}

/** Case `number` of a subject: a pure function of both and the seed. */
const makeCase = (subject: FuzzSubject, seed: number, number: number): FuzzCase => {
  const random = new Random(counterHash(seed, number, nameHash(subject.name)))
  const chosen = random.integer(0, subject.inputs.length - 1)
  const { bytes, kinds } = mutate(subject.inputs[chosen]!, subject.structures[chosen]!, random)
  const inputs = subject.inputs.map((input, index) => (index === chosen ? bytes : input))
  const cuts = inputs.map((input) =>
    Array.from({ length: random.integer(1, 3) }, () => random.integer(0, input.length)).sort((a, b) => a - b),
  )
  return { inputs, cuts, kinds }
}

interface Decoding {
  readonly outcome: Outcome
  /** Digest of what was told, or the refusal. */
  readonly result: string
  readonly error?: StreamError
}

const decode = (subject: FuzzSubject, { inputs }: FuzzCase, cuts: FuzzCase['cuts']): Decoding => {
  try {
    return { outcome: 'decoded', result: subject.decode(inputs, cuts) }
  } catch (error) {
    if (error instanceof StreamError) return { outcome: 'refused', result: error.message, error }
    throw error
  }
}

/** What is wrong with an error, if anything is. */
const faultOf = (
  { offset, expected, found, message }: StreamError,
  inputs: readonly Uint8Array[],
): string | undefined => {
  const longest = Math.max(...inputs.map(({ length }) => length))
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > longest)
    return `place ${offset} of ${longest} bytes: ${message}`
  if (expected === '' || found === '') return `it does not say what was expected or found: ${message}`
  return undefined
}

/** Whether both came to the same. With several channels, which of two faults is met first depends on the pieces. */
const agree = (subject: FuzzSubject, whole: Decoding, pieces: Decoding): boolean =>
  whole.outcome === pieces.outcome &&
  (whole.result === pieces.result || (subject.inputs.length > 1 && whole.outcome === 'refused'))

interface Measured {
  readonly whole: Decoding
  readonly fault: string | undefined
  readonly millis: number
  readonly memoryBytes: number
  readonly heapBytes: number
}

const runCase = (subject: FuzzSubject, fuzzCase: FuzzCase): Measured => {
  const before = process.memoryUsage()
  const started = performance.now()
  const whole = decode(subject, fuzzCase, [])
  const millis = performance.now() - started
  const after = process.memoryUsage()
  const pieces = decode(subject, fuzzCase, fuzzCase.cuts)
  const memoryBytes = after.arrayBuffers - before.arrayBuffers
  const heapBytes = after.heapUsed - before.heapUsed
  const inputBytes = fuzzCase.inputs.reduce((sum, { length }) => sum + length, 0)
  const fault =
    (whole.error === undefined ? undefined : faultOf(whole.error, fuzzCase.inputs)) ??
    (agree(subject, whole, pieces) ? undefined : `in one piece ${whole.result}; in pieces ${pieces.result}`) ??
    (memoryBytes > MEMORY_FACTOR * inputBytes + MEMORY_BYTES ? `${memoryBytes} bytes of buffers` : undefined) ??
    (heapBytes > HEAP_FACTOR * inputBytes + HEAP_BYTES ? `${heapBytes} bytes of objects` : undefined) ??
    (millis > CASE_MILLIS_MAX ? `${Math.round(millis)} ms` : undefined)
  return { whole, fault, millis, memoryBytes, heapBytes }
}

export interface FuzzOptions {
  readonly seed: number
  /** Number of the first case, and of cases. */
  readonly first?: number
  readonly cases: number
  /** Told before a case begins, so that somebody else can notice that it does not end. */
  readonly onCase?: (number: number) => void
}

/** Runs cases of one subject, up to the first that breaks a promise. */
export const fuzz = (subject: FuzzSubject, { seed, first = 0, cases, onCase }: FuzzOptions): FuzzResult => {
  const outcomes = { refused: 0, decoded: 0 }
  const kinds = Object.fromEntries(MUTATIONS.map((kind) => [kind, 0])) as Record<MutationKind, number>
  const places = new Set<number>()
  let slowestMillis = 0
  let memoryBytesMax = 0
  let heapBytesMax = 0
  let violation: FuzzViolation | undefined
  let done = 0
  for (; done < cases && violation === undefined; done++) {
    const number = first + done
    onCase?.(number)
    const fuzzCase = makeCase(subject, seed, number)
    const violated = (what: string): FuzzViolation => ({
      subject: subject.name,
      seed,
      number,
      kinds: fuzzCase.kinds,
      what,
      token: formatFuzzToken(subject.name, seed, number),
    })
    for (const kind of fuzzCase.kinds) kinds[kind]++
    try {
      const measured = runCase(subject, fuzzCase)
      outcomes[measured.whole.outcome]++
      if (measured.whole.error !== undefined) places.add(measured.whole.error.offset)
      slowestMillis = Math.max(slowestMillis, measured.millis)
      memoryBytesMax = Math.max(memoryBytesMax, measured.memoryBytes)
      heapBytesMax = Math.max(heapBytesMax, measured.heapBytes)
      if (measured.fault !== undefined) violation = violated(measured.fault)
    } catch (error) {
      const name = error instanceof PromiseBroken ? 'a promise broken' : 'another error than StreamError'
      violation = violated(`${name}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  return {
    subject: subject.name,
    inputBytes: subject.inputs.reduce((sum, { length }) => sum + length, 0),
    cases: done,
    outcomes,
    kinds,
    refusalPlaces: places.size,
    slowestMillis,
    memoryBytesMax,
    heapBytesMax,
    ...(violation === undefined ? {} : { violation }),
  }
}
