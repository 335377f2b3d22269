/** Pages worked on in worker threads, each with a ring of its own; for engines that have a thread to themselves, and may wait. */
import { startThreadBeside } from '../../channel/thread.ts'
import { Doorbell } from '../worker-thread.ts'
import { PATIENCE_MILLIS, type PageThreads, type PageWork, type WorkedPage } from './page-threads.ts'
import { PageRing } from './page-ring.ts'

/** Most threads that are started, whatever the parameter says: each takes some MiB of memory. */
export const THREADS_MAX = 64

export class WorkerPageThreads implements PageThreads {
  readonly #work: PageWork
  readonly #doorbell = new Doorbell()
  /** Those that get no more pages are behind the others, and leave when they have none. */
  #rings: PageRing[] = []
  #count = 1
  /** Whose turn it is to be emptied first. */
  #turn = 0

  constructor(work: PageWork, count: number) {
    this.#work = work
    this.resize(count)
  }

  get pending(): number {
    let pending = 0
    for (const ring of this.#rings) pending += ring.pending
    return pending
  }

  /** The thread that has least gets the page; another is started only where all that there are have all they can hold. */
  give(block: number, offset: number, bytes: Uint8Array, at: number, length: number, level: number): boolean {
    let least: PageRing | undefined
    for (const ring of this.#rings.slice(0, this.#count))
      if (least === undefined || ring.pending < least.pending) least = ring
    if (least?.give(block, offset, bytes, at, length, level)) return true
    if (this.#rings.length >= this.#count) return false
    return this.#start().give(block, offset, bytes, at, length, level)
  }

  #start(): PageRing {
    const ring = PageRing.make(this.#work, this.#doorbell.buffer)
    const thread = startThreadBeside(import.meta.url, 'page-thread', ring.shared)
    // One that dies is noticed by who waits for it.
    thread.on('error', () => {})
    thread.unref()
    this.#rings.push(ring)
    return ring
  }

  take(each: (page: WorkedPage) => void, limit: number): number {
    let taken = 0
    for (let misses = 0; taken < limit && misses < this.#rings.length;) {
      this.#turn = (this.#turn + 1) % this.#rings.length
      if (this.#rings[this.#turn]!.take(each)) {
        taken++
        misses = 0
      } else misses++
    }
    this.#letGo()
    return taken
  }

  #letGo(): void {
    if (this.#rings.length <= this.#count) return
    this.#rings = this.#rings.filter((ring, index) => {
      const stays = index < this.#count || ring.pending > 0
      if (!stays) ring.stop()
      return stays
    })
  }

  /** A thread rings behind what it says is done: the bell may be of a page that was taken long ago. */
  wait(): void {
    const start = performance.now()
    while (this.pending > 0) {
      const rung = this.#doorbell.count
      if (this.#rings.some((ring) => ring.hasDone)) return
      const left = PATIENCE_MILLIS - (performance.now() - start)
      if (left <= 0)
        throw new Error(`the threads that ${this.#work} pages have done nothing for ${PATIENCE_MILLIS / 1000} seconds`)
      this.#doorbell.sleep(rung, left)
    }
  }

  resize(count: number): void {
    this.#count = Math.min(count, THREADS_MAX)
    this.#letGo()
  }

  close(): void {
    for (const ring of this.#rings) ring.stop()
    this.#rings = []
  }
}
