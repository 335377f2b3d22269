/**
 * A walk over the chart of a process by itself: any event that it takes, in any order, towards edges that were not taken
 * yet. No world keeps the order, so it goes where no world leads; what holds of a process whatever it is told has to hold
 * there too.
 */
import { getNextTransitions, type AnyMachineSnapshot, type AnyStateMachine, type AnyTransitionDefinition } from 'xstate'
import type { ChartEvent, StoppedRunState } from '../../machines/index.ts'
import { alphabet } from '../../src/explore/alphabet.ts'
import { edgesAmong, edgeText, edgeWatcher } from '../../src/explore/chart-edge.ts'

/** A state of a chart. */
export interface WalkPlace {
  readonly machine: AnyStateMachine
  readonly snapshot: AnyMachineSnapshot
}

/** How a walk is made. */
export interface ChartWalkOptions {
  /** Where it may begin. */
  readonly places: readonly WalkPlace[]
  readonly seed: number
  readonly steps: number
}

/** What a walk came to. */
export interface ChartWalk {
  /** The edges that were taken, as text. */
  readonly edges: ReadonlySet<string>
  /** States, as text, in which something does not hold. */
  readonly violations: readonly string[]
}

/** So far it goes on from a state before it picks up another: from some states no way leads back. */
const STEPS_A_RUN = 12

/** How often an event is told for the sake of an edge that it then does not take. */
const TRIES_MAX = 40

/** Every other time it goes on from one of the places that were found last. */
const PLACES_NEW = 30

const stoppedRunStates: readonly StoppedRunState[] = [
  'paused',
  'prelaunch',
  'suspended',
  'io-error',
  'shutdown',
  'postmigrate',
]

/** How a guest that was stopped on the source arrives. */
const arrivals = stoppedRunStates.flatMap((stopped): readonly ChartEvent[] => [
  { type: 'incoming.ended', running: false, stopped },
  { type: 'incoming.colo', running: false, stopped },
])

const byType = Map.groupBy([...alphabet, ...arrivals], ({ type }) => type)

/** Numbers from 0 to 1 that a seed gives (xorshift, 32 bits). */
const randomOf = (seed: number): (() => number) => {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const keys = new WeakMap<AnyTransitionDefinition, string>()

/** The edge of a transition, as text; worked out once. */
const keyOf = (transition: AnyTransitionDefinition): string => {
  const known = keys.get(transition)
  if (known !== undefined) return known
  const [edge] = edgesAmong([transition])
  const made = edge === undefined ? 'none' : edgeText(edge)
  keys.set(transition, made)
  return made
}

/** What holds in every state of one process: a guest that runs may write its disks, and past the commit none runs. */
const holds = (snapshot: AnyMachineSnapshot): boolean => {
  if (!snapshot.matches({ guest: 'running' })) return true
  if (snapshot.matches({ images: 'released' }) || snapshot.matches({ images: 'inactive' })) return false
  return !['active', 'device'].some((status) =>
    ['committing', 'inquiring'].some((phase) => snapshot.matches({ outgoing: { [status]: phase } })),
  )
}

/** See the head of this file. */
export const walkCharts = ({ places: starts, seed, steps }: ChartWalkOptions): ChartWalk => {
  const random = randomOf(seed)
  const pick = <A>(list: readonly A[]): A | undefined => list[Math.floor(random() * list.length)]
  const watchers = new Map(starts.map(({ machine }) => [machine, edgeWatcher(machine)]))
  const edges = new Set<string>()
  const violations = new Set<string>()
  const visits = new Map<string, number>()
  /** The starts, and where a new edge led: what lies behind is not known yet. */
  const places = [...starts]

  /** Of what may be told here: what may take an edge that is new, or else what was told seldom. */
  const choose = (snapshot: AnyMachineSnapshot): ChartEvent | undefined => {
    let best: { readonly event: ChartEvent; readonly key: string; readonly rank: number } | undefined
    for (const transition of getNextTransitions(snapshot)) {
      const key = keyOf(transition)
      const tries = visits.get(key) ?? 0
      const rank = tries < TRIES_MAX && !edges.has(key) ? random() - 1 : tries * random()
      if (best !== undefined && rank >= best.rank) continue
      const event = pick(
        (byType.get(transition.eventType as ChartEvent['type']) ?? []).filter((one) => snapshot.can(one)),
      )
      if (event !== undefined) best = { event, key, rank }
    }
    if (best !== undefined) visits.set(best.key, (visits.get(best.key) ?? 0) + 1)
    return best?.event
  }

  for (let step = 0; step < steps;) {
    const place = pick(random() < 0.5 ? places : places.slice(-PLACES_NEW))
    const take = place && watchers.get(place.machine)
    if (place === undefined || take === undefined) break
    let { snapshot } = place
    for (let run = 0; run < STEPS_A_RUN; run++) {
      step++
      const event = choose(snapshot)
      if (event === undefined) break
      const taken = take(snapshot, event)
      snapshot = taken.next
      const found = taken.edges.map(edgeText).filter((edge) => !edges.has(edge))
      for (const edge of found) edges.add(edge)
      if (found.length > 0) places.push({ machine: place.machine, snapshot })
      if (!holds(snapshot)) violations.add(JSON.stringify(snapshot.value))
    }
  }
  return { edges, violations: [...violations] }
}
