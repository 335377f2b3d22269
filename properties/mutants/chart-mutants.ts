/**
 * Mutants of the charts: every edge removed, led elsewhere, or taken without its guard, and every action left out, one at a
 * time. A mutation is made in the machine itself and can be undone, so that whatever runs on a machine runs on the mutant:
 * the explorer on what is compiled from it, the core on XState.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { edgesAmong, edgeText } from '../../src/explore/chart-edge.ts'

/** See the head of this file. */
export interface ChartMutation {
  /** What is changed and how, as text that no other mutation of the chart has. */
  readonly id: string
  readonly kind: 'removed' | 'unguarded' | 'action' | 'redirected'
  /** Changes a machine; gives what undoes it, undefined where the machine has no such place. */
  readonly apply: (machine: AnyStateMachine) => (() => void) | undefined
}

interface Place {
  readonly node: AnyStateNode
  readonly edge: string
  readonly definition: AnyTransitionDefinition
}

const nodesBelow = (node: AnyStateNode): readonly AnyStateNode[] => [
  node,
  ...Object.values(node.states).flatMap(nodesBelow),
]

const edgesOfNode = (node: AnyStateNode): readonly Place[] =>
  [...[...node.transitions.values()].flat(), ...(node.always ?? [])].flatMap((definition) =>
    edgesAmong([definition]).map((edge) => ({ node, edge: edgeText(edge), definition })),
  )

const places = (machine: AnyStateMachine): readonly Place[] => nodesBelow(machine.root).flatMap(edgesOfNode)

/** A definition is read anew in every step; only its type says that it is never written. */
type Writable = { -readonly [K in keyof AnyTransitionDefinition]: AnyTransitionDefinition[K] }

const edgeMutation = (
  edge: string,
  kind: ChartMutation['kind'],
  what: string,
  change: (definition: Writable, node: AnyStateNode, machine: AnyStateMachine) => void,
): ChartMutation => ({
  id: `${edge}: ${what}`,
  kind,
  apply: (machine) => {
    const place = places(machine).find((each) => each.edge === edge)
    if (place === undefined) return undefined
    const definition: Writable = place.definition
    const { guard, actions, target } = definition
    change(definition, place.node, machine)
    return () => {
      if (guard === undefined) delete definition.guard
      else definition.guard = guard
      definition.actions = actions
      definition.target = target
    }
  },
})

const never = (): boolean => false

const nameOf = (action: unknown, index: number): string => {
  if (typeof action === 'string') return action
  if (typeof action === 'object' && action !== null && 'type' in action) {
    const { params } = action as { readonly params?: unknown }
    return params === undefined || typeof params === 'function'
      ? String(action.type)
      : `${String(action.type)} ${JSON.stringify(params)}`
  }
  const raised = (action as { readonly event?: { readonly type?: string } }).event?.type
  return raised === undefined ? `action ${index + 1}` : `raise ${raised}`
}

/** The states of a region that an edge can be led to: the one before and the one behind its target, in the document. */
const neighbours = (machine: AnyStateMachine, { node, definition }: Place): readonly AnyStateNode[] => {
  const [target] = definition.target ?? []
  if (target?.parent === undefined) return []
  const siblings = Object.values(target.parent.states)
  const at = siblings.indexOf(target)
  return [siblings[at - 1], siblings[at + 1]].filter(
    (each): each is AnyStateNode => each !== undefined && each !== node && each.machine === machine,
  )
}

const mutationsOfEdge = (machine: AnyStateMachine, place: Place): readonly ChartMutation[] => {
  const { edge, definition } = place
  const { guard, actions, target = [] } = definition
  return [
    edgeMutation(edge, 'removed', 'removed', (one) => {
      one.guard = never
    }),
    ...(guard === undefined
      ? []
      : [
          edgeMutation(edge, 'unguarded', 'without its guard', (one) => {
            delete one.guard
          }),
        ]),
    ...actions.map((action, index) =>
      edgeMutation(edge, 'action', `without ${nameOf(action, index)} (${index + 1})`, (one) => {
        one.actions = one.actions.filter((_, at) => at !== index)
      }),
    ),
    ...(target.length === 0
      ? []
      : [
          edgeMutation(edge, 'redirected', 'stays', (one) => {
            one.target = undefined
          }),
          ...neighbours(machine, place).map(({ path }) =>
            edgeMutation(edge, 'redirected', `to ${path.slice(1).join('.')}`, (one, _node, other) => {
              const found = nodesBelow(other.root).find((each) => each.path.join('.') === path.join('.'))
              if (found !== undefined) one.target = [found]
            }),
          ),
        ]),
  ]
}

const stateMutations = (node: AnyStateNode): readonly ChartMutation[] =>
  (['entry', 'exit'] as const).flatMap((moment) =>
    node[moment].map((action, index): ChartMutation => {
      const path = node.path.join('.')
      return {
        id: `${path}: without ${moment} ${nameOf(action, index)} (${index + 1})`,
        kind: 'action',
        apply: (machine) => {
          const found = nodesBelow(machine.root).find((each) => each.path.join('.') === path)
          if (found?.[moment][index] === undefined) return undefined
          const before = found[moment]
          found[moment] = before.filter((_, at) => at !== index)
          return () => {
            found[moment] = before
          }
        },
      }
    }),
  )

/**
 * All mutations of a machine. They are found again by what they name, so they fit every machine that is made in the same
 * way, in whatever role.
 */
export const chartMutations = (machine: AnyStateMachine): readonly ChartMutation[] => [
  ...places(machine).flatMap((place) => mutationsOfEdge(machine, place)),
  ...nodesBelow(machine.root).flatMap(stateMutations),
]
