/**
 * Two observers without a common clock: each party is explained on its own, then the explanations have to fit together.
 * A destination and the runs that were sent to it are matched by address; what must agree is what the run came to on both
 * sides, never the order of lines in different files.
 */
import type { QuirkId } from '../../machines/index.ts'
import { flag, type Configuration, type RunRecord } from './configuration.ts'
import type { LazyAutomaton, QuirkMask } from './lazy-automaton.ts'
import type { Observations } from './observation.ts'
import type { Party } from './scenario.ts'
import { trailLength } from './walk.ts'

/** A party with its observations. */
export interface ObservedParty {
  readonly party: Party
  readonly observations: Observations
}

/** A run, by the party that sent it and the line of its `migrate`. */
interface RunReference {
  readonly sender: number
  readonly line: number
}

/** A destination and the runs that were sent to its address. */
export interface Pairing {
  /** Index of the receiving party. */
  readonly receiver: number
  readonly runs: readonly RunReference[]
}

/** The part of an address that names the listener: host names differ between the two sides, ports and paths do not. */
const listenerOf = (uri: unknown): string | undefined => {
  if (typeof uri !== 'string') return undefined
  const tcp = /^tcp:.*:(\d+)(,.*)?$/.exec(uri)
  if (tcp !== null) return tcp[1] === '0' ? undefined : `tcp:${tcp[1]}`
  return uri.startsWith('unix:') ? uri : undefined
}

const accepted = (
  { observations }: ObservedParty,
  name: string,
): { readonly line: number; readonly listener: string | undefined }[] => {
  const found = []
  for (const one of observations.list)
    if (one.kind === 'command' && one.name === name && one.reply?.ok !== false && one.arguments['resume'] !== true)
      found.push({ line: one.line, listener: listenerOf(one.arguments['uri']) })
  return found
}

/** Matches destinations with the runs that were sent to them. */
export const pair = (parties: readonly ObservedParty[]): readonly Pairing[] => {
  const runs = parties.flatMap((party, sender) =>
    accepted(party, 'migrate').map(({ line, listener }) => ({ sender, line, listener })),
  )
  const pairings: Pairing[] = []
  for (const [receiver, observed] of parties.entries()) {
    const listeners = new Set(accepted(observed, 'migrate-incoming').map(({ listener }) => listener))
    listeners.add(listenerOf(observed.party.start.incomingUri))
    listeners.delete(undefined)
    const matching = runs.filter(({ sender, listener }) => sender !== receiver && listeners.has(listener))
    if (matching.length > 0) pairings.push({ receiver, runs: matching.map(({ sender, line }) => ({ sender, line })) })
  }
  return pairings
}

/** The lines of the runs that a party sent and that are matched. */
export const runLinesOf = (pairings: readonly Pairing[], sender: number): ReadonlySet<number> =>
  new Set(pairings.flatMap(({ runs }) => runs.filter((run) => run.sender === sender).map((run) => run.line)))

/** What a party came to, as far as pairs ask. */
interface Summary {
  readonly incoming: string
  /** The guest was started by its arrival. */
  readonly started: boolean
  /** It has been in postcopy. */
  readonly listened: boolean
  /** Its guest runs, or is about to. */
  readonly running: boolean
  readonly postcopy: boolean
  readonly runs: readonly RunRecord[]
  readonly quirks: QuirkMask
}

/** What a destination came to. */
type Fate = 'took-over' | 'failed' | 'colo' | 'undecided'

const fateOf = ({ incoming }: Summary): Fate => {
  if (incoming === 'completed' || incoming === 'postcopy-active.running' || incoming.startsWith('postcopy-paused'))
    return 'took-over'
  if (incoming === 'failed') return 'failed'
  return incoming.startsWith('colo') ? 'colo' : 'undecided'
}

const summaryOf = (one: Configuration): Summary => {
  const runs: RunRecord[] = []
  const status = one.node.outgoing
  let last = true
  for (let run = one.run; run !== undefined; run = run.before) {
    runs.push(last ? { ...run, status, before: undefined } : { ...run, before: undefined })
    last = false
  }
  return {
    incoming: one.node.incomingPath,
    started: (one.flags & flag.started) !== 0,
    listened: (one.flags & flag.listened) !== 0,
    running: one.node.guest === 'running',
    postcopy: one.node.context.postcopy,
    runs,
    quirks: one.quirks,
  }
}

