/**
 * Which edges of the charts a recording proves. QMP shows commands, replies and events; explanations differ in the facts
 * between them. An edge is proved if every explanation takes it. So beside each configuration stands the set of the edges
 * that all ways to it have in common; where ways meet, the sets are intersected.
 */
import type { Configuration, ConfigurationSet } from './configuration.ts'

/** A set of edges, a bit each. */
type EdgeMask = bigint

/** One way from a configuration to another. */
interface Way {
  readonly from: Configuration
  readonly to: Configuration
}

/** All edges there are: what is known of a configuration before any way to it is. */
const everything: EdgeMask = -1n

/** What the ways along one party's lines have in common. */
export class CommonEdges {
  readonly #names: string[] = []
  readonly #bits = new Map<string, EdgeMask>()
  #common = new Map<Configuration, EdgeMask>()
  #ways: Way[] = []

  /** Where the party begins. */
  begin(first: Configuration): void {
    this.#common.set(first, 0n)
  }

  /** Notes that one configuration follows from another. */
  follow(from: Configuration, to: Configuration): void {
    this.#ways.push({ from, to })
  }

  /** Works out what the ways since the last call come to, and forgets all configurations but those of the set. */
  settle(set: ConfigurationSet): void {
    const ways = this.#ways.flatMap(({ from, to }) => {
      const kept = set.equalTo(to)
      return kept === undefined || kept === from ? [] : [{ from, to: kept, edges: this.#edgesBetween(from, to) }]
    })
    for (let changed = true; changed;) {
      changed = false
      for (const { from, to, edges } of ways) {
        const before = this.#common.get(to)
        const after = (before ?? everything) & ((this.#common.get(from) ?? everything) | edges)
        if (after === before) continue
        this.#common.set(to, after)
        changed = true
      }
    }
    this.#ways = []
    this.#common = new Map([...set].map((one) => [one, this.#common.get(one) ?? everything]))
  }

  /** The edges that every way to one of these has taken. */
  ofAll(final: Iterable<Configuration>): readonly string[] {
    let mask = everything
    for (const one of final) mask &= this.#common.get(one) ?? 0n
    return this.#names.filter((_, index) => (mask & (1n << BigInt(index))) !== 0n)
  }

  #edgesBetween(from: Configuration, to: Configuration): EdgeMask {
    let mask = 0n
    for (let trail = to.trail; trail !== undefined && trail !== from.trail; trail = trail.before)
      for (const edge of trail.edge.chartEdges) mask |= this.#bitOf(edge)
    return mask
  }

  #bitOf(edge: string): EdgeMask {
    const known = this.#bits.get(edge)
    if (known !== undefined) return known
    const bit = 1n << BigInt(this.#names.length)
    this.#names.push(edge)
    this.#bits.set(edge, bit)
    return bit
  }
}
