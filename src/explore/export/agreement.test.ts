/**
 * Checkers that we did not write against our explorer, on a few models each; `.ci/run` asks them about all. And a compiler
 * with a rule that is wrong, which they notice.
 */
import t from 'tap'
import { World } from '../model/world.ts'
import { pairModel } from '../models/pair.ts'
import { explore } from '../search/explorer.ts'
import type { Model } from '../model/language.ts'
import { compare, comparedBy, missingChecker, type Checker } from './agreement.ts'
import { runTlaChecker } from './tla-checker.ts'

const names: Readonly<Record<Checker, readonly string[]>> = {
  // Compiling what spin makes of a pair takes a while.
  spin: ['outgoing (2.11)', 'two-phase-commit (5 managers)'],
  tla: [
    'outgoing (7.2)',
    'images (2.11)',
    'pair (pause, no way back)',
    'two-phase-commit (3 managers)',
    'two-phase-commit (5 managers)',
    'pair with q2 (2.11)',
    'pair with h7 (7.2)',
  ],
}

for (const checker of ['spin', 'tla'] as const)
  t.test(`${checker} finds as many states, the same verdicts and ways as short`, async (t) => {
    const missing = await missingChecker(checker)
    if (missing !== undefined) return t.comment(`not asked: ${missing}`)
    const compared = comparedBy(checker).filter(({ name }) => names[checker].includes(name))
    t.equal(compared.length, names[checker].length)
    for (const one of compared) {
      const { ours, theirs, agrees } = await compare(checker, one)
      t.ok(agrees, `${one.name}: ${JSON.stringify(ours)}, ${checker} ${JSON.stringify(theirs)}`)
    }
  })

/** The compiler's rule that a state's own transitions come before those of the states around it, turned round. */
const outerFirst = (model: Model): Model => ({
  ...model,
  parties: model.parties.map((party) => ({
    ...party,
    automaton: {
      ...party.automaton,
      regions: party.automaton.regions.map((region) => ({
        ...region,
        handlers: region.handlers.map((handlers) => handlers?.map((transitions) => transitions.toReversed())),
      })),
    },
  })),
})

t.test('a wrong rule of the compiler is noticed', async (t) => {
  const right = pairModel({ faults: 0, capabilities: [{ pause: true, postcopy: true, colo: false }] })
  const { states } = await runTlaChecker(new World(right))
  t.equal(explore(right, { goesOn: true }).states, states)
  t.not(explore(outerFirst(right), { goesOn: true }).states, states)
})