/** What makes two summaries the same, whatever quirks they need. */
const summaryKey = (summary: Summary): string => JSON.stringify({ ...summary, quirks: 0 })

/** The distinct summaries of a party, without those that another gives with fewer quirks. */
const summariesOf = (final: readonly Configuration[]): readonly Summary[] => {
  const byKey = new Map<string, Summary[]>()
  for (const one of final) {
    const summary = summaryOf(one)
    const key = summaryKey(summary)
    const known = byKey.get(key) ?? []
    if (known.some((other) => (other.quirks & summary.quirks) === other.quirks)) continue
    byKey.set(key, [...known.filter((other) => (other.quirks & summary.quirks) !== summary.quirks), summary])
  }
  return [...byKey.values()].flat()
}

/** For each distinct summary with no other quirks than these, the configuration that was reached by the fewest steps. */
const shortestOf = (
  final: readonly Configuration[],
  quirks: QuirkMask,
): readonly (readonly [Summary, Configuration])[] => {
  const byKey = new Map<string, readonly [Summary, Configuration]>()
  for (const one of final) {
    if ((one.quirks & ~quirks) !== 0) continue
    const summary = summaryOf(one)
    const key = JSON.stringify({ ...summary, quirks: 0 })
    const known = byKey.get(key)
    if (known === undefined || trailLength(one) < trailLength(known[1])) byKey.set(key, [summary, one])
  }
  return [...byKey.values()]
}

/** A rule that a destination and one run must keep. Broken, it says what is wrong, and which quirk would explain it. */
interface PairRule {
  readonly broken: string
  readonly holds: (receiver: Summary, run: RunRecord) => boolean
  readonly quirk: (receiver: Summary, run: RunRecord) => QuirkId | undefined
}

const mayRunThere = (run: RunRecord): boolean => !['open', 'packaged', 'declared-dead'].includes(run.mark)

const rules: readonly PairRule[] = [
  {
    broken: 'the destination took the guest over, although the source never committed the run',
    holds: (receiver, run) => fateOf(receiver) !== 'took-over' || mayRunThere(run),
    quirk: (receiver, run) => (run.postcopy && !receiver.postcopy ? 'h11' : undefined),
  },
  {
    broken: 'the destination was in postcopy, although the source never sent the package',
    holds: (receiver, run) => !receiver.listened || ['packaged', 'postcopy', 'declared-dead'].includes(run.mark),
    quirk: () => undefined,
  },
  {
    broken: 'the destination entered COLO, although the source did not ask for it',
    holds: (receiver, run) => fateOf(receiver) !== 'colo' || run.colo,
    quirk: () => undefined,
  },
  {
    broken: 'the source completed, although the destination refused the stream',
    holds: (receiver, run) => fateOf(receiver) !== 'failed' || run.status !== 'completed',
    quirk: (_receiver, run) => (run.mark === 'committed' ? 'h10' : undefined),
  },
  {
    broken: 'the guest was started on the destination, although it was stopped on the source',
    holds: (receiver, run) => !receiver.started || !mayRunThere(run) || run.ranBefore,
    quirk: (_receiver, run) => (run.mark === 'postcopy' ? 'h21' : undefined),
  },
  {
    broken: 'the guest of the secondary that took over stays stopped, although it ran on the source',
    holds: (receiver, run) =>
      receiver.incoming !== 'completed' ||
      run.mark !== 'colo' ||
      !run.ranBefore ||
      receiver.started ||
      receiver.running,
    quirk: () => 'q12',
  },
  {
    broken: 'the source completed, although the destination entered COLO',
    holds: (receiver, run) => fateOf(receiver) !== 'colo' || run.status !== 'completed' || run.mark === 'colo',
    quirk: () => 'h20',
  },
]

/** Keeps the smallest sets only. */
const smallest = (masks: Iterable<QuirkMask>): readonly QuirkMask[] => {
  const kept: QuirkMask[] = []
  for (const mask of [...new Set(masks)].sort((a, b) => bits(a) - bits(b) || a - b))
    if (!kept.some((other) => (other & mask) === other)) kept.push(mask)
  return kept
}

/** The number of quirks in a set. */
export const bits = (mask: QuirkMask): number => {
  let count = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1
  return count
}

/** How a joint explanation came out. */
export type PairingOutcome =
  | {
      readonly fits: true
      readonly quirks: QuirkMask
      /** Of each party, the ends that are part of some joint explanation. */
      readonly finals: readonly (readonly Configuration[])[]
    }
  | { readonly fits: false; readonly pairing: Pairing; readonly broken: string }

