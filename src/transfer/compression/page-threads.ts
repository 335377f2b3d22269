/**
 * Threads that deflate or inflate pages beside an engine: QEMU's compress-threads and decompress-threads. An engine gives
 * them pages, goes on, and takes back what has been done; it never has to know how many there are or where they run.
 *
 * Two pages of the same address must never be under way together, as it is not said which is done first: whoever gives them
 * has all taken back before an address can come again, which is at the end of a pass.
 */
import { pageDeflater, pageInflater } from '../../wire/compression.ts'
import { PAGE_BYTES } from '../../wire/constants.ts'

/** `deflate`: pages into zlib streams; `inflate`: back. */
export type PageWork = 'deflate' | 'inflate'

/** What came of a page. Its bytes are valid until the call that they are handed to returns. */
export interface WorkedPage {
  readonly block: number
  /** Byte offset in the block. */
  readonly offset: number
  /** What was given, as it was then. */
  readonly input: Uint8Array
  /** The zlib stream or the page; empty where there is a fault. */
  readonly output: Uint8Array
  /** What is wrong with a zlib stream. */
  readonly fault?: string
}

/** See the head of this file. */
export interface PageThreads {
  /** Pages that were given and have not been taken back. */
  readonly pending: number
  /**
   * Gives `bytes[at .. at + length)`, of which a copy is made: a page, or the zlib stream of one. False: no thread can take
   * it now. `level` is zlib's, 0 to 9, for pages.
   */
  give(block: number, offset: number, bytes: Uint8Array, at: number, length: number, level: number): boolean
  /** Takes back at most `limit` pages that are done; tells how many there were. */
  take(each: (page: WorkedPage) => void, limit: number): number
  /** Waits until something is done. @throws Error if nothing has been for {@link PATIENCE_MILLIS} */
  wait(): void
  /** Another number of threads, from the next page on. */
  resize(count: number): void
  /** Ends them, whatever they have. */
  close(): void
}

/** How long a page may take: a thread that takes longer is not there any more. */
export const PATIENCE_MILLIS = 10_000

/** Takes back one page, for which it waits. @throws Error if there is none */
export const takeOne = (threads: PageThreads, each: (page: WorkedPage) => void): void => {
  if (threads.take(each, 1) > 0) return
  threads.wait()
  if (threads.take(each, 1) === 0) throw new Error('the threads for pages have nothing under way')
}

/** Makes them: `count` at most, of one kind. */
export type MakePageThreads = (work: PageWork, count: number) => PageThreads

/** What a thread does with a page: the bytes, or what is wrong with those given. Valid until the next call. */
export const pageWorker = (work: PageWork): ((input: Uint8Array, level: number) => Uint8Array | string) => {
  if (work === 'inflate') {
    const inflate = pageInflater()
    return (input) => {
      const page = inflate(input, 0, input.length)
      return typeof page === 'string' ? page : page.subarray(0, PAGE_BYTES)
    }
  }
  const byLevel = new Map<number, ReturnType<typeof pageDeflater>>()
  return (input, level) => {
    const known = byLevel.get(level) ?? pageDeflater(level)
    byLevel.set(level, known)
    return known(input, 0)
  }
}

interface Given {
  readonly block: number
  readonly offset: number
  readonly input: Uint8Array
  readonly level: number
}

/**
 * The same without threads, for an engine that shares its thread with others, and for a simulated clock: always alike. As
 * many pages are under way as there would be threads, and each is done when it has been asked for twice.
 */
export class InlinePageThreads implements PageThreads {
  readonly #work: (input: Uint8Array, level: number) => Uint8Array | string
  readonly #given: Given[] = []
  #count: number
  #looks = 0

  constructor(work: PageWork, count: number) {
    this.#work = pageWorker(work)
    this.#count = count
  }

  get pending(): number {
    return this.#given.length
  }

  give(block: number, offset: number, bytes: Uint8Array, at: number, length: number, level: number): boolean {
    if (this.#given.length >= this.#count) return false
    // A Buffer's slice would be no copy.
    const input = Uint8Array.from(bytes.subarray(at, at + length))
    this.#given.push({ block, offset, input, level })
    return true
  }

  take(each: (page: WorkedPage) => void, limit: number): number {
    if (this.#given.length === 0 || limit === 0 || ++this.#looks < 2) return 0
    this.#looks = 0
    const { block, offset, input, level } = this.#given.shift()!
    const output = this.#work(input, level)
    each(
      typeof output === 'string'
        ? { block, offset, input, output: new Uint8Array(0), fault: output }
        : { block, offset, input, output },
    )
    return 1
  }

  wait(): void {
    this.#looks = 1
  }

  resize(count: number): void {
    this.#count = count
  }

  close(): void {
    this.#given.length = 0
  }
}
