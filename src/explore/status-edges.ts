/** The edges between statuses that a chart really has, found by walking all of its reachable states. */
import type { AnyStateMachine } from 'xstate'
import { alphabet, synchronisations } from './alphabet.ts'
import { compile } from './compile/compile.ts'
import { DenseTable } from './compile/dense-table.ts'

const events = [...alphabet, ...synchronisations]

/** All reachable edges between top states, by the statuses that a step publishes (a step may pass through several). */
export const statusEdges = (machine: AnyStateMachine): readonly string[] => {
  const automaton = compile(machine, events)
  const table = new DenseTable(automaton)
  const edges = new Set<string>()
  for (let state = 0; state < table.size; state++)
    for (let event = 1; event <= automaton.alphabet; event++) {
      let [from] = automaton.regions[0]!.states[table.stateOf(state, 0)]!.split('.', 1)
      for (const output of table.outputs(state, event)) {
        const { type, params } = automaton.outputs[output]!
        const { status, unconditional } = (params ?? {}) as {
          readonly status?: string
          readonly unconditional?: boolean
        }
        // An unconditional event (setup of a destination that begins to listen) is no change of status.
        if (type !== 'emitMigration' || status === undefined || unconditional) continue
        edges.add(`${from} -> ${status}`)
        from = status
      }
    }
  return [...edges].sort()
}
