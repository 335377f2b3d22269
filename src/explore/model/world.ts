/**
 * A model made ready to run: names become numbers, outputs of the charts become statements, and what is asked of a party
 * becomes a bit that is looked up. Explorer, interpreter and exports all start from here.
 */
import { eventOf, regionOf, statesWithin } from '../compile/automaton.ts'
import { DenseTable } from '../compile/dense-table.ts'
import type { Expression, Model, ModelProperty, Party, Statement } from './language.ts'

/** A party with its table and what the world does with each output. */
export interface PartyInWorld {
  readonly party: Party
  readonly table: DenseTable
  /** By number of output. */
  readonly carriedOut: readonly (readonly Statement[])[]
}

/** A question about one party's state. */
export type Asked = Extract<Expression, { kind: 'in' | 'remembers' }>

/** The model has a name in it that nothing has. */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly _tag = 'ModelError'
}

/** The variable that says that a rule has found a property broken. */
export const breachVariable = (property: string): string => `broken ${property}`

/** See the head of this file. */
export class World {
  readonly model: Model
  readonly parties: readonly PartyInWorld[]
  /** The model's own, and one for each property that a rule may find broken. */
  readonly variables: Model['variables']
  /** Properties that are looked at; all of the model's unless some were chosen. */
  readonly properties: readonly ModelProperty[]
  readonly #partyPlaces: ReadonlyMap<string, number>
  readonly #variablePlaces: ReadonlyMap<string, number>

  /** `only`: identifiers of the properties to look at. */
  constructor(model: Model, only?: readonly string[]) {
    this.model = model
    this.properties = only === undefined ? model.properties : model.properties.filter(({ id }) => only.includes(id))
    const unknown = only?.find((id) => !model.properties.some((property) => property.id === id))
    if (unknown !== undefined)
      throw new ModelError(
        `${model.name}: expected one of the properties ${model.properties.map(({ id }) => id).join(', ')}, found ${unknown}`,
      )
    this.variables = [
      ...model.variables,
      ...this.properties
        .filter(({ kind }) => kind === 'breach')
        .map(({ id }) => ({ name: breachVariable(id), values: ['no', 'yes'] })),
    ]
    this.parties = model.parties.map((party) => ({
      party,
      table: new DenseTable(party.automaton),
      carriedOut: party.automaton.outputs.map((output) => party.carryOut(output)),
    }))
    this.#partyPlaces = new Map(model.parties.map(({ name }, place) => [name, place]))
    this.#variablePlaces = new Map(this.variables.map(({ name }, place) => [name, place]))
    checkNames(this)
  }

  partyPlace(name: string): number {
    const place = this.#partyPlaces.get(name)
    if (place === undefined) throw new ModelError(`${this.model.name}: no party ${name}`)
    return place
  }

  variablePlace(name: string): number {
    const place = this.#variablePlaces.get(name)
    if (place === undefined) throw new ModelError(`${this.model.name}: no variable ${name}`)
    return place
  }

  valueOf(variable: string, value: string): number {
    const place = this.variables[this.variablePlace(variable)]!.values.indexOf(value)
    if (place < 0) throw new ModelError(`${this.model.name}: variable ${variable} has no value ${value}`)
    return place
  }

  /** The place of the variable of a property's breach; undefined where the property is not looked at. */
  breachPlace(property: string): number | undefined {
    if (!this.model.properties.some(({ id, kind }) => id === property && kind === 'breach'))
      throw new ModelError(`${this.model.name}: a rule breaks ${property}, which is no such property of the model`)
    return this.#variablePlaces.get(breachVariable(property))
  }

  eventPlace(party: string, event: object): number {
    return eventOf(this.model.parties[this.partyPlace(party)]!.automaton, event)
  }

