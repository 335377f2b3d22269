/**
 * A trail as a file that outlives the model's numbering: its rules by name. Followed again as far as the model of today lets
 * it, it tells whether what was broken then is broken still. The same as a test that runs by itself.
 */
import { brokenIn, initialState, stepOf, type Step } from '../model/interpreter.ts'
import type { Rule } from '../model/language.ts'
import { World } from '../model/world.ts'
import { makeModel, type ModelSettings } from '../models/settings.ts'

/** See the head of this file. */
export interface TrailFile {
  readonly settings: ModelSettings
  /** What it broke when it was found. */
  readonly property: string
  /** What was wrong, in a sentence. */
  readonly found?: string
  readonly steps: readonly string[]
}

/** What became of a trail in the model of today. */
export interface TrailOutcome {
  readonly world: World
  readonly steps: readonly Step[]
  /** The first rule that may not happen any more, or has another name. */
  readonly stopsAt?: string
  /** The property that is broken at its end. */
  readonly broken?: string
}

/** Follows a trail until a rule is missing, may not happen, or something is broken. */
export const followTrail = ({ settings, steps, property }: TrailFile): TrailOutcome => {
  const model = makeModel(settings)
  const world = new World(model, model.properties.some(({ id }) => id === property) ? [property] : undefined)
  const taken: Step[] = []
  let state = initialState(world)
  for (const name of steps) {
    const rule: Rule | undefined = model.rules.find((each) => each.name === name)
    const step = rule && stepOf(world, state, rule)
    if (step === undefined) return { world, steps: taken, stopsAt: name }
    taken.push(step)
    state = step.after
    const broken = brokenIn(world, state)
    if (broken !== undefined) return { world, steps: taken, broken: broken.id }
  }
  return { world, steps: taken }
}

/** A test of its own, for tap: it fails as long as the trail breaks what it broke. */
export const testFile = (file: TrailFile, text: string): string =>
  `/** ${file.property}: ${text} */
import t from 'tap'
import { followTrail } from 'switchover/explore'

t.test('${file.settings.model}: ${file.property} is not broken on this way', async (t) => {
  const { broken } = followTrail(${JSON.stringify(file, undefined, 2).replaceAll('\n', '\n  ')})
  t.equal(broken, undefined)
})
`
