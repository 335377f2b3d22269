/**
 * Where every state of a pair in COLO ends: all that the pair can get into is visited, and for each combination of what a
 * manager can see on both sides it is told what becomes of it by itself. A pair goes on, one side runs, it waits for an
 * operator and says so, or nobody is left; two runners are a hazard, and listed with the shortest way into it.
 */
import { ColoModel, sideView, type ColoModelOptions, type Move, type PairState } from '../worlds/colo-model.ts'

/** How it ends, when nothing more happens by itself. */
export type PairEnd =
  | 'the pair goes on'
  | 'the primary runs'
  | 'the secondary runs'
  | 'it waits for an operator, and says so'
  | 'nobody can run'
  | 'both run'
  | 'it waits and nobody is told'

/** What everything that was visited comes to. */
export interface ColoOutcomes {
  readonly states: number
  readonly moves: number
  /** Combinations in the order in which they were first met, each with every way in which it can end by itself. */
  readonly combinations: ReadonlyMap<string, ReadonlySet<PairEnd>>
  /** Of each kind of what must not be, the shortest way there, in words; none where it cannot come about. */
  readonly hazards: ReadonlyMap<string, readonly string[]>
}

interface Visit {
  readonly state: PairState
  readonly moves: readonly Move[]
  readonly from?: { readonly key: string; readonly what: string }
}

/** Far more than there are: reaching it means that something grows without end. */
const STATES_MAX = 100_000

const visit = (model: ColoModel): ReadonlyMap<string, Visit> => {
  const first = model.initial()
  const seen = new Map<string, Visit>([[JSON.stringify(first), { state: first, moves: model.moves(first) }]])
  for (const [key, { moves }] of seen)
    for (const { what, to } of moves) {
      const next = JSON.stringify(to)
      if (seen.has(next)) continue
      if (seen.size >= STATES_MAX) throw new Error(`expected at most ${STATES_MAX} states, found more`)
      seen.set(next, { state: to, moves: model.moves(to), from: { key, what } })
    }
  return seen
}

const views = ({ p, s }: PairState) => ({ p: sideView('p', p), s: sideView('s', s) })

type View = ReturnType<typeof sideView>

const serves = ({ alive, open, guest, mode }: View): boolean =>
  alive && open && guest === 'running' && mode === 'unknown'

const sideText = ({ alive, told, status, mode, failover, apart }: View): string =>
  alive ? `${status}/${mode}${apart ? ' (apart)' : ''}/${failover}${told ? ', told' : ''}` : 'dead'

/** What a manager could see of both sides. */
const combinationOf = (state: PairState): string => {
  const { p, s } = views(state)
  return `${sideText(p).padEnd(38)} ${sideText(s)}`.trimEnd()
}

/** The end of a state in which nothing more happens by itself. */
const endOf = (model: ColoModel, state: PairState): PairEnd => {
  const { p, s } = views(state)
  const running = [p, s].filter(serves)
  if (running.length === 2) return 'both run'
  if (running.length === 1) return serves(p) ? 'the primary runs' : 'the secondary runs'
  const live = (['p', 's'] as const).filter((side) => state[side].alive)
  if (state.up && live.length === 2 && p.mode === 'primary' && s.mode === 'secondary') return 'the pair goes on'
  const isStuck = [p, s].some(({ alive, failover }) => alive && !['none', 'completed'].includes(failover))
  if (isStuck) return 'it waits and nobody is told'
  const able = live.filter((side) => model.accepts(state, side, 'x-colo-lost-heartbeat'))
  if (able.length === 0) return 'nobody can run'
  const untold = [p, s].some(({ alive, mode, apart }) => alive && mode !== 'unknown' && !apart)
  return untold ? 'it waits and nobody is told' : 'it waits for an operator, and says so'
}

/** The ends that each state can come to by itself. */
const endsOf = (model: ColoModel, seen: ReadonlyMap<string, Visit>): ReadonlyMap<string, ReadonlySet<PairEnd>> => {
  const known = new Map<string, ReadonlySet<PairEnd>>()
  const look = (key: string): ReadonlySet<PairEnd> => {
    const found = known.get(key)
    if (found !== undefined) return found
    const { state, moves } = seen.get(key)!
    const inner = moves.filter(({ inner }) => inner)
    // What happens by itself always comes nearer to an end: there are no cycles of it.
    const ends =
      inner.length === 0
        ? new Set([endOf(model, state)])
        : new Set(inner.flatMap(({ to }) => [...look(JSON.stringify(to))]))
    known.set(key, ends)
    return ends
  }
  for (const key of seen.keys()) look(key)
  return known
}

/** What no state may be, beside where it ends. */
const rules: Readonly<Record<string, (state: PairState) => boolean>> = {
  'both serve at once': (state) => Object.values(views(state)).filter(serves).length === 2,
  'a guest runs half loaded': (state) =>
    Object.values(views(state)).some(({ alive, guest, halfLoaded }) => alive && halfLoaded && guest === 'running'),
  'a primary runs on beside a secondary that serves': (state) => {
    const { p, s } = views(state)
    const learns = state.toP.length > 0
    return p.alive && p.mode === 'primary' && p.guest === 'running' && serves(s) && !learns
  },
  'a failover that was accepted is forgotten': (state) =>
    Object.values(views(state)).some(
      ({ alive, told, failover, status }) => alive && told && failover === 'none' && status !== 'failed',
    ),
}

const wayTo = (seen: ReadonlyMap<string, Visit>, key: string): readonly string[] => {
  const steps: string[] = []
  for (let at = seen.get(key)?.from; at !== undefined; at = seen.get(at.key)?.from) steps.unshift(at.what)
  return steps
}

const isBad = (end: PairEnd): boolean => end === 'both run' || end === 'it waits and nobody is told'

/** Visits everything that a pair can get into. Breadth first, so that the first way to anything is a shortest one. */
export const coloOutcomes = (options: ColoModelOptions): ColoOutcomes => {
  const model = new ColoModel(options)
  const seen = visit(model)
  const ends = endsOf(model, seen)
  const combinations = new Map<string, Set<PairEnd>>()
  const hazards = new Map<string, readonly string[]>()
  let moves = 0
  for (const [key, { state, moves: from }] of seen) {
    moves += from.length
    const combination = combinationOf(state)
    const known = combinations.get(combination) ?? new Set()
    for (const end of ends.get(key)!) {
      known.add(end)
      if (isBad(end) && !hazards.has(end)) hazards.set(end, wayTo(seen, key))
    }
    combinations.set(combination, known)
    for (const [name, isBroken] of Object.entries(rules))
      if (isBroken(state) && !hazards.has(name)) hazards.set(name, wayTo(seen, key))
  }
  return { states: seen.size, moves, combinations, hazards }
}

/** The outcomes as text, to be checked in. */
export const outcomesText = (
  options: ColoModelOptions,
  { states, moves, combinations, hazards }: ColoOutcomes,
): string =>
  [
    `COLO of ${options.profile}, ${options.fence ? 'with a fence' : 'without a fence'}: ${states} states, ${moves} moves`,
    '',
    `${'primary: status/mode/failover'.padEnd(38)} secondary`,
    ...[...combinations].map(([combination, ends]) => `${combination.padEnd(76)} -> ${[...ends].sort().join('; ')}`),
    '',
    hazards.size === 0 ? 'No hazard.' : 'Hazards, each with the shortest way there:',
    ...[...hazards].flatMap(([name, way]) => [`  ${name}`, ...way.map((step, index) => `    ${index + 1}. ${step}`)]),
    '',
  ].join('\n')