/** Most combinations of what the senders came to that are tried. */
const combinationsMax = 10_000

function* combinations(
  senders: readonly number[],
  summaries: readonly (readonly Summary[])[],
): IterableIterator<ReadonlyMap<number, Summary>> {
  const [first, ...rest] = senders
  if (first === undefined) {
    yield new Map()
    return
  }
  for (const tail of combinations(rest, summaries))
    for (const summary of summaries[first] ?? []) yield new Map(tail).set(first, summary)
}

/** The quirks that one destination and the runs sent to it need; undefined if nothing explains them. */
const priceOf = (
  automaton: LazyAutomaton,
  allowed: QuirkMask,
  pairing: Pairing,
  receiver: Summary,
  senders: ReadonlyMap<number, Summary>,
): readonly QuirkMask[] => {
  const prices: QuirkMask[] = []
  for (const reference of pairing.runs) {
    const sender = senders.get(reference.sender)
    const run = sender?.runs.find((other) => other.line === reference.line)
    if (sender === undefined || run === undefined) continue
    let price: QuirkMask | undefined = 0
    for (const rule of rules) {
      if (rule.holds(receiver, run)) continue
      const quirk = rule.quirk(receiver, run)
      const mask = quirk === undefined ? 0 : automaton.maskOf([quirk])
      price = mask === 0 || (mask & ~allowed) !== 0 || price === undefined ? undefined : price | mask
    }
    if (price !== undefined) prices.push(price)
  }
  return smallest(prices)
}

/** Pairings that have a party in common, directly or through others, have to be explained together. */
const components = (pairings: readonly Pairing[]): readonly (readonly Pairing[])[] => {
  const groups: { readonly parties: Set<number>; readonly pairings: Pairing[] }[] = []
  for (const pairing of pairings) {
    const parties = new Set([pairing.receiver, ...pairing.runs.map(({ sender }) => sender)])
    const own = { parties, pairings: [pairing] }
    for (const group of groups.filter((other) => [...parties].some((party) => other.parties.has(party)))) {
      for (const party of group.parties) own.parties.add(party)
      own.pairings.unshift(...group.pairings)
      groups.splice(groups.indexOf(group), 1)
    }
    groups.push(own)
  }
  return groups.map((group) => group.pairings)
}

/**
 * Joins what the parties came to: the smallest set of quirks with which one explanation of each fits those of the
 * others, or the first destination for which there is none.
 */
export const join = (
  automaton: LazyAutomaton,
  allowed: QuirkMask,
  finals: readonly (readonly Configuration[])[],
  pairings: readonly Pairing[],
): PairingOutcome => {
  const summaries = finals.map(summariesOf)
  const paired = new Set(pairings.flatMap(({ receiver, runs }) => [receiver, ...runs.map(({ sender }) => sender)]))
  const used = new Set<Summary>()
  let masks: readonly QuirkMask[] = [0]
  for (const [index, party] of summaries.entries())
    if (!paired.has(index))
      masks = merge(
        masks,
        party.map((summary) => summary.quirks),
      )
  for (const component of components(pairings)) {
    const joined = joinComponent(automaton, allowed, summaries, component, used)
    if (!joined.fits) return joined
    masks = merge(masks, joined.masks)
  }
  const keys = new Set([...used].map(summaryKey))
  const fitting = finals.map((final, index) =>
    paired.has(index) ? final.filter((one) => keys.has(summaryKey(summaryOf(one)))) : final,
  )
  return { fits: true, quirks: masks[0] ?? 0, finals: fitting }
}

type ComponentOutcome =
  { readonly fits: true; readonly masks: readonly QuirkMask[] } | (PairingOutcome & { readonly fits: false })

