/** What expressions and statements read and write, as far as it shows before anything is run. */
import type { Automaton, CompiledTransition, Operation } from '../compile/automaton.ts'
import { resultsOf } from '../compile/decision.ts'
import type { Expression, Statement } from './language.ts'
import type { World } from './world.ts'

/** All outputs that a party can give out when it is told an event, whatever its state. */
const outputsOf = (automaton: Automaton, event: number): ReadonlySet<number> => {
  const outputs = new Set<number>()
  const events = new Set([event])
  const inOperations = (operations: readonly Operation[]): void => {
    for (const operation of operations)
      if (operation.kind === 'output') for (const output of resultsOf(operation.output)) outputs.add(output)
      else if (operation.kind === 'raise') for (const raised of resultsOf(operation.event)) events.add(raised)
  }
  const inTransitions = (transitions: readonly CompiledTransition[] | undefined): void => {
    for (const { exits, actions, entries } of transitions ?? []) inOperations([...exits, ...actions, ...entries])
  }
  for (const each of events) {
    for (const { handlers, always } of automaton.regions) {
      handlers[each]?.forEach(inTransitions)
      always?.[each]?.forEach(inTransitions)
    }
    inTransitions(automaton.root[each])
  }
  return outputs
}

/** Outputs that a party can give out on an event and that the world does something with. */
export const carriedOutOn = (world: World, party: string, event: object): readonly number[] => {
  const { carriedOut, party: told } = world.parties[world.partyPlace(party)]!
  return [...outputsOf(told.automaton, world.eventPlace(party, event))].filter((each) => carriedOut[each]!.length > 0)
}

/** What a piece of code reads and writes: places of parties and variables. */
export class Touched {
  readonly parties = new Set<number>()
  readonly told = new Set<number>()
  /** Asked for as they were when they were last told something. */
  readonly before = new Set<number>()
  readonly read = new Set<number>()
  readonly written = new Set<number>()
}

/** What expressions read. */
export const readBy = (world: World, expressions: readonly Expression[], touched = new Touched()): Touched => {
  for (const expression of expressions)
    switch (expression.kind) {
      case 'constant':
        break
      case 'is':
        touched.read.add(world.variablePlace(expression.variable))
        break
      case 'same':
        touched.read.add(world.variablePlace(expression.variable))
        touched.read.add(world.variablePlace(expression.other))
        break
      case 'all':
      case 'any':
        readBy(world, expression.of, touched)
        break
      case 'not':
        readBy(world, [expression.of], touched)
        break
      case 'in':
      case 'remembers':
        touched.parties.add(world.partyPlace(expression.party))
        if (expression.kind === 'in' && expression.before) touched.before.add(world.partyPlace(expression.party))
    }
  return touched
}

/** What statements read and write, what the world does in turn included. */
export const touchedBy = (world: World, statements: readonly Statement[], touched = new Touched()): Touched => {
  for (const statement of statements)
    switch (statement.kind) {
      case 'set':
      case 'advance':
        touched.written.add(world.variablePlace(statement.variable))
        break
      case 'copy':
        touched.written.add(world.variablePlace(statement.variable))
        touched.read.add(world.variablePlace(statement.from))
        break
      case 'if':
        readBy(world, [statement.when], touched)
        touchedBy(world, statement.does, touched)
        touchedBy(world, statement.otherwise, touched)
        break
      case 'tell': {
        const place = world.partyPlace(statement.party)
        const { carriedOut, party } = world.parties[place]!
        touched.told.add(place)
        for (const output of carriedOutOn(world, statement.party, statement.event))
          touchedBy(world, carriedOut[output]!, touched)
        touchedBy(world, party.afterwards, touched)
        break
      }
      case 'reset':
        touched.told.add(world.partyPlace(statement.party))
        break
      case 'breach': {
        const place = world.breachPlace(statement.property)
        if (place !== undefined) touched.written.add(place)
      }
    }
  return touched
}
