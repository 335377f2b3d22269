/** The explorer against published numbers, against the interpreter, and on models that are wrong. */
import t from 'tap'
import { initialState, stepOf, type WorldState } from '../model/interpreter.ts'
import { all, is, set, when, type Model, type ModelProperty, type Rule } from '../model/language.ts'
import { ModelError, World } from '../model/world.ts'
import { pairModel } from '../models/pair.ts'
import { twoPhaseCommit } from '../models/two-phase-commit.ts'
import { explore, follow } from './explorer.ts'
import { leadsTo } from './leads-to.ts'

t.test('two-phase commit has the published numbers of states', async (t) => {
  t.match(explore(twoPhaseCommit(3)), { states: 288, depth: 10, complete: true, violations: [], unseen: [] })
  t.match(explore(twoPhaseCommit(5)), { states: 8832, depth: 16, complete: true, violations: [] })
})

const keyOf = (state: WorldState): string => JSON.stringify(state)

/** All states by the interpreter, first in first out; `representative` says which states count as one. */
const walk = (world: World, representative: (state: WorldState) => string, deep = false) => {
  const first = initialState(world)
  const seen = new Map([[representative(first), 0]])
  const open = [first]
  let transitions = 0
  for (let state = open.pop(); state !== undefined; state = deep ? open.pop() : open.shift()) {
    const depth = seen.get(representative(state))!
    for (const rule of world.model.rules) {
      const after = stepOf(world, state, rule)?.after
      if (after === undefined || keyOf(after) === keyOf(state)) continue
      transitions++
      if (seen.has(representative(after))) continue
      seen.set(representative(after), depth + 1)
      open.push(after)
    }
  }
  return { states: seen.size, transitions, depth: Math.max(...seen.values()) }
}

t.test(
  'with symmetry it has as many as there are orbits; one representative that is none gives the 665 of others',
  async (t) => {
    t.match(explore(twoPhaseCommit(5, true)), { states: 314, complete: true, violations: [] })
    const world = new World(twoPhaseCommit(5))
    const managers = (state: WorldState) =>
      Array.from({ length: 5 }, (_, index) => state.values.slice(3 + 3 * index, 6 + 3 * index))
    const sortedBy = (key: (manager: readonly number[]) => string) => (state: WorldState) =>
      JSON.stringify([
        state.values.slice(0, 3),
        managers(state).toSorted((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0)),
      ])
    t.equal(walk(world, sortedBy(String)).states, 314, 'every permutation of a state is one')
    // Stateright sorts by the managers' states alone, and goes on from the state as it was met, depth first.
    t.equal(
      walk(
        world,
        sortedBy(([state]) => String(state)),
        true,
      ).states,
      665,
    )
  },
)

t.test('the generated explorer does what the interpreter does', async (t) => {
  for (const options of [{ capabilities: [{ pause: true, postcopy: false, colo: false }] }, { returnPath: false }]) {
    const model = pairModel({ ...options, profile: '7.2' })
    const { states, transitions, depth, complete } = explore(model)
    t.ok(complete)
    t.strictSame({ states, transitions, depth }, walk(new World(model), keyOf))
  }
})

t.test('a counterexample is a shortest way, and can be followed', async (t) => {
  const model = pairModel({ quirks: new Set(['h1']) })
  const { violations, complete } = explore(model)
  t.notOk(complete, 'stops where something is broken')
  const [first] = violations
  t.match(first, { property: { id: 'I6' } })
  const again = follow(
    new World(model),
    first!.steps.map(({ rule }) => rule),
  )
  t.strictSame(
    again.map(({ after }) => after.values),
    first!.steps.map(({ after }) => after.values),
  )
  const everything = explore(model, { goesOn: true })
  t.ok(everything.complete)
  t.strictSame(everything.violations.map(({ property }) => property.id).slice(0, 3), ['I6', 'I4', 'I1'])
  t.equal(everything.violations[0]?.steps.length, first!.steps.length)
  t.match(explore(model, { only: ['I1'] }).violations, [{ property: { id: 'I1' } }])
})

t.test('a bound that is hit is told', async (t) => {
  const { states, complete } = explore(pairModel(), { statesMax: 20_000 })
  t.equal(states, 20_000)
  t.notOk(complete)
})

const rule = (name: string, kind: Rule['kind'], condition: Rule['when'], ...does: Rule['does']): Rule => ({
  name,
  lane: 'world',
  kind,
  when: condition,
  does,
})

const small = (rules: readonly Rule[], property: ModelProperty): Model => ({
  name: 'small',
  about: [],
  parties: [],
  variables: [
    { name: 'place', values: ['start', 'waiting', 'done', 'lost'] },
    { name: 'light', values: ['off', 'on'] },
  ],
  rules,
  properties: [property],
})

const arrives: ModelProperty = {
  id: 'arrives',
  text: 'Who waits arrives.',
  kind: 'leads-to',
  from: is('place', 'waiting'),
  to: is('place', 'done'),
}
const goes = rule('go', 'operator', is('place', 'start'), set('place', 'waiting'))
const blinks = (kind: Rule['kind']) =>
  rule('blink', kind, all(), when(is('light', 'on'), [set('light', 'off')], [set('light', 'on')]))
const lassoOf = (...rules: readonly Rule[]) => leadsTo(explore(small(rules, arrives), { keepsEdges: true }).graph, 0)
const names = (steps: readonly { readonly rule: Rule }[]) => steps.map((step) => step.rule.name)

t.test('liveness: fairness is what makes it hold, and only for what stays possible', async (t) => {
  const arrive = (condition: Rule['when'], kind: Rule['kind'] = 'progress') =>
    rule('arrive', kind, all(is('place', 'waiting'), condition), set('place', 'done'))
  t.equal(lassoOf(goes, blinks('operator'), arrive(all())), undefined, 'a rule that stays possible is taken')
  const now = lassoOf(goes, arrive(all(), 'operator'))!
  t.strictSame([names(now.stem), names(now.cycle)], [['go'], []], 'nobody is bound to take an operator’s rule')
  const dark = lassoOf(goes, blinks('operator'), arrive(is('light', 'on')))!
  t.strictSame([names(dark.stem), names(dark.cycle)], [['go'], []], 'nothing that happens by itself is left')
  const sometimes = lassoOf(goes, blinks('progress'), arrive(is('light', 'on')))!
  t.strictSame(names(sometimes.cycle), ['blink', 'blink'], 'one that is possible now and then only need not be taken')
  const lost = lassoOf(goes, arrive(all()), rule('lose', 'fault', is('place', 'waiting'), set('place', 'lost')))!
  t.strictSame([names(lost.stem), names(lost.cycle)], [['go', 'lose'], []])
})

t.test('a name that nothing has is refused', async (t) => {
  const claims = (model: Model, found: RegExp) =>
    t.throws(() => explore(model), { _tag: 'ModelError', message: found } as never)
  claims(small([rule('r', 'progress', is('plaec', 'start'))], arrives), /no variable plaec/)
  claims(small([rule('r', 'progress', is('place', 'here'))], arrives), /variable place has no value here/)
  claims(small([rule('r', 'progress', all(), { kind: 'breach', property: 'I99' })], arrives), /a rule breaks I99/)
  claims(small([rule('r', 'progress', all(), { kind: 'reset', party: 'nobody' })], arrives), /no party nobody/)
  t.throws(() => explore(pairModel(), { only: ['I99'] }), ModelError)
})
