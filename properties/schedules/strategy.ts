/**
 * How schedules are chosen: every one of a small program, one after the other; beyond that at random with bugs of a stated
 * depth found at a stated rate (PCT: Burckhardt, Kothari, Musuvathi and Nagarakatte, A Randomized Scheduler with
 * Probabilistic Guarantees of Finding Bugs, 2010); or a list of choices made again.
 */
import { Random } from '../random.ts'
import type { Choose, Decision } from './owned-scheduler.ts'

/** Makes the choices of a list, then the first of each. A choice that is not there any more is the last one that is. */
export const following = (choices: readonly number[]): Choose => {
  let place = 0
  return (ready) => Math.min(choices[place++] ?? 0, ready.length - 1)
}

/** The list of choices that comes next, depth first; undefined behind the last one. */
export const nextChoices = (decisions: readonly Decision[]): readonly number[] | undefined => {
  const last = decisions.findLastIndex(({ picked, of }) => picked < of - 1)
  return last < 0 ? undefined : [...decisions.slice(0, last).map(({ picked }) => picked), decisions[last]!.picked + 1]
}

/** How PCT is set. */
export interface PctOptions {
  readonly seed: number
  /** Ordering constraints that a bug needs. Default 3. */
  readonly depth?: number
  /** Decisions among which priorities change. */
  readonly decisionsMax: number
}

/** Fibers get priorities at random, the most urgent goes first, and at `depth` - 1 random decisions it falls behind all others. */
export const pct = ({ seed, depth = 3, decisionsMax }: PctOptions): Choose => {
  const source = new Random(seed)
  const random = (): number => source.fraction()
  const priorities = new Map<number, number>()
  const changes = new Set(Array.from({ length: depth - 1 }, () => Math.floor(random() * decisionsMax)))
  let decision = 0
  let lowest = 0
  const urgency = (fiber: number): number => {
    const known = priorities.get(fiber) ?? 1 + random()
    priorities.set(fiber, known)
    return known
  }
  const first = (ready: readonly number[]): number => {
    const urgencies = ready.map(urgency)
    return urgencies.indexOf(Math.max(...urgencies))
  }
  return (ready) => {
    const chosen = first(ready)
    if (!changes.has(decision++)) return chosen
    priorities.set(ready[chosen]!, --lowest)
    return first(ready)
  }
}
