/** The edges between statuses that a chart really has, found by walking all of its reachable states. */
import { initialTransition, transition, type AnyMachineSnapshot, type AnyStateMachine } from 'xstate'
import { alphabet, synchronisations } from './alphabet.ts'

const top = (snapshot: AnyMachineSnapshot): string =>
  typeof snapshot.value === 'string' ? snapshot.value : Object.keys(snapshot.value)[0]!

const events = [...alphabet, ...synchronisations]

/** All reachable edges between top states, by the statuses that a step publishes (a step may pass through several). */
export const statusEdges = (machine: AnyStateMachine): readonly string[] => {
  const [first] = initialTransition(machine)
  const seen = new Map([[JSON.stringify([first.value, first.context]), first]])
  const edges = new Set<string>()
  for (const snapshot of seen.values())
    for (const event of events) {
      const [next, actions] = transition(machine, snapshot, event)
      let from = top(snapshot)
      for (const action of actions) {
        const { type, params } = action as { readonly type: string; readonly params?: unknown }
        const { status, unconditional } = (params ?? {}) as {
          readonly status?: string
          readonly unconditional?: boolean
        }
        // An unconditional event (setup of a destination that begins to listen) is no change of status.
        if (type !== 'emitMigration' || status === undefined || unconditional) continue
        edges.add(`${from} -> ${status}`)
        from = status
      }
      seen.set(JSON.stringify([next.value, next.context]), seen.get(JSON.stringify([next.value, next.context])) ?? next)
    }
  return [...edges].sort()
}
