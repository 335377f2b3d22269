/**
 * Which pages of a guest are not here yet, while it runs: the memory layer's half of postcopy. A guest's access to one of them
 * is a page fault; each is noted once, is taken once by whoever asks the source for the page, and ends when the page arrives.
 * All of it is shared memory: the guest faults in its thread, the engine asks and places pages in its own.
 */
import { DirtyBitmap, type SharedDirtyBitmap } from './dirty-bitmap.ts'
import { FaultTimes } from './fault-times.ts'
import { MemoryRangeError } from './memory-error.ts'

/** A page, by the position of its block and its number in it. */
export interface PagePlace {
  readonly block: number
  readonly page: number
}

/** An access that has to wait: the page is not here. Not a defect; whoever runs the guest tries again when it has arrived. */
export class PageFault extends Error {
  override readonly name = 'PageFault'
  readonly _tag = 'PageFault'
  readonly block: number
  readonly page: number

  constructor({ block, page }: PagePlace) {
    super(`page ${page} of RAM block ${block} is missing`)
    this.block = block
    this.page = page
  }
}

/** Missing pages as `postMessage` carries them. */
export interface SharedMissingPages {
  readonly missing: readonly SharedDirtyBitmap[]
  readonly faulted: readonly SharedDirtyBitmap[]
  readonly control: SharedArrayBuffer
  readonly faultBell: SharedArrayBuffer
  readonly arrivalBell: SharedArrayBuffer
  readonly times: SharedArrayBuffer
}

/** Faults that are noted and not taken, at most: a guest has one vCPU, so one is the rule. */
const RING_SLOTS = 64
const ACTIVE = 0
const HEAD = 1
const TAIL = 2
/** Faults that were noted, in all. */
const NOTED = 3
const SLOTS = 4

export class MissingPages {
  /** Rung at every fault, for the engine that asks for pages. */
  readonly faultBell: SharedArrayBuffer
  /** Rung at every arrival of a page that the guest waits for. */
  readonly arrivalBell: SharedArrayBuffer
  /** How long faults have taken. */
  readonly times: FaultTimes
  /** Called on this thread at every fault that is noted on it. */
  onFault: (() => void) | undefined
  readonly #missing: readonly DirtyBitmap[]
  readonly #faulted: readonly DirtyBitmap[]
  /** Whether faults are taken; then a ring of places: head, tail, and two numbers a slot. */
  readonly #control: Int32Array<SharedArrayBuffer>

  /** No page is missing, or a view of what another thread knows. */
  constructor(pageCounts: readonly number[], shared?: SharedMissingPages) {
    const bitmaps = (given?: readonly SharedDirtyBitmap[]) =>
      given?.map((each) => DirtyBitmap.fromShared(each)) ?? pageCounts.map((count) => new DirtyBitmap(count))
    this.#missing = bitmaps(shared?.missing)
    this.#faulted = bitmaps(shared?.faulted)
    this.#control = new Int32Array(shared?.control ?? new SharedArrayBuffer(4 * (SLOTS + 2 * RING_SLOTS)))
    this.faultBell = shared?.faultBell ?? new SharedArrayBuffer(4)
    this.arrivalBell = shared?.arrivalBell ?? new SharedArrayBuffer(4)
    this.times = new FaultTimes(shared?.times)
  }