  /** Innermost states of a region that an expression names. */
  statesOf({ party, region, path }: Extract<Expression, { kind: 'in' }>): readonly [number, readonly number[]] {
    const { automaton } = this.model.parties[this.partyPlace(party)]!
    const place = regionOf(automaton, region)
    return [place, statesWithin(automaton, place, path)]
  }

  /** The place of a member of a party's context, and the number of a value; -1 where it never has it. */
  memberOf({ party, member, value }: Extract<Expression, { kind: 'remembers' }>): readonly [number, number] {
    const { automaton } = this.model.parties[this.partyPlace(party)]!
    const place = automaton.members.findIndex(({ name }) => name === member)
    if (place < 0) throw new ModelError(`${automaton.id}: the context has no member ${member}`)
    return [place, automaton.members[place]!.values.indexOf(value)]
  }

  /** The answer to a question about a party's state. */
  answer(asked: Asked, state: number): boolean {
    const { table } = this.parties[this.partyPlace(asked.party)]!
    if (asked.kind === 'in') {
      const [region, states] = this.statesOf(asked)
      return states.includes(table.stateOf(state, region))
    }
    const [member, value] = this.memberOf(asked)
    return table.valueOf(state, member) === value
  }
}

/** All expressions in a model, those inside others too. */
export const expressionsOf = (world: World): readonly Expression[] => {
  const found: Expression[] = []
  const inExpression = (expression: Expression): void => {
    found.push(expression)
    if (expression.kind === 'all' || expression.kind === 'any') expression.of.forEach(inExpression)
    else if (expression.kind === 'not') inExpression(expression.of)
  }
  const inStatement = (statement: Statement): void => {
    if (statement.kind !== 'if') return
    inExpression(statement.when)
    statement.does.forEach(inStatement)
    statement.otherwise.forEach(inStatement)
  }
  for (const rule of world.model.rules) {
    inExpression(rule.when)
    rule.does.forEach(inStatement)
  }
  for (const { party, carriedOut } of world.parties) {
    carriedOut.flat().forEach(inStatement)
    party.afterwards.forEach(inStatement)
  }
  for (const property of world.properties)
    if (property.kind === 'leads-to') {
      inExpression(property.from)
      inExpression(property.to)
    } else if (property.kind !== 'breach') inExpression(property.when)
  return found
}

/** Statements of a model, those inside others too. */
const statementsOf = (statements: readonly Statement[]): readonly Statement[] =>
  statements.flatMap((statement) =>
    statement.kind === 'if'
      ? [statement, ...statementsOf(statement.does), ...statementsOf(statement.otherwise)]
      : [statement],
  )

const checkNames = (world: World): void => {
  for (const expression of expressionsOf(world))
    if (expression.kind === 'is') world.valueOf(expression.variable, expression.value)
    else if (expression.kind === 'same') {
      world.variablePlace(expression.variable)
      world.variablePlace(expression.other)
    } else if (expression.kind === 'in') world.statesOf(expression)
    else if (expression.kind === 'remembers') world.memberOf(expression)
  const told = world.model.rules.flatMap(({ does }) => statementsOf(does))
  const given = world.parties.flatMap(({ party, carriedOut }) =>
    statementsOf([...carriedOut.flat(), ...party.afterwards]),
  )
  const late = given.find(({ kind }) => kind === 'tell' || kind === 'reset')
  if (late !== undefined) throw new ModelError(`${world.model.name}: only a rule may tell or reset a party`)
  for (const statement of [...told, ...given])
    if (statement.kind === 'set') world.valueOf(statement.variable, statement.value)
    else if (statement.kind === 'copy') {
      world.variablePlace(statement.variable)
      world.variablePlace(statement.from)
    } else if (statement.kind === 'advance') world.variablePlace(statement.variable)
    else if (statement.kind === 'tell') world.eventPlace(statement.party, statement.event)
    else if (statement.kind === 'reset') world.partyPlace(statement.party)
    else if (statement.kind === 'breach') world.breachPlace(statement.property)
}
