/**
 * A configuration: one way in which a process can have come to explain all lines so far. It is a node of the automaton,
 * the outputs of its last steps that have not been seen yet, and the little that the validation remembers beside the
 * chart. A validation holds a set of them.
 */
import type { ChartEvent } from '../../machines/index.ts'
import type { AutomatonNode, Edge, Output, QuirkMask } from './lazy-automaton.ts'

/** An output that is due. */
export interface Pending extends Output {
  /** It has to be seen before the reply to the command that caused it. */
  readonly beforeReply: boolean
}

/** What is remembered, a bit each. */
export const flag = {
  /** The command at hand has taken effect. */
  done: 1,
  /** Capability `events`. */
  events: 2,
  /** Capability `return-path`. */
  returnPath: 4,
  /** migrate-continue was accepted, the waiting thread has not woken yet. */
  continues: 8,
  /** migrate with `resume` was accepted, the new channel does not stand yet. */
  resumes: 32,
  /** system_reset was accepted, the main loop has not come to it yet. */
  resets: 64,
  /** A guest that arrived was started by its arrival. */
  started: 128,
  /** The incoming side has been in postcopy. */
  listened: 256,
} as const

/**
 * What became of a run before it ended: nothing committed yet; the devices of a postcopy sent, without the leave to run;
 * committed without or with a return path; the destination was found not to run; postcopy with that leave; COLO.
 */
export type RunMark =
  'open' | 'packaged' | 'committed' | 'committed-with-answer' | 'declared-dead' | 'postcopy' | 'colo'

/** A run of the sending side. */
export interface RunRecord {
  /** The line of its `migrate`. */
  readonly line: number
  readonly mark: RunMark
  /** The guest ran when the migration stopped it. */
  readonly ranBefore: boolean
  /** Capabilities `postcopy-ram` and `x-colo` when it began. */
  readonly postcopy: boolean
  readonly colo: boolean
  /** The status it ended with; that of the node for the run at hand. */
  readonly status: string
  /** The run before. */
  readonly before: RunRecord | undefined
}

/** The steps of the chart by which a configuration was reached, the last one first. */
export interface Trail {
  readonly event: ChartEvent
  readonly from: AutomatonNode
  readonly edge: Edge
  /** The line that was being explained when the step was taken; it happened before it, or is what it shows. */
  readonly line: number
  readonly length: number
  readonly before: Trail | undefined
}

/** One way to explain what was seen. */
export interface Configuration {
  readonly node: AutomatonNode
  /** While outputs are due: the node before the step that they belong to, which a query may still see. */
  readonly previous: AutomatonNode | undefined
  readonly pending: readonly Pending[]
  readonly flags: number
  readonly run: RunRecord | undefined
  readonly quirks: QuirkMask
  /** Not part of what a configuration is: of two that agree in all else, the one that came first is kept. */
  readonly trail: Trail | undefined
}

const runKey = (run: RunRecord | undefined): string =>
  run === undefined ? '' : `${runKey(run.before)};${run.line}${run.mark}${run.ranBefore}${run.status}`

const keyOf = (one: Configuration): string => {
  const pending = one.pending.map((output) => `${output.event}${output.beforeReply ? '!' : ''}`).join()
  return `${one.node.id}/${one.previous?.id ?? ''}/${one.flags}/${pending}/${runKey(one.run)}`
}

/** A set of configurations in which none is kept that another explains with fewer quirks. */
export class ConfigurationSet implements Iterable<Configuration> {
  private readonly byKey = new Map<string, Configuration[]>()
  private count = 0

  get size(): number {
    return this.count
  }

  /** False: it was there, or one that needs no quirk that this does not need. */
  add(one: Configuration): boolean {
    const key = keyOf(one)
    const known = this.byKey.get(key)
    if (known === undefined) {
      this.byKey.set(key, [one])
      this.count += 1
      return true
    }
    if (known.some((other) => (other.quirks & one.quirks) === other.quirks)) return false
    const kept = known.filter((other) => (other.quirks & one.quirks) !== one.quirks)
    this.count += 1 - (known.length - kept.length)
    kept.push(one)
    this.byKey.set(key, kept)
    return true
  }

  /** The member that explains the same with the same quirks. */
  equalTo(one: Configuration): Configuration | undefined {
    return this.byKey.get(keyOf(one))?.find((other) => other.quirks === one.quirks)
  }

  *[Symbol.iterator](): IterableIterator<Configuration> {
    for (const known of this.byKey.values()) yield* known
  }
}
