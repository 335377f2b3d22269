/** Dirty logs that lose what they should keep, and keep what they should forget. */
import { DirtyBitmap, GuestMemory, type Drained } from '../../src/memory/index.ts'

const setPages = (bitmap: DirtyBitmap): readonly number[] => {
  const pages: number[] = []
  for (let page = bitmap.next(0); page < bitmap.pageCount; page = bitmap.next(page + 1)) pages.push(page)
  return pages
}

/** The same memory with another log before it. */
export const withLog = (memory: GuestMemory, logOf: (log: DirtyBitmap) => DirtyBitmap): GuestMemory =>
  new GuestMemory(memory.blocks, memory.log.map(logOf), memory.toShared().control)

/** Loses the mark of a page that was written after it was read in the same pass. */
export class ForgetfulLog extends DirtyBitmap {
  #begun: readonly number[] = []

  constructor(log: DirtyBitmap) {
    super(log.pageCount, log.toShared().buffer)
  }

  override drainInto(target: DirtyBitmap): Drained {
    for (const page of this.#begun) if (!target.test(page)) this.clear(page)
    const drained = super.drainInto(target)
    this.#begun = setPages(target)
    return drained
  }
}

/** What a run that was given up had still to send, by the memory it was of. */
const leftovers = new WeakMap<SharedArrayBuffer, DirtyBitmap>()

/** Begins a run with what the last one of the same memory had left, instead of with all pages. */
export class StaleLog extends DirtyBitmap {
  readonly #key: SharedArrayBuffer
  #started = false

  constructor(log: DirtyBitmap) {
    super(log.pageCount, log.toShared().buffer)
    this.#key = log.toShared().buffer
  }

  override drainInto(target: DirtyBitmap): Drained {
    const left = leftovers.get(this.#key)
    const isFirst = !this.#started
    this.#started = true
    leftovers.set(this.#key, target)
    if (!isFirst || left === undefined) return super.drainInto(target)
    const before = target.count()
    target.clearAll()
    for (const page of setPages(left)) target.set(page)
    const { reported } = super.drainInto(target)
    return { reported, added: target.count() - before }
  }
}
