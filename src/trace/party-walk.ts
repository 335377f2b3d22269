/**
 * One party's lines, held against the automaton: the set of all configurations that explain the lines so far. The party
 * is accepted when some are left at the end; where none is left, the line before is the end of the longest accepted
 * prefix, and what the last set could have gone on with is what was allowed next.
 */
import { ConfigurationSet, flag, type Configuration } from './configuration.ts'
import type { CommonEdges } from './common-edges.ts'
import type { LazyAutomaton, QuirkMask } from './lazy-automaton.ts'
import type { CommandObservation, Observation, Observations } from './observation.ts'
import type { StartOptions } from './scenario.ts'
import { trailLength, Walk } from './walk.ts'

/** Most configurations that are held at a time. A recording of thousands of lines needs some hundreds. */
export const configurationsMax = 50_000

/** Where and why a party was not accepted. */
export interface PartyRejection {
  readonly line: number
  /** What the line says, in words. */
  readonly observed: string
  /** The last line that was accepted; 0 if none was. */
  readonly acceptedThrough: number
  /** What could have been there instead, sorted. */
  readonly allowed: readonly string[]
}

/** What the walk along a party's lines comes to. */
export type PartyOutcome =
  | { readonly accepted: true; readonly final: readonly Configuration[] }
  | {
      readonly accepted: false
      readonly rejection: PartyRejection
      /** The configurations that explain all lines before the rejected one. */
      readonly reached: readonly Configuration[]
    }

/** The recording needs more configurations than {@link configurationsMax}. */
export class TooManyConfigurationsError extends Error {
  override readonly name = 'TooManyConfigurationsError'
  readonly _tag = 'TooManyConfigurationsError'
}

/** Configurations to be looked at, those with the fewest steps first. */
class ByLength {
  private readonly buckets: Configuration[][] = []
  private at = 0

  push(one: Configuration): void {
    const length = trailLength(one)
    ;(this.buckets[length] ??= []).push(one)
    this.at = Math.min(this.at, length)
  }

  shift(): Configuration | undefined {
    for (; this.at < this.buckets.length; this.at++) {
      const next = this.buckets[this.at]?.pop()
      if (next !== undefined) return next
    }
    return undefined
  }
}

/** All that can have happened before the next line, each reached by the fewest steps. */
const close = (
  walk: Walk,
  start: Iterable<Configuration>,
  commands: readonly CommandObservation[],
  common?: CommonEdges,
): ConfigurationSet => {
  const closed = new ConfigurationSet()
  const open = new ByLength()
  const [command] = commands
  for (const one of start) open.push(one)
  for (let one = open.shift(); one !== undefined; one = open.shift()) {
    if (!closed.add(one)) continue
    if (closed.size > configurationsMax)
      throw new TooManyConfigurationsError(`expected at most ${configurationsMax} configurations, found more`)
    const follow = (next: Configuration): void => {
      common?.follow(one, next)
      open.push(next)
    }
    for (const next of walk.silentSteps(one, command)) follow(next)
    if (command !== undefined && (one.flags & flag.done) === 0)
      for (const effect of walk.effects(one, command)) follow({ ...effect, flags: effect.flags | flag.done })
  }
  common?.settle(closed)
  return closed
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

/** An observation in words. */
export const inWords = (one: Observation): string => {
  if (one.kind === 'event') return one.event
  if (one.kind === 'command') return `command ${one.name}`
  const { name, reply } = one.command
  if (reply === undefined) return `${name} answered`
  if (!reply.ok) return `${name} refused: ${reply.desc}`
  const status =
    typeof reply.value === 'object' && reply.value !== null && 'status' in reply.value ? reply.value.status : undefined
  if (name === 'query-migrate' || name === 'query-status') return `${name} tells ${String(status ?? 'no status')}`
  return `${name} answered ${short(reply.value)}`
}

/** What could follow a set of configurations, in words. */
const allowedAfter = (walk: Walk, closed: ConfigurationSet, open: readonly CommandObservation[]): readonly string[] => {
  const allowed = new Set<string>()
  const [command] = open
  for (const one of closed) {
    const [head] = one.pending
    if (head !== undefined) allowed.add(head.event)
    if (command === undefined) continue
    const { name } = command
    if (name === 'query-migrate') for (const status of walk.statusesShown(one)) allowed.add(`${name} tells ${status}`)
    else if (name === 'query-status') allowed.add(`${name} tells ${one.node.guest}`)
    else if ((one.flags & flag.done) === 0) {
      if (walk.succeeds(one, command, undefined).some(isReady)) allowed.add(`${name} succeeds`)
      if (walk.refused(one, command, undefined).some(isReady)) allowed.add(`${name} is refused`)
    }
  }
  return allowed.size > 0 ? [...allowed].sort() : ['nothing but a command or the end of the recording']
}

const noLines: ReadonlySet<number> = new Set()

const isReady = (one: Configuration): boolean => one.pending.length === 0

/**
 * Walks along one party's lines. `allowed` are the quirks that may be used, `runLines` the runs to remember; what all
 * explanations have in common is noted where somebody wants to know.
 */
export const walkParty = (
  automaton: LazyAutomaton,
  start: StartOptions,
  observations: Observations,
  allowed: QuirkMask,
  runLines: ReadonlySet<number> = noLines,
  common?: CommonEdges,
): PartyOutcome => {
  const walk = new Walk(automaton, allowed, runLines)
  const open: CommandObservation[] = []
  let current: ConfigurationSet = new ConfigurationSet()
  const first: Configuration = {
    node: automaton.initial(start),
    previous: undefined,
    pending: [],
    flags: 0,
    run: undefined,
    quirks: 0,
    trail: undefined,
  }
  current.add(first)
  common?.begin(first)
  let acceptedThrough = 0
  let closed: ConfigurationSet | undefined
  for (const one of observations.list) {
    if (one.kind === 'command') {
      // Nothing is known of the configurations before the command that does not hold after it.
      if (open.length === 0) closed = undefined
      open.push(one)
      acceptedThrough = one.line
      continue
    }
    walk.line = one.line
    closed ??= close(walk, current, open, common)
    const next = new ConfigurationSet()
    const arrive = (from: Configuration, to: Configuration): void => {
      common?.follow(from, to)
      next.add(to)
    }
    if (one.kind === 'event') {
      for (const before of closed) {
        const after = walk.see(before, one.event)
        if (after !== undefined) arrive(before, after)
      }
    } else if (one.command === open[0]) {
      for (const before of closed) {
        const after = walk.replied(before)
        if (after !== undefined) arrive(before, after)
      }
    } else {
      // An out-of-band command overtakes the one before it.
      for (const before of closed) for (const after of walk.effects(before, one.command)) arrive(before, after)
    }
    common?.settle(next)
    if (next.size === 0)
      return {
        accepted: false,
        rejection: {
          line: one.line,
          observed: inWords(one),
          acceptedThrough,
          allowed: allowedAfter(walk, closed, open),
        },
        reached: [...closed],
      }
    if (one.kind === 'reply') open.splice(open.indexOf(one.command), 1)
    current = next
    closed = undefined
    acceptedThrough = one.line
  }
  walk.line = observations.lineLast + 1
  return { accepted: true, final: [...close(walk, current, open, common)] }
}