  /** Whether accesses to missing pages fault. */
  get isActive(): boolean {
    return Atomics.load(this.#control, ACTIVE) === 1
  }

  /** Pages `from` up to but not including `to` of a block are not here, whatever its memory holds. @throws MemoryRangeError */
  discard(block: number, from: number, to: number): void {
    this.#bitmap(block).setRange(from, to)
  }

  /** From here on accesses fault. */
  begin(): void {
    Atomics.store(this.#control, ACTIVE, 1)
  }

  /** Everything is here, or nothing counts any more: a run begins anew, or has ended. */
  end(): void {
    Atomics.store(this.#control, ACTIVE, 0)
    for (const bitmap of [...this.#missing, ...this.#faulted]) bitmap.clearAll()
    while (this.take() !== undefined);
    ring(this.arrivalBell)
  }

  /** Faults that have been noted so far, each once however often the access was tried. */
  get noted(): number {
    return Atomics.load(this.#control, NOTED)
  }

  has(block: number, page: number): boolean {
    return this.#missing[block]!.test(page)
  }

  /** Pages that are missing. */
  get count(): number {
    return this.#missing.reduce((sum, bitmap) => sum + bitmap.count(), 0)
  }

  /**
   * An access to pages `first` to `last` of a block.
   * @throws PageFault if one is missing, and notes that once. Nothing has been read or written then.
   */
  touch(block: number, first: number, last: number): void {
    const page = this.#missing[block]!.next(first)
    if (page > last) return
    this.#note({ block, page })
    throw new PageFault({ block, page })
  }

  #note({ block, page }: PagePlace): void {
    const faulted = this.#faulted[block]!
    if (faulted.test(page)) return
    const tail = Atomics.load(this.#control, TAIL)
    // It is noted at the next try.
    if (tail - Atomics.load(this.#control, HEAD) >= RING_SLOTS) return
    faulted.set(page)
    const slot = SLOTS + 2 * (tail % RING_SLOTS)
    this.#control[slot] = block
    this.#control[slot + 1] = page
    Atomics.store(this.#control, TAIL, tail + 1)
    Atomics.add(this.#control, NOTED, 1)
    ring(this.faultBell)
    this.onFault?.()
  }

  /** A fault that nobody has taken yet; undefined if there is none. */
  take(): PagePlace | undefined {
    const head = Atomics.load(this.#control, HEAD)
    if (head === Atomics.load(this.#control, TAIL)) return undefined
    const slot = SLOTS + 2 * (head % RING_SLOTS)
    const place = { block: this.#control[slot]!, page: this.#control[slot + 1]! >>> 0 }
    Atomics.store(this.#control, HEAD, head + 1)
    return place
  }

  /** All faults that wait for their page, taken or not: what a new connection has to be asked for again. */
  outstanding(): readonly PagePlace[] {
    return this.#faulted.flatMap((bitmap, block) => {
      const places: PagePlace[] = []
      for (let page = bitmap.next(0); page < bitmap.pageCount; page = bitmap.next(page + 1))
        if (this.has(block, page)) places.push({ block, page })
      return places
    })
  }

  /** The bytes of a page are in place: it is missing no more. Tells whether a fault waited for it. */
  arrive(block: number, page: number): boolean {
    // The bytes first: whoever sees the page here reads them.
    this.#missing[block]!.clear(page)
    const waited = this.#faulted[block]!.clear(page)
    if (waited) ring(this.arrivalBell)
    return waited
  }

  /** Which pages of a block are here: a bit a page, the first in the lowest bit, as RECV_BITMAP has them. */
  received(block: number): Uint8Array<ArrayBuffer> {
    const { words, pageCount } = this.#bitmap(block)
    const bytes = new Uint8Array(8 * Math.ceil(pageCount / 64))
    const view = new DataView(bytes.buffer)
    for (const [index, word] of words.entries()) view.setInt32(4 * index, ~word, true)
    // Behind the last page there is none that could be here.
    for (let page = pageCount; page < bytes.length * 8; page++) bytes[page >>> 3]! &= ~(1 << (page & 7))
    return bytes
  }

  toShared(): SharedMissingPages {
    return {
      missing: this.#missing.map((bitmap) => bitmap.toShared()),
      faulted: this.#faulted.map((bitmap) => bitmap.toShared()),
      control: this.#control.buffer,
      faultBell: this.faultBell,
      arrivalBell: this.arrivalBell,
      times: this.times.buffer,
    }
  }

  #bitmap(block: number): DirtyBitmap {
    const bitmap = this.#missing[block]
    if (bitmap !== undefined) return bitmap
    throw new MemoryRangeError('index of a RAM block', `an integer in 0 .. ${this.#missing.length - 1}`, `${block}`)
  }
}

const ring = (bell: SharedArrayBuffer): void => {
  const cell = new Int32Array(bell)
  Atomics.add(cell, 0, 1)
  Atomics.notify(cell, 0)
}
