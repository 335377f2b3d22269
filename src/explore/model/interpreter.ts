/**
 * A model taken step by step, straight from its description: slow, and it tells everything that happens in a step. It shows
 * counterexamples, and it is the referee of the generated explorer.
 */
import type { CompiledEvent, CompiledOutput } from '../compile/automaton.ts'
import { quiescent, type Expression, type ModelProperty, type Rule, type Statement } from './language.ts'
import { breachVariable, type World } from './world.ts'

/** A state of a model: a number a party (of its table), a number a variable (of its values). */
export interface WorldState {
  readonly parties: readonly number[]
  readonly values: readonly number[]
}

/** What a party was told in a step, and what it gave out. */
export interface Told {
  readonly party: string
  readonly event: CompiledEvent
  readonly taken: boolean
  readonly outputs: readonly CompiledOutput[]
  /** Numbers of the party's states. */
  readonly from: number
  readonly to: number
}

/** A step, with all that happened in it. */
export interface Step {
  readonly rule: Rule
  readonly told: readonly Told[]
  readonly after: WorldState
}

/** Where everything starts. */
export const initialState = (world: World): WorldState => ({
  parties: world.parties.map(({ table }) => table.initial),
  values: world.variables.map(() => 0),
})

/** A state while a rule changes it; `before` is each party's state when it was last told something. */
class Work {
  readonly world: World
  readonly parties: number[]
  readonly before: number[]
  readonly values: number[]
  readonly told: Told[] = []

  constructor(world: World, state: WorldState) {
    this.world = world
    this.parties = [...state.parties]
    this.before = [...state.parties]
    this.values = [...state.values]
  }

  holds(expression: Expression): boolean {
    const { world } = this
    switch (expression.kind) {
      case 'constant':
        return expression.value
      case 'is':
        return this.#value(expression.variable) === world.valueOf(expression.variable, expression.value)
      case 'same':
        return this.#value(expression.variable) === this.#value(expression.other)
      case 'all':
        return expression.of.every((each) => this.holds(each))
      case 'any':
        return expression.of.some((each) => this.holds(each))
      case 'not':
        return !this.holds(expression.of)
      case 'in':
      case 'remembers': {
        const place = world.partyPlace(expression.party)
        const states = expression.kind === 'in' && expression.before ? this.before : this.parties
        return world.answer(expression, states[place]!)
      }
    }
  }

  run(statements: readonly Statement[]): void {
    for (const statement of statements) this.#do(statement)
  }

  #do(statement: Statement): void {
    const { world, values } = this
    switch (statement.kind) {
      case 'set':
        values[world.variablePlace(statement.variable)] = world.valueOf(statement.variable, statement.value)
        return
      case 'copy':
        values[world.variablePlace(statement.variable)] = this.#value(statement.from)
        return
      case 'advance': {
        const place = world.variablePlace(statement.variable)
        const next = values[place]! + 1
        if (next >= world.variables[place]!.values.length)
          throw new Error(`${world.model.name}: ${statement.variable} is advanced beyond its last value`)
        values[place] = next
        return
      }
      case 'if':
        return this.run(this.holds(statement.when) ? statement.does : statement.otherwise)
      case 'tell':
        return this.#tell(statement.party, statement.event)
      case 'reset': {
        const place = world.partyPlace(statement.party)
        this.parties[place] = world.parties[place]!.table.initial
        this.before[place] = this.parties[place]
        return
      }
      case 'breach': {
        const place = world.breachPlace(statement.property)
        if (place !== undefined) values[place] = 1
      }
    }
  }

  #tell(party: string, event: CompiledEvent): void {
    const place = this.world.partyPlace(party)
    const { table, carriedOut, party: told } = this.world.parties[place]!
    const number = this.world.eventPlace(party, event)
    const from = this.parties[place]!
    const to = table.step(from, number)
    const outputs = table.outputs(from, number)
    this.before[place] = from
    this.parties[place] = to
    this.told.push({
      party,
      event,
      taken: table.takes(from, number),
      outputs: outputs.map((output) => table.automaton.outputs[output]!),
      from,
      to,
    })
    for (const output of outputs) this.run(carriedOut[output]!)
    this.run(told.afterwards)
  }

  #value(variable: string): number {
    return this.values[this.world.variablePlace(variable)]!
  }
}

/** Whether something holds in a state. */
export const holdsIn = (world: World, state: WorldState, expression: Expression): boolean =>
  new Work(world, state).holds(expression)

/** What a rule makes of a state; undefined where it may not happen. */
export const stepOf = (world: World, state: WorldState, rule: Rule): Step | undefined => {
  const work = new Work(world, state)
  if (!work.holds(rule.when)) return undefined
  work.run(rule.does)
  return { rule, told: work.told, after: { parties: work.parties, values: work.values } }
}

/** Whether two states are one. */
export const isSame = (one: WorldState, other: WorldState): boolean =>
  one.parties.every((state, place) => state === other.parties[place]) &&
  one.values.every((value, place) => value === other.values[place])

/** The state property that a state breaks by itself, or that a rule has found broken. */
export const brokenIn = (world: World, state: WorldState): ModelProperty | undefined =>
  world.properties.find((property) => {
    if (property.kind === 'never') return holdsIn(world, state, property.when)
    if (property.kind === 'always') return !holdsIn(world, state, property.when)
    if (property.kind !== 'breach') return false
    return holdsIn(world, state, { kind: 'is', variable: breachVariable(property.id), value: 'yes' })
  })

/** Whether nothing that happens by itself is left. */
export const isQuiescent = (world: World, state: WorldState): boolean =>
  holdsIn(world, state, quiescent(world.model.rules))
