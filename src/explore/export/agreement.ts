/**
 * Our explorer beside checkers that we did not write. They get the components of a model and compose them themselves; the
 * number of states, the verdict and the length of a shortest counterexample have to be the same.
 */
import type { Profile, QuirkId } from '../../../machines/index.ts'
import type { Model } from '../model/language.ts'
import { World } from '../model/world.ts'
import { explored, lockStep, modelOf } from '../models/catalogue.ts'
import { pairModel, type PairOptions } from '../models/pair.ts'
import { twoPhaseCommit } from '../models/two-phase-commit.ts'
import { explore } from '../search/explorer.ts'
import { isAssertable } from './promela.ts'
import { missingSpin, runSpin } from './spin.ts'
import { runTlaChecker } from './tla-checker.ts'

/** A checker that is asked. */
export type Checker = 'spin' | 'tla'

/** A model for a checker, and the claim that is broken in it, if any. */
export interface Compared {
  readonly name: string
  readonly model: Model
  readonly broken?: string
}

/** What each says: states where nothing is broken, else the steps to the breach; depth where the checker tells it. */
export interface Said {
  readonly states?: number
  readonly violatedAt?: number
  readonly depth?: number
}

/** A comparison. */
export interface Agreement {
  readonly name: string
  readonly ours: Said
  readonly theirs: Said
  readonly agrees: boolean
  readonly seconds: { readonly ours: number; readonly theirs: number }
}

const bounds: readonly (readonly [string, PairOptions])[] = [
  ['pair (no faults)', { faults: 0 }],
  ['pair (precopy)', { capabilities: [{ pause: false, postcopy: false, colo: false }] }],
  ['pair (pause, no way back)', { capabilities: [{ pause: true, postcopy: false, colo: false }], returnPath: false }],
  ['pair (7.2, lock-step, fence, no faults)', { profile: '7.2', capabilities: lockStep, fence: true, faults: 0 }],
]

const broken = (quirk: QuirkId, profile: Profile, property: string, options: PairOptions = {}): Compared => ({
  name: `pair with ${quirk} (${profile})`,
  model: pairModel({ ...options, profile, quirks: new Set([quirk]) }),
  broken: property,
})

const precopy = { capabilities: [{ pause: false, postcopy: false, colo: false }] }

/** Broken in so few steps that a slow checker gets there. */
const soonBroken = (): readonly Compared[] => [
  broken('q2', '2.11', 'I8', precopy),
  broken('q3', '2.11', 'I8', precopy),
  broken('q15', '2.11', 'I2', precopy),
  broken('h5', '7.2', 'I6', precopy),
  broken('h7', '7.2', 'I13', precopy),
  broken('h14', '2.11', 'I9', precopy),
  broken('h22', '7.2', 'I7', precopy),
]

/** What only spin is fast enough for. */
const lateBroken = (): readonly Compared[] => [
  broken('h1', '2.11', 'I1'),
  broken('h12', '2.11', 'I15'),
  broken('h26', '2.11', 'I4'),
  broken('h27', '7.2', 'I1'),
  broken('q9', '2.11', 'I28', { capabilities: lockStep }),
  broken('h19', '7.2', 'I1 primary runs on', { capabilities: lockStep }),
]

/** Models that a checker of some thousand states a second gets through. */
const small = (): readonly Compared[] => [
  ...explored.flatMap(({ model, label, options }): readonly Compared[] =>
    ['outgoing', 'incoming', 'guest', 'images'].includes(model) ||
    (model === 'destination' && options.profile === '2.11')
      ? [{ name: `${model} (${label})`, model: modelOf(model)!.make(options) }]
      : [],
  ),
  ...bounds.map(([name, options]) => ({ name, model: pairModel(options) })),
  { name: 'two-phase-commit (3 managers)', model: twoPhaseCommit(3) },
  { name: 'two-phase-commit (5 managers)', model: twoPhaseCommit(5) },
  ...soonBroken(),
]

/** What a checker is asked as a matter of course. */
export const comparedBy = (checker: Checker): readonly Compared[] =>
  checker === 'tla'
    ? small()
    : [
        ...small(),
        ...explored
          .map(({ model, label, options }) => ({ name: `${model} (${label})`, model: modelOf(model)!.make(options) }))
          .filter(({ name }) => small().every((each) => each.name !== name)),
        ...lateBroken(),
      ]

/** Why a checker cannot be asked here; undefined where it can. */
export const missingChecker = async (checker: Checker): Promise<string | undefined> => {
  if (checker === 'spin') return missingSpin()
  try {
    import.meta.resolve('tla-checker')
    return undefined
  } catch {
    return 'the package tla-checker is not installed'
  }
}

/** Asks both about a model. */
export const compare = async (checker: Checker, { name, model, broken: property }: Compared): Promise<Agreement> => {
  const world = new World(model)
  const asserted = property === undefined ? world.properties.filter(isAssertable).map(({ id }) => id) : [property]
  const found = explore(model, property === undefined ? {} : { only: [property] })
  const violatedAt = found.violations[0]?.steps.length
  // Every claim keeps its own variable: what is asserted must not change what a state is.
  const narrowed = new World(model, property === undefined ? undefined : [property])
  const verdict = checker === 'spin' ? await runSpin(narrowed, { asserted }) : await runTlaChecker(narrowed, asserted)
  const { depth } = verdict as { readonly depth?: number }
  const ours: Said =
    violatedAt === undefined
      ? { states: found.states, ...(depth === undefined ? {} : { depth: found.depth }) }
      : { violatedAt }
  const theirs: Said =
    verdict.violatedAt === undefined
      ? { states: verdict.states, ...(depth === undefined ? {} : { depth }) }
      : { violatedAt: verdict.violatedAt }
  return {
    name,
    ours,
    theirs,
    agrees: JSON.stringify(ours) === JSON.stringify(theirs),
    seconds: { ours: found.millis / 1000, theirs: verdict.seconds },
  }
}
