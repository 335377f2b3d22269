/**
 * A scheduler of Effect that owns the order of fibers: everything that is ready waits in one place, and somebody decides
 * what goes next. What it decided is a list of numbers, and the same list makes the same run again. Timers, sockets and
 * promises go past it, so what runs under it gets its time from a test's clock and its channels from a simulated network.
 */
import type { Fiber, Scheduler } from 'effect'

/** Says which of the ready tasks goes next, by place; each is given as the number of the fiber that brought it up. */
export type Choose = (ready: readonly number[]) => number

/** A decision between at least two. */
export interface Decision {
  readonly picked: number
  readonly of: number
}

interface Task {
  readonly fiber: number
  readonly priority: number
  readonly run: () => void
}

/** See the head of this file. Until it is told to decide, and behind the last decision, it is first come, first served. */
export class OwnedScheduler implements Scheduler.Scheduler {
  readonly executionMode = 'async'
  readonly #ready: Task[] = []
  readonly #decisions: Decision[] = []
  #choose: Choose | undefined
  #left = 0
  #fibers = 0
  #isWaiting = false

  /** Every decision so far. */
  get decisions(): readonly Decision[] {
    return this.#decisions
  }

  /** From here on `choose` decides, so many times. */
  decide(choose: Choose, decisionsMax: number): void {
    this.#choose = choose
    this.#left = decisionsMax
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  /** Every fiber makes its own, when it first needs one. */
  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const fiber = this.#fibers++
    return {
      scheduleTask: (run, priority) => {
        this.#ready.push({ fiber, priority, run })
        this.#wake()
      },
      flush: () => this.#drain(),
    }
  }

  #wake(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    setImmediate(() => {
      this.#isWaiting = false
      this.#drain()
    })
  }

  #drain(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) next.run()
  }

  /** Of those with the most urgent priority one that is chosen. */
  #next(): Task | undefined {
    const urgent = Math.min(...this.#ready.map(({ priority }) => priority))
    const ready = this.#ready.filter(({ priority }) => priority === urgent)
    const task = ready[this.#pick(ready)]
    if (task !== undefined) this.#ready.splice(this.#ready.indexOf(task), 1)
    return task
  }

  #pick(ready: readonly Task[]): number {
    if (this.#choose === undefined || this.#left === 0 || ready.length < 2) return 0
    this.#left--
    const picked = this.#choose(ready.map(({ fiber }) => fiber))
    if (!Number.isInteger(picked) || picked < 0 || picked >= ready.length)
      throw new RangeError(`expected one of ${ready.length} ready tasks, found ${picked}`)
    this.#decisions.push({ picked, of: ready.length })
    return picked
  }
}
