/**
 * What this process holds of the system: what a migration must have let go of when its scope is closed. Needs Linux, as
 * it reads /proc.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Counts by kind: `handle TCPSocketWrap`, `descriptor socket`, `threads`, `child 4711`. */
export type Inventory = ReadonlyMap<string, number>

const descriptorKinds = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [`descriptor ${readlinkSync(`/proc/self/fd/${descriptor}`).replace(/:?\[\d+\]$/, '')}`]
    } catch {
      // The directory's own descriptor, which is closed by now.
      return []
    }
  })

const children = (): string[] =>
  readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid.trim() !== '')
      .map((pid) => `child ${pid.trim()}`),
  )

/** What is held now. */
export const inventory = (): Inventory => {
  const counts = new Map<string, number>()
  const handles = process.getActiveResourcesInfo().map((kind) => `handle ${kind}`)
  for (const kind of [...handles, ...descriptorKinds(), ...children()]) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  counts.set('threads', readdirSync('/proc/self/task').length)
  return counts
}

const surplus = (before: Inventory, now: Inventory): Record<string, number> => {
  const more: Record<string, number> = {}
  for (const [kind, count] of now) {
    const extra = count - (before.get(kind) ?? 0)
    if (extra > 0) more[kind] = extra
  }
  return more
}

/** Handles close in a later turn of the event loop than the call that closes them, and threads end a little later. */
const SETTLE_MILLIS_MAX = 3000

/** What is held beyond `before`, once that no longer changes for the better; `{}` is as it should be. */
export const leftovers = async (before: Inventory): Promise<Record<string, number>> => {
  const started = performance.now()
  for (;;) {
    // Before the look itself, so that no timer of ours is counted.
    await sleep(2)
    const more = surplus(before, inventory())
    if (Object.keys(more).length === 0 || performance.now() - started > SETTLE_MILLIS_MAX) return more
  }
}
