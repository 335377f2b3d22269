/**
 * What an export needs to know of a party before it writes anything: which regions, members and events its rules can touch,
 * and how many events a step can raise. The components themselves go out as they were compiled; composing them is left to
 * whoever reads the export.
 */
import type { Automaton, CompiledTransition, Operation } from '../compile/automaton.ts'
import { resultsOf } from '../compile/decision.ts'
import type { Statement } from '../model/language.ts'
import type { World } from '../model/world.ts'

const transitionsOn = (automaton: Automaton, event: number): readonly CompiledTransition[] => [
  ...automaton.regions.flatMap(({ handlers }) => (handlers[event] ?? []).flat()),
  ...(automaton.root[event] ?? []),
]

const operationsOf = ({ exits, actions, entries }: CompiledTransition): readonly Operation[] => [
  ...exits,
  ...actions,
  ...entries,
]

/** Events that a transition on one of these can raise, and so on. */
export const raisedBy = (automaton: Automaton, events: Iterable<number>): readonly number[] => {
  const raised = new Set<number>()
  const open = [...events]
  for (const event of open)
    for (const operation of transitionsOn(automaton, event).flatMap(operationsOf))
      if (operation.kind === 'raise')
        for (const each of resultsOf(operation.event))
          if (!raised.has(each)) {
            raised.add(each)
            open.push(each)
          }
  return [...raised].sort((one, other) => one - other)
}

const toldIn = (statements: readonly Statement[]): readonly Extract<Statement, { kind: 'tell' }>[] =>
  statements.flatMap((statement) =>
    statement.kind === 'tell'
      ? [statement]
      : statement.kind === 'if'
        ? [...toldIn(statement.does), ...toldIn(statement.otherwise)]
        : [],
  )

/** Every event that a party is told by some rule, as numbers, in order. */
export const eventsTold = (world: World, party: string): readonly number[] => {
  const told = world.model.rules
    .flatMap(({ does }) => toldIn(does))
    .filter((statement) => statement.party === party)
    .map(({ event }) => world.eventPlace(party, event))
  return [...new Set(told)].sort((one, other) => one - other)
}

/** The exports do not know eventless transitions; no chart of this project has any. */
export const refuseAlways = (automaton: Automaton): void => {
  const found = automaton.regions.find(({ always }) => always !== undefined)
  if (found !== undefined)
    throw new Error(`${automaton.id}: expected no eventless transition, found one in region ${found.name}`)
}