const joinComponent = (
  automaton: LazyAutomaton,
  allowed: QuirkMask,
  summaries: readonly (readonly Summary[])[],
  pairings: readonly Pairing[],
  used: Set<Summary>,
): ComponentOutcome => {
  const senders = [...new Set(pairings.flatMap(({ runs }) => runs.map((run) => run.sender)))]
  const found: QuirkMask[] = []
  let furthest = 0
  let tried = 0
  for (const chosen of combinations(senders, summaries)) {
    if (++tried > combinationsMax) {
      // Which ends fit is not known then: any may.
      for (const summary of summaries.flat()) used.add(summary)
      break
    }
    let masks: readonly QuirkMask[] = [[...chosen.values()].reduce((mask, summary) => mask | summary.quirks, 0)]
    let reached = 0
    const receivers: Summary[] = []
    for (const pairing of pairings) {
      const own = chosen.get(pairing.receiver)
      const options: QuirkMask[] = []
      for (const receiver of own === undefined ? (summaries[pairing.receiver] ?? []) : [own]) {
        const prices = priceOf(automaton, allowed, pairing, receiver, chosen)
        if (prices.length > 0) receivers.push(receiver)
        for (const price of prices) options.push(price | receiver.quirks)
      }
      masks = merge(masks, options)
      if (masks.length === 0) break
      reached += 1
    }
    furthest = Math.max(furthest, reached)
    if (masks.length > 0) for (const one of [...chosen.values(), ...receivers]) used.add(one)
    found.push(...masks)
  }
  if (found.length > 0) return { fits: true, masks: smallest(found) }
  const pairing = pairings[furthest] as Pairing
  return { fits: false, pairing, broken: brokenRule(summaries, pairing) }
}

/** The shortest of a party's candidates; undefined if there is none. */
const shortest = <Item>(items: readonly Item[], lengthOf: (item: Item) => number): Item | undefined => {
  let found: Item | undefined
  for (const item of items) if (found === undefined || lengthOf(item) < lengthOf(found)) found = item
  return found
}

/** One way to put the parties of a component together: a configuration for each, by the party's index. */
type Choice = ReadonlyMap<number, Configuration>

const choiceLength = (choice: Choice): number => [...choice.values()].reduce((sum, one) => sum + trailLength(one), 0)

const chooseComponent = (
  automaton: LazyAutomaton,
  quirks: QuirkMask,
  candidates: readonly (readonly (readonly [Summary, Configuration])[])[],
  pairings: readonly Pairing[],
): Choice => {
  const configurations = new Map(candidates.flat())
  const summaries = candidates.map((party) => party.map(([summary]) => summary))
  const senders = [...new Set(pairings.flatMap(({ runs }) => runs.map((run) => run.sender)))]
  const choices: Choice[] = []
  let tried = 0
  for (const chosen of combinations(senders, summaries)) {
    if (++tried > combinationsMax) break
    const choice = new Map<number, Configuration>()
    for (const [index, summary] of chosen) choice.set(index, configurations.get(summary) as Configuration)
    const fits = pairings.every((pairing) => {
      const own = chosen.get(pairing.receiver)
      const receivers = (own === undefined ? (summaries[pairing.receiver] ?? []) : [own]).filter(
        (receiver) => priceOf(automaton, quirks, pairing, receiver, chosen).length > 0,
      )
      const best = shortest(receivers, (receiver) => trailLength(configurations.get(receiver) as Configuration))
      if (best !== undefined) choice.set(pairing.receiver, configurations.get(best) as Configuration)
      return best !== undefined
    })
    if (fits) choices.push(choice)
  }
  return shortest(choices, choiceLength) ?? new Map()
}

/**
 * Of all explanations with these quirks one that fits together, with the fewest steps: a configuration for each party,
 * undefined for a party that has none.
 */
export const choose = (
  automaton: LazyAutomaton,
  quirks: QuirkMask,
  finals: readonly (readonly Configuration[])[],
  pairings: readonly Pairing[],
): readonly (Configuration | undefined)[] => {
  const candidates = finals.map((final) => shortestOf(final, quirks))
  const joint = new Map<number, Configuration>()
  for (const component of components(pairings))
    for (const [index, one] of chooseComponent(automaton, quirks, candidates, component)) joint.set(index, one)
  return candidates.map((party, index) => joint.get(index) ?? shortest(party, ([, one]) => trailLength(one))?.[1])
}

const merge = (masks: readonly QuirkMask[], options: readonly QuirkMask[]): readonly QuirkMask[] =>
  smallest(masks.flatMap((mask) => options.map((option) => mask | option)))

/** The rule that is broken by whatever the two sides may have come to. */
const brokenRule = (summaries: readonly (readonly Summary[])[], pairing: Pairing): string => {
  for (const rule of rules) {
    const kept = pairing.runs.some(({ sender, line }) =>
      summaries[sender]?.some((summary) => {
        const run = summary.runs.find((other) => other.line === line)
        return run !== undefined && summaries[pairing.receiver]?.some((receiver) => rule.holds(receiver, run))
      }),
    )
    if (!kept) return rule.broken
  }
  return 'what the destination came to does not fit what the source came to'
}
